/**
 * Runs a recipe: plans, executes what has to run, records what was made, publishes.
 *
 * @module
 */
import { join } from "node:path";
import {
  type Artifact,
  artifactKey,
  type Identity,
  makeFolder,
  type Manifest,
  MANIFEST_FORMAT,
  type Store,
  type VerifiedFiles,
} from "../store/mod.ts";
import {
  checkRecipe,
  mapWired,
  type Recipe,
  type RecipeDraft,
  type Ref,
  type Step,
} from "../recipe/mod.ts";
import {
  type Budget,
  EventLog,
  type JobInfo,
  lockFolder,
  newRunId,
  type PlannedTask,
  readLock,
  type RecipeLock,
  refreshSnapshots,
  type RunEvent,
  type RunState,
  stageInfos,
  stepInfo,
  type Task,
  writeLock,
} from "../runs/mod.ts";
import { asInterrupted, Interrupted, mostSevere, StepFailed, toPlainError } from "./errors.ts";
import { type Executor, inlineExecutor, type InputArtifacts, type Sample } from "./execute.ts";
import { identityOf, outputsProblem } from "./plan.ts";
import { publishFiles } from "./publish.ts";
import { forecastRecipe } from "./forecast.ts";
import { readiness, RequirementsError, type RunPlace, sizeProblems } from "./requirements.ts";
import { machineBudget, planTasks } from "./resources.ts";
import type { RunControl } from "./run_control.ts";
import { dispatch } from "./schedule.ts";
import {
  findProblem,
  type SharedResults,
  storeOf,
  verifiedFiles,
  type VerifiedPlan,
  verifyWithShared,
} from "./verify.ts";

/** Runs the steps in processes of their own, on this machine or another. */
export interface Launch {
  /**
   * Finds jobs that an earlier run of the folder submitted and that are still running.
   *
   * @returns whether there are any; files of theirs may then be half-written.
   */
  attach(recipe: Recipe): Promise<boolean>;
  /**
   * Submits all steps that have to run and are not submitted yet. Each starts when the steps it reads are done, even if
   * this process has ended.
   *
   * @param onJob called with the state of each job, now and whenever it changes.
   */
  submit(
    recipe: Recipe,
    plan: readonly PlannedTask[],
    onJob: (step: string, job: JobInfo) => void,
  ): Promise<void>;
  /** Waits for a submitted step. */
  readonly executor: Executor;
  /** Stops watching the jobs. */
  close(): Promise<void>;
}

export interface RunOptions {
  /** Output folder; made when absent. */
  readonly out: string;
  /** URL of the recipe's module, to check before the first step whether its plugins can be isolated. */
  readonly recipe_url?: string;
  /** Bytes of memory and of free disk that sizes are checked against; those of this machine by default. */
  readonly machine?: RunPlace["machine"];
  /** Called with a line on what could not be checked before the first step. */
  readonly onUnknown?: (line: string) => void;
  /** Where steps run; in this thread by default. */
  readonly executor?: Executor;
  /** Runs the steps in processes of their own, instead of the executor; it decides how many at the same time. */
  readonly launch?: Launch;
  /** Shares results with other machines. */
  readonly shared?: SharedResults;
  /** Ids of the steps to run; all by default. */
  readonly only?: ReadonlySet<string>;
  /** Ids of steps that run even if they have a result, from their beginning. */
  readonly again?: ReadonlySet<string>;
  /** Independent steps to run at the same time, as cores and memory allow; 1 by default. */
  readonly jobs?: number;
  /** Reads all results in full, also those unchanged since they were last verified. */
  readonly verify?: boolean;
  /** Bytes that steps may use together; by default most of the free memory. */
  readonly memory?: number;
  /** Abort it to stop after the next checkpoint of each running step. */
  readonly signal?: AbortSignal;
  /** Pauses and resumes the run. */
  readonly control?: RunControl;
  /** Called with every event and the state after it. */
  readonly onEvent?: (event: RunEvent, state: RunState) => void;
}

/**
 * Runs a recipe to its end. Steps with up-to-date results are skipped. How many steps run at the same time changes no
 * result.
 *
 * @returns the final state.
 * @throws {RequirementsError} when something is missing that a step needs: before the first step, or as soon as the data
 *   exist that it depends on.
 * @throws {StepFailed} when a step fails, after waiting for the running ones; no other step is started.
 * @throws {Interrupted} when the signal was aborted, with its reason as the cause. The next run resumes from the last
 *   checkpoint.
 * @throws {Error} when another runner uses the folder, or it cannot be written.
 */
