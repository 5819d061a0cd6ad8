// The only way elements are made here. Text always becomes a text node, so what an item's title says is never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element. props: attributes, `on…` listeners, `data` and `aria` groups, and properties named in PROPERTIES. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open", "tabIndex"]);
const ADDRESSES = new Set(["href", "src", "action", "formaction", "srcdoc", "style"]);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name === "data" || name === "aria") {
      for (const [key, inner] of Object.entries(value)) {
        if (inner !== undefined && inner !== null) element.setAttribute(`${name}-${key}`, String(inner));
      }
    } else if (PROPERTIES.has(name)) element[name] = value;
    else if (ADDRESSES.has(name)) throw new Error(`h: the attribute ${name} is not set from data`);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Put new children in place of the old ones. */
export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

export const byId = (id) => document.getElementById(id);

const PATHS = {
  like: "M12 20s-7.5-4.6-7.5-10.200A4.2 4.2 0 0 1 12 7.300a4.2 4.2 0 0 1 7.5 2.500C19.5 15.4 12 20 12 20Z",
  dislike: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM6.4 6.4l11.2 11.2",
  close: "M6 6l12 12M18 6L6 18",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16.2 16.2 21 21",
  trace: "M4 6h16M7 12h10M10 18h4",
  wish: "M12 4v16M8 8v8M16 8v8M4 11v2M20 11v2",
  down: "M6 9.500l6 6 6-6",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c1-4 4-5.5 7.5-5.500s6.5 1.5 7.5 5.5",
  undo: "M9 7 4.5 11.5 9 16M5 11.500h9a5 5 0 0 1 0 10h-2",
  plus: "M12 5v14M5 12h14",
  filter: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
};

/** A drawn icon; it says nothing to a screen reader, so its button carries the label. */
export function icon(name) {
  return s("svg", { class: "icon", viewBox: "0 0 24 24", aria: { hidden: "true" } }, s("path", { d: PATHS[name] }));
}
