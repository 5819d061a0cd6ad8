// Who is listening: a searchable list of people, or a guest.

import { h, icon, put } from "./dom.js";
import { number, t } from "./i18n.js";
import { api } from "./api.js";
import { dialogHead } from "./detail.js";

const PAUSE = 160; // milliseconds of silence before a typed word is looked up

/** Open the picker. on: { choose(id), guest(), failed(error) }. */
export function openPeople(dialog, on) {
  const list = h("ul", { class: "people" });
  const foot = h("p", { class: "quiet" });
  let asked = 0;
  let timer = 0;
  const chosen = (act) => () => { dialog.close(); act(); };
  const find = async (q) => {
    const mine = (asked += 1);
    try {
      const answer = await api.users(q);
      if (mine !== asked) return;
      const users = answer.users ?? [];
      put(list, users.map((user) => h("li", {}, h("button", { type: "button", class: "person", data: { user: user.user_id }, onclick: chosen(() => on.choose(user.user_id)) },
        h("span", { class: "face", aria: { hidden: "true" } }, icon("person")), h("span", { class: "person-name" }, user.user_id),
        user.events === undefined || user.events === null ? null : h("span", { class: "quiet" }, t("people_events", { count: user.events }))))));
      put(foot, !users.length ? t("people_none", { q }) : (answer.total ?? 0) > users.length ? t("people_more", { n: number(answer.total) }) : "");
    } catch (error) {
      if (mine === asked) put(foot, t(error.status === 0 ? "error_down" : "error_list"));
      on.failed(error);
    }
  };
  const field = h("input", {
    id: "people-q", type: "search", autocomplete: "off", maxlength: "100", placeholder: t("people_find"), aria: { label: t("people_find") },
    oninput: () => { clearTimeout(timer); timer = setTimeout(() => find(field.value.trim()), PAUSE); },
  });
  put(dialog, dialogHead(dialog, "people-title", t("people")), h("div", { class: "dialog-body" },
    h("button", { type: "button", class: "guest-start", data: { act: "guest" }, onclick: chosen(on.guest) }, h("strong", {}, t("people_guest")), h("span", { class: "quiet" }, t("people_guest_note"))),
    field, list, foot));
  dialog.showModal();
  field.focus();
  return find("");
}
