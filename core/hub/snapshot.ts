/**
 * From a location on the hub to one commit and the files in it.
 *
 * @module
 */
import { z } from "zod";
import { firstBytes, TransientError } from "../net/mod.ts";
import { counted } from "../words/mod.ts";
import { byPath, parseEntry, RepoCache, type Tree, type TreeFile } from "./cache.ts";
import { HubError, offlineError, request, type Subject, withRetries } from "./http.ts";
import {
  COMMIT,
  compileGlob,
  formatHubUrl,
  type HubFile,
  type HubLocation,
  type HubSnapshot,
  pathFault,
} from "./location.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./options.ts";

/** A page lists a thousand files, in a few hundred bytes each. */
const MAX_PAGE_BYTES = 64 << 20;
/** Two million files: more than the hub lets a repository have, and few enough for memory. */
const MAX_PAGES = 2000;
const MAX_LISTING_BYTES = 2 ** 30;

/**
 * Finds the commit of a branch or tag, and the matching files in it.
 *
 * A full commit whose listing is in the cache needs no network. A branch or tag that was looked up less than an hour
 * ago is not looked up again, so that threads agree; to use it longer, keep the commit. The listing is of the whole
 * repository, with one request for every thousand files.
 *
 * @throws {HubError} when the repository, the revision or a matching file does not exist or may not be read, or,
 *   offline, is not in the cache; when the hub cannot be reached; when a matching file has an unsafe path.
 */
export async function resolveSnapshot(
  location: HubLocation,
  options: HubOptions = {},
): Promise<HubSnapshot> {
  const settings = hubSettings(options);
  const cache = new RepoCache(settings.cache, location.repo, location.type);
  const commit = COMMIT.test(location.revision)
    ? location.revision
    : await resolveRevision(location, cache, settings);
  let tree = await cache.readTree(commit);
  if (tree === undefined) {
    tree = await fetchTree(
      { type: location.type, repo: location.repo, revision: commit },
      settings,
    );
    await cache.writeTree(commit, tree);
  }
  const { type, repo } = location;
  return { ...(type && { type }), repo, commit, files: selectFiles(tree, location) };
}

async function resolveRevision(
  { type, repo, revision }: HubLocation,
  cache: RepoCache,
  settings: HubSettings,
): Promise<string> {
  const known = async () => {
    const ref = await cache.readRef(revision);
    const is_fresh = ref !== undefined && (settings.offline || ref.age_ms < settings.ref_age_ms);
    return is_fresh && COMMIT.test(ref.commit) ? ref.commit : undefined;
  };
  const before = await known();
  if (before !== undefined) return before;
  if (settings.offline) throw offlineError({ type, repo, revision }, settings);
  // One process asks and the others wait: asking at the same time, they could see different commits.
  using _ = await cache.lock("refs", `${repo}@${revision}`, settings);
  const meanwhile = await known();
  if (meanwhile !== undefined) return meanwhile;
  const commit = await fetchCommit({ type, repo, revision }, settings);
  await cache.writeRef(revision, commit);
  return commit;
}

async function fetchCommit(subject: Subject, settings: HubSettings): Promise<string> {
  const { datasetInfo, modelInfo } = await import("@huggingface/hub");
  const query = {
    name: subject.repo,
    revision: subject.revision,
    additionalFields: ["sha"] as ["sha"],
    hubUrl: settings.endpoint,
    fetch: apiFetch(subject, settings),
  };
  const { sha } = await checkAnswer<{ sha?: unknown }>(
    subject,
    () => subject.type === "model" ? modelInfo(query) : datasetInfo(query),
  );
  if (typeof sha === "string" && COMMIT.test(sha)) return sha;
  throw new HubError(
    `the hub gives no commit for ${subject.repo}@${subject.revision} (its answer: "${
      String(sha).slice(0, 80)
    }")`,
  );
}

async function fetchTree(subject: Subject, settings: HubSettings): Promise<Tree> {
  const { listFiles } = await import("@huggingface/hub");
  return await checkAnswer(subject, async () => {
    const files = new Map<string, TreeFile>();
    const entries = listFiles({
      repo: { type: subject.type ?? "dataset", name: subject.repo },
      revision: subject.revision,
      recursive: true,
      hubUrl: settings.endpoint,
      fetch: apiFetch(subject, settings),
    });
    for await (const entry of entries) {
      const file = parseEntry(entry);
      if (file !== undefined) files.set(...file);
    }
    return files;
  });
}

