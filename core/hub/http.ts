/**
 * Talking to the hub: redirects, access tokens, tries and waits, and errors that say what to do.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { NOUN, type RepoType } from "./location.ts";
import type { HubSettings } from "./options.ts";

/** The hub could not give what was asked for. */
export class HubError extends Error {
  override readonly name = "HubError";
  /** @param status the HTTP status that the hub answered with, if it did. */
  constructor(message: string, readonly status?: number, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A failure that may be gone at the next try. */
export class PassingError extends Error {
  /** @param wait_ms how long the server asks to wait, if it does. */
  constructor(message: string, readonly wait_ms?: number) {
    super(message);
  }
}

/** What is asked for, for messages. */
export interface Subject {
  /** A data set when left out. */
  readonly type?: RepoType;
  readonly repo: string;
  readonly revision: string;
  readonly path?: string;
}

const MAX_REDIRECTS = 10;
/** An error takes a line; a server may send a page, or never stop. */
const MAX_ERROR_BYTES = 1 << 16;
const MAX_BACKOFF_MS = 30_000;
/** The hub counts requests in windows of five minutes. */
const MAX_WAIT_MS = 300_000;

/**
 * Runs something until it succeeds, waiting 1, 2, 4, … seconds after failures that may pass, or as long as the
 * server asks.
 *
 * @param task for messages: "downloading x".
 * @param reached bytes gained so far. Only tries in a row that gained none count, so that a large file may come
 * over any number of connections.
 * @throws {HubError} after `settings.retries` further tries; whatever else `attempt` throws, at once.
 */
export async function retrying<T>(
  task: string,
  settings: HubSettings,
  attempt: () => Promise<T>,
  reached: () => number = () => 0,
): Promise<T> {
  let best = reached();
  for (let failures = 0;;) {
    settings.signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      settings.signal?.throwIfAborted();
      if (!(error instanceof PassingError)) throw error;
      failures = reached() > best ? 1 : failures + 1;
      best = Math.max(best, reached());
      if (failures > settings.retries) {
        const times = failures === 1 ? "" : ` ${failures} times in a row, at last`;
        throw new HubError(`${task} failed${times}: ${error.message}`, undefined, { cause: error });
      }
      const backoff_ms = Math.min(1000 * 2 ** (failures - 1), MAX_BACKOFF_MS);
      const wait_ms = Math.min(error.wait_ms ?? backoff_ms, MAX_WAIT_MS);
      settings.log(`${task}: ${error.message}; trying again in ${Math.ceil(wait_ms / 1000)} s`);
      await settings.sleep(wait_ms, settings.signal);
    }
  }
}

/**
 * One request, with its redirects followed here rather than by `fetch`, so that the access token goes to the hub's
 * own origin only, and so that the hosts a redirect leads to can be named in errors.
 *
 * @param signal ends this request and the reading of its body.
 * @returns an answer of status 200 to 299.
 * @throws {PassingError} for failures that another try may mend.
 * @throws {HubError} for all others.
 */
export async function request(
  address: string,
  headers: Readonly<Record<string, string>>,
  subject: Subject,
  settings: HubSettings,
  signal?: AbortSignal,
): Promise<Response> {
  if (settings.offline) throw offlineError(subject, settings);
  const home = new URL(settings.endpoint).origin;
  let url = new URL(address);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const authorization: Record<string, string> = settings.token && url.origin === home
      ? { authorization: `Bearer ${settings.token}` }
      : {};
    const response = await send(url, { ...headers, ...authorization }, settings, signal);
    const target = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || target === null) {
      if (response.ok) return response;
      throw await explain(response, subject, settings, url);
    }
    await response.body?.cancel();
    const next = URL.parse(target, url);
    // Deno's fetch also reads file: URLs.
    if (next === null || !/^https?:$/.test(next.protocol)) {
      throw new HubError(`${url.host} redirects ${describe(subject)} to "${target}"`);
    }
    url = next;
  }
  throw new HubError(`${describe(subject)} is redirected more than ${MAX_REDIRECTS} times`);
}

async function send(
  url: URL,
  headers: Record<string, string>,
  settings: HubSettings,
  signal?: AbortSignal,
): Promise<Response> {
  try {
    return await settings.fetch(url, { headers, redirect: "manual", signal });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      throw new HubError(
        `reading from ${url.host} is not permitted; add ${
          netOption(url)
        } to the options of deno run ` +
          "(several hosts are separated by commas)",
        undefined,
        { cause: error },
      );
    }
    // Addresses of stored files are long, and open them to whoever reads the log.
    const reason = innermost(error as Error).message.replace(/ for url \(\S*\)/, "");
    throw new PassingError(`${url.host}: ${reason}`);
  }
}

