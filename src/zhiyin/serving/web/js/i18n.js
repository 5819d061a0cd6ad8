// Which language the page speaks, and its sentences.

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
  const key = `attr_${name.toLowerCase()}`;
  if (has(key)) return t(key);
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const quantity = (name, value) => (/year|vintage/i.test(name) ? String(value) : number(value, 2)); // a year is no amount

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(LANGUAGES[language].tag, { maximumFractionDigits: digits }).format(value);
