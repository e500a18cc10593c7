/**
 * The files on the Hugging Face hub that the paths of a record card mean.
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
import { type CardConfig, readCard } from "./dataset_card.ts";
import { formatOfName } from "./formats.ts";
import {
  type FileOptions,
  type FileSelection,
  firstFiles,
  pathsBySplit,
  type RecordFile,
  type RecordPaths,
  withoutRepeats,
} from "./record_files.ts";
import { selectFiles, shorten } from "./select_files.ts";

/** Files of one repository at one commit. */
interface Selection extends Omit<HubSnapshot, "files"> {
  readonly files: readonly (HubFile & { readonly split?: Split })[];
  readonly passed_over: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

/**
 * What is part of a revision: each repository with its commit (`hf://org/name@commit`), and the name and digest of each
 * file.
 *
 * @throws {HubError} when a repository or revision is not available, or no file matches.
 */
export async function hubRevision(
  paths: RecordPaths,
  options: FileOptions,
): Promise<{ commits: string[]; files: unknown[] }> {
  const selections = await select(paths, options);
  const commits = selections.map(({ repo, commit }) => formatHubUrl({ repo, revision: commit }));
  const files = selections.flatMap(({ repo, files }) =>
    files.map(({ path, digest, split }) => [split, `${repo}/${path}`, digest])
  );
  return { commits: [...new Set(commits)], files };
}

/** What is to be said about the files on the hub that a card reads. */
export async function hubSelection(
  paths: RecordPaths,
  options: FileOptions,
): Promise<FileSelection> {
  const selections = await select(paths, options);
  return {
    files: selections.flatMap(({ repo, files }) =>
      files.map(({ path, split }) => ({ name: `${repo}/${path}`, path, ...(split && { split }) }))
    ),
    passed_over: new Map(selections.flatMap(({ passed_over }) => [...passed_over])),
    notes: selections.flatMap(({ notes }) => notes),
  };
}

/** Downloads the files one after the other, each when the one before has been read, and none twice. */
export async function* hubFiles(
  paths: RecordPaths,
  options: FileOptions,
  { signal, log }: DocumentOptions,
): AsyncGenerator<RecordFile> {
  for (const { repo, commit, files } of await select(paths, options)) {
    for (const { split, ...file } of files) {
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

async function select(paths: RecordPaths, options: FileOptions): Promise<Selection[]> {
  const found: Selection[] = [];
  for (const { path: url, split } of pathsBySplit(paths)) {
    const snapshot = await snapshotOf(url);
    const { pattern } = parseHubUrl(url);
    const is_file = snapshot.files.length === 1 && snapshot.files[0].path === pattern;
    const selected = is_file
      ? { files: [{ name: pattern }], passed_over: new Map<string, string>(), notes: [] }
      : await selectIn(snapshot, url, { ...options, split: split ?? options.split });
    const notes = [...selected.notes];
    const by_path = new Map(snapshot.files.map((file) => [file.path, file]));
    const files = selected.files.map((file) => {
      const placed = split ?? file.split;
      return { ...by_path.get(file.name)!, ...(placed === undefined ? {} : { split: placed }) };
    });
    const { repo, commit } = snapshot;
    const { passed_over } = selected;
    found.push({
      repo,
      commit,
      files: firstFiles(files, options.max_files, notes),
      passed_over,
      notes,
    });
  }
  const all = found.flatMap(({ repo, files }) => files.map((file) => ({ ...file, repo, file })));
  const notes: string[] = [];
  const once = withoutRepeats(all, ({ repo, path }) => `${repo}/${path}`, notes);
  const kept = new Set(once.map(({ file }) => file));
  return found.map((selection, i) => ({
    ...selection,
    files: selection.files.filter((file) => kept.has(file)),
    notes: i === 0 ? [...selection.notes, ...notes] : selection.notes,
  }));
}

/** Selects files of a repository, or of a folder or glob in it. */
async function selectIn(snapshot: HubSnapshot, url: string, options: FileOptions) {
  const { format, split, config } = options;
  const { pattern } = parseHubUrl(url);
  const names = snapshot.files.map(({ path }) => path);
  const is_glob = pattern !== undefined && /[*?{]/.test(pattern);
  // Names of splits and configurations are those below the folder.
  const folder = pattern === undefined || is_glob ? "" : `${pattern.replace(/\/+$/, "")}/`;
  const selected = selectFiles(names.map((name) => name.slice(folder.length)), {
    where: url,
    formatOf: (name) => {
      const known = formatOfName(name);
      if (format === undefined || known === format) return known;
      return format === "text" || is_glob ? format : undefined;
    },
    ...(is_glob ? { glob: pattern } : {}),
    ...(split && { split }),
    ...(config === undefined ? {} : { config }),
    card: pattern === undefined ? await cardOf(snapshot) : [],
  });
  if (selected.files.length === 0) {
    const others = shorten([...selected.passed_over].map(([name, why]) => `${name} (${why})`), 3);
    throw new Error(`${url} matches no file of a known type; set "format"; it has ${others}`);
  }
  return {
    ...selected,
    files: selected.files.map((file) => ({ ...file, name: folder + file.name })),
  };
}

async function cardOf({ repo, commit, files }: HubSnapshot): Promise<CardConfig[]> {
  const file = files.find(({ path }) => path === "README.md");
  if (file === undefined) return [];
  const path = await downloadFile({ repo, commit }, file);
  return readCard(await Deno.readTextFile(path), `${repo}/README.md`);
}

/**
 * Snapshots of this process: the files that are read must be those that the revision was computed from, even if a
 * branch has moved meanwhile.
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
