/**
 * Files of a record card that are on the Hugging Face hub.
 *
 * @module
 */
import {
  downloadFile,
  formatHubUrl,
  type HubFile,
  hubOptionsFromEnvironment,
  type HubSnapshot,
  parseHubUrl,
  resolveSnapshot,
} from "../hub/mod.ts";
import type { DocumentOptions, Split } from "./card.ts";
import { formatOfName } from "./formats.ts";
import type { RecordFormat } from "./reading.ts";
import { firstFiles, pathsBySplit, type RecordFile, type RecordPaths } from "./record_files.ts";

/** True for `hf://…`. */
export function isHubPath(path: string): boolean {
  return path.startsWith("hf://");
}

/** Matching files of one repository at one commit. */
interface Selection extends HubSnapshot {
  readonly split?: Split;
}

/**
 * What enters a revision: each repository with its commit, as `hf://org/name@commit`, and name and digest of each
 * file.
 *
 * @throws {HubError} when a repository or revision cannot be had, or no file matches.
 */
export async function hubRevision(
  paths: RecordPaths,
  format?: RecordFormat,
  max_files?: number,
): Promise<{ commits: string[]; files: unknown[] }> {
  const selections = await select(paths, format, max_files);
  const commits = selections.map(({ repo, commit }) => formatHubUrl({ repo, revision: commit }));
  const files = selections.flatMap(({ repo, split, files }) =>
    files.map(({ path, digest }) => [split, `${repo}/${path}`, digest])
  );
  return { commits: [...new Set(commits)], files };
}

/** Downloads the files one after the other, each when the one before has been read; none twice. */
export async function* hubFiles(
  paths: RecordPaths,
  format: RecordFormat | undefined,
  max_files: number | undefined,
  { signal, log }: DocumentOptions,
): AsyncGenerator<RecordFile> {
  for (const { repo, commit, files, split } of await select(paths, format, max_files)) {
    for (const file of files) {
      signal?.throwIfAborted();
      const path = await downloadFile({ repo, commit }, file, {
        signal,
        ...(log === undefined ? {} : { log }),
        onProgress: announceOnce(repo, log),
      });
      yield { name: `${repo}/${file.path}`, path, ...(split === undefined ? {} : { split }) };
    }
  }
}

function announceOnce(repo: string, log?: (message: string) => void) {
  let announced = false;
  return (_done: number, bytes: number, { path }: HubFile) => {
    if (!announced) log?.(`downloading ${path} of ${repo} (${(bytes / 1e6).toFixed(1)} MB)`);
    announced = true;
  };
}

async function select(
  paths: RecordPaths,
  format?: RecordFormat,
  max_files?: number,
): Promise<Selection[]> {
  const found: Selection[] = [];
  for (const { path: url, split } of pathsBySplit(paths)) {
    const { repo, commit, files } = await snapshotOf(url);
    const wanted = files.filter(({ path }) => isWanted(path, url, format));
    if (wanted.length === 0) {
      throw new Error(`${url} matches no file whose name tells a format; name the format`);
    }
    const files_of_split = firstFiles(wanted, split, max_files);
    found.push({ repo, commit, files: files_of_split, ...(split === undefined ? {} : { split }) });
  }
  return found;
}

/** Of the files that a glob or a whole repository stands for, a README and the like are left out. */
function isWanted(path: string, url: string, format?: RecordFormat): boolean {
  if (format !== undefined || parseHubUrl(url).pattern === path) return true;
  const known = formatOfName(path);
  return known !== undefined && known !== "text";
}

/**
 * Snapshots of this process: what is read has to be what the revision was made from, also when a branch has moved
 * meanwhile.
 */
const snapshots = new Map<string, Promise<HubSnapshot>>();

function snapshotOf(url: string): Promise<HubSnapshot> {
  const { endpoint, cache } = hubOptionsFromEnvironment();
  const key = JSON.stringify([url, endpoint, cache]);
  let snapshot = snapshots.get(key);
  if (snapshot === undefined) {
    snapshot = resolveSnapshot(parseHubUrl(url));
    snapshots.set(key, snapshot);
    snapshot.catch(() => snapshots.delete(key));
  }
  return snapshot;
}
