// Movement: items slide from where they were to where they are. Nothing moves for people who asked for less motion.

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const TIMING = { duration: 380, easing: "cubic-bezier(.2,.7,.2,1)" };

/** Draw, then let every child keyed by data-key slide from its old place. draw must be synchronous. */
export function slide(container, draw) {
  if (calm.matches) return draw();
  const before = places(container);
  draw();
  for (const element of container.querySelectorAll("[data-key]")) {
    const old = before.get(element.dataset.key);
    const now = element.getBoundingClientRect();
    if (!old) element.animate([{ opacity: 0, transform: "translateY(8px)" }, { opacity: 1, transform: "none" }], TIMING);
    else if (old.left !== now.left || old.top !== now.top) {
      element.animate([{ transform: `translate(${old.left - now.left}px, ${old.top - now.top}px)` }, { transform: "none" }], TIMING);
    }
  }
  return undefined;
}

function places(container) {
  return new Map([...container.querySelectorAll("[data-key]")].map((one) => [one.dataset.key, one.getBoundingClientRect()]));
}

/** Pluck the strings under the header: a sign that the list has answered. */
export function pluck(strings) {
  if (calm.matches) return;
  strings.classList.remove("plucked");
  void strings.offsetWidth; // restarts the animation
  strings.classList.add("plucked");
}
