/**
 * Runs the training or the evaluation benchmark: for each size one process of ours, and a contest with one process
 * of theirs for each mode and implementation.
 *
 * @module
 */
import { parameterCount, passFlops } from "../../core/model/mod.ts";
import { Child, runModule } from "./child.ts";
import {
  checkAgreement,
  pairRounds,
  playAlone,
  playQuietRounds,
  playRound,
  prepare,
  type Side,
} from "./contest.ts";
import {
  contestSeconds,
  contestsOf,
  memoryTogether,
  passesPerRound,
  roundSeconds,
  startSeconds,
  totalSeconds,
} from "./estimate.ts";
import { describeMachine } from "./machine.ts";
import { type Options, type Variant, VARIANT_CONFIG } from "./options.ts";
import { Progress } from "./progress.ts";
import { findPython } from "./python.ts";
import type { Contest, Results, SizeResult } from "./results.ts";
import { sideResult, startOurs, startPeer } from "./sides.ts";
import type { Size } from "./sizes.ts";
import { type Disturbance, isQuiet, speedRatio } from "./statistics.ts";
import type { WorkloadFiles } from "./workload.ts";

/** What tells the two benchmarks apart. */
export interface Task {
  readonly name: "train" | "evaluate";
  /** Module of our child process. */
  readonly ours: URL;
}

/**
 * Runs a benchmark.
 *
 * @param onContest called with the results so far after each contest.
 */
