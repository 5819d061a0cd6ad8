// The page: draws the frame, seats somebody, and hands everything else to actions.js.

import { byId, h, icon, put, s } from "./dom.js";
import { firstLanguage, nextLanguage, setLanguage, t } from "./i18n.js";
import { drawFinder } from "./search.js";
import { drawFilters } from "./filters.js";
import { drawTrace } from "./drawer.js";
import { drawChat } from "./chat.js";
import { openPeople } from "./people.js";
import { logIn } from "./login.js";
import { api } from "./api.js";
import { shelfTitle } from "./shelves.js";
import { loadAll, on, setPicker, sitDown, startGuest } from "./actions.js";
import { state } from "./state.js";

const pick = () => openPeople(byId("people"), { choose: (id) => sitDown(id, false), guest: startGuest, failed: () => {} });

function drawStrings() {
  const strings = Array.from({ length: 7 }, (_, place) => s("path", { d: `M0 ${3 + place * 5}Q600 ${3 + place * 5} 1200 ${3 + place * 5}` }));
  // The thirteen studs of a qin mark where a string divides into whole parts.
  const studs = [1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 2 / 5, 1 / 2, 3 / 5, 2 / 3, 3 / 4, 4 / 5, 5 / 6, 7 / 8].map((part) => {
    const stud = h("i", {});
    stud.style.setProperty("--at", `${part * 100}%`);
    return stud;
  });
  put(byId("strings"), s("svg", { viewBox: "0 0 1200 36", preserveAspectRatio: "none" }, strings), studs);
}

function drawTools() {
  const next = nextLanguage();
  put(byId("tools"),
    h("button", { type: "button", class: "tool", data: { act: "language" }, aria: { label: next.speak }, onclick: switchLanguage }, next.name),
    h("button", { type: "button", class: "tool who", data: { act: "people" }, aria: { haspopup: "dialog", label: `${t("change_person")} (${whoText()})` }, onclick: pick },
      icon("person"), h("span", { class: "who-name" }, whoText()), icon("down")));
}

const whoText = () => (state.user.guest ? t("guest") : state.user.id);

function drawFrame() {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  drawTools();
  drawFinder(byId("finder"), on);
  if (!byId("filters")) byId("main").insertBefore(h("div", { id: "filters" }), byId("shelves"));
  drawFilters(byId("filters"), on);
  drawChat(byId("conversation"), on);
  put(byId("foot"), h("p", {}, t("foot")));
}

function switchLanguage() {
  setLanguage(nextLanguage().code);
  drawFrame();
  byId("tools").querySelector('[data-act="language"]').focus();
  if (state.search) on.search(state.search.q);
  return loadAll(); // reasons come from the server in the language asked for
}

/** Seat somebody, once the server lets us in. */
async function enter() {
  const session = await api.session().catch(() => null); // a server that is down is said by what comes next
  if (session?.needed && !session.name) await logIn(byId("login"));
  seat();
}

function start() {
  setLanguage(firstLanguage());
  drawStrings();
  setPicker(pick);
  document.addEventListener("seated", () => {
    drawFrame();
    try { sessionStorage.setItem("zhiyin.user", JSON.stringify(state.user)); } catch { /* a private window keeps nothing */ }
  });
  byId("trace").addEventListener("ask", (event) => {
    drawTrace(byId("trace"), shelfTitle(event.detail), state.lists[event.detail]?.answer);
    byId("trace").showModal();
  });
  for (const dialog of document.querySelectorAll("dialog")) {
    if (dialog.id !== "login") dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
  enter();
}

function seat() {
  const named = new URLSearchParams(location.search).get("user");
  let kept = null;
  try { kept = JSON.parse(sessionStorage.getItem("zhiyin.user")); } catch { /* nothing kept, or not ours */ }
  if (named) sitDown(named, false);
  else if (kept?.id) sitDown(String(kept.id), kept.guest === true);
  else startGuest();
}

start();
