// What the page knows. One object, changed only by app.js; everything else reads it and draws.

export const SHELVES = ["related", "trending", "fresh", "surprise"];

export const state = {
  user: { id: "", guest: true },
  lists: {}, // by shelf: { status: "loading" | "ready" | "error", items, moves, answer }
  search: null, // { q, status, items }
  wish: "",
  seed: null, // the item the related shelf is about
  conditions: [], // [{ attribute, values } | { attribute, least, most }]
  facets: [],
  profile: null,
  marks: new Map(), // item_id -> "like" | "dislike", what was said on this page
};

/** How a list changed: for each item what happened to it, and the three counts people are told. */
export function movesBetween(before, after) {
  const old = new Map(before.map((item, place) => [item.id, place]));
  const moves = new Map();
  let up = 0;
  let added = 0;
  after.forEach((item, place) => {
    if (!old.has(item.id)) {
      moves.set(item.id, { kind: "new", by: 0 });
      added += 1;
    } else if (old.get(item.id) !== place) {
      const by = old.get(item.id) - place;
      moves.set(item.id, { kind: by > 0 ? "up" : "down", by: Math.abs(by) });
      if (by > 0) up += 1;
    }
  });
  const now = new Set(after.map((item) => item.id));
  return { moves, up, added, gone: before.filter((item) => !now.has(item.id)).length };
}
