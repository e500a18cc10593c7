/**
 * A test whose environment says that the Hugging Face hub is a server on 127.0.0.1, with a cache of its own.
 *
 * @module
 */
import { type Files, HubServer } from "./hub_server.ts";

/** Runs a test with a hub of the given data sets; the environment is as before afterwards. */
export async function withHub(
  repos: Readonly<Record<string, Files>>,
  test: (hub: HubServer) => Promise<void>,
): Promise<void> {
  const cache = await Deno.makeTempDir();
  await using hub = new HubServer(repos);
  const changed = {
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_CACHE: cache,
    HF_TOKEN: "",
    CAUSEWAY_DATA_ROOT: "",
  };
  const before = Object.keys(changed).map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const [name, value] of Object.entries(changed)) Deno.env.set(name, value);
    await test(hub);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
    await Deno.remove(cache, { recursive: true });
  }
}
