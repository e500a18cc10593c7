/**
 * Runs one step: builds its context on the store, calls the stage, stores the outputs.
 *
 * @module
 */
import type {
  AnyStage,
  FilesInput,
  InputPorts,
  Metrics,
  Port,
  Ranks,
  SampleSettings,
  StageContext,
  TableInput,
} from "../stage/mod.ts";
import {
  type Artifact,
  openArtifact,
  Store,
  StoredCheckpoints,
  StoredFilesOutput,
  StoredTableOutput,
} from "../store/mod.ts";
import type { Point } from "../runs/mod.ts";
import type { Step } from "../recipe/mod.ts";
import { opened, type PauseGate } from "./run_control.ts";
import { withTokenizer } from "./table_tokenizer.ts";

/** Artifacts on the connected inputs of a step; for a `many` port one under each label. */
export type InputArtifacts = Readonly<
  Record<string, Artifact | Readonly<Record<string, Artifact>>>
>;

/** What a step needs besides the recipe. Plain data: it is posted to the step's worker. */
export interface StepJob {
  readonly step: string;
  readonly key: string;
  readonly inputs: InputArtifacts;
  readonly store: string;
  readonly samples?: SampleSettings;
  /** Set if all processes of the group run it together. */
  readonly ranks?: { readonly shard_optimizer: boolean };
}

/** Receives the reports of a running step. */
export interface StepListener {
  report(points: readonly Point[], total?: number): void;
  log(message: string): void;
  sample(done: number, sample: Sample): void;
}

/** Text that a model generated from a prompt. */
export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

/** Runs a step in this thread, in a worker, or in another process. The step waits while the gate is closed. */
export type Executor = (
  step: Step,
  job: StepJob,
  listener: StepListener,
  signal: AbortSignal,
  gate?: PauseGate,
) => Promise<Record<string, Artifact>>;

/**
 * Runs steps in this thread: for tests, and for recipes that are not files. A step is paused only when it writes, since
 * reporting is synchronous.
 */
export const inlineExecutor: Executor = (step, job, listener, signal, gate) => {
  const poll = () => gate?.paused ? opened(gate, signal) : undefined;
  return executeStep(step, job, new Store(job.store), listener, signal, poll);
};

/**
 * Called after each report of a stage, and before it logs or writes, to notice a request to pause or stop.
 *
 * @param flush sends the reports so far; to be called before waiting.
 * @returns what a write has to wait for.
 */
export type Poll = (flush: () => void) => Promise<void> | undefined;

/**
 * Runs a step to its end in this thread.
 *
 * @param ranks the processes that run it together; this one is rank 0.
 * @throws whatever the stage throws, and an Error naming an output it did not write.
 */
export async function executeStep(
  step: Step,
  job: StepJob,
  store: Store,
  listener: StepListener,
  signal: AbortSignal,
  poll: Poll = () => undefined,
  ranks?: Ranks,
): Promise<Record<string, Artifact>> {
  const outputs = openOutputs(step, store);
  const reports = new ReportBuffer(listener);
  const log = (message: string) => listener.log(String(message));
  const pollNow = () => poll(() => reports.flush());
  const checkpoints = new StoredCheckpoints(store.workFolder(job.key), log);
  try {
    const context: StageContext<unknown, never, never> = {
      config: structuredClone(step.config),
      inputs: await openInputs(step, job, store) as never,
      outputs: guardOutputs(step, outputs, pollNow) as never,
      seed: step.seed,
      signal,
      checkpoints,
      ranks,
      samples: job.samples,
      showSample(step, sample) {
        reports.flush(); // the log keeps the order of reports and samples
        listener.sample(step, sample);
      },
      report(done, metrics = {}, total) {
        reports.add(done, metrics, total);
        pollNow();
      },
      log(message) {
        pollNow();
        log(message);
      },
    };
    await step.stage.run(context);
    const { stage } = step as { stage: AnyStage };
    return await withTokenizer(
      { stage, inputs: job.inputs, outputs: await closeOutputs(outputs) },
      store,
    );
  } finally {
    reports.flush();
    Object.values(outputs).forEach((output) => output.abort());
  }
}

