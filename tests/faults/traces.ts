/**
 * Reads the output folder of a killed run: what it was doing, what is kept, how much work was lost, and whether its
 * results are those of another folder.
 *
 * @module
 */
import { join, relative } from "node:path";
import { type RunEvent, RunFolder } from "@causeway/core/runs";
import {
  digestOfFile,
  listFolder,
  listFolders,
  readIfPresent,
  Store,
  VerifiedFiles,
} from "@causeway/core/store";

/** Work that later faults must not lose. */
export interface Kept {
  /** Keys of finished steps. */
  manifests: ReadonlySet<string>;
  /** Optimizer steps at the newest complete checkpoint, by key. */
  checkpoints: ReadonlyMap<string, number>;
}

/** Finished work of an output folder. */
export function kept(out: string): Kept {
  const manifests = listFolder(join(out, "store/manifests"))
    .filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
  const checkpoints = new Map<string, number>();
  for (const key of listFolders(join(out, "store/work"))) {
    const steps = completeCheckpoints(out, key).map((name) => Number(name.match(/\d+/)![0]));
    if (steps.length > 0) checkpoints.set(key, Math.max(...steps));
  }
  return { manifests: new Set(manifests), checkpoints };
}

function completeCheckpoints(out: string, key: string): string[] {
  const work = join(out, "store/work", key);
  return [...listFolder(work), ...listFolder(join(work, "kept"))].filter((name) =>
    /^step-\d+/.test(name)
  );
}

/**
 * Seconds of work lost when a process ended: since its start, or since the newest manifest or checkpoint.
 *
 * @param started Unix milliseconds, like `ended`
 */
export function secondsLost(out: string, started: number, ended: number): number {
  const store = join(out, "store");
  const paths = [
    ...listFolder(join(store, "manifests")).map((name) => join(store, "manifests", name)),
    ...listFolders(join(store, "work")).flatMap((key) =>
      completeCheckpoints(out, key).map((name) =>
        join(store, "work", key, name.endsWith(".json") ? "kept" : "", name)
      )
    ),
  ];
  // The mtime of a folder that was renamed into place is that of its last file.
  const times = paths.map((path) => Deno.statSync(path).mtime!.getTime());
  return Math.max(0, ended - Math.max(started, ...times)) / 1000;
}

/** Files that were being written. */
export function halfWritten(out: string): string[] {
  const found: string[] = [];
  const work = join(out, "store/work");
  if (listFolders(work).some((key) => listFolder(join(work, key)).includes("filling"))) {
    found.push("checkpoint");
  }
  if (listFolder(join(out, "store/tmp")).length > 0) found.push("object or manifest");
  if (listFolder(out).some((name) => name.startsWith("lock.json."))) found.push("lock.json");
  if (temporaries(join(out, "faults")).length > 0) found.push("published file");
  return found;
}

function temporaries(folder: string): string[] {
  return [
    ...listFolder(folder).filter((name) => name.endsWith(".tmp")),
    ...listFolders(folder).flatMap((name) => temporaries(join(folder, name))),
  ];
}

/** Files that a clean end does not leave. */
export function leftovers(out: string): string[] {
  const store = join(out, "store");
  return [
    ...halfWritten(out),
    ...listFolder(join(store, "work")).map((key) => `work/${key}`),
    ...listFolder(join(store, "damaged")).map((name) => `damaged/${name}`),
  ];
}

/** The events of one run. */
export function eventsOf(out: string, run: string): RunEvent[] {
  const lines = Deno.readTextFileSync(join(out, "runs", run, "events.jsonl")).split("\n");
  // Text after the last line break was still being written.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as RunEvent);
}

/** Ids of the runs of a folder, oldest first. */
export function runIds(out: string): string[] {
  return new RunFolder(out).ids().toReversed();
}

/**
 * Waits until these steps of the newest run have reported or logged: before that they may still be loading.
 *
 * @param ended when the process of the run has ended, after which nothing is reported any more.
 */
export async function reported(
  out: string,
  steps: readonly string[],
  ended?: Promise<unknown>,
): Promise<void> {
  let is_over = false;
  ended?.finally(() => is_over = true);
  const hasReported = () => {
    const log = join(out, "runs", runIds(out).at(-1) ?? "none", "events.jsonl");
    const lines = (readIfPresent(log) ?? "").split("\n").slice(0, -1);
    const events = lines.map((line) => JSON.parse(line) as RunEvent);
    return steps.every((id) =>
      events.some((one) => (one.type === "report" || one.type === "log") && one.step === id)
    );
  };
  while (!is_over && !hasReported()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** What a process was doing when it ended. */
export function doing(events: readonly RunEvent[]): string {
  const last = events.findLast(({ type }) => type !== "report" && type !== "log");
  if (last === undefined) return "starting";
  if (last.type === "step_started") return last.step;
  if (last.type === "run_started") return "starting";
  if (last.type === "step_finished" || last.type === "step_skipped") {
    return last.step === "report" ? "publishing" : "between steps";
  }
  return "ending";
}

/** Optimizer steps of earlier phases by task: checkpoints count from the start of training. */
const STEPS_BEFORE: Readonly<Record<string, number>> = { mixed: 60 };

/**
 * Finished work that a process repeated.
 *
 * @param before what was kept when it started
 * @param events what it did
 */
export function lostWork(before: Kept, events: readonly RunEvent[]): string[] {
  const lost: string[] = [];
  const resumed_at = new Map<string, number>();
  for (const event of events) {
    const resumed = event.type === "log" && /^resuming at step (\d+) of/.exec(event.message);
    if (resumed) resumed_at.set(event.step, Number(resumed[1]) + (STEPS_BEFORE[event.step] ?? 0));
    if (event.type !== "step_started") continue;
    if (before.manifests.has(event.key)) lost.push(`${event.step} was finished, but ran again`);
  }
  for (const event of events) {
    if (event.type !== "step_started") continue;
    const saved = before.checkpoints.get(event.key);
    // A run that trains has logged where it resumes; one that was killed earlier has not.
    const trains = events.some(({ type, ...rest }) =>
      type === "report" && (rest as { step: string }).step === event.step
    );
    const from = resumed_at.get(event.step);
    if (saved !== undefined && trains && from !== saved) {
      lost.push(
        `${event.step} had a checkpoint at step ${saved}, but started at step ${from ?? 0}`,
      );
    }
  }
  return lost;
}

/**
 * Compares all manifests and published files byte for byte, verifies every object of the second folder, and looks for
 * files that an interrupted run may leave behind.
 *
 * @returns the differences; none if the folders have the same results.
 */
export async function differences(expected: string, actual: string): Promise<string[]> {
  return [
    ...await folderDifferences(expected, actual, "store/manifests"),
    ...await folderDifferences(expected, actual, "faults"),
    ...await brokenObjects(actual),
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

/** Objects that are damaged or missing, and those that no manifest names. */
export async function brokenObjects(out: string): Promise<string[]> {
  const store = new Store(join(out, "store"));
  const files = new VerifiedFiles();
  const broken: string[] = [];
  for (const manifest of store.readManifests().values()) {
    for (const artifact of Object.values(manifest.outputs)) {
      const problems = await store.verify(artifact, files);
      broken.push(...problems.map(({ digest, state }) => `object ${digest} is ${state}`));
    }
  }
  const stored = listFolder(join(store.root, "objects"))
    .flatMap((part) => listFolder(join(store.root, "objects", part)));
  const orphans = stored.filter((name) => !files.isKnown(store.objectPath(name), name));
  return [...broken, ...orphans.map((name) => `orphan ${name}`)];
}
