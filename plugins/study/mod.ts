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
import { compareRuns } from "./comparison.ts";
import { type Config, config } from "./config.ts";
import { DocumentLosses } from "./documents.ts";
import { readRuns } from "./runs.ts";

type Ledger = TableInput<typeof ports.mixture_ledger.columns>;

/**
 * Writes the arms with the tokens each was trained on, the losses of every run before and after fine-tuning, and the
 * comparison of each arm with its reference: means, the variation between trunks and between fine-tuning seeds, and the
 * paired difference with its intervals.
 *
 * @throws {Error} when a run or phase named in the config is not wired.
 */
export const study = defineStage({
  name: "study",
  version: "3",
  description: "Compares arms after fine-tuning: means, deviations, paired intervals.",
  config,
  inputs: {
    validation: many(ports.validation_metrics),
    training: many(ports.training_metrics),
    mixtures: many(ports.mixture_ledger),
    /** By label of the run; without them, nothing is said about the choice of held-out documents. */
    documents: many(ports.document_losses, 0),
  },
  outputs: {
    arms: study_ports.study_arms,
    runs: study_ports.study_runs,
    comparison: study_ports.study_comparison,
  },
  async run({ config, inputs, outputs, signal, report, log }) {
    signal.throwIfAborted();
    const note = tokenizersNote(inputs.validation);
    if (note) throw new Error(`${note} Compare runs of one tokenizer in a study`);
    const runs = await readRuns(config, inputs.validation, inputs.training);
    const arms = await Promise.all(config.arms.map((arm) => armRow(arm, inputs.mixtures)));
    await outputs.arms.write(batchOf(study_ports.study_arms, arms));
    await outputs.runs.write(batchOf(study_ports.study_runs, runs));
    const documents = await DocumentLosses.read(inputs.documents, runs);
    if (documents.is_empty) {
      log("no document losses are wired: columns of documents are null in the comparison");
    }
    const comparison = compareRuns({ config, documents, log }, runs);
    await outputs.comparison.write(batchOf(study_ports.study_comparison, comparison));
    report(runs.length, {}, runs.length);
  },
});

/** An arm with the tokens of its phases, in all and of its specialised source. */
async function armRow(
  arm: Config["arms"][number],
  mixtures: Readonly<Record<string, Ledger>>,
): Promise<Row<typeof study_ports.study_arms.columns>> {
  const { name, label, kind, specialised, weight, start, end, phases } = arm;
  const { specialised_sources = [specialised] } = arm;
  let tokens = 0, specialised_tokens = 0;
  for (const phase of phases) {
    const ledger = mixtures[phase];
    if (!ledger) throw new Error(`phase "${phase}" of arm "${name}" has no mixture wired to it`);
    for (const row of await rowsOf(ledger)) {
      tokens += row.tokens;
      if (specialised_sources.includes(row.source)) specialised_tokens += row.tokens;
    }
  }
  return { arm: name, label, kind, specialised, weight, start, end, tokens, specialised_tokens };
}