export async function runBenchmark(
  task: Task,
  options: Options,
  onContest: (results: Results) => void,
): Promise<Results> {
  const folder = await Deno.makeTempDir({ prefix: "bench_" });
  const stop = () => {
    Deno.removeSync(folder, { recursive: true });
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", stop);
  try {
    return await new Runner(task, options, folder).run(onContest);
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
  readonly ceiling: Child;
  /** Called when a contest is over. */
  readonly onContest: () => void;
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

  async run(onContest: (results: Results) => void): Promise<Results> {
    const { python, sizes, out: _, ...settings } = this.options;
    this.#python = await findPython(python, (line) => this.#progress.say(line));
    const machine = await describeMachine(this.#python);
    const results: Results = { benchmark: this.task.name, machine, settings, sizes: [] };
    for (const size of sizes) {
      const result = this.#emptyResult(size);
      results.sizes.push(result);
      await this.#runSize(size, result, () => onContest(results));
      onContest(results);
    }
    return results;
  }

  #emptyResult(size: Size): SizeResult {
    const passes = this.#pass, parameters = parameterCount(size.config);
    const one_at_a_time = Deno.systemMemoryInfo().available < memoryTogether(parameters, passes);
    return {
      size: size.name,
      parameters,
      rows: size.rows,
      length: size.length,
      passes,
      flops_per_pass: passFlops(size.config, size, passes),
      passes_per_round: passesPerRound(this.options, size),
      one_at_a_time,
      ours: {},
      contests: contestsOf(this.options).map((contest) => ({
        ...contest,
        rounds: [],
        repeated: 0,
      })),
    };
  }

  /** What fails says so in the contests' results, and the next size goes on. */
  async #runSize(size: Size, result: SizeResult, onContest: () => void): Promise<void> {
    this.#progress.say(`${size.name}: weights, tokens`);
    const files = { weights: `${this.folder}/weights`, tokens: `${this.folder}/tokens` };
    let ceiling: Child | undefined;
    try {
      await runModule(new URL("workload.ts", import.meta.url), size, files);
      const url = new URL("ceiling.ts", import.meta.url);
      ceiling = (await Child.startModule("the Gemm ceiling", url)).child;
      const passes = this.#pass, { threads } = this.options;
      await ceiling.request({ do: "prepare", size, passes, threads });
      const setting = { size, result, files, ceiling, onContest };
      await (result.one_at_a_time ? this.#runOneAtATime(setting) : this.#runByTurns(setting));
    } catch (error) {
      const { message } = error as Error;
      this.#progress.say(`${size.name}: ${message}`);
      for (const contest of result.contests) {
        if (contest.rounds.length === 0) contest.error ??= message;
      }
    }
    await ceiling?.stop();
  }

  /** Our process lives through all contests of a variant; where it has been ended, as for want of memory, it starts anew. */
  async #runByTurns(setting: Setting): Promise<void> {
    const { size, result, ceiling } = setting;
    let ours: Side | undefined, variant: Variant | undefined;
    const end = async () => {
      if (variant && ours?.child.alive) result.ours[variant] = await sideResult(ours);
      await ours?.child.stop();
      ours = undefined;
    };
    try {
      for (const contest of result.contests) {
        await this.#attempt(contest, setting, async (name, start) => {
          if (variant !== contest.variant || !ours?.child.alive) await end();
          variant = contest.variant;
          const our_side = ours ??= await this.#startOurs(size, variant);
          const theirs = await start();
          checkAgreement(our_side.prepared, theirs.prepared, contest);
          const sides = { ours: our_side.child, theirs: theirs.child, ceiling };
          const play = async () => {
            const round = await playRound(sides, result.passes_per_round);
            this.#sayRound(name, size, `ratio ${speedRatio([round]).median.toFixed(2)}`, round);
            return round;
          };
          Object.assign(contest, await playQuietRounds(this.options.rounds, play));
          contest.theirs = await sideResult(theirs);
        });
      }
    } finally {
      await end();
    }
  }

  /** Our rounds first, then those of each of their processes. */
  async #runOneAtATime(setting: Setting): Promise<void> {
    const { size, result } = setting;
    const variants = Map.groupBy(result.contests, ({ variant }) => variant);
    for (const [variant, contests] of variants) {
      await this.#runVariantAlone(variant, contests, size, result, setting);
    }
  }

  async #runVariantAlone(
    variant: Variant,
    contests: readonly Contest[],
    size: Size,
    result: SizeResult,
    setting: Setting,
  ): Promise<void> {
    const ours = await this.#startOurs(size, variant);
    let our_rounds;
    try {
      our_rounds = await this.#roundsAlone(`${size.name}, Causeway ${variant}`, ours, setting);
      result.ours[variant] = await sideResult(ours);
    } finally {
      await ours.child.stop();
    }
    for (const contest of contests) {
      await this.#attempt(contest, setting, async (name, start) => {
        const theirs = await start();
        checkAgreement(ours.prepared, theirs.prepared, contest);
        const their_rounds = await this.#roundsAlone(name, theirs, setting);
        contest.rounds = pairRounds(our_rounds.rounds, their_rounds.rounds);
        contest.repeated = Math.max(our_rounds.repeated, their_rounds.repeated);
        contest.theirs = await sideResult(theirs);
      });
    }
  }

  #roundsAlone(name: string, { child }: Side, { size, result, ceiling }: Setting) {
    return playQuietRounds(this.options.rounds, async () => {
      const round = await playAlone(child, ceiling, result.passes_per_round);
      this.#sayRound(name, size, `${round.seconds.toFixed(1)} s`, round);
      return round;
    });
  }

  #sayRound(name: string, size: Size, what: string, round: Disturbance): void {
    this.#progress.add(roundSeconds(this.options, size, this.#pass));
    this.#progress.say(`${name}: ${what}${isQuiet([round]) ? "" : ", disturbed"}`);
  }

  #startOurs(size: Size, variant: Variant): Promise<Side> {
    this.#progress.say(`${size.name}: our process, ${variant}`);
    const compute = { threads: this.options.threads, ...VARIANT_CONFIG[variant] };
    return startOurs(this.task.ours, { size, compute });
  }

  /** A contest that fails says why in its result; the others go on. */
  async #attempt(
    contest: Contest,
    { size, files, onContest }: Setting,
    compete: (name: string, start: () => Promise<Side>) => Promise<void>,
  ): Promise<void> {
    const { mode, implementation, variant } = contest;
    const name = `${size.name}, ${variant} against ${mode}, ${implementation}`;
    const end = this.#progress.done + contestSeconds(this.options, size, mode, this.#pass);
    let child: Child | undefined;
    const start = async () => {
      this.#progress.say(`${name}: starting PyTorch`);
      const started = await startPeer(name, this.#python, this.options.threads, this.folder);
      child = started.child;
      const { threads } = this.options, task = this.task.name;
      const side = await prepare(started, { task, size, files, threads, implementation, mode });
      this.#progress.add(startSeconds(size, mode, this.#pass));
      return side;
    };
    try {
      await compete(name, start);
    } catch (error) {
      contest.error = (error as Error).message;
      this.#progress.say(`${name}: ${contest.error}`);
    }
    this.#progress.reach(end);
    await child?.stop();
    onContest();
  }
}