/** The option that permits a host. The hub keeps files on several under hf.co, and chooses for each download. */
function netOption({ hostname, port, protocol }: URL): string {
  if (hostname.endsWith(".hf.co")) return "'--allow-net=*.hf.co'";
  return `--allow-net=${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}

/** What began it: fetch itself only says that it failed. */
function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}

/** The error that an answer stands for. */
async function explain(
  response: Response,
  subject: Subject,
  settings: HubSettings,
  url: URL,
): Promise<Error> {
  const { status, headers } = response;
  const at_home = url.origin === new URL(settings.endpoint).origin;
  const said = headers.get("x-error-message") ?? await errorText(response);
  const answer = said === undefined ? `${status}` : `${status}: ${said}`;
  if (status === 429 || status === 408 || status >= 500) {
    return new PassingError(`${url.host} answered ${answer}`, askedWait(headers));
  }
  if (status === 416) {
    return new HubError(`${describe(subject)} is shorter on ${url.host} than listed`, status);
  }
  // Links to where files are stored expire; the next try asks the hub for a fresh one.
  if (!at_home) return new PassingError(`${url.host} answered ${answer}`);
  if (status === 401 || status === 403) {
    const page = `${settings.endpoint}/${repoPath(subject)}`;
    return new HubError(
      `the hub refuses access to the ${
        nounOf(subject)
      } ${subject.repo} (${answer}): it is private, gated or does not ` +
        "exist; " +
        (settings.token === undefined
          ? `ask for access on ${page} and set HF_TOKEN to a token of your account`
          : `the token sent may not read it: ask for access on ${page} or set HF_TOKEN to another token`),
      status,
    );
  }
  if (status === 404) return new HubError(`${missing(subject, headers)} (${answer})`, status);
  return new HubError(`the hub answered ${answer} for ${describe(subject)}`, status);
}

/** What messages call a repository. */
const nounOf = ({ type = "dataset" }: Subject) => NOUN[type];

/** Where a repository is below the hub's address. */
export function repoPath({ type, repo }: Subject): string {
  return type === "model" ? repo : `datasets/${repo}`;
}

function missing(subject: Subject, headers: Headers): string {
  const { repo, revision, path } = subject, noun = nounOf(subject);
  switch (headers.get("x-error-code")) {
    case "EntryNotFound":
      return `the ${noun} ${repo} has no file ${path} at revision ${revision}`;
    case "RevisionNotFound":
      return `the ${noun} ${repo} has no revision ${revision}`;
    case "RepoNotFound":
      return `the hub has no ${noun} ${repo}`;
  }
  return `the hub has no ${noun} ${repo} with ${path === undefined ? "" : `a file ${path} at `}` +
    `revision ${revision}`;
}

/** What the body says went wrong, in one line. */
async function errorText(response: Response): Promise<string | undefined> {
  const body = await firstBytes(response, MAX_ERROR_BYTES).catch(() => new Uint8Array());
  try {
    const { error } = JSON.parse(new TextDecoder().decode(body));
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined; // a web page
  }
}

/** The first bytes of a body, this many at most and all of a shorter one. What follows is not fetched. */
export async function firstBytes(
  response: Response,
  max_bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    parts.push(part.subarray(0, max_bytes - length));
    length += parts.at(-1)!.length;
    if (length === max_bytes) break;
  }
  return Buffer.concat(parts);
}

/** Milliseconds that the server asks to wait, if it does: `Retry-After` or, as the hub writes, `RateLimit`. */
function askedWait(headers: Headers): number | undefined {
  const window_s = /;\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  if (window_s !== undefined) return (Number(window_s) + 1) * 1000;
  const after = headers.get("retry-after");
  if (after === null) return undefined;
  const ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

/** Why something that is not in the cache is not fetched. */
export function offlineError(subject: Subject, { cache }: HubSettings): HubError {
  return new HubError(
    `${describe(subject)} is not in the cache ${cache}, and nothing is downloaded while offline; ` +
      "unset HF_HUB_OFFLINE and CAUSEWAY_OFFLINE, and run once with a network",
  );
}

/** `org/name@revision` or `path of org/name@revision`. */
export function describe({ repo, revision, path }: Subject): string {
  return `${path === undefined ? "" : `${path} of `}${repo}@${revision}`;
}
