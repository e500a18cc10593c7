/**
 * Files of launches, below `<out>/launch/`. The first outlives the process that wrote it; the others are how a launch and
 * its processes communicate.
 *
 *     jobs.json                     submitted steps, their launcher and their jobs
 *     <launch>/order.json           what to run: the recipe, how it is loaded, the output folder
 *     <launch>/<step>.events.jsonl  what the step reports
 *     <launch>/<step>.result.json   its result or error; absent while it runs or was interrupted
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import {
  fromPlainError,
  type PlainError,
  type StepListener,
  type StepResult,
} from "../../runner/mod.ts";
import { mapWired, type Recipe, type Step } from "../../recipe/mod.ts";
import { visible } from "../../stage/mod.ts";
import { eventLine, LogTail, type RunEventBody } from "../../runs/mod.ts";
import {
  canonicalJson,
  readIfPresent,
  removeIfPresent,
  sha256,
  writeAll,
  writeAtomic,
} from "../../store/mod.ts";

const record_schema = z.strictObject({
  /** Name of the array. */
  name: z.string(),
  folder: z.string(),
  steps: z.array(z.strictObject({
    step: z.string(),
    /** Digest of what the step computes, see `fingerprints`. */
    fingerprint: z.string(),
    /** Its job; absent when the process died during the submission. */
    job: z.string().optional(),
  })),
});
const file_schema = z.strictObject({
  format: z.literal(1),
  launcher: z.string(),
  arrays: z.array(record_schema),
});

/** A submitted array. */
export type SubmittedJobs = z.infer<typeof record_schema>;

const jobsPath = (out: string) => join(out, "launch", "jobs.json");

/** @throws {Error} when the file is damaged. */
export function readSubmittedJobs(out: string): z.infer<typeof file_schema> | undefined {
  const text = readIfPresent(jobsPath(out));
  if (text === undefined) return undefined;
  try {
    return file_schema.parse(JSON.parse(text));
  } catch {
    throw new Error(
      `${jobsPath(out)} is damaged; end the jobs of this folder, then delete the file`,
    );
  }
}

/** Records the submitted jobs; without any, there is no file. */
export function writeSubmittedJobs(
  out: string,
  launcher: string,
  arrays: readonly SubmittedJobs[],
): void {
  if (arrays.length === 0) return removeIfPresent(jobsPath(out));
  Deno.mkdirSync(join(out, "launch"), { recursive: true });
  const content = { format: 1, launcher, arrays };
  writeAtomic(jobsPath(out), JSON.stringify(content, null, 2) + "\n");
}

/**
 * Checks that no launcher has steps of the folder.
 *
 * @throws {Error} naming the launcher that has.
 */
export function assertNoSubmittedJobs(out: string): void {
  const before = readSubmittedJobs(out);
  if (!before) return;
  const { arrays, launcher } = before;
  const count = arrays.reduce((sum, { steps }) => sum + steps.length, 0);
  throw new Error(
    `${count} step${
      count === 1 ? "" : "s"
    } of ${out} may be running in ${launcher}: continue with deno ` +
      `task pipeline:launch --launcher ${launcher}, or end them and delete ${join(out, "launch")}`,
  );
}

/** A digest for each step of everything that determines its result: its settings, and those of all its inputs. */
export function fingerprints(recipe: Recipe): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const step of recipe.steps) found.set(step.id, fingerprint(step, found));
  return found;
}

function fingerprint({ stage, config, seed, inputs }: Step, before: ReadonlyMap<string, string>) {
  const read = mapWired(inputs, ({ step, output }) => `${before.get(step)} ${output}`);
  const { name, version } = stage;
  return sha256(canonicalJson({ stage: name, version, config, seed, inputs: read }));
}

const order_schema = z.strictObject({
  recipe: z.string(),
  load: z.strictObject({
    device: z.string().optional(),
    set: z.array(z.string()).readonly().optional(),
    stages: z.string().optional(),
  }),
  out: z.string(),
  data_root: z.string().optional(),
});

/** What the processes of a launch have in common. */
export type Order = z.output<typeof order_schema>;

const pathOf = (folder: string, step: string, kind: string) => join(folder, `${step}.${kind}`);

export function writeOrder(folder: string, order: Order): void {
  Deno.mkdirSync(folder, { recursive: true });
  writeAtomic(join(folder, "order.json"), JSON.stringify(order, null, 2) + "\n");
}

/** @throws {Error} when there is none, or it is damaged. */
export function readOrder(folder: string): Order {
  const text = readIfPresent(join(folder, "order.json"));
  if (text === undefined) throw new Error(`${folder} is not the folder of a launch`);
  try {
    return order_schema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${join(folder, "order.json")} is damaged; start the pipeline again`);
  }
}

/** How a step ended: its result, or its error. */
export type Outcome = { readonly result: StepResult } | { readonly error: PlainError };

export function writeOutcome(folder: string, step: string, outcome: Outcome): void {
  writeAtomic(pathOf(folder, step, "result.json"), visible(JSON.stringify(outcome)) + "\n");
}

export function clearOutcome(folder: string, step: string): void {
  removeIfPresent(pathOf(folder, step, "result.json"));
}

/** The outcome of a step; undefined until it ends. */
export function readOutcome(folder: string, step: string): Outcome | undefined {
  const text = readIfPresent(pathOf(folder, step, "result.json"));
  return text === undefined ? undefined : JSON.parse(text);
}

/** @throws {Error} the failure of the step. */
export function resultOf(outcome: Outcome): StepResult {
  if ("error" in outcome) throw fromPlainError(outcome.error);
  return outcome.result;
}

/** A report of a step. */
type Report = Extract<RunEventBody, { type: "report" | "log" | "sample" }>;

/** Writes the reports of a step, for `ReportTail`. */
export class ReportWriter implements StepListener {
  readonly #file: Deno.FsFile;

  constructor(folder: string, private readonly step: string) {
    const path = pathOf(folder, step, "events.jsonl");
    this.#file = Deno.openSync(path, { create: true, append: true });
    // A killed process may have left half a line.
    if (this.#file.statSync().size > 0) writeAll(this.#file, new TextEncoder().encode("\n"));
  }

  report: StepListener["report"] = (points, total) =>
    this.#write({ type: "report", step: this.step, points, total });
  log: StepListener["log"] = (message) => this.#write({ type: "log", step: this.step, message });
  sample: StepListener["sample"] = (done, { prompt, text }) =>
    this.#write({ type: "sample", step: this.step, done, prompt, text });

  close(): void {
    this.#file.close();
  }

  #write(report: Report): void {
    writeAll(this.#file, eventLine(report));
  }
}

/** Reads the reports of a step, from where the last call stopped. */
export class ReportTail {
  readonly #log: LogTail;

  constructor(folder: string, step: string) {
    this.#log = new LogTail(pathOf(folder, step, "events.jsonl"));
  }

  /** Passes new reports to a listener. */
  async read(listener: StepListener): Promise<void> {
    try {
      for await (const lines of this.#log.read()) {
        for (const { event } of lines) {
          if (event.type === "report") listener.report(event.points, event.total);
          if (event.type === "log") listener.log(event.message);
          if (event.type === "sample") listener.sample(event.done, event);
        }
      }
    } catch (error) {
      // Nothing was reported yet.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
