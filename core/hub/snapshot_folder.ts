/**
 * Folders in the cache of Hugging Face, when they are named by their paths on this machine.
 *
 * @module
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * The snapshot of a repository in the cache (`datasets--org--name`, with `blobs`, `refs` and `snapshots`): that of the
 * branch main, or the only one. Any other folder is returned unchanged.
 *
 * @throws {Error} for several snapshots without a current one, and for the cache itself, naming what to use.
 */
export function snapshotFolder(folder: string): string {
  const repository = basename(folder) === "snapshots" ? dirname(folder) : folder;
  const snapshots = join(repository, "snapshots");
  const is_cached = isFolder(snapshots) &&
    (isFolder(join(repository, "refs")) || isFolder(join(repository, "blobs")));
  if (!is_cached) {
    refuseCache(folder);
    return folder;
  }
  const commits = namesIn(snapshots).filter((name) => !name.startsWith("."));
  const main = join(repository, "refs", "main");
  const current = existsSync(main) ? readFileSync(main, "utf8").trim() : undefined;
  if (current !== undefined && commits.includes(current)) return join(snapshots, current);
  if (commits.length === 1) return join(snapshots, commits[0]);
  const paths = commits.map((commit) => join(snapshots, commit)).join(", ");
  throw new Error(
    `${folder} is a cached repository with ${commits.length || "no"} snapshots; ` +
      (commits.length > 0 ? `use the path of one: ${paths}` : "download it first"),
  );
}

function refuseCache(folder: string): void {
  const repositories = namesIn(folder).filter((name) => /^(datasets|models|spaces)--/.test(name));
  if (repositories.length === 0) return;
  throw new Error(
    `${folder} is the cache of Hugging Face; use the path of one of its repositories: ${
      repositories.join(", ")
    }`,
  );
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder === "" ? "." : folder)].map(({ name }) => name).sort();
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
