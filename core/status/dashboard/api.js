// Requests to the server. Every function throws an Error with the server's own message.

/** The server needs its token first. */
export class TokenNeeded extends Error {}

const MAX_KNOWN = 60;
const known_answers = new Map();

/**
 * JSON of a path; an unchanged answer is the same object as before.
 *
 * @param options.is_final whether it cannot change any more: then it is requested only once.
 */
export async function getJson(path, { is_final = false } = {}) {
  const known = known_answers.get(path);
  if (known?.is_final) return known.value;
  const headers = { accept: "application/json" };
  if (known) headers["if-none-match"] = known.etag;
  const response = await fetch(path, { headers, cache: "no-store" });
  if (response.status === 401) throw new TokenNeeded("this server needs its token");
  const value = response.status === 304 ? known.value : await response.json();
  if (!response.ok && response.status !== 304) throw new Error(value.detail ?? response.statusText);
  const etag = response.headers.get("etag");
  if (etag) {
    const is_immutable = /immutable/.test(response.headers.get("cache-control") ?? "");
    if (known_answers.size > MAX_KNOWN) known_answers.delete(known_answers.keys().next().value);
    known_answers.set(path, { etag, value, is_final: is_final || is_immutable });
  }
  return value;
}

export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: body ? { "content-type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  if (response.ok) return;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? response.statusText);
}

/** Saves an answer as a file, in one of its formats. */
export async function download(path, type, name) {
  const response = await fetch(path, { headers: { accept: type } });
  if (!response.ok) throw new Error((await response.json()).detail);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** "/runs/ID/metrics?task=a&task=b&name=loss" */
export function pathOf(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== undefined) parameters.append(name, String(one));
  }
  const text = parameters.toString();
  return text ? `${path}${path.includes("?") ? "&" : "?"}${text}` : path;
}

/** Path of a run, or below it. */
export const runPath = (id, rest = "") => `/runs/${encodeURIComponent(id)}${rest}`;
