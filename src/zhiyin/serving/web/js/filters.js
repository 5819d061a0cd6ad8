// Filters on attributes, from the facets the server names: equality for texts, a range for numbers.

import { h, icon, put } from "./dom.js";
import { attributeName, number, t } from "./i18n.js";
import { state } from "./state.js";

const SHOWN = 8;
const conditionOf = (attribute) => state.conditions.find((one) => one.attribute === attribute);

function choice(facet, change) {
  const now = conditionOf(facet.attribute)?.values?.[0] ?? "";
  const options = facet.values.map((one) => h("option", { value: one.value, selected: one.value === now }, `${one.value} (${number(one.count)})`));
  const select = h("select", { id: `filter-${facet.attribute}`, onchange: () => change(facet.attribute, select.value ? { attribute: facet.attribute, values: [select.value] } : null) },
    h("option", { value: "" }, t("filter_any")), options);
  return h("div", { class: "filter" }, h("label", { for: select.id }, attributeName(facet.attribute)), select);
}

function range(facet, change) {
  const now = conditionOf(facet.attribute) ?? {};
  const name = attributeName(facet.attribute);
  const end = (key, value, label) => h("input", { type: "number", step: "any", min: String(facet.least), max: String(facet.most), value: value ?? "", placeholder: number(facet[key], 1), aria: { label } });
  const least = end("least", now.least, t("filter_from", { name }));
  const most = end("most", now.most, t("filter_to", { name }));
  const changed = () => {
    const numberIn = (field) => (field.value === "" || !Number.isFinite(field.valueAsNumber) ? null : field.valueAsNumber);
    const [low, high] = [numberIn(least), numberIn(most)];
    change(facet.attribute, low === null && high === null ? null : { attribute: facet.attribute, least: low, most: high });
  };
  least.addEventListener("change", changed);
  most.addEventListener("change", changed);
  return h("fieldset", { class: "filter" }, h("legend", {}, name), h("div", { class: "joined" }, least, h("span", { aria: { hidden: "true" } }, "–"), most));
}

/** Draw the filters; nothing when the server names no facets. on: { filter(conditions) }. */
export function drawFilters(root, on) {
  const facets = state.facets.filter((one) => one.values?.length > 1 || one.most > one.least).slice(0, SHOWN);
  if (!facets.length) return put(root);
  const change = (attribute, condition) =>
    on.filter([...state.conditions.filter((one) => one.attribute !== attribute), ...(condition ? [condition] : [])]);
  const open = root.querySelector("details")?.open ?? false;
  const count = state.conditions.length;
  return put(root, h("details", { class: "filters", open },
    h("summary", {}, icon("filter"), count ? t("filters_on", { count }) : t("filters")),
    h("div", { class: "filter-fields" }, facets.map((facet) => (facet.values ? choice : range)(facet, change)),
      count ? h("button", { type: "button", class: "plain", onclick: () => on.filter([]) }, t("filter_clear")) : null)));
}
