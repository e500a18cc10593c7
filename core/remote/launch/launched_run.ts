/**
 * A run whose steps are computed by the jobs of a launcher.
 *
 * @module
 */
import { join, resolve } from "node:path";
import type { JobInfo, PlannedTask } from "../../runs/mod.ts";
import { type Executor, Interrupted, type Launch, type StepListener } from "../../runner/mod.ts";
import { type Recipe, type Step, upstream } from "../../recipe/mod.ts";
import { listFolders, readIfPresent, removeIfPresent } from "../../store/mod.ts";
import type { JobResources, JobState, Launcher } from "./launcher.ts";
import {
  fingerprints,
  type Order,
  readOutcome,
  ReportTail,
  resultOf,
  writeOrder,
} from "./launch_folder.ts";
import {
  assertNoSubmittedJobs,
  findJobs,
  jobIds,
  readSubmittedJobs,
  stepsThat,
  type SubmittedJobs,
  unfinishedSteps,
  writeSubmittedJobs,
} from "./submitted_jobs.ts";

/** Interval between polls of the jobs. */
const POLL_MS = 1000;
/** A network file system may show the result of an ended job, or the output of a failed one, later. */
const GONE_MS = 10_000, FAILED_MS = 2_000;
const LAST_LINES = 12;

/** The job of a submitted step. */
interface Job {
  readonly id: string;
  readonly array: SubmittedJobs;
}

/** Submits steps and waits for them. */
export class LaunchedRun implements Launch {
  /** Arrays that may still run, or whose results the run has not taken. */
  #arrays: SubmittedJobs[] = [];
  readonly #jobs = new Map<string, Job>();
  #states: ReadonlyMap<string, JobState> = new Map();
  /** Jobs cancelled because another step failed. */
  readonly #cancelled = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #look: Promise<void> | undefined;
  #problem: unknown;
  #stopping = false;
  readonly #folder: string;

  /**
   * @param order what the jobs need to find the recipe.
   * @param command the command of `JobArray`, for a launch's folder.
   */
  constructor(
    private readonly launcher: Launcher,
    private readonly order: Order,
    private readonly command: (folder: string) => readonly string[],
  ) {
    const id = crypto.randomUUID().slice(0, 8);
    this.#folder = join(resolve(order.out), "launch", id);
  }

