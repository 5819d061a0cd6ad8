// What a person can do, and what follows: the page changes at once, then the server's answer settles it.

import { byId } from "./dom.js";
import { api } from "./api.js";
import { currentLanguage, t } from "./i18n.js";
import { drawDetail } from "./detail.js";
import { drawProfile } from "./profile.js";
import { drawFilters } from "./filters.js";
import { drawResults } from "./search.js";
import { drawShelf, drawShelves } from "./shelves.js";
import { pluck } from "./motion.js";
import { clearBanner, say, serverDown, unknownUser } from "./notice.js";
import { movesBetween, SHELVES, state } from "./state.js";

const FOR_YOU = 11;
const ROW = 12;
const turns = {}; // by list: the number of the newest request, so that a late answer to an older one is dropped
let picker = () => {};
export const session = crypto.randomUUID();

export function setPicker(open) { picker = open; }

/** Everything the things on the page may call. */
export const on = {
  open, say: opine, wish, search, openId, edit, addTopic, filter,
  reload: (shelf) => load(shelf),
  trace: (shelf) => byId("trace").dispatchEvent(new CustomEvent("ask", { detail: shelf })),
};

function trouble(error) {
  if (error.status === 0) serverDown(() => loadAll());
  else if (error.code === "unknown_user") unknownUser(state.user.id, picker, startGuest);
  else say(t("error_other", { detail: error.message }));
}

function ask(shelf) {
  const seeds = shelf === "related" && state.seed ? [state.seed.id] : [];
  const own = shelf === "for_you";
  return { user_id: state.user.id, n: own ? FOR_YOU : ROW, shelf, seeds, text: own ? state.wish : "", conditions: state.conditions, language: currentLanguage(), trace: true, context: { surface: "page", session } };
}

/** Ask for a shelf and draw the answer. Returns how the list changed, or null when the answer came too late or not at all. */
export async function load(shelf) {
  const mine = (turns[shelf] = (turns[shelf] ?? 0) + 1);
  const before = state.lists[shelf]?.shown ?? state.lists[shelf]?.items ?? [];
  state.lists[shelf] = { ...state.lists[shelf], status: "loading", items: state.lists[shelf]?.items ?? [] };
  byId("shelves").querySelector(`[data-shelf="${shelf}"]`)?.setAttribute("aria-busy", "true");
  try {
    const answer = await api.recommend(ask(shelf));
    if (mine !== turns[shelf]) return null;
    const change = movesBetween(before, answer.items);
    const moves = before.length && shelf === "for_you" ? change.moves : null;
    state.lists[shelf] = { status: "ready", items: answer.items, answer, moves };
    drawShelf(byId("shelves"), shelf, on);
    return change;
  } catch (error) {
    if (mine !== turns[shelf]) return null;
    const kept = state.lists[shelf].items;
    state.lists[shelf] = { ...state.lists[shelf], status: kept.length ? "ready" : "error" };
    drawShelf(byId("shelves"), shelf, on);
    trouble(error);
    return null;
  }
}

export async function loadProfile() {
  const mine = (turns.profile = (turns.profile ?? 0) + 1);
  try {
    const profile = await api.profile(state.user.id);
    if (mine === turns.profile) state.profile = profile;
  } catch (error) {
    if (mine === turns.profile) state.profile ??= { interests: [] };
    trouble(error);
  }
  if (mine === turns.profile) drawProfile(byId("profile"), on);
}

export async function loadAll() {
  drawShelves(byId("shelves"), on);
  drawProfile(byId("profile"), on);
  if (!state.facets.length) {
    api.facets().then((facets) => { state.facets = facets; drawFilters(byId("filters"), on); drawProfile(byId("profile"), on); }, () => {});
  }
  await Promise.all([loadProfile(), load("for_you"), ...SHELVES.filter((shelf) => shelf !== "related" || state.seed).map(load)]);
  drawShelf(byId("shelves"), "for_you", on);
}

/** Sit down as somebody, from a clean page. */
export function sitDown(id, guest) {
  Object.assign(state, { user: { id, guest }, lists: {}, search: null, wish: "", seed: null, profile: null, marks: new Map() });
  clearBanner();
  drawResults(byId("results"), on);
  document.dispatchEvent(new CustomEvent("seated"));
  // A stranger is answered with what is popular; a name in the address that nobody has may be a slip, so it is said.
  if (!guest) api.user(id).catch((error) => { if (state.user.id === id && error.code === "unknown_user") trouble(error); });
  return loadAll();
}

export const startGuest = () => sitDown(`guest-${crypto.randomUUID().slice(0, 8)}`, true);

async function send(kind, item, place) {
  const shown = state.lists.for_you?.answer;
  await api.sendEvent({
    user_id: state.user.id, item_id: item?.id ?? "", event_type: kind, timestamp: Date.now() / 1000, session_id: session,
    request_id: place >= 0 ? shown?.requestId || null : null, position: place >= 0 ? place + 1 : null, propensity: place >= 0 ? item.propensity : null,
    context: { surface: "page", language: currentLanguage() },
  });
}

