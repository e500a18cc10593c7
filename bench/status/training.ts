/**
 * The pipeline as users run it, training on all cores, with its server.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LogReader } from "@causeway/core/runs";

const pathOf = (url: string) => fileURLToPath(new URL(url, import.meta.url));
const PIPELINE = pathOf("../../core/cli/run/pipeline.ts");
/** Writes tables that are read during training. */
const TABLES = pathOf("../../core/recipe/testdata/toy_recipe.ts");
const TRAINING = pathOf("../../core/status/testdata/training_recipe.ts");

/** A pipeline that trains. */
export class Training {
  #server_thread?: string;

  private constructor(
    readonly pid: number,
    readonly url: URL,
    private readonly child: Deno.ChildProcess,
    private readonly out: string,
  ) {}

  /** Makes some artifacts, then starts training; resolves after the first 100 steps. */
  static async start(out: string): Promise<Training> {
    const { success, stderr } = await command(
      ["--recipe", TABLES, "--out", out, "--port=0"],
      "piped",
    )
      .output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const args = ["--recipe", TRAINING, "--set", "trunk.steps=100000000", "--out", out, "--port=0"];
    const child = command(args, "piped").spawn();
    const { promise, resolve } = Promise.withResolvers<URL>();
    readLines(child.stderr, (text) => {
      const found = /Status: (http:\/\/[\d.:]+)\//.exec(text);
      if (found) resolve(new URL(found[1]));
    });
    const training = new Training(child.pid, await promise, child, out);
    while ((await training.points()).length < 100) await pause(100);
    return training;
  }

  /** Id of the run that made the tables. */
  get tables(): string {
    return this.#runs()[0];
  }

  /**
   * CPU seconds of the server's thread so far, from Linux's /proc; NaN on other systems. It is the first thread that
   * the process starts, because the server starts before the run.
   */
  get server_seconds(): number {
    if (Deno.build.os !== "linux") return NaN;
    const tasks = `/proc/${this.pid}/task`;
    this.#server_thread ??= [...Deno.readDirSync(tasks)].find(({ name }) => {
      return Deno.readTextFileSync(join(tasks, name, "comm")).trim() === "worker-1";
    })!.name;
    // The first field of schedstat is time on the processor in nanoseconds.
    const [ns] = Deno.readTextFileSync(join(tasks, this.#server_thread, "schedstat")).split(" ");
    return Number(ns) / 1e9;
  }

  /** Size of the event log so far, after which an event stream has only new events. */
  get log_bytes(): number {
    return Deno.statSync(this.#log).size;
  }

  /** When each training step ended, in Unix milliseconds. */
  async points(): Promise<number[]> {
    const times: number[] = [];
    try {
      for await (const event of LogReader.events(this.#log)) {
        if (event.type === "report") { for (const [, time] of event.points) times.push(time); }
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return times;
  }

  async stop(): Promise<void> {
    this.child.kill("SIGINT");
    await this.child.status;
  }

  get #log(): string {
    return join(this.out, "runs", this.#runs()[1] ?? "", "events.jsonl");
  }

  #runs(): string[] {
    return [...Deno.readDirSync(join(this.out, "runs"))].map(({ name }) => name).sort();
  }
}

function command(args: readonly string[], stderr: "piped"): Deno.Command {
  const flags = ["run", "--no-check", "--no-prompt", "-A"];
  return new Deno.Command(Deno.execPath(), {
    args: [...flags, PIPELINE, ...args],
    stdout: "null",
    stderr,
  });
}

async function readLines(stream: ReadableStream<Uint8Array>, take: (text: string) => void) {
  let all = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream() as never)) {
    all = (all + text).slice(-2000);
    take(all);
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
