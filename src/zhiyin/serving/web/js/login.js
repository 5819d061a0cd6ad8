// Where the server asks for a key: shown once, from then on a cookie stands for it that no script can read.

import { h, put } from "./dom.js";
import { t } from "./i18n.js";
import { api } from "./api.js";

/** Ask for a key until one is right. The dialog cannot be closed before, since nothing behind it can be shown. */
export function logIn(dialog) {
  return new Promise((done) => {
    const field = h("input", { id: "login-key", type: "password", autocomplete: "current-password", maxlength: "256", required: true, aria: { label: t("login_key") } });
    const said = h("p", { class: "quiet", role: "alert" });
    const send = async (event) => {
      event.preventDefault();
      try {
        await api.logIn(field.value.trim());
      } catch (error) {
        put(said, error.status === 0 ? t("error_down") : error.status === 429 ? t("login_slow") : t("login_wrong"));
        field.select();
        return;
      }
      dialog.removeEventListener("cancel", stay);
      dialog.close();
      done();
    };
    const stay = (event) => event.preventDefault();
    dialog.addEventListener("cancel", stay);
    put(dialog, h("div", { class: "dialog-head" }, h("h2", { id: "login-title" }, t("login"))),
      h("form", { class: "dialog-body", onsubmit: send }, h("p", { class: "quiet" }, t("login_note")), field, said,
        h("button", { type: "submit", class: "guest-start", data: { act: "login" } }, h("strong", {}, t("login_go")))));
    dialog.showModal();
    field.focus();
  });
}
