// The label of an item: what stands where it has no picture. Its attributes are drawn as a chord on seven strings. Each
// attribute plucks one string with a harmonic of its own, so that items which share attributes look alike.

import { h, s } from "./dom.js";
import { DOMAIN } from "./domain.js"; // made by the server of the pack that serves

const INKS = ["garnet", "straw", "rose", "silver", "amber", "jade", "indigo", "plum", "slate"];
const TONES = ["light", "light", "deep", "bare"]; // papers, so that a shelf of one colour still has a rhythm
const WIDTH = 240, HEIGHT = 160, STRINGS = 7;

/** FNV-1a: the same text gives the same number everywhere. */
export function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

const traits = (item) =>
  Object.entries(item.attributes).flatMap(([name, value]) =>
    Array.isArray(value) ? value.slice(0, 2).map((one) => `${name}=${one}`) : [`${name}=${value}`]);

/** The ink: a colour the item is described with, else one picked by its first attribute. */
export function inkOf(item) {
  const values = Object.values(item.attributes).flat().filter((value) => typeof value === "string");
  const words = [...values.slice(0, 4), item.title].flatMap((value) => value.toLowerCase().split(/[^\p{L}]+/u));
  const word = words.find((one) => Object.hasOwn(DOMAIN.inks, one));
  return word ? DOMAIN.inks[word] : INKS[hash(values[0] ?? item.title) % INKS.length];
}

function wave(x, harmonic, amplitude, phase) {
  const points = [];
  for (let step = 0; step <= 32; step += 1) {
    const along = step / 32;
    points.push(`${(x + phase * amplitude * Math.sin(Math.PI * harmonic * along)).toFixed(1)} ${(along * HEIGHT).toFixed(1)}`);
  }
  return `M${points.join("L")}`;
}

/** The chord: a string for each of the traits, at rest where none plucks it. */
function strings(item) {
  const plucked = new Map();
  for (const trait of traits(item)) {
    const code = hash(trait);
    const string = code % STRINGS;
    if (!plucked.has(string)) plucked.set(string, { harmonic: 1 + ((code >>> 5) % 4), amplitude: 5 + ((code >>> 9) % 9) });
  }
  const drawing = [];
  for (let string = 0; string < STRINGS; string += 1) {
    const x = 24 + (string * (WIDTH - 48)) / (STRINGS - 1);
    const tone = plucked.get(string);
    const width = (2.2 - string * 0.2).toFixed(2);
    if (!tone) {
      drawing.push(s("path", { class: "still", d: `M${x} 0V${HEIGHT}`, "stroke-width": width }));
      continue;
    }
    const there = wave(x, tone.harmonic, tone.amplitude, 1);
    const back = wave(x, tone.harmonic, tone.amplitude, -1);
    drawing.push(s("path", { class: "swing", d: `${there}${back}` }));
    drawing.push(s("path", { class: "string", d: there, "stroke-width": width }));
    drawing.push(s("path", { class: "echo", d: back, "stroke-width": width }));
    for (let node = 1; node < tone.harmonic; node += 1) {
      drawing.push(s("circle", { class: "stud", cx: x, cy: ((node * HEIGHT) / tone.harmonic).toFixed(1), r: 2.6 }));
    }
  }
  return drawing;
}

/** The label. It says nothing to screen readers: the title stands beside it as text. */
export function label(item) {
  const initial = [...item.title.replace(/[^\p{L}\p{N}]/gu, "")][0] ?? "·";
  const tone = TONES[hash(traits(item).join() + item.title) % TONES.length];
  const view = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "xMidYMid slice" };
  return h("div", { class: "label", data: { ink: inkOf(item), tone }, aria: { hidden: "true" } },
    s("svg", view, ...strings(item)), h("span", { class: "initial" }, initial.toUpperCase()));
}
