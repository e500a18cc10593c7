/**
 * Downloads files of the hub into the cache.
 *
 * @module
 */
import { openFile } from "../words/mod.ts";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { TransientError } from "../net/mod.ts";
import { RepoCache, sizeOf, writeAll } from "./cache.ts";
import {
  describe,
  HubError,
  offlineError,
  repoPath,
  request,
  type Subject,
  withRetries,
} from "./http.ts";
import { type HubFile, type HubSnapshot, pathFault } from "./location.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./options.ts";

const BLOCK_BYTES = 1 << 20;

/**
 * Downloads a file unless it is in the cache.
 *
 * Continues an interrupted download of this or another process. A file gets its name once its digest is right. Files
 * in the cache are trusted if their size is right.
 *
 * @param file one of the snapshot's files.
 * @returns local path of the content, with the ending of the file's name.
 * @throws {HubError} when the file may not be read or, offline, is not in the cache; when the hub cannot be
 *   reached, or twice sends content with another digest.
 */
export async function downloadFile(
  { type, repo, commit }: Pick<HubSnapshot, "type" | "repo" | "commit">,
  file: HubFile,
  options: HubOptions = {},
): Promise<string> {
  const settings = hubSettings(options);
  const subject = { type, repo, revision: commit, path: file.path };
  const fault = pathFault(file.path);
  if (fault !== undefined) throw new HubError(`the path "${file.path}" in ${repo} ${fault}`);
  const [, hex] = /^(?:sha256:([0-9a-f]{64})|git:([0-9a-f]{40}))$/.exec(file.digest)
    ?.filter((part) => part !== undefined) ?? [];
  if (hex === undefined) throw new HubError(`"${file.digest}" is not a digest of ${file.path}`);

  const cache = new RepoCache(settings.cache, repo, type);
  const path = cache.snapshotPath(commit, file.path);
  const is_here = async (path: string) => await sizeOf(path) === file.bytes;
  if (await is_here(path)) return path;
  const blob = cache.blob(hex);
  if (settings.offline && !await is_here(blob)) throw offlineError(subject, settings);
  using _ = await cache.lock(hex, file.path, settings);
  if (await is_here(path)) return path; // another process was faster
  if (!await is_here(blob)) await fetchBlob(subject, file, blob, settings);
  return await cache.link(hex, commit, file.path);
}

/** Downloads content to the name of its digest, a second time if the digest is wrong. */
async function fetchBlob(subject: Subject, file: HubFile, blob: string, settings: HubSettings) {
  await Deno.mkdir(dirname(blob), { recursive: true });
  const partial = `${blob}.incomplete`;
  for (let tries = 1;; tries++) {
    await transfer(subject, file, partial, settings);
    const found = await digestOf(partial, file, settings);
    if (found === file.digest) break;
    await Deno.remove(partial);
    const wrong = `${describe(subject)} was downloaded with digest ${found}, ` +
      `but the hub lists ${file.digest}`;
    if (tries === 2) {
      throw new HubError(`${wrong}, twice; the hub or a proxy sends wrong data`);
    }
    settings.log(`${wrong}; downloading it again`);
  }
  await Deno.rename(partial, blob);
}

/**
 * Completes a partial file. No `If-Range`: in the hub's storage the same content can have several ETags, and other
 * content is detected by its digest.
 */
async function transfer(subject: Subject, file: HubFile, partial: string, settings: HubSettings) {
  const address = addressOf(subject, settings);
  using out = await openFile(partial, { create: true, write: true });
  let done = 0;
  const moveTo = async (bytes: number) => {
    if (bytes < (await out.stat()).size) await out.truncate(bytes);
    await out.seek(bytes, Deno.SeekMode.Start);
    done = bytes;
    settings.onProgress?.(done, file.bytes, file);
  };
  const left = (await out.stat()).size;
  await moveTo(left > file.bytes ? 0 : left);
  await withRetries(`downloading ${describe(subject)}`, settings, async () => {
    if (done === file.bytes) return;
    using watch = new StallWatch(settings);
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (done > 0) headers.range = `bytes=${done}-`;
    const response = await request(address, headers, subject, settings, watch.signal)
      .catch(async (error) => {
        if (error.status === 416) await moveTo(0);
        throw error.status === 416 ? new TransientError(error.message) : error;
      });
    if (!continuesAt(done, response, file.bytes)) {
      await moveTo(0);
      if (response.status === 206) {
        throw new TransientError("the server sent another range than requested");
      }
    }
    const reader = response.body?.getReader();
    for (;;) {
      watch.restart();
      const { value } = await reader?.read().catch(lost) ?? {};
      if (value === undefined) break;
      if (done + value.length > file.bytes) {
        await moveTo(0);
        throw new TransientError(`received more than the listed ${file.bytes} bytes`);
      }
      await writeAll(out, value);
      done += value.length;
      settings.onProgress?.(done, file.bytes, file);
    }
    if (done < file.bytes) lost(new Error(`received ${done} of ${file.bytes} bytes`));
  }, () => done);
  await out.syncData(); // or a crash of the machine could leave a file of zeros under that name
}

/** Where the content of a file is. */
export function addressOf(subject: Subject, { endpoint }: HubSettings): string {
  const { revision, path } = subject;
  const name = encodeURIComponent(revision) + "/" +
    path!.split("/").map(encodeURIComponent).join("/");
  return `${endpoint}/${repoPath(subject)}/resolve/${name}`;
}

function lost(error: Error): never {
  throw new TransientError(`the connection was lost (${error.message})`);
}

/** Whether the body continues the partial file; a server may ignore `Range` and send everything. */
function continuesAt(done: number, response: Response, bytes: number): boolean {
  if (response.status !== 206) return done === 0;
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  return range !== null && Number(range[1]) === done && ["*", `${bytes}`].includes(range[2]);
}

/** Ends a request when its signal is aborted, or after a time without data. */
class StallWatch {
  readonly #stalled = new AbortController();
  readonly #settings: HubSettings;
  #timer?: ReturnType<typeof setTimeout>;
  readonly signal: AbortSignal;

  constructor(settings: HubSettings) {
    this.#settings = settings;
    this.signal = settings.signal
      ? AbortSignal.any([settings.signal, this.#stalled.signal])
      : this.#stalled.signal;
    this.restart();
  }

  restart() {
    clearTimeout(this.#timer);
    const { stall_ms } = this.#settings;
    const reason = new Error(`no data for ${stall_ms / 1000} s`);
    this.#timer = setTimeout(() => this.#stalled.abort(reason), stall_ms);
  }

  [Symbol.dispose]() {
    clearTimeout(this.#timer);
    this.#stalled.abort(); // closes the connection if the answer was not read to its end
  }
}

/** The digest of a file in the form of `expected.digest`. */
async function digestOf(path: string, expected: HubFile, settings: HubSettings): Promise<string> {
  const [form] = expected.digest.split(":");
  const hash = createHash(form === "git" ? "sha1" : "sha256");
  using file = await openFile(path);
  // git hashes a header with the content.
  if (form === "git") hash.update(`blob ${(await file.stat()).size}\0`);
  const block = new Uint8Array(BLOCK_BYTES);
  for (let n = await file.read(block); n !== null; n = await file.read(block)) {
    settings.signal?.throwIfAborted();
    hash.update(block.subarray(0, n));
  }
  return `${form}:${hash.digest("hex")}`;
}
