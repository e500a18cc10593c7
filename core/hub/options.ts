/**
 * Options of the hub (its address, the access token, the cache), and their defaults from the environment.
 *
 * @module
 */
import { fileErrorOf } from "../words/mod.ts";
import { join } from "node:path";
import { sleep } from "../net/mod.ts";
import type { HubFile } from "./location.ts";

/** How to reach the hub. Defaults come from the environment ({@link hubOptionsFromEnvironment}). */
export interface HubOptions {
  /** URL of the hub, `https://huggingface.co` by default. */
  readonly endpoint?: string;
  /** Access token; sent to the endpoint only. */
  readonly token?: string;
  /** Root of the cache, with the layout of Python's `huggingface_hub`. */
  readonly cache?: string;
  /** Never use the network. */
  readonly offline?: boolean;
  /** Used instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Stops at once; the next call continues a stopped download. */
  readonly signal?: AbortSignal;
  /** Called with a line about each wait and retry. */
  readonly log?: (message: string) => void;
  /** Called for every piece that arrives. */
  readonly onProgress?: (done_bytes: number, total_bytes: number, file: HubFile) => void;
  /** Retries without a new byte before giving up; 5 by default. */
  readonly retries?: number;
  /** Milliseconds without data after which a connection counts as lost; 60,000 by default. */
  readonly stall_ms?: number;
  /** Milliseconds for which the known commit of a branch or tag is used without asking again; one hour by default. */
  readonly ref_age_ms?: number;
  /** Waits between tries; replaced in tests. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** Options with their defaults. */
export type HubSettings =
  & HubOptions
  & Required<Omit<HubOptions, "token" | "signal" | "onProgress">>;

const HUB = "https://huggingface.co";

/** Looks up a variable; empty counts as unset. */
type Environment = (name: string) => string | undefined;

/**
 * Options from the environment, by the rules of Python's `huggingface_hub`: `HF_ENDPOINT`; `HF_TOKEN`, else the file
 * `HF_TOKEN_PATH` or `HF_HOME/token`, unless `HF_HUB_DISABLE_IMPLICIT_TOKEN`; `HF_HUB_CACHE`, else `HF_HOME/hub`,
 * where `HF_HOME` is `~/.cache/huggingface` by default; `HF_HUB_OFFLINE`. `CAUSEWAY_OFFLINE` means the same as the
 * last.
 *
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

/** Adds defaults. A field that is explicitly undefined does not get its value from the environment. */
export function hubSettings(options: HubOptions): HubSettings {
  const environment = hubOptionsFromEnvironment();
  const given = { ...environment, ...options };
  const endpoint = (given.endpoint ?? HUB).replace(/\/+$/, "");
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new Error(
      `"${endpoint}" is not a URL of a hub; correct HF_ENDPOINT, or unset it to use ${HUB}`,
    );
  }
  if (given.token !== undefined && !/^[\x21-\x7e]+$/.test(given.token)) {
    throw new Error(
      "the access token for the hub (HF_TOKEN) contains spaces or unusual characters",
    );
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

function isTrue(value: string | undefined): boolean {
  return ["1", "ON", "YES", "TRUE"].includes(value?.toUpperCase() ?? "");
}

function cleanToken(token: string | undefined): string | undefined {
  return token?.replace(/[\r\n]/g, "").trim() || undefined;
}

/** Expands `~` at the start, `$NAME` and `${NAME}`; unknown variables are kept. */
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
    const why = fileErrorOf(error)?.why ?? (error as Error).message;
    throw new Error(`cannot read the access token in ${path}: ${why}`, { cause: error });
  }
}
