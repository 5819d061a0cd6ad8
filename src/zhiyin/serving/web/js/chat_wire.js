// The wire of the conversation: one message out, server-sent events in.

import { ApiError, itemOf } from "./api.js";

/** Send a message; hear(name, value) is called for each event as it comes: read, text, items, done. */
export async function talk(body, hear) {
  let response;
  try {
    response = await fetch("/chat", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ...body, stream: true }) });
  } catch {
    throw new ApiError(0, "unreachable", "unreachable");
  }
  if (!response.ok || !response.body) {
    const value = await response.json().catch(() => null);
    throw new ApiError([502, 503, 504].includes(response.status) ? 0 : response.status, value?.code ?? "", value?.detail ?? response.statusText);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => { throw new ApiError(0, "unreachable", "unreachable"); });
    if (done) return;
    waiting += value;
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const [name, data] = block.split("\n");
      const event = JSON.parse(data.slice("data: ".length));
      if (event.items) event.items = event.items.map((raw) => ({ ...itemOf(raw), facts: raw.facts ?? "" }));
      hear(name.slice("event: ".length), event);
    }
  }
}
