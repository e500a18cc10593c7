/**
 * The lr_sweep stage: fine-tunes one checkpoint at many learning rates and finds the best on held-out data. The paper
 * does this for its base checkpoint, at 26 rates from 4e-6 to 6e-3, before it compares checkpoints.
 *
 * @module
 */
import { computeNeeds } from "@causeway/core/engine";
import { defineStage, many, ports, type StageContext } from "@causeway/core/stage";
import {
  checkpointReader,
  checkTokenizer,
  type EvalSet,
  evalSets,
  NonFiniteError,
  schedule_schema,
  sourceNames,
  tuningPhase,
} from "@causeway/core/train";
import { type Config, config, learningRates } from "./config.ts";
import { forecastSweep } from "./forecast.ts";
import { outputs, writeResults } from "./results.ts";
import { type Losses, Sweep, SweepProgress, type Training } from "./sweep.ts";

const inputs = {
  checkpoint: ports.checkpoint,
  train: many(ports.tokens),
  validation: many(ports.tokens),
};

type Context = StageContext<Config, typeof inputs, typeof outputs>;

/**
 * Training at a rate is bit-identical to the sft stage with that `peak_lr` and seed: from the checkpoint's weights with a
 * fresh optimizer, on the same examples in the same order, with its own cosine schedule. A rate at which training
 * diverges is a result too, with loss null.
 *
 * @throws {Error} when training diverges at every rate, the checkpoint has no finite loss, or a source is missing.
 */
export const lr_sweep = defineStage({
  name: "lr_sweep",
  version: "5",
  description: "Fine-tunes a checkpoint at a grid of learning rates and finds the best one.",
  config,
  inputs,
  outputs,
  // ONNX Runtime is native code.
  permissions: { ffi: true },
  requires: (config) => ({ compute: computeNeeds(config) }),
  forecast: forecastSweep,
  async run(ctx: Context) {
    const { config, inputs, signal, log } = ctx;
    signal.throwIfAborted();
    const rates = learningRates(config.rates);
    const sweep = new Sweep(ctx, await prepareTraining(ctx), await loadEvalSets(ctx));
    const progress = await SweepProgress.begin(ctx.checkpoints, sweep.steps);
    try {
      if (progress.losses.length === 0) {
        const before = await sweep.measure(checkpointReader(inputs.checkpoint));
        for (const [source, { loss }] of Object.entries(before)) {
          if (loss === null) {
            throw NonFiniteError.ofWeights(`loss on "${source}" before fine-tuning`, NaN);
          }
        }
        await progress.add(before);
      }
      while (progress.losses.length <= rates.length) {
        const index = progress.losses.length - 1;
        const losses = await sweep.train(rates[index], index, rates.length, progress.training());
        await progress.add(losses);
        log(describe(rates[index], losses));
      }
    } finally {
      await sweep.release();
    }
    await writeResults(ctx, rates, progress.losses);
  },
});

async function prepareTraining({ config, inputs, seed, log }: Context): Promise<Training> {
  const { min_lr, warmup_ratio } = config;
  const { train, validation, checkpoint } = inputs;
  await checkTokenizer({ train, validation }, checkpoint, "the checkpoint's");
  const { plan, phase, startWith } = await tuningPhase(
    config,
    inputs.train,
    checkpointReader(checkpoint),
    seed,
  );
  plan.forEach((line) => log(`${line}, for each rate`));
  return {
    ...phase,
    startAt: (peak_lr) => startWith(schedule_schema.parse({ peak_lr, min_lr, warmup_ratio })),
  };
}

/** Eval sets by source, the target first. */
async function loadEvalSets({ config, inputs, log }: Context): Promise<Map<string, EvalSet>> {
  const { held_out, sequence_length, max_sequences } = config;
  const sources = sourceNames(config.sources), { target = sources[0] } = config;
  const sets = await evalSets(inputs.validation, {
    sequence_length,
    max_sequences,
    sources: held_out,
    mode: (source) => sources.includes(source) ? "examples" : "packed",
    port: "validation",
    tokenizer: inputs.checkpoint,
    log,
  });
  const of_target = findEvalSet(sets, target);
  sets.delete(target);
  return new Map([[target, of_target], ...sets]);
}

function findEvalSet(sets: ReadonlyMap<string, EvalSet>, target: string): EvalSet {
  const found = sets.get(target);
  if (found) return found;
  const known = [...sets.keys()].join(", ");
  throw new Error(`the target "${target}" is not among the held-out sources (${known})`);
}

function describe(rate: number, losses: Losses): string {
  const all = Object.entries(losses).map(([source, { loss }]) => {
    return `${source} ${loss?.toFixed(4) ?? "diverged"}`;
  });
  const diverged = Object.values(losses).every(({ loss }) => loss === null);
  return `peak_lr ${rate}: ${diverged ? "diverged" : all.join(", ")}`;
}
