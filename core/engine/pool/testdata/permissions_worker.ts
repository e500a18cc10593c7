/** A worker whose runs return its permissions. */
/// <reference lib="deno.worker" />
const KINDS = ["read", "env", "ffi", "write", "net", "run", "sys", "import"] as const;

self.onmessage = () => {
  const states = KINDS.map((name) => [name, Deno.permissions.querySync({ name }).state]);
  self.postMessage({ outputs: Object.fromEntries(states) });
};
