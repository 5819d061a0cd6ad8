// The wire: the only file that knows routes and the names of fields.

/** What went wrong: status 0 when the server was not reached at all. */
export class ApiError extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? { accept: "application/json" } : { accept: "application/json", "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "unreachable", "unreachable");
  }
  const text = await response.text();
  let value = null;
  try { value = text ? JSON.parse(text) : null; } catch { /* an error page of a proxy: the status says enough */ }
  if (!response.ok) {
    const detail = typeof value?.detail === "string" ? value.detail : response.statusText || String(response.status);
    // A gateway that cannot reach the server is the same to a reader as no server.
    throw new ApiError([502, 503, 504].includes(response.status) ? 0 : response.status, value?.code ?? "", detail);
  }
  return value;
}

/** Where an item's picture is; the server says what may be shown. */
export const pictureOf = (id) => `/items/${segment(id)}/picture`;

const segment = (id) => encodeURIComponent(id);
const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined && value !== "")).toString();

/** An item of an answer, or a bare one, as the page holds it. */
export function itemOf(raw) {
  const meta = raw.metadata ?? raw;
  return {
    id: String(raw.item_id),
    title: String(meta.title || raw.item_id),
    text: String(meta.text ?? ""),
    attributes: meta.attributes ?? {},
    pictured: (meta.images ?? []).length > 0,
    score: raw.score ?? null,
    rank: raw.rank ?? null,
    source: raw.source ?? "",
    reasons: raw.reasons ?? [],
    explanation: raw.explanation ?? "",
    propensity: raw.propensity ?? null,
  };
}

function listOf(raw) {
  return {
    requestId: raw.request_id ?? "",
    model: raw.model_version ?? "",
    items: (raw.items ?? []).map(itemOf),
    trace: raw.trace ?? [],
  };
}

export const api = {
  session: () => call("GET", "/session"),
  logIn: (key) => call("POST", "/session", { key }),
  ready: () => call("GET", "/health/ready"),
  users: async (q, limit = 40) => call("GET", `/users?${query({ q, limit })}`),
  user: (id) => call("GET", `/users/${segment(id)}`),
  recommend: async (ask) => listOf(await call("POST", "/recommendations", ask)),
  item: async (id) => itemOf(await call("GET", `/items/${segment(id)}`)),
  similar: async (id, n, lang) => listOf(await call("GET", `/items/${segment(id)}/similar?${query({ n, lang })}`)),
  search: async (q, n, lang, userId) => listOf(await call("GET", `/search?${query({ q, n, lang, user_id: userId })}`)),
  profile: (userId) => call("GET", `/users/${segment(userId)}/profile`),
  editProfile: (userId, edit) => call("PATCH", `/users/${segment(userId)}/profile`, edit),
  sendEvent: async (event) => {
    const answer = await call("POST", "/events", event);
    const refused = answer?.rejected?.[0];
    if (refused) throw new ApiError(422, refused.code ?? "", refused.detail ?? "");
  },
  facets: async () => {
    try {
      return (await call("GET", "/facets")).facets ?? [];
    } catch (error) {
      if (error.status === 404) return [];
      throw error;
    }
  },
};
