/**
 * Finds what steps made: from the event log and the manifests, never from a path that a client gives.
 *
 * @module
 */
import { join } from "node:path";
import { readBatches } from "../../arrow/mod.ts";
import type { RunIndex, RunState, StepState } from "../../runs/mod.ts";
import { type Artifact, artifactObjects, FILE_COLUMNS, Store } from "../../store/mod.ts";
import { problem } from "../reply.ts";
import { assertStep } from "./source.ts";

/** A file of a files artifact. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  readonly digest: string;
  readonly media_type: string;
}

const DIGEST = /^[0-9a-f]{64}$/;
/** Listings and manifests that are kept. */
const KEPT = 256;

/** The artifacts of an output folder. */
export class ArtifactSource {
  readonly #store?: Store;
  /** By the key of a step's result. */
  readonly #outputs = new Map<string, Outputs>();
  /** By digest: what a digest names never changes. */
  readonly #files = new Map<string, readonly StoredFile[]>();

  constructor(out: string | undefined) {
    this.#store = out === undefined ? undefined : new Store(join(out, "store"));
  }

  /** What a step made, by output; nothing while it is not done. */
  outputsOf(step: StepState, { keys }: RunIndex): Outputs {
    if (step.state !== "finished" && step.state !== "skipped") return {};
    // The event has all of the artifact, also the number of its files; a step that was skipped has a manifest only.
    if (step.outputs) return step.outputs as Outputs;
    const key = keys.get(step.id) ?? "";
    const known = this.#outputs.get(key);
    if (known || !DIGEST.test(key)) return known ?? {};
    const manifest = this.#store?.readManifest(key);
    if (manifest) keep(this.#outputs, key, manifest.outputs);
    return manifest?.outputs ?? {};
  }

  /** @throws {HTTPException} 404 where the step, or such an output of it, is not there. */
  find(state: RunState, index: RunIndex, task: string, output: string): Artifact {
    assertStep(state, task);
    const step = state.steps.find(({ id }) => id === task)!;
    const outputs = this.outputsOf(step, index);
    if (Object.hasOwn(outputs, output)) return outputs[output];
    const known = Object.keys(outputs).join(", ");
    const detail = known ? `its outputs: ${known}` : `it is ${step.state} and has none yet`;
    throw problem(404, `step "${task}" has no output "${output}"; ${detail}`);
  }

  /** Paths of the Arrow files of a table, in order. */
  async tablePaths(artifact: Artifact): Promise<string[]> {
    const path = this.objectPath(artifact.digest);
    if (artifact.shards === undefined) return [path];
    const objects = await sound(() => artifactObjects(artifact, path));
    return objects.map(({ digest }) => this.objectPath(digest));
  }

  /** The files of a files artifact. */
  async filesOf({ digest }: Artifact): Promise<readonly StoredFile[]> {
    const path = this.objectPath(digest);
    let files = this.#files.get(digest);
    if (!files) keep(this.#files, digest, files = await sound(() => readListing(path)));
    return files;
  }

  /**
   * Path of an object that is there, and is a file: a link might lead out of the store.
   *
   * @throws {HTTPException} 404 where it is not.
   */
  objectPath(digest: string): string {
    if (!this.#store) throw problem(404, "this server was started without a store to serve from");
    const path = DIGEST.test(digest) ? this.#store.objectPath(digest) : undefined;
    if (path !== undefined && isFile(path)) return path;
    throw problem(404, `what the log names is not in the store any more; run the recipe again`);
  }
}

type Outputs = Readonly<Record<string, Artifact>>;

async function readListing(path: string): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for await (const batch of readBatches(path, FILE_COLUMNS)) {
    batch.name.forEach((name, i) => {
      const [digest, media_type] = [batch.sha256[i], batch.media_type[i]];
      files.push({ name, bytes: batch.bytes[i], digest, media_type });
    });
  }
  return files;
}

/** Reads what is stored; a damaged object is told as such. */
export async function sound<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw problem(500, "an object of the store is damaged; run the recipe again, which mends it");
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size > KEPT) map.delete(map.keys().next().value!);
}
