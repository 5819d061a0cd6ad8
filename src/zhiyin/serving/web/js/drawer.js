// What happened: every stage of an answer, what it took, kept and left out, and how long it needed.

import { h, put } from "./dom.js";
import { has, number, t } from "./i18n.js";
import { dialogHead } from "./detail.js";

const share = (name, part) => { const bar = h("span", { class: name }); bar.style.setProperty("--part", `${Math.max(1.5, part * 100)}%`); return bar; };

function dropped(step) {
  return Object.entries(step.dropped ?? {}).map(([why, n]) => h("li", {}, t("trace_dropped", { n: number(n), why })));
}

function row(step, widest, slowest) {
  const counts = step.stage === "retrieve" ? t("trace_found", { n: number(step.kept) }) : `${t("trace_took", { n: number(step.took) })} → ${t("trace_kept", { n: number(step.kept) })}`;
  const took = step.stage === "retrieve" ? step.kept : step.took;
  return h("li", { class: "step" },
    h("div", { class: "step-line" }, h("code", {}, step.part), h("span", { class: "step-counts" }, counts), h("span", { class: "step-ms" }, `${number(step.milliseconds, 2)} ms`)),
    h("div", { class: "funnel", aria: { hidden: "true" } }, share("funnel-took", took / widest), share("funnel-kept", step.kept / widest)),
    h("div", { class: "clock", aria: { hidden: "true" } }, share("clock-part", step.milliseconds / slowest)),
    step.note ? h("p", { class: "quiet" }, step.note) : null,
    h("ul", { class: "dropped" }, dropped(step)));
}

function grouped(trace) {
  const groups = [];
  for (const step of trace) {
    if (groups.at(-1)?.stage !== step.stage) groups.push({ stage: step.stage, steps: [] });
    groups.at(-1).steps.push(step);
  }
  return groups;
}

/** Draw the trace of a shelf's answer in its dialog. */
export function drawTrace(dialog, title, answer) {
  const trace = answer?.trace ?? [];
  const total = trace.reduce((sum, step) => sum + step.milliseconds, 0);
  const widest = Math.max(1, ...trace.map((step) => Math.max(step.took, step.kept)));
  const slowest = Math.max(0.001, ...trace.map((step) => step.milliseconds));
  const name = (stage) => (has(`stage_${stage}`) ? t(`stage_${stage}`) : stage);
  put(dialog, dialogHead(dialog, "trace-title", t("happened")),
    h("div", { class: "dialog-body" }, h("p", { class: "quiet" }, trace.length ? t("trace_intro", { shelf: title }) : t("trace_none")),
      h("p", { class: "standing" }, trace.length ? h("span", {}, t("trace_total", { ms: number(total, 1) })) : null,
        answer?.model ? h("span", {}, t("trace_model", { id: answer.model })) : null,
        answer?.requestId ? h("span", {}, t("trace_request", { id: answer.requestId.slice(0, 8) })) : null),
      grouped(trace).map((group) => h("section", { class: "stage" },
        h("h3", {}, name(group.stage), has(`stage_note_${group.stage}`) ? h("span", { class: "note" }, t(`stage_note_${group.stage}`)) : null),
        h("ol", { class: "steps" }, group.steps.map((step) => row(step, widest, slowest)))))));
}