/** Runs a function of the library; its parse errors mean that the answer is not a hub's. */
async function checkAnswer<T>({ repo }: Subject, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const is_answer = error instanceof SyntaxError || error instanceof TypeError ||
      error instanceof z.ZodError;
    if (!is_answer) throw error;
    throw new HubError(
      `the answer about ${repo} is not that of a hub; check HF_ENDPOINT`,
      undefined,
      { cause: error },
    );
  }
}

/**
 * The `fetch` for the library. Only `request` adds the access token: the library would send it to any URL of a next
 * page, and accepts only tokens of huggingface.co's form. It also ends a listing that never ends: the library asks for
 * every page that the answer before names.
 */
function apiFetch(subject: Subject, settings: HubSettings): typeof fetch {
  const asked = new Set<string>();
  let bytes = 0;
  return async (input) => {
    const address = String(input);
    const fault = asked.has(address)
      ? "names a page that was read already as its next one"
      : asked.size === MAX_PAGES
      ? `has more than ${MAX_PAGES} pages`
      : bytes > MAX_LISTING_BYTES
      ? `has more than ${MAX_LISTING_BYTES} bytes`
      : undefined;
    if (fault !== undefined) {
      throw new HubError(
        `the listing of ${subject.repo} does not end: it ${fault} (${address}); check HF_ENDPOINT`,
      );
    }
    asked.add(address);
    const { link, page } = await fetchPage(address, subject, settings);
    bytes += page.length;
    return new Response(page, { headers: link === null ? {} : { link } });
  };
}

/** One page of an answer, and the header that names the next. */
function fetchPage(address: string, subject: Subject, settings: HubSettings) {
  return withRetries(`listing ${subject.repo}`, settings, async () => {
    const timeout = AbortSignal.timeout(settings.stall_ms);
    const signal = settings.signal ? AbortSignal.any([settings.signal, timeout]) : timeout;
    const headers = { accept: "application/json" };
    const response = await request(address, headers, subject, settings, signal);
    return { link: response.headers.get("link"), page: await readPage(response, subject) };
  });
}

async function readPage(response: Response, { repo }: Subject): Promise<Uint8Array<ArrayBuffer>> {
  let page: Uint8Array<ArrayBuffer>;
  try {
    page = await firstBytes(response, MAX_PAGE_BYTES + 1);
  } catch (error) {
    throw new TransientError(`the connection was lost (${(error as Error).message})`);
  }
  if (page.length <= MAX_PAGE_BYTES) return page;
  throw new HubError(
    `the answer about ${repo} has more than ${MAX_PAGE_BYTES} bytes; check HF_ENDPOINT`,
  );
}

function selectFiles(tree: Tree, location: HubLocation): HubFile[] {
  const { pattern } = location;
  const matches = pattern === undefined ? () => true : compileGlob(pattern);
  // A folder may be named without the slash at its end.
  const isSelected = (path: string) => matches(path) || path.startsWith(`${pattern}/`);
  const found = [...tree].filter(([path]) => isSelected(path)).toSorted(byPath);
  if (found.length === 0) {
    const examples = nearest([...tree.keys()], location.pattern ?? "");
    throw new HubError(
      `${formatHubUrl(location)} matches none of its ${counted(tree.size, "file")}` +
        (examples.length === 0 ? "" : `; it has, for example, ${examples.join(", ")}`),
    );
  }
  return found.map(([path, file]) => {
    const fault = pathFault(path);
    if (fault !== undefined) {
      throw new HubError(
        `${location.repo} lists a file ${JSON.stringify(path)}, whose path ${fault} and is not ` +
          "safe to store; choose a pattern without it",
      );
    }
    const { lfs_sha256, lfs_size, size, blob_id } = file;
    return {
      path,
      bytes: lfs_size ?? size,
      digest: lfs_sha256 ? `sha256:${lfs_sha256}` : `git:${blob_id}`,
    };
  });
}

/** The paths that share most characters with a pattern's beginning. */
function nearest(paths: readonly string[], pattern: string, count = 5): string[] {
  const common = (path: string) => {
    let n = 0;
    while (n < path.length && path[n] === pattern[n]) n++;
    return n;
  };
  return paths.toSorted((a, b) => common(b) - common(a) || byPath([a], [b])).slice(0, count);
}
