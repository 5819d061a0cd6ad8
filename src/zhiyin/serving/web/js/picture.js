// What an item looks like: its picture over its label. The label stands until the picture is there, and stays where none comes.

import { pictureOf } from "./api.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { inkOf, label } from "./label.js";

const CUT = 1.3; // a frame this much wider (or higher) than a picture would cut off too much: then it is shown whole
const broken = new Set(); // asked for once, never again: a list is drawn anew at every change

/** The label, and the picture over it where the item has one. */
export function face(item) {
  return [label(item), item.pictured && !broken.has(item.id) ? picture(item) : null];
}

function picture(item) {
  const image = h("img", { class: "picture", alt: t("picture", { title: item.title }), loading: "lazy", decoding: "async", draggable: "false", data: { state: "waiting", ink: inkOf(item) } });
  image.addEventListener("load", () => {
    const frame = image.clientWidth / Math.max(image.clientHeight, 1) || 1;
    const wider = frame / (image.naturalWidth / Math.max(image.naturalHeight, 1));
    image.dataset.shown = wider > CUT || wider < 1 / CUT ? "whole" : "filling";
    image.dataset.state = "there";
  });
  image.addEventListener("error", () => { broken.add(item.id); image.remove(); });
  image.src = pictureOf(item.id); // only ever this server's own route
  return image;
}
