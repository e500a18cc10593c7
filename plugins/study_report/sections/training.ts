/**
 * How the models came about: learning rates, curves, data and tokens.
 *
 * @module
 */
import {
  count,
  decimals,
  leftOut,
  percent,
  type Section,
  section,
  type ShownCell,
  shownTable,
  tableFile,
} from "../../../core/report/mod.ts";
import { ports, study_ports } from "../../../core/stage/mod.ts";
import { curvesFigure, ratesFigure, rateText } from "../charts/mod.ts";
import { labelledFile } from "../tables.ts";
import { figures, type Material } from "./material.ts";

/** Tables 6 and 7 of the paper. */
export async function ratesSection(material: Material): Promise<Section> {
  const { config: { targets }, all } = material;
  const heading = "Learning rates of fine-tuning";
  const rows = targets.flatMap(({ name }) =>
    (all.rates[name] ?? []).filter(({ source }) => source === name)
  );
  if (rows.length === 0) return leftOut("rates", heading, "no sweep of learning rates was given");
  const rates = [...new Set(rows.map(({ learning_rate }) => learning_rate))].sort((a, b) => a - b);
  const swept = targets.filter(({ name }) => rows.some(({ source }) => source === name));
  const columns = swept.map(({ name, label }) => {
    const best = all.best[name]?.find(({ source }) => source === name)?.learning_rate;
    const cell = (rate: number): ShownCell => {
      const row = rows.find((row) => row.source === name && row.learning_rate === rate);
      if (!row) return "";
      const text = Number.isFinite(row.loss) ? decimals(row.loss) : "diverged";
      return rate === best ? { text, strong: true } : text;
    };
    return [`#${label}`, cell] as const;
  });
  const table = shownTable(
    "Held-out loss on each target after fine-tuning the control on it at each peak learning rate, in nats per token " +
      "(paper, Tables 6 and 7). Bold: the best, at which all arms are fine-tuned.",
    rates,
    { "peak learning rate": rateText, ...Object.fromEntries(columns) },
    labelledFile("learning_rates", "target", study_ports.learning_rate_losses, all.rates),
  );
  return section("rates", heading, { blocks: [...await figures(material, ratesFigure), table] });
}

/** Losses along the phases, and of every arm before fine-tuning. */
export async function curvesSection(material: Material): Promise<Section> {
  const { arms, evaluation, training, validation } = material.all;
  const heading = "Training";
  const drawn = await figures(material, curvesFigure);
  if (drawn.length + evaluation.length === 0) {
    return leftOut("training", heading, "no losses were given");
  }
  const sources = [...new Set(evaluation.map(({ source }) => source))];
  const at = (model: string, source: string) =>
    evaluation.find((row) => row.model === model && row.source === source);
  const cell = (model: string, source: string): ShownCell => {
    const { loss = NaN, bits_per_byte = NaN } = at(model, source) ?? {};
    const note = Number.isFinite(bits_per_byte) ? `${decimals(bits_per_byte)} bits` : "";
    return { text: decimals(loss), note };
  };
  const columns = sources.map((source) => [`#${source}`, (model: string) => cell(model, source)]);
  const table = shownTable(
    "Held-out loss before fine-tuning, in nats per token, and under it in bits per byte where all of the text counts.",
    [...new Set(evaluation.map(({ model }) => model))],
    {
      model: (model) => arms.find(({ arm }) => arm === model)?.label ?? model,
      ...Object.fromEntries(columns),
    },
    tableFile("evaluation", ports.evaluation, evaluation),
  );
  const curves = [
    labelledFile("training", "phase", ports.training_metrics, training),
    labelledFile("validation", "phase", ports.validation_metrics, validation),
  ];
  return section("training", heading, {
    blocks: [...drawn, ...(evaluation.length > 0 ? [table] : [])],
    files: drawn.length > 0 ? curves : [],
  });
}

/** What was trained, on what, and what it took. */
export function methodSection({ config, all }: Material): Promise<Section> {
  const facts = shownTable("What was run.", config.facts, {
    what: ({ name }) => name,
    value: ({ value }) => value,
  });
  const arms = shownTable(
    "Arms, with the tokens each was trained on before fine-tuning.",
    all.arms,
    {
      arm: ({ label }) => label,
      kind: ({ kind }) => kind.replace("_", " "),
      adds: ({ specialised }) => specialised,
      "#weight": ({ weight }) => percent(weight),
      "#start": ({ start }) => percent(start),
      "#end": ({ end }) => percent(end),
      "#tokens": ({ tokens }) => count(tokens),
      "#of these specialised": ({ specialised_tokens }) => count(specialised_tokens),
    },
    tableFile("arms", study_ports.study_arms, all.arms),
  );
  const mixtures = Object.entries(all.mixtures).flatMap(([phase, rows]) =>
    rows.map((row) => ({ phase, ...row }))
  );
  const ledger = shownTable("Tokens drawn in each phase.", mixtures, {
    phase: ({ phase }) => phase,
    source: ({ source }) => source,
    "#asked for": ({ requested_share }) => percent(requested_share),
    "#drawn": ({ achieved_share }) => percent(achieved_share),
    "#tokens": ({ tokens }) => count(tokens),
    "#epochs since the start": ({ epochs }) => decimals(epochs, 2),
  }, labelledFile("mixtures", "phase", ports.mixture_ledger, all.mixtures));
  const data = shownTable("Datasets.", all.data, {
    source: ({ source }) => source,
    dataset: ({ dataset }) => dataset,
    split: ({ split }) => split,
    "#documents": ({ documents }) => count(documents),
    "#tokens": ({ tokens }) => count(tokens),
    "#bytes of text": ({ text_bytes }) => count(text_bytes),
    licence: ({ licence }) => licence,
  }, tableFile("data", ports.dataset_summary, all.data));
  const blocks = [facts, arms, ledger, data].filter(({ rows }) => rows.length > 0);
  return Promise.resolve(section("method", "What was run, and on what", { blocks }));
}
