/* The calls to the API that the page is served from, and what each answer says of where it comes from. */

const KNOWLEDGE = "/v1/knowledge";
const LIMIT_MS = 10_000;
let tell = () => {};

/** What the API refused or failed at; `hint` says what to do, `body` is all that it answered. */
export class Refusal extends Error {
  constructor(status, body = {}) {
    super(body.detail ?? `the API answered ${status}`);
    this.status = status;
    this.hint = body.hint ?? "";
    this.body = body;
  }
}

/** Call `listener` with every answer about the graph: it says whether the answer is degraded. */
export function watch(listener) {
  tell = listener;
}

export const search = (query, types, limit, signal) => post(`${KNOWLEDGE}/search`, { query, types, limit }, signal);
export const details = (id) => get(`${KNOWLEDGE}/entities/${encodeURIComponent(id)}`);
export const communities = (limit) => get(`${KNOWLEDGE}/communities`, [["limit", limit]]);
export const path = (from, to) =>
  get(`${KNOWLEDGE}/path`, [
    ["from", from],
    ["to", to],
  ]);
export const subgraph = (ids, depth, limit) =>
  get(`${KNOWLEDGE}/subgraph`, [...ids.map((id) => ["entity", id]), ["depth", depth], ["limit", limit]]);
/** The message that a piece of evidence names, else those of its conversation that name most of the entities. */
export const evidence = ({ conversation_id, message_id }, ids) =>
  get(`${KNOWLEDGE}/evidence`, [
    ["conversation_id", conversation_id],
    ...(message_id ? [["message_id", message_id]] : ids.map((id) => ["entity", id])),
  ]);

/** How components, stores and streams are. 503 is an answer too: it says what is away. */
export async function health() {
  try {
    return await poll("/v1/bigdata/health");
  } catch (error) {
    if (error.body?.components) return error.body;
    throw error;
  }
}
export const system = () => poll("/v1/analytics/system");
export const jobs = (limit) => poll("/v1/spark/jobs", [["limit", limit]]);
export const providers = (window, bucket) =>
  poll("/v1/analytics/providers", [
    ["window", window],
    ["bucket", bucket],
  ]);

function get(path, parameters = [], options = {}) {
  return ask(`${path}?${new URLSearchParams(parameters)}`, options);
}

/** Ask what is asked again and again: an answer that takes too long is none. */
function poll(path, parameters) {
  return get(path, parameters, { signal: AbortSignal.timeout(LIMIT_MS) });
}

function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { detail: "The API does not answer.", hint: "Is `helix api` running?" });
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, body);
  if (url.startsWith(KNOWLEDGE)) tell(body);
  return body;
}
