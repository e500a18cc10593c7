/**
 * Where the hub is, who asks, and where files are kept: options, and what the environment says about them.
 *
 * @module
 */
import { join } from "node:path";
import type { HubFile } from "./snapshot.ts";

/** How to reach the hub. What is left out is taken from the environment ({@link hubOptionsFromEnvironment}). */
export interface HubOptions {
  /** URL of the hub, `https://huggingface.co` by default; no slash at its end. */
  readonly endpoint?: string;
  /** Access token; sent to the endpoint and nowhere else. */
  readonly token?: string;
  /** Root of the cache, laid out as by Python's `huggingface_hub`. */
  readonly cache?: string;
  /** Never use the network. */
  readonly offline?: boolean;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Stops at once; what was downloaded stays, and the next call goes on from there. */
  readonly signal?: AbortSignal;
  /** Told in one line what is waited for, and what is tried again. */
  readonly log?: (message: string) => void;
  /** Told of every piece that arrives: bytes of the file that are here, of how many. */
  readonly onProgress?: (done_bytes: number, total_bytes: number, file: HubFile) => void;
  /** Tries after a failed one, without a byte gained, before giving up; 5 by default. */
  readonly retries?: number;
  /** Milliseconds after which a connection that brings nothing counts as lost; 60,000 by default. */
  readonly stall_ms?: number;
  /** Milliseconds for which a branch or tag is taken to stand where it last stood; one hour by default. */
  readonly ref_age_ms?: number;
  /** Waits between tries; for tests. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** Options with their defaults filled in. */
export type HubSettings =
  & HubOptions
  & Required<Omit<HubOptions, "token" | "signal" | "onProgress">>;

const HUB = "https://huggingface.co";

/** Looks a variable up; empty counts as unset. */
type Environment = (name: string) => string | undefined;

/**
 * What the environment says, read as Python's `huggingface_hub` reads it: `HF_ENDPOINT`; `HF_TOKEN`, else the file
 * `HF_TOKEN_PATH` or `HF_HOME/token`, unless `HF_HUB_DISABLE_IMPLICIT_TOKEN`; `HF_HUB_CACHE`, else `HF_HOME/hub`,
 * where `HF_HOME` is `~/.cache/huggingface` by default; `HF_HUB_OFFLINE`. `CAUSEWAY_OFFLINE` means the same as the
 * last.
 *
 * @param variable looks a variable up, in the process's environment by default.
 * @throws {Error} when a token file exists but cannot be read.
 */
export function hubOptionsFromEnvironment(
  variable: Environment = (name) => Deno.env.get(name),
): HubOptions {
  const get: Environment = (name) => variable(name) || undefined;
  const expand = (path: string) => expandPath(path, get);
  const caches = get("XDG_CACHE_HOME") ?? join("~", ".cache");
  const home = expand(get("HF_HOME") ?? join(caches, "huggingface"));
  return {
    endpoint: get("HF_ENDPOINT") ?? HUB,
    cache: expand(get("HF_HUB_CACHE") ?? get("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub")),
    token: isTrue(get("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
      ? undefined
      : cleanToken(get("HF_TOKEN") ?? get("HUGGING_FACE_HUB_TOKEN")) ??
        cleanToken(readIfPresent(expand(get("HF_TOKEN_PATH") ?? join(home, "token")))),
    offline: isTrue(get("HF_HUB_OFFLINE")) || isTrue(get("CAUSEWAY_OFFLINE")),
  };
}

/** Fills in what is left out; a field given as undefined is left out on purpose, and gets no value of the environment. */
export function hubSettings(options: HubOptions): HubSettings {
  const environment = hubOptionsFromEnvironment();
  const given = { ...environment, ...options };
  const endpoint = (given.endpoint ?? HUB).replace(/\/+$/, "");
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new Error(`"${endpoint}" is no URL of a hub; mend HF_ENDPOINT, or unset it for ${HUB}`);
  }
  if (given.token !== undefined && !/^[\x21-\x7e]+$/.test(given.token)) {
    throw new Error("the access token for the hub (HF_TOKEN) holds spaces or unusual characters");
  }
  return {
    ...given,
    endpoint,
    cache: given.cache ?? environment.cache!,
    offline: given.offline ?? false,
    fetch: given.fetch ?? fetch,
    log: given.log ?? (() => {}),
    retries: given.retries ?? 5,
    stall_ms: given.stall_ms ?? 60_000,
    ref_age_ms: given.ref_age_ms ?? 3_600_000,
    sleep: given.sleep ?? sleep,
  };
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function isTrue(value: string | undefined): boolean {
  return ["1", "ON", "YES", "TRUE"].includes(value?.toUpperCase() ?? "");
}

function cleanToken(token: string | undefined): string | undefined {
  return token?.replace(/[\r\n]/g, "").trim() || undefined;
}

/** `~` at the start is the home folder, `$NAME` and `${NAME}` are variables; unknown ones stay as they are. */
function expandPath(path: string, get: Environment): string {
  return path
    .replace(/^~(?=[/\\]|$)/, (tilde) => get("HOME") ?? get("USERPROFILE") ?? tilde)
    .replace(/\$(?:(\w+)|\{(\w+)\})/g, (whole, a, b) => get(a ?? b) ?? whole);
}

function readIfPresent(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`cannot read the access token in ${path} (${(error as Error).message})`, {
      cause: error,
    });
  }
}