export async function run(
  given: Recipe | RecipeDraft,
  run_options: RunOptions,
): Promise<RunState> {
  const recipe = await checkRecipe(given);
  const { out, only, again, jobs = 1, memory, launch, shared, signal, control, onEvent } =
    run_options;
  makeFolder(out);
  const lock = await lockFolder(out);
  try {
    const store = storeOf(out);
    const is_shared = await launch?.attach(recipe);
    store.open({ keep_temporary: is_shared });
    const files = verifiedFiles(out, { full: run_options.verify, remember: true });
    const options = { only, again, signal, files, quarantine: true };
    const planned = await verifyWithShared(shared, recipe, out, options);
    await refreshSnapshots(out);
    const budget = machineBudget(jobs, memory);
    const forecasts = await forecastRecipe(recipe, out, planned);
    const place = { ...run_options, elsewhere: launch !== undefined };
    const { unmet, awaited, unknown_line } = await readiness(recipe, forecasts, place);
    if (unmet.length > 0) throw new RequirementsError(recipe.name, unmet);
    if (unknown_line !== undefined) run_options.onUnknown?.(unknown_line);
    const plan = planTasks(recipe, forecasts, budget);
    const id = newRunId(out, recipe.name);
    lock.setRun(id);
    const log = new EventLog(join(out, "runs", id), onEvent);
    const unlisten = control?.onChange(() => {
      log.emit({ type: control.paused ? "run_paused" : "run_resumed" });
    });
    try {
      const { name, description } = recipe;
      log.emit({
        type: "run_started",
        run: id,
        recipe: name,
        description,
        budget,
        verification: planned.verification,
        plan: plan.map((planned) => ({ ...planned, ...stepInfo(stepOf(recipe, planned.id)) })),
        stages: stageInfos(recipe),
      });
      if (control) {
        control.run = id;
        control.noteStop = (message) => log.emit({ type: "run_interrupted", message });
      }
      if (control?.paused) log.emit({ type: "run_paused" });
      return await new Run(recipe, run_options, store, log, planned, files, awaited).execute(
        plan,
        budget,
      );
    } finally {
      unlisten?.();
      await launch?.close();
      await shared?.settled();
      if (control) control.run = control.noteStop = undefined;
      log.close();
    }
  } catch (error) {
    if (error instanceof Interrupted) error.cause = signal?.reason;
    throw error;
  } finally {
    lock.unlock();
  }
}

class Run {
  /** Outputs of the steps that have run or were skipped. */
  readonly #done = new Map<string, Record<string, Artifact>>();
  /** Keys of the running steps. */
  readonly #running = new Set<string>();
  readonly #lock: RecipeLock;
  readonly #signal: AbortSignal;
  /** Steps after which more is known of the sizes of others. */
  readonly #awaited: Set<string>;

  constructor(
    private readonly recipe: Recipe,
    private readonly options: RunOptions,
    private readonly store: Store,
    private readonly log: EventLog,
    private readonly planned: VerifiedPlan,
    private readonly files: VerifiedFiles,
    awaited: readonly string[],
  ) {
    this.#awaited = new Set(awaited);
    this.#lock = readLock(options.out, recipe.name);
    this.#signal = options.signal ?? new AbortController().signal;
  }

