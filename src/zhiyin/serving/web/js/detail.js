// One item in full: every attribute, every reason with its share, and what is like it.

import { h, icon, put } from "./dom.js";
import { attributeName, has, number, quantity, t } from "./i18n.js";
import { card, opinions } from "./cards.js";
import { face } from "./picture.js";
import { state } from "./state.js";

/** The head every dialog has. */
export function dialogHead(dialog, id, title) {
  return h("div", { class: "dialog-head" }, h("h2", { id }, title),
    h("button", { type: "button", class: "round", data: { act: "close" }, aria: { label: t("close") }, onclick: () => dialog.close() }, icon("close")));
}

const valueText = (name, value, currency) => (Array.isArray(value) ? value.join(", ") : typeof value === "number" ? quantity(name, value, currency) : String(value));

function attributes(item) {
  const rows = Object.entries(item.attributes).filter(([, value]) => value !== "" && value !== null);
  return h("dl", { class: "facts" }, rows.flatMap(([name, value]) => [h("dt", {}, attributeName(name)), h("dd", {}, valueText(name, value, item.attributes.currency))]));
}

function reasons(item) {
  if (!item.reasons.length) return h("p", { class: "quiet" }, item.explanation || t("why_none"));
  return h("ol", { class: "reasons" }, item.reasons.map((reason) => h("li", {},
    h("span", { class: "reason-kind" }, has(`reason_${reason.kind}`) ? t(`reason_${reason.kind}`) : reason.kind),
    h("span", {}, reason.sentence || reason.topic?.join(": ") || item.explanation),
    reason.share ? h("span", { class: "share" }, t("share", { n: Math.round(reason.share * 100) })) : null)));
}

function standing(item) {
  const facts = [["rank", item.rank], ["score", item.score === null ? null : number(item.score, 3)], ["source", [item.source].flat().join(", ")]];
  return h("p", { class: "standing" }, facts.filter(([, value]) => value !== null && value !== "").map(([key, value]) => h("span", {}, `${t(key)} ${value}`)));
}

/** Draw an item in its dialog. similar: null while on its way. on: { open, say }. */
export function drawDetail(dialog, item, similar, on) {
  const near = similar === null ? h("p", { class: "quiet" }, t("loading"))
    : h("div", { class: "row" }, similar.map((one) => card(one, { size: "small", mark: state.marks.get(one.id), on })));
  put(dialog, dialogHead(dialog, "detail-title", item.title),
    h("div", { class: "dialog-body", data: { item: item.id } },
      h("div", { class: "detail-label" }, face(item)),
      h("div", { class: "detail-acts" }, standing(item), opinions(item, state.marks.get(item.id), (kind) => on.say(item, kind))),
      item.text ? h("p", { class: "detail-text" }, item.text) : null,
      h("h3", {}, t("why")), reasons(item),
      h("h3", {}, t("details")), attributes(item),
      similar?.length === 0 ? null : [h("h3", {}, t("similar")), near]));
}
