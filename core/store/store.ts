/**
 * The content-addressed store below `<out>/store`:
 *
 *     objects/<ab>/<sha256>   Arrow tables and blobs, read-only, named by their own digest
 *     manifests/<key>.json    one per finished step, renamed into place last
 *     work/<key>/             checkpoints of unfinished steps (checkpoint_files.ts)
 *     damaged/                objects whose bytes do not match their name
 *     tmp/                    files being written; emptied when a run starts
 *
 * @module
 */
import { openFileSync } from "../words/mod.ts";
import { createHash, type Hash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import {
  commit,
  makeFolder,
  readIfPresent,
  removeIfPresent,
  writeAll,
  writeAtomic,
} from "./atomic.ts";
import { type Artifact, artifactObjects, type StoredObject } from "./artifact.ts";
import { formatManifest, type Manifest, parseManifest } from "./manifest.ts";
import { digestOfFile, VerifiedFiles } from "./verified_files.ts";

/** What is wrong with a stored object. */
export interface Problem {
  digest: string;
  state: "missing" | "damaged";
}

export class Store {
  /** @param root folder of the store; nothing is created before `open` or the first write. */
  constructor(readonly root: string) {}

  /**
   * Creates the folders and removes half-written files of an interrupted run.
   *
   * @param options.keep_temporary keeps them, since other processes may be writing them.
   */
  open({ keep_temporary = false } = {}): void {
    if (!keep_temporary) removeIfPresent(join(this.root, "tmp"));
    for (const folder of ["tmp", "objects", "manifests", "work"]) {
      makeFolder(join(this.root, folder));
    }
  }

  /** Path of an object, whether it exists or not. */
  objectPath(digest: string): string {
    return join(this.root, "objects", digest.slice(0, 2), digest);
  }

  /** Whether there is an object of this name; its content is not read. */
  hasObject(digest: string): boolean {
    try {
      return Deno.statSync(this.objectPath(digest)).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /**
   * Moves a finished, flushed file of `tmp/` to the objects.
   *
   * @returns false, leaving the file, when its content has another digest.
   */
  async adopt(temporary: string, digest: string): Promise<boolean> {
    if (await digestOfFile(temporary) !== digest) return false;
    this.#place(temporary, digest);
    return true;
  }

  #place(temporary: string, digest: string): void {
    const path = this.objectPath(digest);
    makeFolder(dirname(path));
    if (Deno.build.os !== "windows") Deno.chmodSync(temporary, 0o444);
    commit(temporary, path);
  }

  /** Folder for the checkpoints of the step with this key. */
  workFolder(key: string): string {
    return join(this.root, "work", key);
  }

  /** Removes the checkpoints of a step that has finished. */
  clearWork(key: string): void {
    removeIfPresent(this.workFolder(key));
  }

  /** Starts a new object whose digest is not known yet. */
  newObject(): ObjectWriter {
    const temporary = join(this.root, "tmp", crypto.randomUUID());
    return new ObjectWriter(temporary, (digest) => this.#place(temporary, digest));
  }

  /** Stores bytes as one object. */
  put(bytes: Uint8Array): StoredObject {
    return this.#store((writer) => writer.write(bytes));
  }

  /** Stores the content of a file, read in pieces; an object of this store is not copied. */
  putFile(path: string): StoredObject {
    const digest = basename(path);
    if (path === this.objectPath(digest)) return { digest, bytes: Deno.statSync(path).size };
    return this.#store((writer) => {
      using file = openFileSync(path);
      const piece = new Uint8Array(1 << 20);
      for (let read = file.readSync(piece); read !== null; read = file.readSync(piece)) {
        writer.write(piece.subarray(0, read));
      }
    });
  }

  #store(write: (writer: ObjectWriter) => void): StoredObject {
    const writer = this.newObject();
    try {
      write(writer);
      return writer.commit();
    } catch (error) {
      writer.abort();
      throw error;
    }
  }

  /** Makes a finished step visible. All its objects must be stored already. */
  writeManifest(key: string, manifest: Manifest): void {
    const temporary = join(this.root, "tmp", crypto.randomUUID());
    writeAtomic(this.#manifestPath(key), formatManifest(manifest), temporary);
  }

  /** The manifest of a finished step; undefined when it is missing or invalid. */
  readManifest(key: string): Manifest | undefined {
    const text = readIfPresent(this.#manifestPath(key));
    return text === undefined ? undefined : parseManifest(text);
  }

  /** All finished steps by key. */
  readManifests(): Map<string, Manifest> {
    const manifests = new Map<string, Manifest>();
    for (const name of listFolder(join(this.root, "manifests"))) {
      const key = name.replace(/\.json$/, "");
      const manifest = name.endsWith(".json") ? this.readManifest(key) : undefined;
      if (manifest) manifests.set(key, manifest);
    }
    return manifests;
  }

  /** Keys of steps that were interrupted after their first checkpoint. */
  unfinished(): Set<string> {
    const work = join(this.root, "work");
    return new Set(
      listFolders(work).filter((key) =>
        listFolders(join(work, key)).some((name) => name.startsWith("step-") || name === "kept")
      ),
    );
  }

  /**
   * Compares all objects of an artifact with their digests.
   *
   * @param files knows which need not be read; by default all are.
   * @returns the objects that are missing or damaged.
   */
  async verify(
    artifact: Artifact,
    files = new VerifiedFiles(),
  ): Promise<Problem[]> {
    const problem = await this.#verifyObject(artifact, files);
    if (problem) return [problem];
    const problems: Problem[] = [];
    for (const object of await artifactObjects(artifact, this.objectPath(artifact.digest))) {
      const found = await this.#verifyObject(object, files);
      if (found && !problems.some((other) => other.digest === found.digest)) problems.push(found);
    }
    return problems;
  }

  /** Moves a damaged object out of use, keeping it for inspection. */
  quarantine(digest: string): void {
    makeFolder(join(this.root, "damaged"));
    Deno.renameSync(this.objectPath(digest), join(this.root, "damaged", digest));
  }

  async #verifyObject({ digest }: { digest: string }, files: VerifiedFiles) {
    const state = await files.check(this.objectPath(digest), digest);
    return state === "intact" ? undefined : { digest, state };
  }

  #manifestPath(key: string): string {
    return join(this.root, "manifests", `${key}.json`);
  }
}

