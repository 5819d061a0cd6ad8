// The shelves: the person's own list on top, the others as rows to leaf through.

import { byId, h, icon, put } from "./dom.js";
import { number, t } from "./i18n.js";
import { card, skeletons } from "./cards.js";
import { slide } from "./motion.js";
import { SHELVES, state } from "./state.js";

/** The words above a shelf. */
export function shelfTitle(shelf) {
  return shelf === "related" && state.seed ? t("shelf_related_to", { title: state.seed.title }) : t(`shelf_${shelf}`);
}

// Somebody whose items have no topics has told us something all the same.
const unknown = (profile) => !profile?.events && !profile?.interests?.length;
const noteOf = (shelf) => (shelf === "for_you" && unknown(state.profile) ? t("note_for_guest") : t(`note_${shelf}`));

function traceButton(shelf, list, on) {
  if (!list?.answer?.trace?.length) return null;
  const total = list.answer.trace.reduce((sum, step) => sum + step.milliseconds, 0);
  return h("button", { type: "button", class: "plain", data: { act: "trace" }, onclick: () => on.trace(shelf) },
    icon("trace"), t("happened_ms", { ms: number(total, total < 10 ? 1 : 0) }));
}

function head(shelf, list, on) {
  return h("div", { class: "shelf-head" },
    h("div", {}, h("h2", { id: `shelf-${shelf}` }, shelfTitle(shelf)), h("p", { class: "note" }, noteOf(shelf))),
    shelf === "for_you" ? toProfile() : null, traceButton(shelf, list, on));
}

/** Where the profile does not fit beside the list, a way down to it. */
function toProfile() {
  return h("button", { type: "button", class: "plain only-narrow", onclick: () => byId("side").scrollIntoView({ behavior: "smooth" }) }, icon("person"), t("profile"));
}

function failure(on, shelf) {
  return h("div", { class: "empty", data: { state: "error" } }, h("p", {}, t("error_list")),
    h("button", { type: "button", class: "button", onclick: () => on.reload(shelf) }, t("error_retry")));
}

function cardsOf(list, on, size) {
  return list.items.map((item, place) =>
    card(item, { size: size === "full" && place === 0 ? "lead" : size, mark: state.marks.get(item.id), move: list.moves?.get(item.id), on }));
}

function body(shelf, list, on) {
  const size = shelf === "for_you" ? "full" : "small";
  if (!list || (list.status === "loading" && !list.items?.length)) return skeletons(size === "full" ? 8 : 6, size);
  if (list.status === "error") return [failure(on, shelf)];
  if (!list.items.length) return [h("p", { class: "empty" }, t(shelf === "for_you" ? "empty_list" : "empty_shelf"))];
  return cardsOf(list, on, size);
}

function turnButtons(row) {
  const by = (sign) => () => row.scrollBy({ left: sign * row.clientWidth * 0.8, behavior: "smooth" });
  return h("div", { class: "turns" },
    h("button", { type: "button", class: "round", aria: { label: t("scroll_back") }, onclick: by(-1) }, icon("back")),
    h("button", { type: "button", class: "round", aria: { label: t("scroll_on") }, onclick: by(1) }, icon("next")));
}

function section(shelf, on) {
  const list = state.lists[shelf];
  const cards = body(shelf, list, on);
  const frame = h("section", { class: `shelf shelf-${shelf}`, data: { shelf }, aria: { labelledby: `shelf-${shelf}`, busy: String(list?.status === "loading") } });
  const header = head(shelf, list, on);
  if (shelf === "for_you") return put(frame, header, wishChip(on), h("div", { class: "grid" }, cards));
  const row = h("div", { class: "row", tabIndex: 0, role: "group", aria: { labelledby: `shelf-${shelf}` } }, cards);
  header.append(turnButtons(row));
  return put(frame, header, row);
}

function wishChip(on) {
  if (!state.wish) return null;
  return h("p", { class: "wish-line" },
    h("span", { class: "chip chip-pearl" }, t("wish_on", { text: state.wish }),
      h("button", { type: "button", class: "chip-x", aria: { label: t("wish_clear") }, onclick: () => on.wish("") }, icon("close"))));
}

/** Draw one shelf again in its place; items slide to where they now are. */
export function drawShelf(root, shelf, on) {
  const old = root.querySelector(`[data-shelf="${shelf}"]`);
  if (shelf === "related" && !state.seed) return old?.remove();
  if (!old) return drawShelves(root, on);
  const scrolled = old.querySelector(".row")?.scrollLeft ?? 0;
  const focus = focusIn(old);
  slide(old, () => {
    const fresh = section(shelf, on);
    put(old, ...fresh.childNodes);
    old.setAttribute("aria-busy", fresh.getAttribute("aria-busy"));
  });
  const row = old.querySelector(".row");
  if (row && shelf !== "related") row.scrollLeft = scrolled;
  focus?.();
  return undefined;
}

/** Whoever works with the keyboard stays where they were, or at the nearest card when theirs is gone. */
function focusIn(root) {
  if (!root.contains(document.activeElement)) return null;
  const holder = document.activeElement.closest("[data-item]");
  if (!holder) return null;
  const place = [...root.querySelectorAll("[data-item]")].indexOf(holder);
  const act = document.activeElement.dataset.act;
  return () => {
    const cards = [...root.querySelectorAll("[data-item]")];
    const next = cards.find((one) => one.dataset.item === holder.dataset.item) ?? cards[Math.min(place, cards.length - 1)];
    (act && next?.querySelector(`[data-act="${act}"]`) || next?.querySelector("button"))?.focus({ preventScroll: true });
  };
}

/** Draw every shelf. */
export function drawShelves(root, on) {
  const shown = ["for_you", ...SHELVES].filter((shelf) => shelf !== "related" || state.seed);
  put(root, shown.map((shelf) => section(shelf, on)));
}
