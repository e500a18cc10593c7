/**
 * Records what a run writes, takes the power away at random moments, and continues the run.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Random } from "@causeway/core/random";
import { RunFolder } from "@causeway/core/runs";
import { Store, StoredCheckpoints } from "@causeway/core/store";
import { pipeline } from "./child.ts";
import { type Change, Disk, type Folder, parseRecord } from "./power_disk.ts";
import { differences } from "./traces.ts";
import { runRecipe } from "./small.ts";

const SOURCE = fileURLToPath(new URL("./record_writes.c", import.meta.url));
export const POWER_RECIPE = new URL("./power_recipe.ts", import.meta.url);

/** Why nothing can be recorded here; undefined if it can. */
export const no_record = await (async () => {
  if (Deno.build.os !== "linux") return "needs Linux";
  const { success } = await new Deno.Command("cc", { args: ["--version"] }).output()
    .catch(() => ({ success: false }));
  return success ? undefined : "needs a C compiler, cc";
})();

/** A recorded run. */
export interface Recording {
  /** Its output folder. */
  readonly out: string;
  readonly changes: readonly Change[];
}

/**
 * Runs a recipe and records what it writes.
 *
 * @param folder an empty one, for the output, the library and the record.
 */
export async function recordRun(
  folder: string,
  recipe: URL,
  env: Record<string, string> = {},
): Promise<Recording> {
  // Names of open files have no links in them.
  const out = join(await Deno.realPath(folder), "out"), library = join(folder, "record.so");
  const log = join(folder, "record");
  const args = ["-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"];
  const { success, stderr } = await new Deno.Command("cc", { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  await Deno.mkdir(out);
  const { code, err } = await pipeline(out, {
    recipe: fileURLToPath(recipe),
    args: ["--quiet"],
    env: { ...env, LD_PRELOAD: library, RECORD_ROOT: out, RECORD_LOG: log },
  });
  if (code !== 0) throw new Error(err);
  return { out, changes: parseRecord(await Deno.readFile(log)) };
}

/** What a run has promised so far. */
export interface Promised {
  /** Keys of the steps that it has reported as finished. */
  readonly finished: Set<string>;
  /** Step of the newest checkpoint that was complete, by key. */
  readonly checkpoints: Map<string, number>;
}

/** Plays a record, and calls a function at some of its places, with what the run had promised before. */
export async function play(
  { out, changes }: Recording,
  places: ReadonlySet<number>,
  use: (disk: Disk, at: number, promised: Promised) => Promise<void>,
): Promise<void> {
  const disk = new Disk(out);
  const promised: Promised = { finished: new Set(), checkpoints: new Map() };
  const keys = new Map<string, string>();
  const decoder = new TextDecoder();
  for (const [at, change] of changes.entries()) {
    if (places.has(at)) await use(disk, at, promised);
    const flushed = disk.apply(change);
    if (flushed) noteCheckpoint(flushed, promised.checkpoints);
    if (change.what !== "write" || disk.pathOf(change)?.endsWith("/events.jsonl") !== true) {
      continue;
    }
    const event = JSON.parse(decoder.decode(change.data));
    if (event.type === "step_started") keys.set(event.step, event.key);
    if (event.type === "step_finished") promised.finished.add(keys.get(event.step)!);
  }
  if (places.has(changes.length)) await use(disk, changes.length, promised);
}

/** A checkpoint is complete once the folder with its name was flushed. */
function noteCheckpoint({ path, names }: Folder, newest: Promised["checkpoints"]): void {
  const [, key] = /\/store\/work\/([0-9a-f]{64})(\/kept)?$/.exec(path) ?? [];
  if (key === undefined) return;
  const steps = [...names.keys()].flatMap((name) => /^step-(\d+)(\.json)?$/.exec(name)?.[1] ?? []);
  if (steps.length > 0) newest.set(key, Math.max(newest.get(key) ?? 0, ...steps.map(Number)));
}

/**
 * Takes the power away at random moments of a recorded run, and looks at what is left.
 *
 * @param crashes.resume continues a run, after every n-th crash; returns an error.
 * @returns what was not as promised.
 */
export async function crashMany(
  folder: string,
  recording: Recording,
  crashes: {
    count: number;
    seed: number;
    every: number;
    resume: (out: string) => Promise<string | undefined>;
  },
): Promise<string[]> {
  const { count, seed, every, resume } = crashes;
  const random = new Random(seed, "faults/power", 0);
  const places = Array.from({ length: count }, () => random.below(recording.changes.length + 1));
  const problems: string[] = [];
  let done = 0;
  await play(recording, new Set(places), async (disk, at, promised) => {
    for (const _ of places.filter((place) => place === at)) {
      const out = join(folder, "crash", "out");
      disk.crash(out, random);
      const found = await broken(out, promised);
      if (done++ % every === 0) {
        const error = await resume(out);
        found.push(...error === undefined ? await differences(recording.out, out) : [error]);
        found.push(...await unreadable(out));
      }
      problems.push(...found.map((one) => `power lost before change ${at}, seed ${seed}: ${one}`));
      await Deno.remove(join(folder, "crash"), { recursive: true });
    }
  });
  return problems;
}

/** Promises that a store does not keep. */
async function broken(out: string, { finished, checkpoints }: Promised): Promise<string[]> {
  const store = new Store(join(out, "store"));
  const found: string[] = [];
  for (const key of finished) {
    const manifest = store.readManifest(key);
    if (!manifest) found.push(`the manifest ${key} of a finished step is gone`);
    for (const artifact of Object.values(manifest?.outputs ?? {})) {
      const problems = await store.verify(artifact);
      found.push(
        ...problems.map(({ digest, state }) => `${digest} of a finished step is ${state}`),
      );
    }
  }
  for (const [key, step] of checkpoints) {
    if (store.readManifest(key)) continue;
    const latest = await new StoredCheckpoints(store.workFolder(key)).latest();
    if (latest && latest.step >= step) continue;
    found.push(`a checkpoint of step ${step} was complete; the newest is ${latest?.step}`);
  }
  return found;
}

/** Runs whose logs cannot be read. */
async function unreadable(out: string): Promise<string[]> {
  const runs = new RunFolder(out);
  const results = await Promise.allSettled(runs.ids().map((id) => runs.get(id)));
  return results.flatMap((one) => one.status === "rejected" ? `a log: ${one.reason.message}` : []);
}

/** Continues a run of the power recipe in this thread. */
export async function resume(out: string): Promise<string | undefined> {
  return (await runRecipe(POWER_RECIPE, out)).error?.message;
}
