// The field at the top: search finds items, a wish tunes the person's own list.

import { byId, h, icon, put } from "./dom.js";
import { example, t } from "./i18n.js";
import { card, skeletons } from "./cards.js";
import { slide } from "./motion.js";
import { state } from "./state.js";

/** The field. on: { search(q), wish(text) }. */
export function drawFinder(root, on) {
  const field = h("input", {
    id: "q", type: "search", autocomplete: "off", spellcheck: "false", maxlength: "300", enterkeyhint: "search", placeholder: example("search") ?? t("search_hint"),
    value: byId("q")?.value ?? "", aria: { label: t("search_label"), describedby: "finder-help" },
  });
  const submit = (event) => { event.preventDefault(); on.search(field.value.trim()); };
  const wish = h("button", { type: "button", class: "wish-go", data: { act: "wish" }, onclick: () => on.wish(field.value.trim()) }, icon("wish"), t("wish_go"));
  put(root, h("form", { role: "search", class: "finder-form", onsubmit: submit },
    h("span", { class: "finder-icon" }, icon("search")), field,
    h("button", { type: "submit", class: "search-go" }, t("search_go")), wish,
    h("span", { id: "finder-help", class: "unseen" }, t("search_help"))));
}

/** What was found, above the shelves. */
export function drawResults(root, on) {
  const found = state.search;
  if (!found) return put(root);
  const busy = found.status === "loading";
  slide(root, () => put(root, h("section", { class: "shelf results", data: { shelf: "search" }, aria: { labelledby: "results-title", busy: String(busy) } },
    h("div", { class: "shelf-head" }, h("h2", { id: "results-title", tabIndex: -1 }, t("results_for", { q: found.q })),
      h("button", { type: "button", class: "plain", data: { act: "clear-search" }, onclick: () => on.search("") }, icon("close"), t("clear_search"))),
    content(found, on, busy))));
  return undefined;
}

function content(found, on, busy) {
  if (busy && !found.items.length) return h("div", { class: "grid" }, skeletons(4, "full"));
  if (found.status === "error") return h("div", { class: "empty", data: { state: "error" } }, h("p", {}, t("error_list")),
    h("button", { type: "button", class: "button", onclick: () => on.search(found.q) }, t("error_retry")));
  if (!found.items.length) return h("p", { class: "empty" }, t("results_none", { q: found.q }));
  return h("div", { class: "grid" }, found.items.map((item) => card(item, { size: "full", mark: state.marks.get(item.id), on })));
}
