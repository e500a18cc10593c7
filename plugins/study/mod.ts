/**
 * The study stage: gathers the measurements of many arms and their fine-tuning runs, and compares the arms.
 *
 * @module
 */
import { type Row, rowsOf, tokenizersNote } from "@causeway/core/report";
import {
  batchOf,
  defineStage,
  many,
  ports,
  study_ports,
  type TableInput,
} from "@causeway/core/stage";
import { compareRuns, readRuns } from "./comparison.ts";
import { type Config, config } from "./config.ts";

type Ledger = TableInput<typeof ports.mixture_ledger.columns>;

/**
 * Writes the arms with the tokens each was trained on, the losses of every run before and after fine-tuning, and the
 * comparison of each arm with its reference: mean and standard deviation over seeds, and the paired difference with its
 * interval.
 *
 * @throws {Error} when a run or phase named in the config is not wired.
 */
export const study = defineStage({
  name: "study",
  version: "2",
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
    const note = tokenizersNote(inputs.validation);
    if (note) throw new Error(`${note} Compare runs of one tokenizer in a study`);
    const runs = await readRuns(config, inputs.validation, inputs.training);
    const arms = await Promise.all(config.arms.map((arm) => armRow(arm, inputs.mixtures)));
    await outputs.arms.write(batchOf(study_ports.study_arms, arms));
    await outputs.runs.write(batchOf(study_ports.study_runs, runs));
    const comparison = compareRuns(config, runs);
    await outputs.comparison.write(batchOf(study_ports.study_comparison, comparison));
    report(runs.length, {}, runs.length);
  },
});

/** An arm with the tokens of its phases, in all and of its specialised source. */
async function armRow(
  { name, label, kind, specialised, weight, start, end, phases }: Config["arms"][number],
  mixtures: Readonly<Record<string, Ledger>>,
): Promise<Row<typeof study_ports.study_arms.columns>> {
  let tokens = 0, specialised_tokens = 0;
  for (const phase of phases) {
    const ledger = mixtures[phase];
    if (!ledger) throw new Error(`phase "${phase}" of arm "${name}" has no mixture wired to it`);
    for (const row of await rowsOf(ledger)) {
      tokens += row.tokens;
      if (row.source === specialised) specialised_tokens += row.tokens;
    }
  }
  return { arm: name, label, kind, specialised, weight, start, end, tokens, specialised_tokens };
}