/** Writes one object piece by piece, hashing on the way. */
export class ObjectWriter {
  readonly #file: Deno.FsFile;
  readonly #hash: Hash = createHash("sha256");
  /** Bytes written so far. */
  bytes = 0;
  #open = true;

  constructor(
    private readonly temporary: string,
    private readonly place: (digest: string) => void,
  ) {
    this.#file = openFileSync(temporary, { write: true, createNew: true });
  }

  write(bytes: Uint8Array): void {
    writeAll(this.#file, bytes);
    this.#hash.update(bytes);
    this.bytes += bytes.length;
  }

  /** Flushes the object and names it by its digest, replacing any object of the same content. */
  commit(): StoredObject {
    this.#file.syncSync();
    this.#close();
    const digest = this.#hash.digest("hex");
    this.place(digest);
    return { digest, bytes: this.bytes };
  }

  /** Discards what was written. */
  abort(): void {
    this.#close();
    removeIfPresent(this.temporary);
  }

  #close(): void {
    if (this.#open) this.#file.close();
    this.#open = false;
  }
}

/** Names in a folder, sorted; none when it does not exist. */
export function listFolder(path: string): string[] {
  return readFolder(path).map((entry) => entry.name).sort();
}

/** Names of the folders in a folder, sorted; files, such as .DS_Store of a file manager, are ignored. */
export function listFolders(path: string): string[] {
  return readFolder(path).filter((entry) => entry.isDirectory).map((entry) => entry.name).sort();
}

function readFolder(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
