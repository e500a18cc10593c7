/**
 * Files of launches, below `<out>/launch/`. The first outlives the process that wrote it; the others are how a launch and
 * its processes communicate.
 *
 *     jobs.json                     submitted steps, their launcher and their jobs (submitted_jobs.ts)
 *     <launch>/order.json           what to run: the recipe, how it is loaded, the output folder
 *     <launch>/<step>.events.jsonl  what the step reports
 *     <launch>/<step>.result.json   its result or error; absent while it runs or was interrupted
 *
 * @module
 */
import { openFileSync } from "../../words/mod.ts";
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
    this.#file = openFileSync(path, { create: true, append: true });
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
