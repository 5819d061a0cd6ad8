// The conversation: what one says in words, and what comes back, as it comes.

import { byId, h, icon, put } from "./dom.js";
import { example, t } from "./i18n.js";
import { talk } from "./chat_wire.js";
import { loadProfile, load } from "./actions.js";
import { face } from "./picture.js";
import { state } from "./state.js";

const talked = { id: null, turns: [], busy: false, user: null };
// What a list changes by is said by the list itself; these change it.
const CHANGING = new Set(["like", "dislike"]);

/** Draw the conversation. on: { openId(id) }. */
export function drawChat(root, on) {
  if (talked.user !== state.user.id) Object.assign(talked, { id: null, turns: [], busy: false, user: state.user.id });
  const field = h("input", {
    id: "chat-field", type: "text", maxlength: "1000", autocomplete: "off", enterkeyhint: "send", placeholder: example("chat") ?? t("chat_hint"), aria: { label: t("chat_label") },
    value: byId("chat-field")?.value ?? "",
  });
  const submit = (event) => { event.preventDefault(); const said = field.value.trim(); if (said && !talked.busy) { field.value = ""; say(said, on); } };
  root.hidden = false;
  put(root,
    h("h2", { id: "chat-title" }, t("chat")),
    h("div", { class: "chat-log", role: "log", tabIndex: 0, aria: { label: t("chat_log"), busy: String(talked.busy) } }, h("ol", { id: "chat-turns" }, talked.turns.map((turn) => drawTurn(turn, on)))),
    h("p", { class: "chips chat-chips" }, suggestions().map((words) =>
      h("button", { type: "button", class: "chip chip-button", data: { say: words }, onclick: () => { if (!talked.busy) say(words, on); } }, words))),
    h("form", { class: "joined chat-form", onsubmit: submit }, field, h("button", { type: "submit", class: "button", aria: { label: t("chat_send") } }, icon("next"))));
}

function suggestions() {
  const last = talked.turns.at(-1);
  if (last?.items?.length) return [t("chat_another"), t("chat_like"), t("chat_why"), t("chat_again")];
  if (last) return [t("chat_again")];
  const facets = state.facets.filter((facet) => facet.values?.length > 2);
  const first = facets[0]?.values ?? [];
  const one = first.length ? [t("chat_try_one", { a: first[0].value, b: facets[1]?.values[0].value ?? first[1].value })] : [];
  return facets.length > 2 ? [...one, t("chat_try_two", { a: facets[2].values[0].value })] : one;
}

function drawTurn(turn, on) {
  return h("li", { class: "turn", data: { intent: turn.intent ?? "" } },
    h("p", { class: "turn-said" }, h("span", { class: "unseen" }, `${t("chat_you")}: `), turn.said),
    h("p", { class: "turn-text", data: { state: turn.failed ? "failed" : turn.done ? "done" : "busy" } }, h("span", { class: "unseen" }, `${t("chat_answer")}: `), turn.failed ? t("chat_failed") : turn.text || t("chat_busy")),
    turn.items?.length ? h("ol", { class: "turn-items" }, turn.items.map((item) => found(item, on))) : null);
}

function found(item, on) {
  return h("li", { class: "found", data: { item: item.id } }, h("div", { class: "found-label", aria: { hidden: "true" } }, face(item)),
    h("div", {}, h("button", { type: "button", class: "link found-title", onclick: () => on.openId(item.id) }, item.title),
      h("p", { class: "traits" }, item.facts || item.explanation)));
}

function follow() {
  const log = byId("conversation").querySelector(".chat-log");
  const said = log?.querySelector(".turn:last-child");
  if (said) log.scrollTop = said.offsetTop - log.offsetTop;
}

async function say(words, on) {
  const turn = { said: words, text: "", items: [], done: false };
  const user = state.user.id;
  talked.turns.push(turn);
  talked.busy = true;
  redraw(on);
  try {
    const body = { message: words, user_id: user, ...(talked.id ? { conversation_id: talked.id } : {}) };
    await talk(body, (name, value) => {
      if (state.user.id !== user) return;
      if (name === "read") Object.assign(turn, { intent: value.intent, steps: value.steps });
      if (value.conversation_id) talked.id = value.conversation_id;
      if (name === "text") turn.text += value.text;
      if (name === "items") turn.items = value.items;
      redraw(on);
    });
    turn.done = true;
  } catch {
    turn.failed = true;
  }
  if (state.user.id !== user) return;
  talked.busy = false;
  redraw(on);
  const kept = turn.steps?.some((step) => step.tool === "refuse" && step.kept);
  if (CHANGING.has(turn.intent) || kept) await Promise.all([load("for_you"), loadProfile()]);
}

function redraw(on) {
  const focused = document.activeElement?.id === "chat-field" || byId("conversation").contains(document.activeElement);
  drawChat(byId("conversation"), on);
  if (focused) byId("chat-field").focus({ preventScroll: true });
  follow();
}
