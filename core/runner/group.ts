/**
 * A run on several MPI processes. Rank 0 is the runner: it plans, writes and serves the status. The other ranks take part
 * in the steps whose stage runs on all ranks together, and wait during the others.
 *
 * @module
 */
import type { Launched } from "../remote/mpi/mod.ts";
import type { Checkpoints, Ranks } from "../stage/mod.ts";
import { canonicalJson, sha256, Store, StoredCheckpoints } from "../store/mod.ts";
import { type Executor, openInputs, type StepJob } from "./execute.ts";
import type { Recipe } from "../recipe/mod.ts";
import { counted } from "../words/mod.ts";

/** From rank 0 to the others. */
type Command = { readonly type: "step"; readonly job: StepJob } | { readonly type: "end" };

/** A rank that fails gives the others this long to report their own failure, in milliseconds. */
const ABORT_DELAY_MS = 3000;

/**
 * Checks that all ranks are about to run the same recipe with the same code.
 *
 * @param code digest of the program's own code.
 * @throws {Error} on every rank, before anything runs; on the ranks that differ it says how.
 */
export function agree(group: Launched, recipe: Recipe, code: string): void {
  // Configs hold the digests of data, and steps their seeds.
  const steps = recipe.steps.map(({ id, stage, config, seed, inputs }) => {
    return { id, stage: stage.name, version: stage.version, config, seed, inputs };
  });
  const own = { recipe: sha256(canonicalJson(JSON.parse(JSON.stringify(steps)))), code };
  const of_rank_0 = broadcast<typeof own>(group, group.rank === 0 ? own : undefined);
  const differs = (["recipe", "code"] as const).filter((part) => own[part] !== of_rank_0[part]);
  const count = Float64Array.of(differs.length > 0 ? 1 : 0);
  group.allReduceSum(count);
  if (count[0] === 0) return;
  const what = { recipe: "recipe, data or seed", code: "code" };
  throw new Error(
    differs.length > 0
      ? `rank ${group.rank} differs from rank 0 in its ${
        differs.map((part) => what[part]).join(" and ")
      }; ` +
        "start all ranks in the same folder, or in identical copies"
      : `not all ranks have the recipe, data, seed and code of rank 0: ${
        count[0]
      } of ${group.size} ` +
        "differ; start all ranks in the same folder, or in identical copies",
  );
}

/** Fields that configs of training steps have. */
interface TrainingFields {
  readonly global_batch_size?: number;
  readonly device?: string;
}

/**
 * Checks, before anything runs, that a number of processes can train together: on the CPU, and with a sequence of every
 * batch for each. Steps that take their batch from a checkpoint have it checked when they start.
 *
 * @throws {Error} naming the steps, and the fix.
 */
export function checkRanks({ steps }: Recipe, size: number): void {
  const trained = steps.filter(({ stage }) => stage.parallel)
    .map(({ id, config }) => ({ id, ...config as TrainingFields }));
  const elsewhere = trained.filter(({ device = "cpu" }) => device !== "cpu");
  if (elsewhere.length > 0) {
    const shown = elsewhere.map(({ id, device }) => `"${id}" on ${device}`).join(", ");
    throw new Error(
      `several processes can train only on the CPU, and the recipe has step ${shown}; start one process`,
    );
  }
  const small = trained.filter(({ global_batch_size = size }) => global_batch_size < size);
  if (small.length === 0) return;
  const least = Math.min(...small.map(({ global_batch_size }) => global_batch_size!));
  const shown = small.map(({ id, global_batch_size }) => `"${id}" is ${global_batch_size}`);
  throw new Error(
    `each of ${size} processes needs a sequence of every batch, but global_batch_size of step ` +
      `${shown.join(", ")}; raise it, or start at most ${counted(least, "process")}`,
  );
}

/** Rank 0's side. */
export class GroupLeader {
  /** Whether other ranks may hang in a step that failed here. */
  #failed = false;

  constructor(
    private readonly group: Launched,
    private readonly options: { readonly shard_optimizer: boolean },
  ) {}

  /** Runs steps on all ranks where their stage supports it, others on this one alone. */
  executor(inner: Executor): Executor {
    return async (step, job, ...rest) => {
      if (!step.stage.parallel) return await inner(step, job, ...rest);
      const shared = { ...job, ranks: this.options };
      await this.group.meet();
      broadcast<Command>(this.group, { type: "step", job: shared });
      try {
        return await inner(step, shared, ...rest);
      } catch (error) {
        // All ranks agree on a stop; they may not notice any other error.
        if ((error as Error).name !== "Interrupted") this.#failed = true;
        throw error;
      }
    };
  }

  /** Ends the other ranks. */
  async end(): Promise<void> {
    if (this.#failed) return this.group.abort(1);
    await this.group.meet();
    broadcast<Command>(this.group, { type: "end" });
    this.group.finalize();
  }
}

/**
 * All other ranks' side: takes part in steps until rank 0 ends the run.
 *
 * @param fail called with an error message; then this and all other processes are ended.
 */
export async function follow(
  group: Launched,
  recipe: Recipe,
  fail: (message: string) => void,
): Promise<void> {
  for (;;) {
    await group.meet();
    const command = broadcast<Command>(group);
    if (command.type === "end") return group.finalize();
    const { job } = command;
    try {
      await takePart(recipe, job, { ...group, ...job.ranks });
    } catch (error) {
      if ((error as Error).name === "Interrupted") continue;
      fail(`rank ${group.rank}: step "${job.step}": ${(error as Error).message}`);
      await new Promise((resolve) => setTimeout(resolve, ABORT_DELAY_MS));
      group.abort(1);
    }
  }
}

/** Runs a step as rank 0 does, but discards what it writes. */
async function takePart(recipe: Recipe, job: StepJob, ranks: Ranks): Promise<void> {
  const step = recipe.steps.find(({ id }) => id === job.step)!;
  const store = new Store(job.store);
  const ignored = { write: () => Promise.resolve() };
  const outputs = Object.keys(step.stage.outputs).map((name) => [name, ignored]);
  const saved = new StoredCheckpoints(store.workFolder(job.key));
  await step.stage.run({
    config: structuredClone(step.config),
    inputs: await openInputs(step, job, store),
    outputs: Object.fromEntries(outputs),
    seed: step.seed,
    signal: new AbortController().signal,
    checkpoints: {
      latest: () => saved.latest(),
      kept: () => saved.kept(),
      save: () => Promise.resolve(),
      openWriter: () => ({ write: ({ data }) => Promise.resolve(data), close: () => {} }),
    } satisfies Checkpoints,
    ranks,
    report: () => {},
    log: () => {},
  } as never);
}

/** Broadcasts a value from rank 0, where it is `given`, and returns it on all ranks. */
function broadcast<T>(group: Launched, given?: T): T {
  const bytes = given === undefined
    ? new Uint8Array()
    : new TextEncoder().encode(JSON.stringify(given));
  const length = Float64Array.of(bytes.length);
  group.broadcast(new Uint8Array(length.buffer), 0);
  const all = given === undefined ? new Uint8Array(length[0]) : bytes;
  group.broadcast(all, 0);
  return JSON.parse(new TextDecoder().decode(all));
}