  async execute(plan: readonly PlannedTask[], budget: Budget): Promise<RunState> {
    try {
      // Submitted jobs use nothing of this machine.
      const nothing = { cores: 0, memory: 0, device: undefined };
      const { launch } = this.options;
      await launch?.submit(this.recipe, plan, (step, job) => {
        this.log.emit({ type: "step_job", step, job });
      });
      const tasks = plan.map(({ task }) => launch ? { ...task, ...nothing } : task);
      const start = ({ id }: Task) => this.#start(plan.find((planned) => planned.id === id)!);
      const { control } = this.options;
      const all = { ...budget, jobs: launch ? plan.length : budget.jobs };
      const { errors, left } = await dispatch(tasks, all, start, this.#signal, control);
      if (errors.length > 0) throw mostSevere(errors);
      if (left > 0) throw new Interrupted();
      this.log.emit({ type: "run_finished", published: await this.#publish() });
    } catch (error) {
      const type = error instanceof Interrupted ? "run_interrupted" : "run_failed";
      this.log.emit({ type, message: (error as Error).message });
      throw error;
    }
    return this.log.state!;
  }

  /** Starts a step, unless another with the same key is running: its result serves both. */
  #start(planned: PlannedTask): Promise<void> | undefined {
    const step = stepOf(this.recipe, planned.id);
    const identity = identityOf(step, mapWired(step.inputs, (ref) => this.#artifact(ref).digest));
    const key = artifactKey(identity);
    if (this.#running.has(key)) return undefined;
    this.#running.add(key);
    return this.#step(step, planned, identity, key).finally(() => this.#running.delete(key));
  }

  async #step(step: Step, planned: PlannedTask, identity: Identity, key: string): Promise<void> {
    const found = await this.#existing(step, key, planned);
    if (found) {
      // Early cutoff: the steps it reads ran again and gave the same results.
      const reasons = planned.action === "run" ? ["inputs are unchanged"] : planned.reasons;
      this.log.emit({ type: "step_skipped", step: step.id, key, reasons });
      this.store.clearWork(key); // a runner may have been killed before clearing it
      this.#remember(step, key, found.outputs);
    } else {
      this.log.emit({ type: "step_started", step: step.id, key, reasons: planned.reasons });
      const inputs = mapWired(step.inputs, (ref) => this.#artifact(ref));
      const outputs = await this.#execute(step, key, inputs);
      this.store.writeManifest(key, { ...identity, format: MANIFEST_FORMAT, outputs });
      this.store.clearWork(key);
      this.#remember(step, key, outputs);
      this.log.emit({ type: "step_finished", step: step.id, outputs });
    }
    if (this.log.error) throw this.log.error;
    if (this.#awaited.delete(step.id)) await this.#checkSizes();
  }

  /** Checks again what depends on results that exist now, such as the number of tokens. */
  async #checkSizes(): Promise<void> {
    const { recipe, options } = this;
    const forecasts = await forecastRecipe(recipe, options.out);
    const considered = forecasts.filter(({ id }) => options.only?.has(id) ?? true);
    const { unmet } = sizeProblems(recipe, considered, options);
    if (unmet.length > 0) throw new RequirementsError(recipe.name, unmet);
  }

  #artifact({ step, output }: Ref): Artifact {
    return this.#done.get(step)![output];
  }

  /** A finished, intact result for this key. */
  async #existing(step: Step, key: string, planned: PlannedTask): Promise<Manifest | undefined> {
    if (planned.action === "skip") return this.planned.earlier.manifests.get(key);
    if (this.options.again?.has(step.id)) {
      this.store.clearWork(key);
      return undefined;
    }
    if (this.options.launch) return undefined; // its own process checks
    // Other machines may work on the same plan. If they cannot be reached any more, this run continues without them.
    await this.options.shared?.pull(key).catch(({ message }: Error) => {
      this.log.emit({ type: "log", step: step.id, message });
    });
    const manifest = this.store.readManifest(key);
    if (!manifest || outputsProblem(step, manifest)) return undefined;
    // While other steps run, a damaged object stays in place: one of them may be replacing it. This step rewrites it.
    const is_alone = this.#running.size === 1;
    const problem = await findProblem(this.store, key, manifest, this.files, is_alone);
    return problem ? undefined : manifest;
  }

  async #execute(step: Step, key: string, inputs: InputArtifacts) {
    const { launch, control } = this.options;
    const executor = launch?.executor ?? this.options.executor ?? inlineExecutor;
    const { samples } = this.recipe;
    const job = { step: step.id, key, inputs, store: this.store.root, samples };
    const listener = {
      report: (points: never, total?: number) =>
        this.log.emit({ type: "report", step: step.id, total, points }),
      log: (message: string) => this.log.emit({ type: "log", step: step.id, message }),
      sample: (done: number, { prompt, text }: Sample) =>
        this.log.emit({ type: "sample", step: step.id, done, prompt, text }),
    };
    try {
      return await executor(step, job, listener, this.#signal, control);
    } catch (error) {
      const interrupted = asInterrupted(error, this.#signal);
      if (interrupted) throw interrupted;
      const failed = new StepFailed(step, error);
      const { stack } = toPlainError(error);
      this.log.emit({ type: "step_failed", step: step.id, message: failed.message, stack });
      throw failed;
    }
  }

  #remember(step: Step, key: string, outputs: Record<string, Artifact>): void {
    this.options.shared?.push(key);
    this.#done.set(step.id, outputs);
    for (const { digest } of Object.values(outputs)) {
      this.files.trust(this.store.objectPath(digest), digest);
    }
    if (this.#lock.steps[step.id] === key) return;
    this.#lock.steps[step.id] = key;
    writeLock(this.options.out, this.recipe.name, this.#lock);
  }

  async #publish(): Promise<string[]> {
    const { out, only } = this.options;
    const { name, published } = this.recipe;
    const refs = published.filter((ref) => this.#done.has(ref.step));
    const artifacts = refs.map(({ step, output }) => {
      return { name: `${step}.${output}`, artifact: this.#done.get(step)![output] };
    });
    const earlier = only ? [] : this.#lock.published;
    const paths = await publishFiles(this.store, out, name, artifacts, earlier, this.files);
    this.files.save();
    // A partial run only adds published files.
    this.#lock.published = only ? [...new Set([...this.#lock.published, ...paths])].sort() : paths;
    writeLock(out, name, this.#lock);
    return paths;
  }
}

function stepOf({ steps }: Recipe, id: string): Step {
  return steps.find((step) => step.id === id)!;
}
