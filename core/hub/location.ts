/**
 * Repositories, revisions and files on the hub: `hf://` URLs, globs, and which names are safe as names of files.
 *
 * @module
 */

/** What a repository on the hub contains. */
export type RepoType = "dataset" | "model";

/** A dataset or model, a revision of it, and some of its files. */
export interface HubLocation {
  /** A dataset if left out. */
  readonly type?: RepoType;
  /** `org/name`, or `name` for the few old datasets without an owner. */
  readonly repo: string;
  /** Branch, tag or full commit. */
  readonly revision: string;
  /** Path or glob; all files if absent. */
  readonly pattern?: string;
}

/** A file on the hub, named by its content. */
export interface HubFile {
  /** Path in the repository, with `/` between folders. */
  readonly path: string;
  readonly bytes: number;
  /** `sha256:…` for files in large file storage, `git:…` (the SHA-1 of git's blob) for all others; hex. */
  readonly digest: string;
}

/** Files of a dataset or model at one commit. */
export interface HubSnapshot {
  /** A dataset if left out. */
  readonly type?: RepoType;
  readonly repo: string;
  readonly commit: string;
  /** Sorted by path, by code unit. */
  readonly files: readonly HubFile[];
}

/** A full commit hash: the only revision that never changes its meaning. */
export const COMMIT = /^[0-9a-f]{40}$/;

const FORM = "hf://org/name[@revision][/path or glob]";
const REPO = /^[^/@]+(?:\/[^/@]+)?/;
const AFTER_REPO =
  /^(?:@(?<revision>refs\/convert\/[\w.-]+|refs\/pr\/\d+|[^/]+))?(?:\/(?<pattern>.*))?$/s;
const TYPES = "datasets|models|spaces|buckets|kernels";
/** The hub's own rule for names. It also makes them safe as names of folders and in URLs. */
const REPO_PART = /^(?!.*(--|\.\.))(?!.*\.git$)\w(?:[\w.-]{0,94}\w)?$/;

/**
 * Parses a URL of a dataset or model.
 *
 * `hf://datasets/org/name`, the form of Python libraries, means the same as `hf://org/name`. Slashes in a
 * revision are written `%2F`, except in `refs/convert/…` and `refs/pr/…`.
 *
 * @returns revision `main` if the URL has none.
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
    throw wrong(`is one of the hub's ${named}, but only ${type}s can be read here`);
  }
  const rest = url.slice(prefix.length);
  const repo = REPO.exec(rest)?.[0] ?? "";
  const is_type = new RegExp(`^(${TYPES})(/|$)`).test(repo);
  if (is_type || !repo.split("/").every((part) => REPO_PART.test(part))) {
    throw wrong(`"${repo}" cannot be the name of a ${type}`);
  }
  const parts = AFTER_REPO.exec(rest.slice(repo.length))?.groups;
  if (parts === undefined) throw wrong(`no revision after the "@"`);
  const { pattern } = parts;
  // Without a revision between them a second part is part of the name, so a path here is a typing error.
  if (!repo.includes("/") && parts.revision === undefined && pattern) {
    throw wrong(
      `"${pattern}" follows a name without an owner; name@main/path would be unambiguous`,
    );
  }
  const revision = decodeRevision(parts.revision ?? "main");
  if (revision === undefined) throw wrong(`"${parts.revision}" cannot be a revision`);
  const location = { ...(type === "model" && { type }), repo, revision };
  if (!pattern) return location;
  const fault = pathFault(pattern.replace(/\/$/, ""));
  if (fault !== undefined) throw wrong(`its path ${fault}`);
  return { ...location, pattern };
}

/** The URL of a location, which `parseHubUrl` parses. */
export function formatHubUrl({ repo, revision, pattern }: HubLocation): string {
  const at = /^refs\/(convert\/[\w.-]+|pr\/\d+)$/.test(revision)
    ? revision
    : encodeURIComponent(revision);
  return `hf://${repo}@${at}${pattern === undefined ? "" : `/${pattern}`}`;
}

/** The revision, or undefined if git does not allow a branch or tag of this name. */
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
 * Why a path must not be used below the cache folder; undefined if it is safe. Paths come from a server, and one like
 * `../x` would be written outside of it.
 */
export function pathFault(path: string): string | undefined {
  if (path === "" || path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "is not relative";
  if (path.includes("\\")) return "contains a backslash";
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(path) || !path.isWellFormed()) return "contains control characters";
  const parts = path.split("/");
  if (parts.includes("")) return "has an empty part";
  if (parts.includes("..") || parts.includes(".")) return `contains "." or ".."`;
}

/**
 * Compiles a glob: `*` matches any characters but `/`, `?` one of them, `**` any characters, `**` and `/` any folders or
 * none, `{a,b}` one of several. All other characters match themselves, names that begin with a dot are not special, and
 * a pattern that ends with `/` matches all files below a folder.
 *
 * @returns whether a path matches.
 * @throws {Error} for an unpaired brace.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { compileGlob } from "./location.ts";
 * const matches = compileGlob("data/{train,test}-*.parquet");
 * assert.ok(matches("data/test-00000-of-00001.parquet"));
 * assert.ok(!matches("data/old/test-0.parquet"));
 * ```
 */
export function compileGlob(pattern: string): (path: string) => boolean {
  let depth = 0;
  const source = Array.from(pattern.matchAll(/(?:\*\*\/)+|\*+|[^*]/gsu), ([token]) => {
    // Several in a row are one: matching them separately would try all ways to split the folders among them.
    if (token.startsWith("**/")) return "(?:.*/)?";
    switch (token) {
      case "*":
        return "[^/]*";
      case "?":
        return "[^/]";
      case "{":
        depth++;
        return "(?:";
      case "}":
        if (--depth < 0) throw new Error(`"${pattern}": a "}" has no "{"`);
        return ")";
      case ",":
        return depth > 0 ? "|" : ",";
    }
    return token.startsWith("*") ? ".*" : RegExp.escape(token);
  });
  if (depth > 0) throw new Error(`"${pattern}": a "{" is not closed`);
  if (pattern.endsWith("/")) source.push(".*");
  const whole = new RegExp(`^(?:${source.join("")})$`, "su");
  return (path) => whole.test(path);
}