/** After anything that may change the list: ask again and say what moved. */
async function settle(sentence) {
  const [change] = await Promise.all([load("for_you"), loadProfile()]);
  if (!change) return;
  pluck(byId("strings"));
  const same = !change.added && !change.up && !change.gone;
  say(sentence, same ? t("said_same") : t("said_moves", change));
}

async function opine(item, kind) {
  const list = state.lists.for_you;
  const place = list?.items.findIndex((one) => one.id === item.id) ?? -1;
  const before = { mark: state.marks.get(item.id), items: list?.items };
  state.marks.set(item.id, kind);
  if (kind === "dislike" && list) {
    list.shown = list.items; // what moved is told against what the person saw
    list.items = list.items.filter((one) => one.id !== item.id);
    for (const shelf of SHELVES) if (state.lists[shelf]?.items) state.lists[shelf].items = state.lists[shelf].items.filter((one) => one.id !== item.id);
    if (byId("detail").open) byId("detail").close();
  }
  redrawMarks(item);
  try {
    await send(kind, item, place);
  } catch (error) {
    before.mark ? state.marks.set(item.id, before.mark) : state.marks.delete(item.id);
    if (list && before.items) list.items = before.items;
    redrawMarks(item);
    say(t("error_event"));
    if (error.status === 0) serverDown(() => loadAll());
    return;
  }
  await settle(t(`said_${kind}`, { title: item.title }));
}

function redrawMarks(item) {
  for (const shelf of ["for_you", ...SHELVES]) if (state.lists[shelf]?.items) drawShelf(byId("shelves"), shelf, on);
  drawResults(byId("results"), on);
  if (byId("detail").open) byId("detail").querySelector(".like")?.setAttribute("aria-pressed", String(state.marks.get(item.id) === "like"));
}

async function open(item) {
  const place = state.lists.for_you?.items?.findIndex((one) => one.id === item.id) ?? -1;
  const dialog = byId("detail");
  state.seed = item;
  drawDetail(dialog, item, null, on);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  state.lists.related = { status: "loading", items: [] };
  drawShelves(byId("shelves"), on);
  load("related");
  const near = api.similar(item.id, 8, currentLanguage()).then((answer) => answer.items, () => []);
  const sent = send("click", item, place).then(() => settle(t("said_click", { title: item.title })), trouble);
  const similar = await near;
  if (state.seed === item && dialog.open) drawDetail(dialog, item, similar, on);
  await sent;
}

async function openId(id) {
  const known = Object.values(state.lists).flatMap((list) => list?.items ?? []).find((one) => one.id === id);
  try {
    await open(known ?? (await api.item(id)));
  } catch (error) {
    error.status === 404 ? say(t("missing")) : trouble(error);
  }
}

async function search(q) {
  const mine = (turns.search = (turns.search ?? 0) + 1);
  state.search = q ? { q, status: "loading", items: [] } : null;
  drawResults(byId("results"), on);
  if (!q) { byId("q").value = ""; byId("q").focus(); return; }
  try {
    const answer = await api.search(q, 12, currentLanguage(), state.user.id);
    if (mine !== turns.search) return;
    state.search = { q, status: "ready", items: answer.items };
  } catch (error) {
    if (mine !== turns.search) return;
    state.search = { q, status: "error", items: [] };
    trouble(error);
  }
  drawResults(byId("results"), on);
  byId("results-title")?.focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

function wish(text) {
  if (!text && !state.wish) { byId("q").focus(); return undefined; }
  state.wish = text;
  state.search = null;
  byId("q").value = "";
  drawResults(byId("results"), on);
  drawShelf(byId("shelves"), "for_you", on);
  return settle(text ? t("said_wish") : "");
}

function filter(conditions) {
  state.conditions = conditions;
  drawFilters(byId("filters"), on);
  SHELVES.filter((shelf) => shelf !== "related" || state.seed).forEach(load);
  return settle(t("said_filter"));
}

const same = (a, b) => a[0] === b[0] && a[1] === b[1];

async function edit(patch) {
  const before = state.profile;
  const refused = patch.refuse ?? [];
  state.profile = { ...before, interests: (before.interests ?? []).filter((one) => !refused.some((topic) => same(topic, one.topic))) };
  drawProfile(byId("profile"), on);
  try {
    await api.editProfile(state.user.id, patch);
  } catch (error) {
    state.profile = before;
    drawProfile(byId("profile"), on);
    trouble(error);
    return;
  }
  await settle(t("said_profile"));
}

function addTopic(text) {
  const wanted = text.toLowerCase();
  for (const facet of state.facets) {
    const hit = (facet.values ?? []).find((one) => one.value.toLowerCase() === wanted);
    if (hit) return edit({ wish: [[facet.attribute, hit.value]] });
  }
  // Facets hold the commonest values only; what is on the page is known too.
  for (const item of Object.values(state.lists).flatMap((list) => list?.items ?? [])) {
    for (const [name, value] of Object.entries(item.attributes)) {
      const hit = [value].flat().find((one) => typeof one === "string" && one.toLowerCase() === wanted);
      if (hit) return edit({ wish: [[name, hit]] });
    }
  }
  return say(t("topic_unknown", { text }));
}
