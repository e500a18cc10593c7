/**
 * What a killed run left in its folder: what it was doing, what is kept, and how long ago the last of it was made.
 *
 * @module
 */
import { join } from "node:path";
import { type RunEvent, RunFolder } from "../../core/runs/mod.ts";
import { listFolder, listFolders } from "../../core/store/mod.ts";

/** Work that no later fault may lose. */
export interface Kept {
  /** Keys of finished steps. */
  manifests: ReadonlySet<string>;
  /** Steps of the whole training that the newest complete checkpoint holds, by key. */
  checkpoints: ReadonlyMap<string, number>;
}

/** Takes stock of an output folder. */
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
  return listFolders(join(out, "store/work", key)).filter((name) => /^step-\d+/.test(name));
}

/**
 * Seconds of work that are lost when a process ends: since it was started, or since the newest manifest or
 * checkpoint was put in place.
 *
 * @param started Unix milliseconds, as `ended`.
 */
export function secondsLost(out: string, started: number, ended: number): number {
  const store = join(out, "store");
  const paths = [
    ...listFolder(join(store, "manifests")).map((name) => join(store, "manifests", name)),
    ...listFolders(join(store, "work")).flatMap((key) =>
      completeCheckpoints(out, key).map((name) => join(store, "work", key, name))
    ),
  ];
  // A folder that was renamed into place changed last when its last file was made.
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

/** All that a clean end does not leave. */
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
  // What follows the last line break was being written.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as RunEvent);
}

/** Ids of the runs of a folder, oldest first. */
export function runIds(out: string): string[] {
  return new RunFolder(out).ids().toReversed();
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

/** Optimizer steps before the first of a step: they count over the whole training. */
const STEPS_BEFORE: Readonly<Record<string, number>> = { mixed: 60 };

/**
 * Work that a process did over although the one before had kept it.
 *
 * @param before what was kept when it started.
 * @param events what it did.
 */
export function lostWork(before: Kept, events: readonly RunEvent[]): string[] {
  const lost: string[] = [];
  const going_on = new Map<string, number>();
  for (const event of events) {
    const resumed = event.type === "log" && /^resuming at step (\d+) of/.exec(event.message);
    if (resumed) going_on.set(event.step, Number(resumed[1]) + (STEPS_BEFORE[event.step] ?? 0));
    if (event.type !== "step_started") continue;
    if (before.manifests.has(event.key)) lost.push(`${event.step} was finished, and ran again`);
  }
  for (const event of events) {
    if (event.type !== "step_started") continue;
    const saved = before.checkpoints.get(event.key);
    // A run that trains has said where it goes on from; one that was killed earlier has not.
    const trains = events.some(({ type, ...rest }) =>
      type === "report" && (rest as { step: string }).step === event.step
    );
    const from = going_on.get(event.step);
    if (saved !== undefined && trains && from !== saved) {
      lost.push(`${event.step} had a checkpoint at ${saved}, and began at ${from ?? 0}`);
    }
  }
  return lost;
}
