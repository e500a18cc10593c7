/**
 * The step of fine-tuning with examples in rows of their own and packed, alternately in one process.
 *
 * Its argument is a file of lengths, `{ "gsm8k": [[prompt, total], …] }` in tokens; tokens themselves are random, since
 * time does not depend on them.
 *
 * ```sh
 * deno run -A bench/packing/main.ts LENGTHS.json [ROUNDS]
 * ```
 *
 * @module
 */
import process from "node:process";
import { BatchSource, type Sequence } from "@causeway/core/batches";
import { computeOptions } from "@causeway/core/engine";
import { initialize, ParameterArrays } from "@causeway/core/model";
import { Random } from "@causeway/core/random";
import {
  freshArrays,
  HostTrainer,
  modelConfig,
  optimizer_schema,
  paddedLengths,
} from "@causeway/core/train";

const VOCABULARY = 8192, EXAMPLES = 64, MICRO_BATCH = 16, T = 512;

const [file, rounds = "5"] = Deno.args;
const lengths: Record<string, [number, number][]> = JSON.parse(await Deno.readTextFile(file));

function examplesOf(of_set: [number, number][], step: number): Sequence[] {
  const random = new Random(1, "packing", step);
  return Array.from({ length: EXAMPLES }, (): Sequence => {
    const [prompt, total] = of_set[random.below(of_set.length)];
    const tokens = Uint16Array.from({ length: Math.min(total, T + 1) }, () => {
      return random.below(VOCABULARY);
    });
    return {
      tokens,
      loss_spans: prompt < tokens.length ? [prompt, tokens.length] : [],
      source: "s",
    };
  });
}

function makeTrainer(): HostTrainer {
  const parameters = new ParameterArrays(modelConfig("mini", VOCABULARY), "matrices");
  initialize(parameters, 1);
  return new HostTrainer(
    freshArrays(parameters),
    optimizer_schema.parse({}),
    computeOptions({ threads: 2, workers: 2 }),
  );
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
const trainer = makeTrainer();

/** Wall-clock and processor seconds of a step, and what it computed. */
async function measure(set: string, step: number, pack: boolean) {
  const sampler = { batch: (step: number) => examplesOf(lengths[set], step) };
  const options = { micro_batch_size: MICRO_BATCH, lengths: paddedLengths(T) };
  const { micro_batches } = new BatchSource(sampler, options, { pack }).batch(step);
  const start = performance.now(), cpu = process.cpuUsage();
  const { loss } = await trainer.gradient(micro_batches);
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    loss,
    wall,
    cpu: (user + system) / 1e6,
    positions: micro_batches.reduce((sum, { rows, length }) => sum + rows * length, 0),
    supervised: micro_batches.reduce((sum, { supervised }) => sum + supervised, 0),
  };
}

for (const set of Object.keys(lengths)) {
  const kinds = [false, true];
  const all = kinds.map(() => [] as Awaited<ReturnType<typeof measure>>[]);
  let largest = 0;
  for (let round = 0; round < Number(rounds); round++) {
    for (const [i, pack] of kinds.entries()) {
      await measure(set, round, pack); // compiles the shapes of this step
      all[i].push(await measure(set, round, pack));
    }
    largest = Math.max(largest, Math.abs(all[0][round].loss / all[1][round].loss - 1));
  }
  const [apart, packed] = all.map((runs) => ({
    wall: median(runs.map(({ wall }) => wall)),
    cpu: median(runs.map(({ cpu }) => cpu)),
    positions: median(runs.map(({ positions }) => positions)),
    rate: median(runs.map(({ supervised, wall }) => supervised / wall)),
  }));
  const ratio = (what: "wall" | "cpu") =>
    median(all[0].map((run, i) => run[what] / all[1][i][what])).toFixed(2);
  console.log(
    `${set}: step ${apart.wall.toFixed(2)} s apart, ${packed.wall.toFixed(2)} s packed, ratio ` +
      `${ratio("wall")}; processor ${apart.cpu.toFixed(2)} and ${packed.cpu.toFixed(2)} s, ratio ` +
      `${
        ratio("cpu")
      }; positions ${apart.positions} and ${packed.positions}; supervised tokens/s ` +
      `${apart.rate.toFixed(0)} and ${packed.rate.toFixed(0)}; losses differ by at most ` +
      `${largest.toExponential(1)} of themselves`,
  );
}
await trainer.release();
