/**
 * HTTP requests to the hub: redirects, access tokens, retries, and errors that say what to do.
 *
 * @module
 */
import { firstText, retrying, TransientError } from "../net/mod.ts";
import type { RepoType } from "./location.ts";
import type { HubSettings } from "./options.ts";

/** A request to the hub failed. */
export class HubError extends Error {
  override readonly name = "HubError";
  /** @param status the HTTP status of the answer, if there was one. */
  constructor(message: string, readonly status?: number, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What a request is about, for messages. */
export interface Subject {
  /** A dataset if left out. */
  readonly type?: RepoType;
  readonly repo: string;
  readonly revision: string;
  readonly path?: string;
}

const MAX_REDIRECTS = 10;
/** Shown of a server's error message. */
const MAX_REASON_LENGTH = 500;

/** As `retrying`, with the tries and waits of the settings. @throws {HubError} after the last try. */
export function withRetries<T>(
  task: string,
  settings: HubSettings,
  attempt: () => Promise<T>,
  reached?: () => number,
): Promise<T> {
  const fail = (message: string, cause: Error) => new HubError(message, undefined, { cause });
  return retrying(task, { ...settings, pause_ms: 1000, fail }, attempt, reached);
}

/**
 * One request. Redirects are followed here and not by `fetch`, so that the access token goes to the hub's own origin
 * only, and errors can name the hosts of redirects.
 *
 * @param signal ends this request and the reading of its body.
 * @returns an answer of status 200 to 299.
 * @throws {TransientError} for failures that a retry may fix.
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
        `no permission to connect to ${url.host}; add ${netOption(url)} to the options of deno ` +
          "run (several hosts are separated by commas)",
        undefined,
        { cause: error },
      );
    }
    // URLs of stored files are long, and give access to anyone who reads the log.
    const reason = innermost(error as Error).message.replace(/ for url \(\S*\)/, "");
    throw new TransientError(`${url.host}: ${reason}`);
  }
}

/** The option that permits a host. The hub stores files on several hosts under hf.co and picks one per download. */
function netOption({ hostname, port, protocol }: URL): string {
  if (hostname.endsWith(".hf.co")) return "'--allow-net=*.hf.co'";
  return `--allow-net=${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}

/** The root cause: fetch itself only says that it failed. */
function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}

/** The error for an answer. */
async function explain(
  response: Response,
  subject: Subject,
  settings: HubSettings,
  url: URL,
): Promise<Error> {
  const { status, headers } = response;
  const at_home = url.origin === new URL(settings.endpoint).origin;
  const reason = headers.get("x-error-message") ?? await errorText(response);
  const answer = reason === undefined
    ? `${status}`
    : `${status}: ${reason.slice(0, MAX_REASON_LENGTH)}`;
  if (status === 429 || status === 408 || status >= 500) {
    return new TransientError(`${url.host} answered ${answer}`, askedWait(headers));
  }
  if (status === 416) {
    return new HubError(
      `${describe(subject)} is shorter on ${url.host} than the hub lists`,
      status,
    );
  }
  // Links to stored files expire; the retry asks the hub for a new one.
  if (!at_home) return new TransientError(`${url.host} answered ${answer}`);
  if (status === 401 || status === 403) {
    const page = `${settings.endpoint}/${repoPath(subject)}`;
    const fix = settings.token === undefined
      ? `request access on ${page} and set HF_TOKEN to a token of your account`
      : `the token sent has no access: request access on ${page} or set HF_TOKEN to another token`;
    const { type = "dataset", repo } = subject;
    return new HubError(
      `the hub refuses access to the ${type} ${repo} (${answer}): it is private, gated or does not exist; ${fix}`,
      status,
    );
  }
  if (status === 404) return new HubError(`${missing(subject, headers)} (${answer})`, status);
  return new HubError(`the hub answered ${answer} for ${describe(subject)}`, status);
}

/** Path of a repository in the hub's URLs. */
export function repoPath({ type, repo }: Subject): string {
  return type === "model" ? repo : `datasets/${repo}`;
}

function missing({ type = "dataset", repo, revision, path }: Subject, headers: Headers): string {
  switch (headers.get("x-error-code")) {
    case "EntryNotFound":
      return `the ${type} ${repo} has no file ${path} at revision ${revision}`;
    case "RevisionNotFound":
      return `the ${type} ${repo} has no revision ${revision}`;
    case "RepoNotFound":
      return `the hub has no ${type} ${repo}`;
  }
  return `the hub has no ${type} ${repo} with ${path === undefined ? "" : `a file ${path} at `}` +
    `revision ${revision}`;
}

/** The error message in the body. */
async function errorText(response: Response): Promise<string | undefined> {
  try {
    const { error } = JSON.parse(await firstText(response));
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined; // a web page, or the connection was lost
  }
}

/** Milliseconds the server asks us to wait, if it does: `Retry-After` or the hub's `RateLimit`. */
function askedWait(headers: Headers): number | undefined {
  const window_s = /;\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  if (window_s !== undefined) return (Number(window_s) + 1) * 1000;
  const after = headers.get("retry-after");
  if (after === null) return undefined;
  const ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

/** The error for what is not in the cache while offline. */
export function offlineError(subject: Subject, { cache }: HubSettings): HubError {
  return new HubError(
    `offline, and ${describe(subject)} is not in the cache ${cache}; ` +
      "unset HF_HUB_OFFLINE and CAUSEWAY_OFFLINE, and run once with a network",
  );
}

/** `org/name@revision` or `path of org/name@revision`. */
export function describe({ repo, revision, path }: Subject): string {
  return `${path === undefined ? "" : `${path} of `}${repo}@${revision}`;
}
