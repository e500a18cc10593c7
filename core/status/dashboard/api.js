// Asking the server. Every function throws an Error whose message is the server's own sentence.

/** The server wants its token first. */
export class TokenNeeded extends Error {}

const etags = new Map();

/** JSON of a path; an answer that has not changed is the same object as before. */
export async function getJson(path) {
  const known = etags.get(path);
  const headers = { accept: "application/json" };
  if (known) headers["if-none-match"] = known.etag;
  const response = await fetch(path, { headers, cache: "no-store" });
  if (response.status === 304 && known) return known.value;
  if (response.status === 401) throw new TokenNeeded("this server asks for its token");
  const value = await response.json();
  if (!response.ok) throw new Error(value.detail ?? response.statusText);
  const etag = response.headers.get("etag");
  if (etag) {
    if (etags.size > 60) etags.delete(etags.keys().next().value);
    etags.set(path, { etag, value });
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

/** Saves what a path answers as a file, in one of its formats. */
export async function download(path, type, name) {
  const response = await fetch(path, { headers: { accept: type } });
  if (!response.ok) throw new Error((await response.json()).detail);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** "/runs/ID/metrics?step=a&step=b&name=loss" */
export function pathOf(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== undefined) parameters.append(name, String(one));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}
