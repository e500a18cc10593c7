/**
 * Whether two output folders hold the same results.
 *
 * @module
 */
import { join, relative } from "node:path";
import { digestOfFile, listFolder, Store } from "../../core/store/mod.ts";
import { leftovers } from "./traces.ts";

/**
 * Compares all manifests and published files byte for byte, reads every object of the second folder, and looks
 * for what an interrupted run may leave behind.
 *
 * @returns the differences; none when the folders are the same.
 */
export async function differences(expected: string, actual: string): Promise<string[]> {
  return [
    ...await folderDifferences(expected, actual, "store/manifests"),
    ...await folderDifferences(expected, actual, "faults"),
    ...await unsoundObjects(actual),
    ...leftovers(actual).map((name) => `${name} was left behind`),
  ];
}

async function folderDifferences(expected: string, actual: string, folder: string) {
  const [one, other] = await Promise.all(
    [expected, actual].map((out) => digests(join(out, folder))),
  );
  const names = [...new Set([...one.keys(), ...other.keys()])].sort();
  return names.filter((name) => one.get(name) !== other.get(name))
    .map((name) => `${folder}/${name} differs or is missing`);
}

/** Digests of all files below a folder, by path. */
export async function digests(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const walk = async (folder: string) => {
    for (const entry of Deno.readDirSync(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) await walk(path);
      else found.set(relative(root, path), (await digestOfFile(path))!);
    }
  };
  await walk(root);
  return found;
}

async function unsoundObjects(out: string): Promise<string[]> {
  const store = new Store(join(out, "store"));
  const known = new Set<string>();
  const unsound: string[] = [];
  for (const manifest of store.readManifests().values()) {
    for (const artifact of Object.values(manifest.outputs)) {
      const problems = await store.verify(artifact, known);
      unsound.push(...problems.map(({ digest, state }) => `object ${digest} is ${state}`));
    }
  }
  const stored = listFolder(join(store.root, "objects"))
    .flatMap((part) => listFolder(join(store.root, "objects", part)));
  return [...unsound, ...stored.filter((name) => !known.has(name)).map((n) => `orphan ${n}`)];
}
