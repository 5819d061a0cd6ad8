// What people are told: a quiet line after every change, and a banner while the server does not answer.

import { byId, h, put } from "./dom.js";
import { t } from "./i18n.js";
import { api } from "./api.js";

const STAY = 6000;
const WAITS = [2000, 4000, 8000, 15000];
const status = byId("status");
let timer = 0;
let waiting = 0;

/** Say one sentence; it is read aloud too, and leaves after a while. */
export function say(...sentences) {
  clearTimeout(timer);
  // An open dialog makes the rest of the page inert, so the line goes where it can be seen and heard.
  (document.querySelector("dialog[open]") ?? document.body).append(status);
  put(status, h("p", {}, sentences.filter(Boolean).join(" ")));
  timer = setTimeout(() => put(status), STAY);
}

function banner(...children) {
  put(byId("banner"), ...children).hidden = !children.length;
}

/** The server is gone: say so, ask again after growing pauses, and go on when it is back. */
export function serverDown(goOn) {
  if (waiting) return;
  let turn = 0;
  const ask = async () => {
    clearTimeout(waiting);
    try {
      await api.ready();
      waiting = 0;
      banner();
      say(t("error_back"));
      goOn();
    } catch {
      waiting = setTimeout(ask, WAITS[Math.min(turn, WAITS.length - 1)]);
      turn += 1;
    }
  };
  banner(h("p", {}, t("error_down")), h("button", { type: "button", class: "button", onclick: ask }, t("error_retry")));
  waiting = setTimeout(ask, WAITS[0]);
}

/** Nobody is called so: offer the list of people or a guest's seat. */
export function unknownUser(id, pick, guest) {
  banner(h("p", {}, t("error_user", { id })), h("button", { type: "button", class: "button", onclick: () => { banner(); pick(); } }, t("error_user_pick")),
    h("button", { type: "button", class: "button", onclick: () => { banner(); guest(); } }, t("people_guest")));
}

export const clearBanner = () => { if (!waiting) banner(); };
