/**
 * Finds and removes what nothing in a store needs any more.
 *
 * @module
 */
import { basename, join } from "node:path";
import { type Artifact, artifactObjects } from "./artifact.ts";
import { removeIfPresent, syncFolder } from "./atomic.ts";
import { keptLists, readList } from "./checkpoint_files.ts";
import type { Manifest } from "./manifest.ts";
import { abandonedFolders } from "./partial_folder.ts";
import { listFolder, listFolders, type Store } from "./store.ts";
import { digestOfFile } from "./verified_files.ts";

/** What must be kept. */
export interface InUse {
  /** Keys of results to keep; the results they were made from are kept, too. */
  readonly results: Iterable<string>;
  /** Keys of unfinished steps whose checkpoints no run will resume from. Checkpoints of other steps are kept. */
  readonly abandoned: ReadonlySet<string>;
}

/** A file or folder that is not needed. */
export interface Leftover {
  readonly kind: "result" | "checkpoints" | "object" | "damaged" | "temporary";
  /** Stage and key, a digest, or the name of the file. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly reason: string;
}

/**
 * Finds what is not needed, in the order in which it can be removed. No runner may use the folder meanwhile.
 *
 * An unneeded result is a manifest; objects that only it refers to are listed separately.
 */
export async function findLeftovers(store: Store, in_use: InUse): Promise<Leftover[]> {
  const manifests = store.readManifests();
  const results = withAncestors(manifests, in_use.results);
  const work = listFolders(join(store.root, "work"));
  const resumable = work.filter((key) => !manifests.has(key) && !in_use.abandoned.has(key));
  const objects = new Set(resumable.flatMap((key) => keptObjects(store, key)));
  for (const key of results) {
    for (const artifact of Object.values(manifests.get(key)!.outputs)) {
      for (const digest of await digestsOf(store, artifact)) objects.add(digest);
    }
  }
  return [
    ...unneededManifests(store, manifests, results),
    ...work.filter((key) => !resumable.includes(key)).map((key) =>
      leftover(
        "checkpoints",
        key.slice(0, 12),
        join(store.root, "work", key),
        manifests.has(key) ? "the step has finished" : "the step was restarted with other inputs",
      )
    ),
    ...unneededObjects(store, objects),
    ...filesIn(store, "damaged", "damaged", "damaged"),
    ...filesIn(store, "tmp", "temporary", "left by an interrupted run"),
  ];
}

/** Folders outside the store that a killed process was filling. */
export function foldersLeft(dir: string): Leftover[] {
  return abandonedFolders(dir).map((path) =>
    leftover("temporary", basename(path), path, "left by an interrupted export")
  );
}

/**
 * Removes what `findLeftovers` found. Manifests go first and objects after them, so that at any moment everything a
 * manifest refers to exists.
 */
export function removeLeftovers(store: Store, leftovers: readonly Leftover[]): void {
  const isObject = ({ kind }: Leftover) => kind === "object";
  for (const { path } of leftovers.filter((one) => !isObject(one))) removeIfPresent(path);
  // The removal must be on disk before the objects are removed.
  for (const folder of ["manifests", "work"]) syncFolder(join(store.root, folder));
  for (const { path } of leftovers.filter(isObject)) removeIfPresent(path);
}

/** Results and everything they were made from. Inputs are known by their digests, which several results may share. */
function withAncestors(
  manifests: ReadonlyMap<string, Manifest>,
  results: Iterable<string>,
): Set<string> {
  const makers = new Map<string, string[]>();
  for (const [key, { outputs }] of manifests) {
    for (const { digest } of Object.values(outputs)) {
      makers.set(digest, [...makers.get(digest) ?? [], key]);
    }
  }
  const needed = new Set([...results].filter((key) => manifests.has(key)));
  // Iterating over a set includes what is added on the way.
  for (const key of needed) {
    const inputs = Object.values(manifests.get(key)!.inputs);
    for (
      const digest of inputs.flatMap((one) => typeof one === "string" ? one : Object.values(one))
    ) {
      const made_by = makers.get(digest) ?? [];
      if (!made_by.some((maker) => needed.has(maker))) {
        made_by.forEach((maker) => needed.add(maker));
      }
    }
  }
  return needed;
}

/** Digests of all objects of an artifact; only its own if its list is lost or damaged, so that it cannot be used. */
async function digestsOf(store: Store, artifact: Artifact): Promise<string[]> {
  const { kind, shards, digest } = artifact;
  const is_list = kind === "files" || shards !== undefined;
  const path = store.objectPath(digest);
  if (!is_list || await digestOfFile(path) !== digest) return [digest];
  return [digest, ...(await artifactObjects(artifact, path)).map((object) => object.digest)];
}

/** Digests of the objects of checkpoints that an unfinished step keeps. */
function keptObjects(store: Store, key: string): string[] {
  return keptLists(store.workFolder(key)).flatMap((path) =>
    readList(path)?.files.map(({ digest }) => digest) ?? []
  );
}

function unneededManifests(
  store: Store,
  manifests: ReadonlyMap<string, Manifest>,
  needed: ReadonlySet<string>,
): Leftover[] {
  const folder = join(store.root, "manifests");
  return listFolder(folder).flatMap((file) => {
    const key = file.replace(/\.json$/, "");
    if (key === file || needed.has(key)) return [];
    const stage = manifests.get(key)?.stage;
    const reason = stage === undefined ? "cannot be read" : "no recipe's last results need it";
    return [leftover("result", `${stage ?? "?"} ${key.slice(0, 12)}`, join(folder, file), reason)];
  });
}

function unneededObjects(store: Store, needed: ReadonlySet<string>): Leftover[] {
  const folder = join(store.root, "objects");
  const digests = listFolders(folder).flatMap((prefix) => listFolder(join(folder, prefix)));
  return digests.filter((digest) => /^[0-9a-f]{64}$/.test(digest) && !needed.has(digest))
    .map((digest) => {
      const reason = "no needed result refers to it";
      return leftover("object", digest.slice(0, 12), store.objectPath(digest), reason);
    });
}

function filesIn(store: Store, folder: string, kind: Leftover["kind"], reason: string): Leftover[] {
  const path = join(store.root, folder);
  return listFolder(path).map((name) =>
    leftover(kind, name.slice(0, 12), join(path, name), reason)
  );
}

function leftover(
  kind: Leftover["kind"],
  name: string,
  path: string,
  reason: string,
): Leftover {
  return { kind, name, path, bytes: sizeOf(path), reason };
}

/** Bytes of a file, or of all files below a folder. */
function sizeOf(path: string): number {
  const { isDirectory, size } = Deno.lstatSync(path);
  if (!isDirectory) return size;
  return listFolder(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
