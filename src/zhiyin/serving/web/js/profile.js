// What the system hears in a person: topics with their weight and the items behind them, and the person's last word on it.

import { h, icon, put, s } from "./dom.js";
import { attributeName, currentLanguage, t } from "./i18n.js";
import { state } from "./state.js";

const SHOWN = 8;
const same = (a, b) => a[0] === b[0] && a[1] === b[1];

/** A topic's weight as a plucked string: the stud sits as far along as the weight says. */
function string(weight) {
  const along = Math.max(4, Math.min(196, weight * 196));
  return s("svg", { class: "weight", viewBox: "0 0 200 12", preserveAspectRatio: "none", aria: { hidden: "true" } },
    s("path", { class: "weight-rest", d: "M0 6H200" }), s("path", { class: "weight-on", d: `M0 6H${along}` }));
}

function evidence(interest, on) {
  const titles = state.profile.items ?? {};
  const known = (interest.evidence ?? []).filter((id) => id in titles).slice(0, 6);
  const wished = (state.profile.wishes ?? []).some((wish) => same(wish, interest.topic));
  const none = h("p", { class: "quiet" }, t(wished ? "topic_yours" : "topic_no_items"));
  if (!known.length) return none;
  return [h("p", { class: "quiet" }, t("topic_items")), h("ul", {}, known.map((id) =>
    h("li", {}, h("button", { type: "button", class: "link", onclick: () => on.openId(id) }, titles[id]))))];
}

function topic(interest, place, on) {
  const name = interest.topic[1];
  const box = h("div", { id: `evidence-${place}`, class: "evidence", hidden: true }, evidence(interest, on));
  const names = (interest.evidence ?? []).map((id) => state.profile.items?.[id]).filter(Boolean).slice(0, 4);
  const opener = h("button", {
    type: "button", class: "topic-name", title: names.length ? `${t("topic_items")} ${names.join(", ")}` : null, aria: { expanded: "false", controls: box.id, label: t("topic_evidence", { topic: name }) },
    onclick: () => { opener.setAttribute("aria-expanded", String(box.hidden)); box.hidden = !box.hidden; },
  }, h("span", { class: "topic-value" }, name), h("span", { class: "topic-kind" }, attributeName(interest.topic[0])));
  const remove = h("button", { type: "button", class: "round small", data: { act: "refuse" }, aria: { label: t("topic_remove", { topic: name }) }, onclick: () => on.edit({ refuse: [interest.topic] }) }, icon("close"));
  const meter = h("div", { class: "meter", role: "meter", aria: { label: name, valuemin: 0, valuemax: 100, valuenow: Math.round(interest.weight * 100) } },
    string(interest.weight), studded(interest.weight));
  return h("li", { class: "topic", data: { topic: interest.topic.join("=") } }, h("div", { class: "topic-line" }, opener, remove), meter, box);
}

function studded(weight) {
  const stud = h("span", { class: "meter-stud" });
  stud.style.setProperty("--at", `${Math.max(2, Math.min(98, weight * 98))}%`);
  return stud;
}

function chips(title, topics, action) {
  if (!topics.length) return null;
  return h("section", { class: "side-part" }, h("h3", {}, title), h("p", { class: "chips" }, topics.map((one) =>
    h("span", { class: "chip", data: { chip: one.join("=") } }, one[1], action ? action(one) : null))));
}

function addForm(on) {
  const example = state.facets.find((facet) => facet.values?.length > 1)?.values[0].value; // one this catalogue knows
  const placeholder = example ? t("topic_add_hint", { topic: example }) : "";
  const field = h("input", {
    id: "topic-field", type: "text", maxlength: "80", autocomplete: "off", list: "topic-list", placeholder,
  });
  const options = state.facets.flatMap((facet) => (facet.values ?? []).map((one) => h("option", { value: one.value }, attributeName(facet.attribute))));
  return h("form", { class: "add-topic", onsubmit: (event) => { event.preventDefault(); if (field.value.trim()) on.addTopic(field.value.trim()); } },
    h("label", { for: "topic-field" }, t("topic_add")),
    h("div", { class: "joined" }, field, h("button", { type: "submit", class: "button" }, t("topic_add_go"))),
    h("datalist", { id: "topic-list" }, options));
}

/** For somebody we know nothing of: a few topics to begin with, the commonest of the first facets. */
function starters(on) {
  const topics = state.facets.filter((facet) => facet.values?.length > 1).slice(0, 3)
    .flatMap((facet) => facet.values.slice(0, 3).map((one) => [facet.attribute, one.value]));
  if (!topics.length) return null;
  return h("section", { class: "side-part" }, h("h3", {}, t("topic_start")), h("p", { class: "chips" }, topics.map((one) =>
    h("button", { type: "button", class: "chip chip-button", data: { start: one.join("=") }, onclick: () => on.edit({ wish: [one] }) }, icon("plus"), one[1]))));
}

function recent(on) {
  const history = (state.profile.history ?? []).slice(0, 6);
  if (!history.length) return null;
  return h("section", { class: "side-part" }, h("h3", {}, t("history")), h("ul", { class: "lately" }, history.map((event) =>
    h("li", {}, h("span", { class: `sign sign-${event.weight < 0 ? "minus" : "plus"}`, aria: { hidden: "true" } }),
      h("button", { type: "button", class: "link", onclick: () => on.openId(event.item_id) }, event.title || event.item_id)))));
}

const summaryOf = (profile) => profile.summaries?.[currentLanguage()] || profile.summary;

/** Draw the profile. on: { edit(patch), addTopic(text), openId(id) }. */
export function drawProfile(root, on) {
  const profile = state.profile;
  const title = h("h2", { id: "profile-title" }, t("profile"));
  if (!profile) return put(root, title, h("div", { class: "side-silent", aria: { hidden: "true" } }, h("i"), h("i"), h("i"), h("i")));
  const count = profile.events ?? 0;
  const undo = (one) => h("button", { type: "button", class: "chip-x", data: { act: "allow" }, aria: { label: t("topic_back", { topic: one[1] }) }, onclick: () => on.edit({ allow: [one] }) }, icon("undo"));
  const unwish = (one) => h("button", { type: "button", class: "chip-x", aria: { label: t("topic_remove", { topic: one[1] }) }, onclick: () => on.edit({ unwish: [one] }) }, icon("close"));
  const topics = profile.interests ?? [];
  return put(root,
    h("div", { class: "side-head" }, title, count ? h("p", { class: "note" }, t("profile_events", { count })) : null),
    summaryOf(profile) ? h("p", { class: "summary" }, summaryOf(profile)) : null,
    topics.length ? h("ul", { class: "topics", aria: { label: t("topics") } }, topics.slice(0, SHOWN).map((one, place) => topic(one, place, on)))
      : h("p", { class: "quiet" }, t("profile_guest")),
    topics.length ? null : starters(on),
    addForm(on),
    chips(t("wished"), profile.wishes ?? [], unwish),
    chips(t("avoids"), (profile.dislikes ?? []).slice(0, 6).map((one) => one.topic)),
    chips(t("refused"), profile.refusals ?? [], undo),
    recent(on));
}
