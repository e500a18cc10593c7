/**
 * The study stage: gathers what many arms and their fine-tuning measured, and compares the arms.
 *
 * @module
 */
import {
  type Batch,
  defineStage,
  many,
  ports,
  study_ports,
  type TableInput,
} from "../../core/stage/mod.ts";
import { type Config, config } from "./config.ts";
import { compareRuns, comparisonTable } from "./comparison.ts";
import { readRuns, runsTable } from "./runs.ts";

type Ledger = TableInput<typeof ports.mixture_ledger.columns>;

/**
 * Writes the arms with the tokens each was trained on, the losses of every run before and after fine-tuning, and each
 * arm against its reference: mean and standard deviation over seeds, and the paired difference with its interval.
 *
 * @throws {Error} when a run or a phase that the config names is not connected.
 */
export const study = defineStage({
  name: "study",
  version: "1",
  description: "Compares arms after fine-tuning: means, deviations, paired intervals.",
  config,
  inputs: {
    validation: many(ports.validation_metrics),
    training: many(ports.training_metrics),
    mixtures: many(ports.mixture_ledger),
  },
  outputs: {
    arms: study_ports.study_arms,
    runs: study_ports.study_runs,
    comparison: study_ports.study_comparison,
  },
  async run({ config, inputs, outputs, signal, report }) {
    signal.throwIfAborted();
    const runs = await readRuns(config, inputs.validation, inputs.training);
    await outputs.arms.write(await armsTable(config, inputs.mixtures));
    await outputs.runs.write(runsTable(runs));
    await outputs.comparison.write(comparisonTable(compareRuns(config, runs)));
    report(runs.length, {}, runs.length);
  },
});

async function armsTable(
  { arms }: Config,
  mixtures: Readonly<Record<string, Ledger>>,
): Promise<Batch<typeof study_ports.study_arms.columns>> {
  const drawn = await Promise.all(arms.map((arm) => tokensDrawn(arm, mixtures)));
  return {
    arm: arms.map(({ name }) => name),
    label: arms.map(({ label }) => label),
    kind: arms.map(({ kind }) => kind),
    specialised: arms.map(({ specialised }) => specialised),
    weight: Float64Array.from(arms, ({ weight }) => weight),
    start: Float64Array.from(arms, ({ start }) => start),
    end: Float64Array.from(arms, ({ end }) => end),
    tokens: Float64Array.from(drawn, ({ tokens }) => tokens),
    specialised_tokens: Float64Array.from(drawn, ({ specialised_tokens }) => specialised_tokens),
  };
}

/** Tokens along an arm's phases, and those of its specialised source among them. */
async function tokensDrawn(
  { name, phases, specialised }: Config["arms"][number],
  mixtures: Readonly<Record<string, Ledger>>,
) {
  let tokens = 0, specialised_tokens = 0;
  for (const phase of phases) {
    const ledger = mixtures[phase];
    if (!ledger) throw new Error(`the phase "${phase}" of arm "${name}" has no mixture connected`);
    for await (const batch of ledger.batches(["source", "tokens"])) {
      batch.source.forEach((source, i) => {
        tokens += batch.tokens[i];
        if (source === specialised) specialised_tokens += batch.tokens[i];
      });
    }
  }
  return { tokens, specialised_tokens };
}
