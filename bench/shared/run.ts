/**
 * Runs the training or the evaluation benchmark: for each size one process of ours, and a contest with one process
 * of theirs for each mode and implementation.
 *
 * @module
 */
import { parameterCount } from "../../core/model/mod.ts";
import { Child } from "./child.ts";
import { checkAgreement, type Parts, playRound, prepare, type Side } from "./contest.ts";
import { passFlops } from "./flops.ts";
import { describeMachine } from "./machine.ts";
import type { Implementation, Mode, Options } from "./options.ts";
import { peakMemory } from "./process_stats.ts";
import { Progress } from "./progress.ts";
import { findPython } from "./python.ts";
import {
  type Contest,
  type Results,
  type SideResult,
  type SizeResult,
  summarize,
} from "./results.ts";
import type { Size } from "./sizes.ts";
import type { WorkloadFiles } from "./workload.ts";

/** What tells the two benchmarks apart. */
export interface Task {
  readonly name: "train" | "evaluate";
  /** Module of our child process. */
  readonly ours: URL;
}

/** Passes timed by part at the end of a contest. */
const PARTS_PASSES = 3;

export async function runBenchmark(task: Task, options: Options): Promise<Results> {
  const folder = await Deno.makeTempDir({ prefix: "bench_" });
  const stop = () => {
    Deno.removeSync(folder, { recursive: true });
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", stop);
  try {
    return await new Runner(task, options, folder).run();
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
    await Deno.remove(folder, { recursive: true });
  }
}

class Runner {
  readonly #progress: Progress;
  #python = "";

  constructor(
    private readonly task: Task,
    private readonly options: Options,
    private readonly folder: string,
  ) {
    this.#progress = new Progress(
      options.sizes.reduce((sum, size) => sum + this.#work(size) * this.#contests().length, 0),
    );
  }

  async run(): Promise<Results> {
    const { options, task } = this;
    this.#python = await findPython(options.python, (line) => this.#progress.say(line));
    const sizes: SizeResult[] = [];
    const machine = await describeMachine(this.#python);
    for (const size of options.sizes) sizes.push(await this.#runSize(size));
    const { modes, implementations, rounds, steps_per_round, threads } = options;
    const settings = { modes, implementations, rounds, steps_per_round, threads };
    return { benchmark: task.name, machine, settings, sizes };
  }

  /** Relative cost of a contest, for the time left: its passes on both sides, with about six before them. */
  #work(size: Size): number {
    const passes = 6 + this.options.rounds * this.#passes(size);
    return passFlops(size.config, size, "forward") * passes;
  }

  #passes(size: Size): number {
    return this.options.steps_per_round ?? size.steps;
  }

  #contests(): { mode: Mode; implementation: Implementation }[] {
    const { modes, implementations } = this.options;
    return modes.flatMap((mode) =>
      implementations.map((implementation) => ({ mode, implementation }))
    );
  }

  async #runSize(size: Size): Promise<SizeResult> {
    const { task, options: { threads } } = this;
    const passes = task.name === "train" ? "step" : "forward";
    const result: SizeResult = {
      size: size.name,
      parameters: parameterCount(size.config),
      rows: size.rows,
      length: size.length,
      passes,
      flops_per_pass: passFlops(size.config, size, passes),
      passes_per_round: this.#passes(size),
      contests: this.#contests().map((contest) => ({ ...contest, rounds: [] })),
    };
    this.#progress.say(`${size.name}: weights, tokens, our process`);
    const files = await this.#writeWorkload(size);
    const { child: ceiling } = await Child.startModule(
      "ceiling",
      new URL("ceiling.ts", import.meta.url),
    );
    await ceiling.request({ do: "prepare", size, passes, threads });
    const ours = await prepare(await Child.startModule("ours", task.ours), { size, threads });
    for (const contest of result.contests) {
      await this.#runContest(contest, result, size, { ours, ceiling, files });
      this.#progress.add(this.#work(size));
    }
    result.ours = sideResult(ours, await ours.child.request({ do: "parts", count: PARTS_PASSES }));
    await Promise.all([ours.child.stop(), ceiling.stop()]);
    return result;
  }

  /** A contest that fails says why in its result; the others go on. */
  async #runContest(
    contest: Contest,
    result: SizeResult,
    size: Size,
    { ours, ceiling, files }: { ours: Side; ceiling: Child; files: WorkloadFiles },
  ): Promise<void> {
    const name = `${size.name}, ${contest.mode}, ${contest.implementation}`;
    this.#progress.say(`${name}: starting PyTorch`);
    let child: Child | undefined;
    try {
      const started = await this.#startPeer(name);
      child = started.child;
      const theirs = await prepare(started, this.#request(contest, size, files));
      checkAgreement(ours.prepared, theirs.prepared, contest.mode);
      for (let round = 1; round <= this.options.rounds; round++) {
        const sides = { ours: ours.child, theirs: child, ceiling };
        contest.rounds.push(await playRound(sides, result.passes_per_round));
        const { ratio } = summarize(result, contest);
        this.#progress.say(
          `${name}: round ${round} of ${this.options.rounds}, ratio so far ${
            ratio.median.toFixed(2)
          }`,
        );
      }
      contest.theirs = sideResult(
        theirs,
        await child.request({ do: "parts", count: PARTS_PASSES }),
      );
    } catch (error) {
      contest.error = (error as Error).message;
      contest.rounds = [];
      this.#progress.say(`${name}: ${contest.error}`);
    }
    await child?.stop();
  }

  #request({ mode, implementation }: Contest, size: Size, files: WorkloadFiles) {
    const { threads } = this.options;
    return { task: this.task.name, size, files, threads, implementation, mode };
  }

  #startPeer(name: string) {
    const env = {
      OMP_NUM_THREADS: String(this.options.threads),
      // Compiled code is not reused between runs, so that the time to compile is always measured whole.
      TORCHINDUCTOR_CACHE_DIR: `${this.folder}/${crypto.randomUUID()}`,
    };
    const script = `${import.meta.dirname}/torch_peer.py`;
    return Child.start(`PyTorch (${name})`, this.#python, [script], env);
  }

  async #writeWorkload(size: Size): Promise<WorkloadFiles> {
    const files = { weights: `${this.folder}/weights`, tokens: `${this.folder}/tokens` };
    const module = new URL("workload.ts", import.meta.url).href;
    const args = ["run", "--no-prompt", "-A", module, JSON.stringify(size), JSON.stringify(files)];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    if (!success) {
      throw new Error(`writing the weights failed: ${new TextDecoder().decode(stderr)}`);
    }
    return files;
  }
}

function sideResult(
  { child, start_up_s, prepared, warm_up_peak_bytes }: Side,
  parts: Parts,
): SideResult {
  const steady_peak_bytes = peakMemory(child.pid);
  const peak_bytes = Math.max(warm_up_peak_bytes ?? 0, steady_peak_bytes ?? 0) || undefined;
  return { start_up_s, prepared, peak_bytes, steady_peak_bytes, parts };
}
