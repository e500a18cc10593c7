/**
 * Runs the training or the evaluation benchmark: for each model one process of Causeway, and a contest with one PyTorch
 * process for each mode and implementation.
 *
 * @module
 */
import { computeOptions, workerCount } from "@causeway/core/engine";
import { parameterCount, type Passes, passFlops } from "@causeway/core/model";
import {
  contestSeconds,
  contestsOf,
  memoryTogether,
  type Options,
  passesPerRound,
  roundSeconds,
  startSeconds,
  totalSeconds,
  type Variant,
  VARIANT_CONFIG,
} from "./options.ts";
import type { Benchmark, Contest, Results, SizeResult } from "./results.ts";
import { ceilingOf, packagesOf, precisionOf, sideResult, startOurs, startPeer } from "./sides.ts";
import { Progress } from "../shared/command.ts";
import {
  checkAgreement,
  pairRounds,
  playAlone,
  playQuietRounds,
  playRound,
  playTurns,
  prepare,
  type Side,
} from "../shared/contest.ts";
import { describeMachine, findPython } from "../shared/machine.ts";
import { type Disturbance, isQuiet, speedRatio } from "../shared/measurements.ts";
import { Child, runModule, startBusy } from "../shared/processes.ts";
import type { Size, WorkloadFiles } from "../shared/workload.ts";

/**
 * Runs a benchmark.
 *
 * @param onContest called after each contest with the results so far
 */
export async function runBenchmark(
  benchmark: Benchmark,
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
    return await new Runner(benchmark, options, folder).run(onContest);
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
    await Deno.remove(folder, { recursive: true });
  }
}

/** Shared by the contests of a model. */
interface Setting {
  readonly size: Size;
  readonly result: SizeResult;
  readonly files: WorkloadFiles;
  /** Measures Gemm alone. */
  readonly gemm: Child;
  /** Called when a contest is over. */
  readonly onContest: () => void;
}

class Runner {
  readonly #progress: Progress;
  #python = "";

  constructor(
    private readonly benchmark: Benchmark,
    private readonly options: Options,
    private readonly folder: string,
  ) {
    this.#progress = new Progress(totalSeconds(options, this.#pass));
  }

  get #pass(): Passes {
    return this.benchmark === "train" ? "step" : "forward";
  }

  async run(onContest: (results: Results) => void): Promise<Results> {
    const { python, sizes, out: _, ...settings } = this.options;
    const packages = packagesOf(this.options);
    this.#python = await findPython(python, (line) => this.#progress.say(line), packages);
    const machine = await describeMachine(this.#python);
    const results: Results = { benchmark: this.benchmark, machine, settings, sizes: [] };
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
      workers: workerCount(computeOptions(this.options), parameters),
      one_at_a_time,
      ours: {},
      contests: contestsOf(this.options).map((contest) => ({
        ...contest,
        rounds: [],
        repeated: 0,
      })),
    };
  }

  /** A failure is recorded in the contests' results, and the next model runs. */
  async #runSize(size: Size, result: SizeResult, onContest: () => void): Promise<void> {
    this.#progress.say(`${size.name}: weights, tokens`);
    const files = { weights: `${this.folder}/weights`, tokens: `${this.folder}/tokens` };
    let gemm: Child | undefined;
    try {
      await runModule(new URL("../shared/workload.ts", import.meta.url), size, files);
      const url = new URL("ceiling.ts", import.meta.url);
      gemm = (await Child.startModule("the Gemm ceiling", url)).child;
      const passes = this.#pass, { threads } = this.options;
      const precisions = [...new Set(result.contests.map(({ variant }) => precisionOf(variant)))];
      await gemm.request({ do: "prepare", size, passes, threads, precisions });
      const setting = { size, result, files, gemm, onContest };
      await (result.one_at_a_time ? this.#runOneAtATime(setting) : this.#runByTurns(setting));
    } catch (error) {
      const { message } = error as Error;
      this.#progress.say(`${size.name}: ${message}`);
      for (const contest of result.contests) {
        if (contest.rounds.length === 0) contest.error ??= message;
      }
    }
    await gemm?.stop();
  }

  /**
   * Causeway's process serves all contests of a variant. If it was killed, as when memory runs out, a new one starts.
   */
  async #runByTurns(setting: Setting): Promise<void> {
    const { size, result, gemm } = setting;
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
          const ceiling = ceilingOf(gemm, contest.variant);
          const sides = { ours: our_side.child, theirs: theirs.child, ceiling };
          const play = async () => {
            const round = await playRound(sides, result.passes_per_round);
            this.#sayRound(name, size, `ratio ${speedRatio([round]).median.toFixed(2)}`, round);
            return round;
          };
          Object.assign(contest, await playQuietRounds(this.options.rounds, play));
          await this.#playBusy(name, contest, sides, result.passes_per_round);
          contest.theirs = await sideResult(theirs);
        });
      }
    } finally {
      await end();
    }
  }

  /** The same turns beside programs that compute all the time. */
  async #playBusy(
    name: string,
    contest: Contest,
    { ours, theirs }: { ours: Child; theirs: Child },
    passes: number,
  ): Promise<void> {
    const { busy, rounds } = this.options;
    if (busy === 0) return;
    const others = Array.from({ length: busy }, startBusy);
    try {
      contest.busy = [];
      for (let round = 0; round < rounds; round++) {
        const turns = await playTurns(ours, theirs, passes);
        contest.busy.push(turns);
        this.#progress.say(`${name}: busy, ratio ${speedRatio([turns]).median.toFixed(2)}`);
      }
    } finally {
      others.forEach((other) => other.kill());
      await Promise.all(others.map(({ status }) => status));
    }
  }

  /** Causeway's rounds first, then those of each PyTorch process. */
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
    if (this.options.busy > 0) {
      this.#progress.say(
        `${size.name}: nothing beside busy programs, memory is too small for that`,
      );
    }
    const ours = await this.#startOurs(size, variant);
    let our_rounds;
    try {
      const name = `${size.name}, Causeway ${variant}`;
      our_rounds = await this.#roundsAlone(name, variant, ours, setting);
      result.ours[variant] = await sideResult(ours);
    } finally {
      await ours.child.stop();
    }
    for (const contest of contests) {
      await this.#attempt(contest, setting, async (name, start) => {
        const theirs = await start();
        checkAgreement(ours.prepared, theirs.prepared, contest);
        const their_rounds = await this.#roundsAlone(name, variant, theirs, setting);
        contest.rounds = pairRounds(our_rounds.rounds, their_rounds.rounds);
        contest.repeated = Math.max(our_rounds.repeated, their_rounds.repeated);
        contest.theirs = await sideResult(theirs);
      });
    }
  }

  #roundsAlone(
    name: string,
    variant: Variant,
    { child }: Side,
    { size, result, gemm }: Setting,
  ) {
    const ceiling = ceilingOf(gemm, variant);
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
    this.#progress.say(`${size.name}: starting Causeway, ${variant}`);
    const { threads, workers } = this.options;
    const compute = { threads, workers, ...VARIANT_CONFIG[variant] };
    return startOurs({ task: this.benchmark, size, compute });
  }

  /** Records the error of a contest that fails; the others still run. */
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
      this.#progress.say(`${name}: starting the other side`);
      const { threads } = this.options, task = this.benchmark;
      const peer = { name, script: `${implementation === "jax" ? "jax" : "torch"}_peer.py` };
      const started = await startPeer(peer, this.#python, threads, this.folder);
      child = started.child;
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
