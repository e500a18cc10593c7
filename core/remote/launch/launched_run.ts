/**
 * A run whose steps are computed by processes that a launcher starts.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { type JobInfo, type PlannedTask } from "../../runs/mod.ts";
import { type Executor, Interrupted, type Launch, type StepListener } from "../../runner/mod.ts";
import { type Recipe, type Step } from "../../recipe/mod.ts";
import { listFolders, readIfPresent, removeIfPresent } from "../../store/mod.ts";
import { arraysOf } from "./arrays.ts";
import {
  assertNoSubmittedJobs,
  fingerprints,
  readSubmittedJobs,
  type SubmittedJobs,
  writeSubmittedJobs,
} from "./submitted_jobs.ts";
import type { JobState, Launcher } from "./launcher.ts";
import { type Order, readOutcome, ReportTail, resultOf, writeOrder } from "./order.ts";

/** How often jobs are looked at. */
const POLL_MS = 1000;
/** A job that is gone may have left a result that a network file system shows later; one that failed, some words. */
const GONE_MS = 10_000, FAILED_MS = 2_000;
const LAST_LINES = 12;

/** A step that was handed over. */
interface Job {
  readonly id: string;
  readonly array: SubmittedJobs;
}

/** Hands steps over and waits for them. */
export class LaunchedRun implements Launch {
  /** Arrays that may still be under way, or whose results the run has yet to take. */
  #arrays: SubmittedJobs[] = [];
  readonly #jobs = new Map<string, Job>();
  #states: ReadonlyMap<string, JobState> = new Map();
  /** Jobs taken back because another step failed. */
  readonly #taken_back = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #look: Promise<void> | undefined;
  #problem: unknown;
  #stopping = false;
  readonly #folder: string;

  /**
   * @param order what the processes need to find the recipe.
   * @param command computes a step, see `JobArray`; given the launch's folder as an argument.
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
    if (before.launcher !== launcher.name) assertNoSubmittedJobs(out);
    const found = await Promise.all(before.arrays.map((array) => this.#find(array)));
    const ids = found.flatMap(({ steps }) => steps.flatMap(({ job }) => job ?? []));
    this.#states = await launcher.states(ids);
    const wanted = fingerprints(recipe);
    const isWanted = ({ step, fingerprint }: SubmittedJobs["steps"][number]) =>
      wanted.get(step) === fingerprint;
    const live = this.#withLive(found);
    const stale = live.flatMap(({ steps }) =>
      steps.flatMap((step) => isWanted(step) ? [] : step.job!)
    );
    if (stale.length > 0) await launcher.stop(stale);
    this.#arrays = live.map((array) => ({ ...array, steps: array.steps.filter(isWanted) }))
      .filter(({ steps }) => steps.length > 0);
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
      // Noted before and after: whoever dies in between leaves a name to look for.
      this.#arrays.push(record);
      this.#remember();
      const after = waits_for.flatMap((id) => this.#jobs.get(id)?.id ?? []);
      const command = this.command(this.#folder);
      const jobs = await this.launcher.submit({
        ...{ name, steps: ids, after, resources, command, folder: this.#folder },
      });
      record.steps.forEach((step, i) => step.job = jobs[i]);
      this.#remember();
      // Until they are first looked at.
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
      tail.read(listener);
      const outcome = readOutcome(array.folder, step.id);
      if (outcome) {
        tail.read(listener); // what came before it
        return await this.#take(step, job.key, outcome, listener);
      }
      if (this.#taken_back.has(id)) throw new Interrupted();
      const has_ended = (this.#states.get(id)?.state ?? "ended") === "ended";
      if (signal.aborted) {
        if (this.launcher.outlives) throw new Interrupted(this.#goOn());
        if (has_ended) throw new Interrupted();
      }
      gone_since = has_ended ? gone_since ?? performance.now() : undefined;
      const left = gone_since === undefined ? 0 : performance.now() - gone_since;
      const patience = this.#states.get(id)?.failed ? FAILED_MS : GONE_MS;
      if (left > patience) throw await this.#failure(step, new Error(this.#lost(id, array)));
      // A thousand steps that wait look a thousand times a second, not four thousand.
      const pause = Math.max(POLL_MS / 4, this.#jobs.size);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (signal.aborted && !this.launcher.outlives) await this.#stopAll();
    }
  };

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#look;
    try {
      this.#states = await this.launcher.states([...this.#jobs.values()].map(({ id }) => id));
    } catch {
      return; // what is not known to have ended stays noted
    }
    this.#arrays = this.#withLive(this.#arrays);
    this.#remember();
  }

  /** Of arrays, the jobs that wait or run. */
  #withLive(arrays: readonly SubmittedJobs[]): SubmittedJobs[] {
    const isLive = ({ job }: { job?: string }) =>
      (this.#states.get(job ?? "")?.state ?? "ended") !== "ended";
    return arrays.map((array) => ({ ...array, steps: array.steps.filter(isLive) }))
      .filter(({ steps }) => steps.length > 0);
  }