type StoredOutput = StoredTableOutput<Record<string, never>> | StoredFilesOutput;

function openOutputs(step: Step, store: Store): Record<string, StoredOutput> {
  return Object.fromEntries(
    Object.entries(step.stage.outputs as Record<string, Port>).map(([name, port]) => [
      name,
      port.kind === "table"
        ? new StoredTableOutput(store, port.columns as Record<string, never>)
        : new StoredFilesOutput(store),
    ]),
  );
}

/** The outputs as the stage sees them: errors name the port, and access to an undeclared port throws. */
function guardOutputs(
  step: Step,
  outputs: Record<string, StoredOutput>,
  pollNow: () => Promise<void> | undefined,
) {
  const guarded = Object.fromEntries(
    Object.entries(outputs).map(([name, output]) => [name, {
      async write(...content: unknown[]) {
        const waiting = pollNow();
        if (waiting) await waiting;
        try {
          await (output.write as (...content: unknown[]) => Promise<void>)(...content);
        } catch (error) {
          if (error instanceof TypeError) error.message = `output "${name}": ${error.message}`;
          throw error;
        }
      },
    }]),
  );
  return new Proxy(guarded, {
    get(target, name) {
      if (typeof name === "symbol" || name in target) return Reflect.get(target, name);
      const known = Object.keys(target).join(", ");
      throw new TypeError(
        `stage ${step.stage.name} declares no output "${name}"; its outputs are ${known}`,
      );
    },
  });
}

async function closeOutputs(outputs: Record<string, StoredOutput>) {
  for (const [name, output] of Object.entries(outputs)) {
    if (!output.written) {
      throw new Error(
        `output "${name}" was never written; write an empty batch for a table without rows`,
      );
    }
  }
  const artifacts: Record<string, Artifact> = {};
  for (const [name, output] of Object.entries(outputs)) artifacts[name] = await output.close();
  return artifacts;
}

/** Opens the connected inputs of a step, as its stage sees them. */
export async function openInputs(
  step: Step,
  job: Pick<StepJob, "inputs">,
  store: Store,
): Promise<Record<string, unknown>> {
  type Input = TableInput | FilesInput;
  const open = (port: Port, artifact: Artifact, origin: string) =>
    openArtifact(store, port, artifact, origin);
  const inputs: Record<string, Input | Record<string, Input>> = {};
  for (const [name, declared] of Object.entries(step.stage.inputs as InputPorts)) {
    const given = job.inputs[name];
    const origin = `input "${name}"`;
    if (given === undefined) continue;
    if (declared.kind !== "many") {
      const port = declared.kind === "optional" ? declared.port : declared;
      inputs[name] = await open(port, given as Artifact, origin);
      continue;
    }
    const many: Record<string, Input> = {};
    for (const [label, artifact] of Object.entries(given as Record<string, Artifact>)) {
      many[label] = await open(declared.port, artifact, `${origin} (${label})`);
    }
    inputs[name] = many;
  }
  return inputs;
}

const POST_EVERY_MS = 100;

/**
 * Batches reports: at most ten messages a second leave the stage's thread, and no report is lost. A stage may block its
 * thread for long, so the time is checked on each report; the timer sends the last ones.
 */
class ReportBuffer {
  #points: Point[] = [];
  #total: number | undefined;
  #last_post = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly listener: StepListener) {}

  add(done: number, metrics: Metrics, total?: number): void {
    // JSON has no NaN: a value that is not finite is logged as null.
    const finite = Object.entries(metrics).map(([k, v]) => [k, Number.isFinite(v) ? v : null]);
    this.#points.push([done, Date.now(), Object.fromEntries(finite)]);
    this.#total = total ?? this.#total;
    // A monotonic clock: if the system clock were set back, reports would wait until it has caught up.
    if (performance.now() - this.#last_post >= POST_EVERY_MS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), POST_EVERY_MS);
  }

  /** Sends the reports so far. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#points.length === 0) return;
    this.listener.report(this.#points, this.#total);
    this.#points = [];
    this.#last_post = performance.now();
  }
}
