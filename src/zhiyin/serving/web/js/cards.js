// One item as a card: its label, title, traits, the reason, and what one can say about it.

import { h, icon } from "./dom.js";
import { DOMAIN } from "./domain.js"; // made by the server of the pack that serves
import { attributeName, quantity, t } from "./i18n.js";
import { face } from "./picture.js";

const MAX_TRAITS = 3;
const TELLING = DOMAIN.telling; // what tells most, where there is such a thing

/** The first values of an item's attributes as one quiet line. */
export function traitLine(item) {
  const names = Object.keys(item.attributes);
  const ordered = [...TELLING.filter((name) => names.includes(name)), ...names.filter((name) => !TELLING.includes(name))];
  const values = ordered.map((name) => {
    const value = item.attributes[name];
    if (typeof value === "number") return `${attributeName(name)} ${quantity(name, value, item.attributes.currency)}`; // a bare number says nothing
    return Array.isArray(value) ? value[0] : value;
  });
  return values.filter((value) => typeof value === "string" && value).slice(0, MAX_TRAITS).join(" · ");
}

function moveBadge(move) {
  if (!move) return null;
  const words = { new: t("new_here"), up: t("moved_up", { n: move.by }), down: t("moved_down", { n: move.by }) };
  const signs = { new: t("new_here"), up: `▲ ${move.by}`, down: `▼ ${move.by}` };
  return h("span", { class: `badge badge-${move.kind}` },
    h("span", { aria: { hidden: "true" } }, signs[move.kind]), h("span", { class: "unseen" }, words[move.kind]));
}

/** Like and dislike. say(kind) is called with what the person said. */
export function opinions(item, mark, say) {
  return h("div", { class: "opinions" },
    h("button", {
      type: "button", class: "round like", title: t("tip_like"), aria: { pressed: String(mark === "like"), label: t(mark === "like" ? "liked" : "like", { title: item.title }) },
      data: { act: "like" }, onclick: () => say("like"),
    }, icon("like")),
    h("button", {
      type: "button", class: "round dislike", title: t("tip_dislike"), aria: { label: t("dislike", { title: item.title }) }, data: { act: "dislike" }, onclick: () => say("dislike"),
    }, icon("dislike")));
}

/** A card. size: "lead", "full" or "small"; on: { open, say }. */
export function card(item, { size, mark, move, on }) {
  return h("article", { class: `card card-${size === "lead" ? "full card-lead" : size}`, data: { key: item.id, item: item.id } },
    h("div", { class: "card-label" }, face(item), moveBadge(move)),
    h("div", { class: "card-words" },
      h("h3", { class: "card-title" },
        h("button", { type: "button", class: "card-open", aria: { label: t("open", { title: item.title }) }, onclick: () => on.open(item) }, item.title)),
      h("p", { class: "traits" }, traitLine(item)),
      item.explanation && size !== "small" ? h("p", { class: "reason" }, item.explanation) : null),
    opinions(item, mark, (kind) => on.say(item, kind)));
}

/** Silent cards while a list is on its way. */
export function skeletons(count, size) {
  return Array.from({ length: count }, (_, place) =>
    h("div", { class: `card card-${size}${size === "full" && !place ? " card-lead" : ""} card-silent`, aria: { hidden: "true" } },
      h("div", { class: "card-label" }), h("div", { class: "card-words" }, h("i"), h("i"), h("i"))));
}
