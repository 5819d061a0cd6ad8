// Which language the page speaks, and its sentences.

import en from "./locales/en.js";
import zh from "./locales/zh.js";

export const LANGUAGES = { en, zh };
let language = "en";

export const currentLanguage = () => language;

/** Speak another language; the choice outlives the page. */
export function setLanguage(next) {
  language = next in LANGUAGES ? next : "en";
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  try { localStorage.setItem("zhiyin.language", language); } catch { /* a private window keeps nothing */ }
}

/** The language chosen before, or the browser's. */
export function firstLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  let kept = null;
  try { kept = localStorage.getItem("zhiyin.language"); } catch { /* as above */ }
  return asked ?? kept ?? (navigator.language.startsWith("zh") ? "zh" : "en");
}

/** A sentence with its {holes} filled. A key nobody translated shows as itself, so that a test sees it. */
export function t(key, values = {}) {
  const sentence = LANGUAGES[language][key] ?? en[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const has = (key) => key in LANGUAGES[language];

/** The name of an attribute as people read it: translated where it is a known one, else with its underscores undone. */
export function attributeName(name) {
  const key = `attr_${name.toLowerCase()}`;
  if (has(key)) return t(key);
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const quantity = (name, value) => (/year|vintage/i.test(name) ? String(value) : number(value, 2)); // a year is no amount

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(language === "zh" ? "zh-CN" : "en", { maximumFractionDigits: digits }).format(value);
