/**
 * Copies published files out of the store.
 *
 * @module
 */
import { dirname, join } from "node:path";
import {
  type Artifact,
  commit,
  fileEntries,
  makeFolder,
  removeIfPresent,
  type Store,
  syncFile,
  type VerifiedFiles,
} from "../store/mod.ts";

/**
 * Copies the files of artifacts to `<out>/<folder>/`, and removes files that an earlier run published there and that
 * are no longer part of it. Other files in the folder are not touched.
 *
 * @param earlier paths that the last run published, below `out`.
 * @param files knows which copies need not be read again.
 * @returns the paths of all files, below `out`, sorted.
 * @throws {Error} when two artifacts have a file of the same name.
 */
export async function publishFiles(
  store: Store,
  out: string,
  folder: string,
  artifacts: readonly Artifact[],
  earlier: readonly string[],
  files: VerifiedFiles,
): Promise<string[]> {
  const sources = new Map<string, string>();
  for (const artifact of artifacts) {
    for (const { name, digest } of await fileEntries(store.objectPath(artifact.digest))) {
      const path = `${folder}/${name}`;
      if (sources.has(path) && sources.get(path) !== digest) {
        throw new Error(`two published outputs have a file named "${name}"; rename one`);
      }
      sources.set(path, digest);
    }
  }
  for (const [path, digest] of sources) {
    const target = join(out, path);
    if (await files.check(target, digest) === "intact") continue;
    makeFolder(dirname(target));
    copyAtomic(store.objectPath(digest), target);
  }
  for (const path of earlier) {
    if (path.startsWith(`${folder}/`) && !sources.has(path)) removeIfPresent(join(out, path));
  }
  return [...sources.keys()].sort();
}

function copyAtomic(source: string, target: string): void {
  const temporary = `${target}.tmp`;
  try {
    removeIfPresent(temporary);
    Deno.copyFileSync(source, temporary);
    // Objects are read-only; the copy belongs to the user.
    if (Deno.build.os !== "windows") Deno.chmodSync(temporary, 0o644);
    syncFile(temporary);
    commit(temporary, target);
  } catch (error) {
    removeIfPresent(temporary);
    throw error;
  }
}
