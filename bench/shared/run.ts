/**
 * Runs the training or the evaluation benchmark: for each size one process of ours, and a contest with one process
 * of theirs for each mode and implementation.
 *
 * @module
 */
import { parameterCount } from "../../core/model/mod.ts";
import { Child, runModule } from "./child.ts";
import {
  checkAgreement,
  type Parts,
  playQuietRounds,
  playRound,
  prepare,
  type Side,
} from "./contest.ts";
import {
  contestSeconds,
  contestsOf,
  passesPerRound,
  roundSeconds,
  startSeconds,
  totalSeconds,
} from "./estimate.ts";
import { passFlops } from "./flops.ts";
import { describeMachine } from "./machine.ts";
import type { Options } from "./options.ts";
import { peakMemory } from "./process_stats.ts";
import { Progress } from "./progress.ts";
import { findPython } from "./python.ts";
import type { Contest, Results, SideResult, SizeResult } from "./results.ts";
import type { Size } from "./sizes.ts";
import { isQuiet, speedRatio } from "./statistics.ts";
import type { WorkloadFiles } from "./workload.ts";

/** What tells the two benchmarks apart. */
export interface Task {
  readonly name: "train" | "evaluate";
  /** Module of our child process. */
  readonly ours: URL;
}

/** Passes timed by part at the end of a contest. */
const PARTS_PASSES = 3;

/**
 * Runs a benchmark.
 *
 * @param onSize called with the results so far after each size.
 */
export async function runBenchmark(
  task: Task,
  options: Options,
  onSize: (results: Results) => void,
): Promise<Results> {
  const folder = await Deno.makeTempDir({ prefix: "bench_" });
  const stop = () => {
    Deno.removeSync(folder, { recursive: true });
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", stop);
  try {
    return await new Runner(task, options, folder).run(onSize);
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
    await Deno.remove(folder, { recursive: true });
  }
}

/** What the contests of a size share. */
interface Setting {
  readonly size: Size;
  readonly result: SizeResult;
  readonly files: WorkloadFiles;
  readonly ours: Side;
  readonly ceiling: Child;
}

class Runner {
  readonly #progress: Progress;
  #python = "";

  constructor(
    private readonly task: Task,
    private readonly options: Options,
    private readonly folder: string,
  ) {
    this.#progress = new Progress(totalSeconds(options, this.#pass));
  }

  get #pass() {
    return this.task.name === "train" ? "step" : "forward";
  }

  async run(onSize: (results: Results) => void): Promise<Results> {
    const { python, sizes, out: _, ...settings } = this.options;
    this.#python = await findPython(python, (line) => this.#progress.say(line));
    const machine = await describeMachine(this.#python);
    const results: Results = { benchmark: this.task.name, machine, settings, sizes: [] };
    for (const size of sizes) {
      results.sizes.push(await this.#runSize(size));
      onSize(results);
    }
    return results;
  }

  async #runSize(size: Size): Promise<SizeResult> {
    this.#progress.say(`${size.name}: weights, tokens, our process`);
    const passes = this.#pass, { threads } = this.options;
    const result: SizeResult = {
      size: size.name,
      parameters: parameterCount(size.config),
      rows: size.rows,
      length: size.length,
      passes,
      flops_per_pass: passFlops(size.config, size, passes),
      passes_per_round: passesPerRound(this.options, size),
      contests: contestsOf(this.options).map((contest) => ({
        ...contest,
        rounds: [],
        repeated: 0,
      })),
    };
    const files = { weights: `${this.folder}/weights`, tokens: `${this.folder}/tokens` };
    await runModule(new URL("workload.ts", import.meta.url), size, files);
    const { child: ceiling } = await Child.startModule(
      "the Gemm ceiling",
      new URL("ceiling.ts", import.meta.url),
    );
    await ceiling.request({ do: "prepare", size, passes, threads });
    const ours = await prepare(await Child.startModule("Causeway", this.task.ours), {
      size,
      threads,
    });
    for (const contest of result.contests) {
      await this.#compete(contest, { size, result, files, ours, ceiling });
    }
    result.ours = await sideResult(ours);
    await Promise.all([ours.child.stop(), ceiling.stop()]);
    return result;
  }

  /** A contest that fails says why in its result; the others go on. */
  async #compete(contest: Contest, setting: Setting): Promise<void> {
    const { mode, implementation } = contest, { size } = setting;
    const name = `${size.name}, ${mode}, ${implementation}`;
    this.#progress.say(`${name}: starting PyTorch`);
    const end = this.#progress.done + contestSeconds(this.options, size, mode, this.#pass);
    let child: Child | undefined;
    try {
      const started = await this.#startPeer(name);
      child = started.child;
      const theirs = await this.#preparePeer(started, contest, setting);
      Object.assign(
        contest,
        await playQuietRounds(
          this.options.rounds,
          () => this.#playRound(name, setting, started.child),
        ),
      );
      contest.theirs = await sideResult(theirs);
    } catch (error) {
      contest.error = (error as Error).message;
      this.#progress.say(`${name}: ${contest.error}`);
    }
    this.#progress.reach(end);
    await child?.stop();
  }

  #startPeer(name: string) {
    const env = {
      OMP_NUM_THREADS: String(this.options.threads),
      PYTHONDONTWRITEBYTECODE: "1",
      // Compiled code is not reused between runs, so that the time to compile is always measured whole.
      TORCHINDUCTOR_CACHE_DIR: `${this.folder}/${crypto.randomUUID()}`,
    };
    const script = `${import.meta.dirname}/torch_peer.py`;
    return Child.start(`PyTorch (${name})`, this.#python, [script], env);
  }

  async #preparePeer(
    started: { child: Child; start_up_s: number },
    { mode, implementation }: Contest,
    { size, files, ours }: Setting,
  ): Promise<Side> {
    const { threads } = this.options, task = this.task.name;
    const theirs = await prepare(started, { task, size, files, threads, implementation, mode });
    checkAgreement(ours.prepared, theirs.prepared, mode);
    this.#progress.add(startSeconds(size, mode, this.#pass));
    return theirs;
  }

  async #playRound(name: string, { size, result, ours, ceiling }: Setting, theirs: Child) {
    const round = await playRound({ ours: ours.child, theirs, ceiling }, result.passes_per_round);
    this.#progress.add(roundSeconds(this.options, size, this.#pass));
    const ratio = speedRatio([round]).median.toFixed(2);
    this.#progress.say(`${name}: ratio ${ratio}${isQuiet([round]) ? "" : ", disturbed"}`);
    return round;
  }
}

async function sideResult({ child, start_up_s, prepared, warm_up_peak_bytes }: Side) {
  const steady_peak_bytes = peakMemory(child.pid);
  const peak_bytes = Math.max(warm_up_peak_bytes ?? 0, steady_peak_bytes ?? 0) || undefined;
  const parts: Parts = await child.request({ do: "parts", count: PARTS_PASSES });
  return { start_up_s, prepared, peak_bytes, steady_peak_bytes, parts } satisfies SideResult;
}
