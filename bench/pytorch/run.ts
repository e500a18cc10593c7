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
import type { Benchmark, Contest, Results, SideResult, SizeResult } from "./results.ts";
import { Progress } from "../shared/command.ts";
import {
  checkAgreement,
  pairRounds,
  type Parts,
  playAlone,
  playQuietRounds,
  playRound,
  prepare,
  type Side,
} from "../shared/contest.ts";
import { describeMachine, findPython } from "../shared/machine.ts";
import { type Disturbance, isQuiet, speedRatio } from "../shared/measurements.ts";
import { Child, peakMemory, runModule } from "../shared/processes.ts";
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
  readonly ceiling: Child;
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
    this.#python = await findPython(python, (line) => this.#progress.say(line));
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
    let ceiling: Child | undefined;
    try {
      await runModule(new URL("../shared/workload.ts", import.meta.url), size, files);
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

  /**
   * Causeway's process serves all contests of a variant. If it was killed, as when memory runs out, a new one starts.
   */
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
      this.#progress.say(`${name}: starting PyTorch`);
      const started = await startPeer(name, this.#python, this.options.threads, this.folder);
      child = started.child;
      const { threads } = this.options, task = this.benchmark;
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

/** Passes that are timed by part at the end of a contest. */
const PARTS_PASSES = 3;

/** Starts Causeway's process and prepares it. */
async function startOurs(workload: Record<string, unknown>): Promise<Side> {
  const started = await Child.startModule("Causeway", new URL("ours.ts", import.meta.url));
  try {
    return await prepare(started, workload);
  } catch (error) {
    await started.child.stop();
    throw error;
  }
}

/**
 * Starts PyTorch's process.
 *
 * @param name of the contest, for messages
 * @param folder for compiled code
 */
function startPeer(name: string, python: string, threads: number, folder: string) {
  const env = {
    OMP_NUM_THREADS: String(threads),
    PYTHONDONTWRITEBYTECODE: "1",
    // An empty cache for each process, so that the whole compile time is measured.
    TORCHINDUCTOR_CACHE_DIR: `${folder}/${crypto.randomUUID()}`,
  };
  const script = `${import.meta.dirname}/torch_peer.py`;
  return Child.start(`PyTorch (${name})`, python, [script], env);
}

/** Memory first, because timing by part may need more of it. */
async function sideResult(side: Side): Promise<SideResult> {
  const { child, start_up_s, prepared, warm_up_peak_bytes } = side;
  const steady_peak_bytes = peakMemory(child.pid);
  const peak_bytes = Math.max(warm_up_peak_bytes ?? 0, steady_peak_bytes ?? 0) || undefined;
  const parts: Parts = await child.request({ do: "parts", count: PARTS_PASSES });
  return { start_up_s, prepared, peak_bytes, steady_peak_bytes, parts };
}
