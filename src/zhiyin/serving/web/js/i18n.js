// Which language the page speaks, and its sentences.

import { DOMAIN } from "./domain.js"; // made by the server of the pack that serves
import { LANGUAGES } from "./languages.js"; // made by the server of src/zhiyin/languages

let language = "en";

export const currentLanguage = () => language;

/** Speak another language; the choice outlives the page. */
export function setLanguage(next) {
  language = next in LANGUAGES ? next : "en";
  document.documentElement.lang = LANGUAGES[language].tag;
  try { localStorage.setItem("zhiyin.language", language); } catch { /* a private window keeps nothing */ }
}

/** The language chosen before, or the browser's. */
export function firstLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  let kept = null;
  try { kept = localStorage.getItem("zhiyin.language"); } catch { /* as above */ }
  return asked ?? kept ?? navigator.language.toLowerCase().split("-")[0];
}

/** A sentence with its {holes} filled. A key nobody translated shows as itself, so that a test sees it. */
export function t(key, values = {}) {
  const { one, texts } = LANGUAGES[language];
  const message = texts[key] ?? key;
  const sentence = typeof message === "string" ? message : message[one.includes(values.count) ? "one" : "other"];
  const said = (value) => (Number.isInteger(value) ? number(value) : String(value));
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? said(values[name]) : whole));
}

/** The language that the switch leads to, with its own words for saying so. */
export function nextLanguage() {
  const codes = Object.keys(LANGUAGES);
  const code = codes[(codes.indexOf(language) + 1) % codes.length];
  const { language_name: name, speak } = LANGUAGES[code].texts;
  return { code, name, speak };
}

export const has = (key) => key in LANGUAGES[language].texts;

/** The name of an attribute as people read it: translated where it is a known one, else with its underscores undone. */
export function attributeName(name) {
  const names = DOMAIN.labels[language];
  const known = [name, name.toLowerCase()].find((one) => Object.hasOwn(names, one));
  const words = known === undefined ? name.replace(/[_-]+/g, " ").trim() : names[known];
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The pack's example of what may be written in a field, undefined where it has none. */
export const example = (field) => DOMAIN.examples[language][field];

/** A number of an item: a year is no amount, and a price has a currency, the item's own or the pack's, where one is known. */
export function quantity(name, value, currency) {
  if (/year/i.test(name) || DOMAIN.years.includes(name)) return String(value);
  const code = [currency, DOMAIN.currency].find((one) => /^[A-Z]{3}$/.test(one ?? ""));
  if (!code || !DOMAIN.prices.includes(name)) return number(value, 2);
  return new Intl.NumberFormat(LANGUAGES[language].tag, { style: "currency", currency: code }).format(value);
}

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(LANGUAGES[language].tag, { maximumFractionDigits: digits }).format(value);
