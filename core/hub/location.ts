/**
 * What is meant on the hub: `hf://` URLs, and which of their parts are safe to use as names of files.
 *
 * @module
 */

/** What a repository of the hub holds. */
export type RepoType = "dataset" | "model";

/** A data set or model, a revision of it, and which of its files. */
export interface HubLocation {
  /** A data set when left out. */
  readonly type?: RepoType;
  /** `org/name`, or `name` of the few old data sets without an owner. */
  readonly repo: string;
  /** Branch, tag or full commit. */
  readonly revision: string;
  /** Path or glob; every file when absent. */
  readonly pattern?: string;
}

/** A commit written in full: the only revision that always means the same. */
export const COMMIT = /^[0-9a-f]{40}$/;

const FORM = "hf://org/name[@revision][/path or glob]";
const REPO = /^[^/@]+(?:\/[^/@]+)?/;
const AFTER_REPO =
  /^(?:@(?<revision>refs\/convert\/[\w.-]+|refs\/pr\/\d+|[^/]+))?(?:\/(?<pattern>.*))?$/s;
/** How messages call it. */
export const NOUN: Record<RepoType, string> = { dataset: "data set", model: "model" };

const TYPES = "datasets|models|spaces|buckets|kernels";
/** The hub's own rule for names, which also makes them safe as names of folders and in URLs. */
const REPO_PART = /^(?!.*(--|\.\.))(?!.*\.git$)\w(?:[\w.-]{0,94}\w)?$/;

/**
 * Takes a URL of a data set apart.
 *
 * `hf://datasets/org/name`, as Python libraries write it, means the same as `hf://org/name`. Slashes in a
 * revision are written `%2F`, except in `refs/convert/…` and `refs/pr/…`.
 *
 * @param type what is meant.
 * @returns revision `main` when the URL names none.
 * @throws {Error} naming the URL and what is wrong with it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseHubUrl } from "./location.ts";
 * assert.deepEqual(parseHubUrl("hf://allenai/c4/en/c4-train.000*.json.gz"), {
 *   repo: "allenai/c4",
 *   revision: "main",
 *   pattern: "en/c4-train.000*.json.gz",
 * });
 * ```
 */
export function parseHubUrl(url: string, type: RepoType = "dataset"): HubLocation {
  const wrong = (reason: string) => new Error(`"${url}": ${reason}; write ${FORM}`);
  if (!url.startsWith("hf://")) throw wrong("does not start with hf://");
  const [prefix, named] = new RegExp(`^hf://(?:(${TYPES})/)?`).exec(url)!;
  if (named !== undefined && named !== `${type}s`) {
    throw wrong(`names one of the hub's ${named}, but only ${NOUN[type]}s can be read here`);
  }
  const rest = url.slice(prefix.length);
  const repo = REPO.exec(rest)?.[0] ?? "";
  const is_type = new RegExp(`^(${TYPES})(/|$)`).test(repo);
  if (is_type || !repo.split("/").every((part) => REPO_PART.test(part))) {
    throw wrong(`"${repo}" cannot be the name of a ${NOUN[type]}`);
  }
  const parts = AFTER_REPO.exec(rest.slice(repo.length))?.groups;
  if (parts === undefined) throw wrong(`no revision follows the "@"`);
  const { pattern } = parts;
  // Without a revision in between, a second part is read as the name, so what follows one part is a slip.
  if (!repo.includes("/") && parts.revision === undefined && pattern) {
    throw wrong(`"${pattern}" follows a name without an owner (name@main/path would be clear)`);
  }
  const revision = decodeRevision(parts.revision ?? "main");
  if (revision === undefined) throw wrong(`"${parts.revision}" cannot be a revision`);
  const location = { ...(type === "model" && { type }), repo, revision };
  if (!pattern) return location;
  const fault = pathFault(pattern.replace(/\/$/, ""));
  if (fault !== undefined) throw wrong(`its path ${fault}`);
  return { ...location, pattern };
}

/** The URL of a location; `parseHubUrl` gives the location back. */
export function formatHubUrl({ repo, revision, pattern }: HubLocation): string {
  const at = /^refs\/(convert\/[\w.-]+|pr\/\d+)$/.test(revision)
    ? revision
    : encodeURIComponent(revision);
  return `hf://${repo}@${at}${pattern === undefined ? "" : `/${pattern}`}`;
}

/** The revision, or undefined when git could not have a branch or tag of this name. */
function decodeRevision(text: string): string | undefined {
  try {
    const revision = decodeURIComponent(text);
    // deno-lint-ignore no-control-regex
    const is_name = !/[\x00-\x20\x7f~^:?*\[\\]|\.\.|\.lock$/.test(revision);
    return is_name && pathFault(revision) === undefined ? revision : undefined;
  } catch {
    return undefined; // "%zz", or half of a surrogate pair
  }
}

/**
 * Why a path may not be used below the cache folder, if so. Paths come from a server, and one like `../x` would
 * be written outside of it.
 */
export function pathFault(path: string): string | undefined {
  if (path === "" || path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "is not relative";
  if (path.includes("\\")) return "holds a backslash";
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(path) || !path.isWellFormed()) return "holds control characters";
  const parts = path.split("/");
  if (parts.includes("")) return "has an empty part";
  if (parts.includes("..") || parts.includes(".")) return `has a part "." or ".."`;
}
