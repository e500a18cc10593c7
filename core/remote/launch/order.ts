/**
 * Files by which a launch and the processes that it starts talk, below `<out>/launch/<launch id>/`:
 *
 *     order.json              what to run: the recipe, how it is loaded, the output folder
 *     <step>.events.jsonl     what the step reports
 *     <step>.result.json      what it made, or why it failed; absent while it is under way or was interrupted
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
import { type LoadOptions } from "../../recipe/mod.ts";
import { type RunEventBody } from "../../runs/mod.ts";
import { readIfPresent, removeIfPresent, writeAll, writeAtomic } from "../../store/mod.ts";

/** What the processes of a launch have in common. */
export interface Order {
  readonly recipe: string;
  readonly load: LoadOptions;
  readonly out: string;
  readonly data_root?: string;
}

const order_schema = z.strictObject({
  recipe: z.string(),
  load: z.strictObject({
    device: z.string().optional(),
    set: z.array(z.string()).optional(),
    stages: z.string().optional(),
  }),
  out: z.string(),
  data_root: z.string().optional(),
});

const pathOf = (folder: string, step: string, kind: string) => join(folder, `${step}.${kind}`);

export function writeOrder(folder: string, order: Order): void {
  Deno.mkdirSync(folder, { recursive: true });
  writeAtomic(join(folder, "order.json"), JSON.stringify(order, null, 2) + "\n");
}

/** @throws {Error} when there is none, or it is damaged. */
export function readOrder(folder: string): Order {
  const text = readIfPresent(join(folder, "order.json"));
  if (text === undefined) throw new Error(`${folder} is no folder of a launch`);
  try {
    return order_schema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${join(folder, "order.json")} is damaged; start the pipeline again`);
  }
}

/** What a step left: what it made, or why it failed. */
export type Outcome = { readonly result: StepResult } | { readonly error: PlainError };

export function writeOutcome(folder: string, step: string, outcome: Outcome): void {
  writeAtomic(pathOf(folder, step, "result.json"), JSON.stringify(outcome) + "\n");
}

export function clearOutcome(folder: string, step: string): void {
  removeIfPresent(pathOf(folder, step, "result.json"));
}

/** The outcome of a step; undefined while there is none. */
export function readOutcome(folder: string, step: string): Outcome | undefined {
  const text = readIfPresent(pathOf(folder, step, "result.json"));
  return text === undefined ? undefined : JSON.parse(text);
}

/** @throws {Error} the failure of the step. */
export function resultOf(outcome: Outcome): StepResult {
  if ("error" in outcome) throw fromPlainError(outcome.error);
  return outcome.result;
}

/** Something that a step reported. */
type Report = Extract<RunEventBody, { type: "report" | "log" | "sample" }>;

/** Writes what a step reports where `ReportTail` reads it. */
export class ReportWriter implements StepListener {
  readonly #file: Deno.FsFile;

  constructor(folder: string, private readonly step: string) {
    const path = pathOf(folder, step, "events.jsonl");
    this.#file = Deno.openSync(path, { create: true, append: true });
    // A process that was killed may have left half a line.
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
    writeAll(this.#file, new TextEncoder().encode(JSON.stringify(report) + "\n"));
  }
}

/** Reads what a step reports, on from where it stopped. */
export class ReportTail {
  #at = 0;

  constructor(private readonly folder: string, private readonly step: string) {}

  /** Gives what is new to a listener; a line that is not whole yet waits. */
  read(listener: StepListener): void {
    for (const line of this.#lines()) {
      const report = parse(line);
      if (report?.type === "report") listener.report(report.points, report.total);
      if (report?.type === "log") listener.log(report.message);
      if (report?.type === "sample") listener.sample(report.done, report);
    }
  }

  #lines(): string[] {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(pathOf(this.folder, this.step, "events.jsonl"));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
    using _ = file;
    const bytes = new Uint8Array(Math.max(0, file.statSync().size - this.#at));
    file.seekSync(this.#at, Deno.SeekMode.Start);
    let read = 0;
    while (read < bytes.length) {
      const more = file.readSync(bytes.subarray(read)) ?? 0;
      if (more === 0) break;
      read += more;
    }
    const end = bytes.subarray(0, read).lastIndexOf(10) + 1;
    this.#at += end;
    return new TextDecoder().decode(bytes.subarray(0, end)).split("\n").slice(0, -1);
  }
}

/** A line that a killed process left unfinished is passed over. */
function parse(line: string): Report | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