  /** The outputs of a step that has ended. */
  async #take(step: Step, key: string, outcome: ReturnType<typeof readOutcome>, to: StepListener) {
    try {
      const result = resultOf(outcome!);
      if (result.key !== key) {
        throw new Error("what it reads was changed while the pipeline ran; start it again");
      }
      if (!result.ran) to.log("an equal step had been computed before");
      return { ...result.outputs };
    } catch (error) {
      throw await this.#failure(step, error);
    }
  }

  /** After a failure nothing new begins; what runs goes on to its end. */
  async #failure(step: Step, error: unknown): Promise<unknown> {
    const waiting = [...this.#jobs].filter(([id, job]) =>
      id !== step.id && this.#states.get(job.id)?.state === "waiting"
    ).map(([, { id }]) => id);
    waiting.forEach((id) => this.#taken_back.add(id));
    if (waiting.length > 0) await this.launcher.cancel(waiting);
    return error;
  }

  async #stopAll(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.launcher.stop([...this.#jobs.values()].map(({ id }) => id));
  }

  #goOn(): string {
    const live = [...this.#jobs.values()].map(({ id }) => id)
      .filter((id) => (this.#states.get(id)?.state ?? "ended") !== "ended");
    return `The steps go on in ${this.launcher.name}: run the same command again to follow them, ` +
      `or end them by ${this.launcher.howToEnd(live)}`;
  }

  #lost(id: string, array: SubmittedJobs): string {
    const path = this.launcher.logOf(array, id);
    const lines = readIfPresent(path)?.trimEnd().split("\n").slice(-LAST_LINES);
    const { detail } = this.#states.get(id) ?? {};
    return `its job ${id} ended without a result${detail ? ` (${detail})` : ""}; it printed` +
      (lines?.[0] ? `, in ${path}:\n${lines.join("\n")}` : ` nothing in ${path}`);
  }

  /** Fills in the ids of an array whose process died before it could. */
  async #find(array: SubmittedJobs): Promise<SubmittedJobs> {
    if (array.steps.every(({ job }) => job !== undefined)) return array;
    const ids = await this.launcher.find({ ...array, steps: array.steps.map(({ step }) => step) });
    return { ...array, steps: array.steps.map((step, i) => ({ ...step, job: ids?.[i] })) };
  }

  #remember(): void {
    writeSubmittedJobs(this.order.out, this.launcher.name, this.#arrays);
    for (const array of this.#arrays) {
      for (const { step, job } of array.steps) if (job) this.#jobs.set(step, { id: job, array });
    }
  }

  /** Looks at all jobs again and again, one look at a time. */
  #watch(onJob: (step: string, job: JobInfo) => void): void {
    const look = async () => {
      try {
        const states = await this.launcher.states([...this.#jobs.values()].map(({ id }) => id));
        for (const [step, { id }] of this.#jobs) {
          const before = this.#states.get(id);
          const now: JobState = states.get(id) ?? { state: "ended" };
          if (JSON.stringify(before) === JSON.stringify(now)) continue;
          const { failed: _, ...told } = now;
          onJob(step, { launcher: this.launcher.name, id, ...told });
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

/** Folders of launches that are over. */
function removeOldFolders(out: string, arrays: readonly SubmittedJobs[]): void {
  const folder = join(out, "launch");
  const used = new Set(arrays.map(({ folder }) => folder));
  for (const name of listFolders(folder)) {
    if (/^[0-9a-f]{8}$/.test(name) && !used.has(join(folder, name))) {
      removeIfPresent(join(folder, name));
    }
  }
}
