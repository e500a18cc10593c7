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
  shownTable,
  tableFile,
} from "../../../core/report/mod.ts";
import { ports, study_ports } from "../../../core/stage/mod.ts";
import { curvesFigure, ratesFigure } from "../charts/mod.ts";
import { figures, type Material } from "./material.ts";

/** Tables 6 and 7 of the paper. */
export async function ratesSection(material: Material): Promise<Section> {
  const { config: { targets }, all } = material;
  const heading = "Learning rates of fine-tuning";
  const rows = targets.flatMap(({ name, label }) =>
    (all.rates[name] ?? []).filter(({ source }) => source === name).map((row) => ({
      label,
      ...row,
    }))
  );
  if (rows.length === 0) return leftOut("rates", heading, "no sweep of learning rates was given");
  const best = (target: string) => all.best[target]?.find(({ source }) => source === target);
  const table = shownTable(
    "Held-out loss on each target after fine-tuning the control at each peak learning rate (paper, Tables 6 and 7). The " +
      "best, in bold, is that of all arms.",
    rows,
    {
      target: ({ label }) => label,
      "#peak learning rate": ({ learning_rate, source }) => {
        const text = String(learning_rate);
        return best(source)?.learning_rate === learning_rate ? { text, strong: true } : text;
      },
      "#loss": ({ loss }) => Number.isFinite(loss) ? decimals(loss) : "diverged",
    },
    tableFile("learning_rates", study_ports.learning_rate_losses, Object.values(all.rates).flat()),
  );
  return section("rates", heading, { blocks: [...await figures(material, ratesFigure), table] });
}

/** Losses along the phases, and of every arm before fine-tuning. */
export async function curvesSection(material: Material): Promise<Section> {
  const { evaluation, validation } = material.all;
  const heading = "Training";
  const drawn = await figures(material, curvesFigure);
  if (drawn.length + evaluation.length === 0) {
    return leftOut("training", heading, "no losses were given");
  }
  const sources = [...new Set(evaluation.map(({ source }) => source))];
  const at = (model: string, source: string) =>
    evaluation.find((row) => row.model === model && row.source === source);
  const columns = sources.flatMap((source) => [
    [`#${source}`, (model: string) => decimals(at(model, source)?.loss ?? NaN)],
    [`#${source}, bits/byte`, (model: string) => decimals(at(model, source)?.bits_per_byte ?? NaN)],
  ]);
  const table = shownTable(
    "Held-out loss before fine-tuning, in nats per token and bits per byte.",
    [...new Set(evaluation.map(({ model }) => model))],
    { model: (model) => model, ...Object.fromEntries(columns) },
    tableFile("evaluation", ports.evaluation, evaluation),
  );
  const along = Object.keys(validation).length > 0 && drawn.length === 0
    ? ["Held-out losses along training are in results.json."]
    : [];
  return section("training", heading, {
    paragraphs: along,
    blocks: [...drawn, ...(evaluation.length > 0 ? [table] : [])],
  });
}

/** What was trained, on what, and what it took. */
export function methodSection({ config, all }: Material): Promise<Section> {
  const facts = shownTable("What was run.", config.facts, {
    "": ({ name }) => name,
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
  }, tableFile("mixtures", ports.mixture_ledger, mixtures));
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
