/**
 * Results shared between machines: a local store, and shared storage with the same objects and manifests.
 *
 * @module
 */
import { join } from "node:path";
import {
  type Artifact,
  artifactKey,
  artifactObjects,
  formatManifest,
  type Manifest,
  parseManifest,
  removeIfPresent,
  type Store,
} from "../../store/mod.ts";
import { counted } from "../../words/mod.ts";
import { type Storage, StorageError } from "./storage.ts";

const AT_ONCE = 4;
/** Lists of files, whose size no manifest says: some millions of files. */
const MAX_LIST_BYTES = 2 ** 30;

const objectName = (digest: string) => `objects/${digest.slice(0, 2)}/${digest}`;
const manifestName = (key: string) => `manifests/${key}.json`;

/** Fetches results that other machines computed, and uploads those of this one. */
export class Remote {
  /** Uploads in progress, one result after another. */
  #pushing: Promise<void> = Promise.resolve();
  readonly #pushed = new Set<string>();

  /**
   * @param warn called when something could not be shared; the run continues without.
   * @param log called with what was fetched.
   */
  constructor(
    private readonly store: Store,
    private readonly storage: Storage,
    private readonly warn: (message: string) => void,
    private readonly log: (message: string) => void = () => {},
  ) {}

  /**
   * Fetches the result of a step: its objects, each compared with its digest, then its manifest.
   *
   * @returns whether there was one. A damaged result counts as absent, with a warning.
   * @throws {StorageError} when the storage cannot be reached or refuses access.
   */
  async pull(key: string): Promise<boolean> {
    const bytes = await this.storage.read(manifestName(key));
    if (bytes === undefined) return false;
    const manifest = parseManifest(new TextDecoder().decode(bytes));
    try {
      if (!manifest || artifactKey(manifest) !== key) throw new Damaged("its manifest is damaged");
      let fetched = 0;
      for (const artifact of Object.values(manifest.outputs)) {
        fetched += await this.#pullArtifact(artifact);
      }
      this.store.writeManifest(key, manifest);
      this.#pushed.add(key);
      this.log(
        `${manifest.stage} ${key.slice(0, 12)}: ${
          counted(fetched, "object")
        } from ${this.storage.url}`,
      );
      return true;
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      this.warn(
        `the result ${key.slice(0, 12)} in ${this.storage.url}: ${error.message}; ` +
          "computing it here instead",
      );
      return false;
    }
  }

  /** Uploads a result of the local store, in the background, one after another. */
  push(key: string): void {
    if (this.#pushed.has(key)) return;
    this.#pushed.add(key);
    this.#pushing = this.#pushing.then(() => this.#push(key)).catch((error) => {
      this.#pushed.delete(key);
      this.warn(
        `${(error as Error).message}; the result ${key.slice(0, 12)} was not shared, ` +
          "the next run tries again",
      );
    });
  }

  /** Waits until every result was uploaded or warned about. */
  async settled(): Promise<void> {
    await this.#pushing;
  }

  async #push(key: string): Promise<void> {
    const manifest = this.store.readManifest(key);
    if (!manifest) throw new Error("its manifest is gone");
    const name = manifestName(key);
    const theirs = await this.storage.read(name);
    if (theirs === undefined) {
      for (const artifact of Object.values(manifest.outputs)) {
        const path = this.store.objectPath(artifact.digest);
        await this.#send(artifact.digest);
        const objects = await artifactObjects(artifact, path);
        await inTurns(objects.map(({ digest }) => digest), (digest) => this.#send(digest));
      }
    }
    const text = formatManifest(manifest);
    const written = theirs === undefined &&
      await this.storage.create(name, new TextEncoder().encode(text));
    if (!written) this.#compare(key, manifest, theirs ?? await this.storage.read(name));
  }

  async #send(digest: string): Promise<void> {
    const name = objectName(digest);
    if (await this.storage.has(name)) return;
    await this.storage.upload(name, this.store.objectPath(digest), digest);
  }

  /** The first of two uploads of a result is kept. Results are equal to the bit, or something is wrong. */
  #compare(key: string, ours: Manifest, bytes: Uint8Array | undefined): void {
    const theirs = bytes && parseManifest(new TextDecoder().decode(bytes));
    const differ = Object.keys(ours.outputs).filter((output) =>
      ours.outputs[output].digest !== theirs?.outputs[output]?.digest
    );
    if (differ.length === 0) return;
    this.warn(
      `${this.storage.url} has another result for the same step (${ours.stage}, ` +
        `${key.slice(0, 12)}, outputs ${differ.join(", ")}); keeping that one. Other ` +
        "hardware may round differently, or one of the two is damaged",
    );
  }

  /** @returns the number of fetched objects. */
  async #pullArtifact(artifact: Artifact): Promise<number> {
    const is_list = artifact.kind === "files" || artifact.shards !== undefined;
    const size = is_list ? MAX_LIST_BYTES : artifact.bytes;
    let fetched = await this.#fetch(artifact.digest, size);
    const objects = await artifactObjects(artifact, this.store.objectPath(artifact.digest));
    const sizes = new Map(objects.map(({ digest, bytes }) => [digest, bytes]));
    await inTurns([...sizes.keys()], async (digest) => {
      fetched += await this.#fetch(digest, sizes.get(digest)!);
    });
    return fetched;
  }

  async #fetch(digest: string, bytes: number): Promise<number> {
    // A digest becomes part of paths.
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new Damaged(`"${digest}" is not a digest`);
    if (this.store.hasObject(digest)) return 0;
    const temporary = join(this.store.root, "tmp", crypto.randomUUID());
    try {
      for (let tries = 0; tries < 2; tries++) { // damage in transit is gone the second time
        if (!await this.storage.download(objectName(digest), temporary, bytes)) {
          throw new Damaged(`its object ${digest.slice(0, 12)} is missing`);
        }
        if (await this.store.adopt(temporary, digest)) return 1;
        removeIfPresent(temporary);
      }
      throw new Damaged(`its object ${digest.slice(0, 12)} does not match its digest`);
    } finally {
      removeIfPresent(temporary);
    }
  }
}

/** A shared object or manifest is missing or damaged. */
class Damaged extends StorageError {}

/** Calls `act` for each item, a few at once; rejects with the first failure. */
async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...new Set(items)];
  const work = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