  async attach(recipe: Recipe): Promise<boolean> {
    const { launcher, order: { out } } = this;
    const before = readSubmittedJobs(out);
    if (!before) return false;
    if (before.launcher !== launcher.name) {
      await assertNoSubmittedJobs(out);
      return false;
    }
    const found = await findJobs(launcher, before.arrays);
    this.#states = await launcher.states(jobIds(found));
    const wanted = fingerprints(recipe);
    // Where one has failed, those that wait for it never start.
    const has_failed = [...this.#states.values()].some(({ failed }) => failed) ||
      found.some(({ steps, folder }) =>
        steps.some(({ step }) => "error" in (readOutcome(folder, step) ?? {}))
      );
    const isWanted = ({ step, fingerprint, job }: SubmittedJobs["steps"][number]) =>
      wanted.get(step) === fingerprint &&
      !(has_failed && this.#states.get(job!)?.state === "waiting");
    const live = unfinishedSteps(found, this.#states);
    const stale = jobIds(stepsThat(live, (step) => !isWanted(step)));
    if (stale.length > 0) await launcher.stop(stale);
    this.#arrays = stepsThat(live, isWanted);
    this.#remember();
    return live.length > 0;
  }

  async submit(
    recipe: Recipe,
    plan: readonly PlannedTask[],
    onJob: (step: string, job: JobInfo) => void,
  ): Promise<void> {
    removeOldFolders(resolve(this.order.out), this.#arrays);
    const to_run = plan.filter(({ action, id }) => action === "run" && !this.#jobs.has(id));
    if (to_run.length > 0) writeOrder(this.#folder, this.order);
    const prints = fingerprints(recipe);
    const steps = new Map(recipe.steps.map((step) => [step.id, step]));
    for (const [i, { steps: ids, resources, waits_for }] of arraysOf(to_run, steps).entries()) {
      const name = `causeway-${this.#folder.slice(-8)}-${i}`;
      const record: SubmittedJobs = {
        name,
        folder: this.#folder,
        steps: ids.map((step) => ({ step, fingerprint: prints.get(step)! })),
      };
      // Recorded before and after: a process that dies in between leaves a name to search for.
      this.#arrays.push(record);
      this.#remember();
      const after = waits_for.flatMap((id) => this.#jobs.get(id)?.id ?? []);
      const command = this.command(this.#folder);
      const jobs = await this.launcher.submit({
        ...{ name, steps: ids, after, resources, command, folder: this.#folder },
      });
      record.steps.forEach((step, i) => step.job = jobs[i]);
      this.#remember();
      // Until the first poll.
      const waiting = jobs.map((id) => [id, { state: "waiting" }] as const);
      this.#states = new Map([...this.#states, ...waiting]);
    }
    this.#watch(onJob);
  }

  executor: Executor = async (step, job, listener, signal) => {
    const { id, array } = this.#jobs.get(step.id)!;
    const tail = new ReportTail(array.folder, step.id);
    let gone_since: number | undefined;
    for (;;) {
      if (this.#problem) throw this.#problem;
      await tail.read(listener);
      const outcome = readOutcome(array.folder, step.id);
      if (outcome) {
        await tail.read(listener); // what came before it
        return await this.#take(step, job.key, outcome, listener);
      }
      if (this.#cancelled.has(id)) throw new Interrupted();
      const has_ended = this.#hasEnded(id);
      if (signal.aborted) {
        if (this.launcher.outlives) throw new Interrupted(this.#continuing());
        if (has_ended) throw new Interrupted();
      }
      gone_since = has_ended ? gone_since ?? performance.now() : undefined;
      const left = gone_since === undefined ? 0 : performance.now() - gone_since;
      const patience = this.#states.get(id)?.failed ? FAILED_MS : GONE_MS;
      if (left > patience) throw await this.#failure(step, new Error(this.#lost(id, array)));
      // A thousand waiting steps look a thousand times a second, not four thousand.
      const pause = Math.max(POLL_MS / 4, this.#jobs.size);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (signal.aborted && !this.launcher.outlives) await this.#stopAll();
    }
  };

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#look;
    // Jobs that are not known to have ended stay recorded.
    this.#states = await this.launcher.states(this.#ids()).catch(() => this.#states);
    this.#arrays = unfinishedSteps(this.#arrays, this.#states);
    this.#remember();
  }

  #ids(): string[] {
    return [...this.#jobs.values()].map(({ id }) => id);
  }

  /** A job that is no longer known has ended. */
  #hasEnded(id: string): boolean {
    return (this.#states.get(id)?.state ?? "ended") === "ended";
  }

  /** The outputs of an ended step. */
  async #take(step: Step, key: string, outcome: ReturnType<typeof readOutcome>, to: StepListener) {
    try {
      const result = resultOf(outcome!);
      if (result.key !== key) {
        throw new Error("its inputs changed while the pipeline ran; start it again");
      }
      if (!result.ran) to.log("an equal step was computed before");
      return { ...result.outputs };
    } catch (error) {
      throw await this.#failure(step, error);
    }
  }

  /** After a failure nothing new starts; running jobs continue. */
  async #failure(step: Step, error: unknown): Promise<unknown> {
    const waiting = [...this.#jobs].filter(([id, job]) =>
      id !== step.id && this.#states.get(job.id)?.state === "waiting"
    ).map(([, { id }]) => id);
    waiting.forEach((id) => this.#cancelled.add(id));
    if (waiting.length > 0) await this.launcher.cancel(waiting);
    return error;
  }

  async #stopAll(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.launcher.stop(this.#ids());
  }

  #continuing(): string {
    const live = this.#ids().filter((id) => !this.#hasEnded(id));
    return `The steps continue in ${this.launcher.name}: run the same command again to follow them, ` +
      `or end them with ${this.launcher.howToEnd(live)}`;
  }

  #lost(id: string, array: SubmittedJobs): string {
    const path = this.launcher.logOf(array, id);
    const lines = readIfPresent(path)?.trimEnd().split("\n").slice(-LAST_LINES);
    const { detail } = this.#states.get(id) ?? {};
    return `its job ${id} ended without a result${detail ? ` (${detail})` : ""}; it printed` +
      (lines?.[0] ? `, in ${path}:\n${lines.join("\n")}` : ` nothing in ${path}`);
  }

  #remember(): void {
    writeSubmittedJobs(this.order.out, this.launcher.name, this.#arrays);
    for (const array of this.#arrays) {
      for (const { step, job } of array.steps) if (job) this.#jobs.set(step, { id: job, array });
    }
  }

  /** Polls all jobs, one poll at a time. */
  #watch(onJob: (step: string, job: JobInfo) => void): void {
    const told = new Map<string, string>();
    const look = async () => {
      try {
        const states = await this.launcher.states(this.#ids());
        for (const [step, { id }] of this.#jobs) {
          const { failed: _, ...now }: JobState = states.get(id) ?? { state: "ended" };
          if (told.get(id) === JSON.stringify(now)) continue;
          told.set(id, JSON.stringify(now));
          onJob(step, { launcher: this.launcher.name, id, ...now });
        }
        this.#states = states;
      } catch (error) {
        this.#problem = error;
        return;
      }
      this.#timer = setTimeout(() => this.#look = look(), POLL_MS);
    };
    this.#look = look();
  }
}

/** Removes the folders of launches that are over. */
function removeOldFolders(out: string, arrays: readonly SubmittedJobs[]): void {
  const folder = join(out, "launch");
  const used = new Set(arrays.map(({ folder }) => folder));
  for (const name of listFolders(folder)) {
    if (/^[0-9a-f]{8}$/.test(name) && !used.has(join(folder, name))) {
      removeIfPresent(join(folder, name));
    }
  }
}

/** Slurm's default MaxArraySize is 1001. */
const LARGEST_ARRAY = 1000;

/** Steps with the same resources and dependencies. */
interface StepArray {
  readonly steps: readonly string[];
  readonly resources: JobResources;
  /** Ids of the steps that must finish first. */
  readonly waits_for: readonly string[];
}

/**
 * Groups the steps to run into arrays. An array comes after all that it waits for.
 *
 * @param to_run in the order of the recipe.
 * @param steps of the recipe, by id.
 *
 * @example
 * ```ts
 * import { arraysOf } from "./launched_run.ts";
 * import assert from "node:assert/strict";
 *
 * const ref = (step: string) => ({ step, output: "checkpoint", port: {} });
 * const step = (id: string, ...after: string[]) =>
 *   [id, { id, config: { threads: 1 }, inputs: Object.fromEntries(after.map((a) => [a, ref(a)])) }];
 * const steps = new Map([step("trunk"), step("code", "trunk"), step("math", "trunk")] as never[]);
 * const task = { cores: 1, memory: 0 };
 * const to_run = ["trunk", "code", "math"].map((id) => ({ id, task }));
 * const arrays = arraysOf(to_run as never[], steps as never);
 * assert.deepEqual(arrays.map(({ steps }) => steps), [["trunk"], ["code", "math"]]);
 * assert.deepEqual(arrays[1].waits_for, ["trunk"]);
 * ```
 */
export function arraysOf(
  to_run: readonly PlannedTask[],
  steps: ReadonlyMap<string, Step>,
): StepArray[] {
  const groups = new Map<string, StepArray & { steps: string[] }>();
  for (const { id, task } of to_run) {
    const step = steps.get(id)!;
    const waits_for = upstream(step).sort();
    const { threads } = Object(step.config) as Record<string, unknown>;
    const { cores, memory, device } = task;
    const resources = { cores, exclusive: threads === 0, memory, gpu: device !== undefined };
    const group = JSON.stringify([resources, waits_for]);
    if (!groups.has(group)) groups.set(group, { steps: [], resources, waits_for });
    groups.get(group)!.steps.push(id);
  }
  return [...groups.values()].flatMap(({ steps, ...group }) => {
    const parts = Math.ceil(steps.length / LARGEST_ARRAY);
    return Array.from({ length: parts }, (_, i) => {
      return { ...group, steps: steps.slice(i * LARGEST_ARRAY, (i + 1) * LARGEST_ARRAY) };
    });
  });
}
