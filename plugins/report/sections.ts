/**
 * The sections of the report: which figures and tables go where, and the sentences around them.
 *
 * @module
 */
import {
  count,
  decimals,
  type Figure,
  leftOut,
  list,
  percent,
  sampleBlocks,
  type Section,
  section,
  type ShownTable,
  shownTable,
  signed,
} from "../../core/report/mod.ts";
import {
  fineTuned,
  fineTuningFigure,
  trainingFigure,
  validationFigure,
} from "./charts/training.ts";
import { ckaFigure, informativePairs, similarityFigure } from "./charts/heat_maps.ts";
import { lossFigure } from "./charts/losses.ts";
import type { ReportConfig } from "./config.ts";
import type { CkaRow, EvaluationRow, Measurements, SimilarityRow } from "./read.ts";
import type { Results } from "./results.ts";
import { resultCell, resultRows, sameLayerCka } from "./tables.ts";
import {
  repetitionSentence,
  resultSentences,
  scopeSentences,
  similaritySentence,
} from "./wording.ts";

/** What every section is made from. */
export interface Material {
  config: ReportConfig;
  all: Measurements;
  results: Results | undefined;
}

/** Makes the sections in order, one at a time, so that the caller can show progress and stop between them. */
export const SECTIONS: readonly ((material: Material) => Promise<Section>)[] = [
  resultSection,
  trainingSection,
  fineTuningSection,
  dataSection,
  samplesSection,
  similaritySection,
  ckaSection,
  methodSection,
];

async function resultSection({ config, all, results }: Material): Promise<Section> {
  if (!results) return leftOut("results", "Results", "no evaluation was given to the report");
  const { target_source, general_source } = config;
  const table = shownTable(
    `Loss in nats/token before and after fine-tuning. Forgetting is the change of the loss on ${general_source}.`,
    resultRows(results),
    {
      "": (row) => row.row,
      [`#${target_source}, before`]: (row) => resultCell(row, row.target_before),
      [`#${target_source}, after`]: (row) => resultCell(row, row.target_after),
      "#change": (row) => signed(row.target_change),
      [`#${general_source}, before`]: (row) => resultCell(row, row.general_before),
      [`#${general_source}, after`]: (row) => resultCell(row, row.general_after),
      "#forgetting": (row) => signed(row.forgetting),
    },
  );
  return section("results", "Results", {
    paragraphs: [...resultSentences(config, results), ...notMeasured(all.evaluation)],
    blocks: [table, await lossFigure(config, results), evaluationTable(all.evaluation)],
  });
}

function notMeasured(rows: EvaluationRow[]): string[] {
  const missing = rows.filter((row) => !Number.isFinite(row.loss));
  if (missing.length === 0) return [];
  return [
    `No finite loss was measured for ${
      list(missing.map((row) => `${row.model} on ${row.source}`))
    }.`,
  ];
}

function evaluationTable(rows: EvaluationRow[]): ShownTable {
  const sources = [...new Set(rows.map((row) => row.source))];
  const at = (model: string, source: string) =>
    rows.find((row) => row.model === model && row.source === source);
  const columns = sources.flatMap((source) => [
    [`#${source}, loss`, (model: string) => decimals(at(model, source)?.loss ?? NaN)],
    [`#${source}, bits/byte`, (model: string) => decimals(at(model, source)?.bits_per_byte ?? NaN)],
  ]);
  return shownTable(
    "Every model on every source: loss in nats/token, and bits per byte of the original text.",
    [...new Set(rows.map((row) => row.model))],
    { model: (model) => model, ...Object.fromEntries(columns) },
  );
}

async function trainingSection({ config, all }: Material): Promise<Section> {
  const figures: Figure[] = [];
  const paragraphs: string[] = [];
  if (Object.keys(all.training).length > 0) {
    figures.push(await trainingFigure(config, all.training));
  } else {paragraphs.push(
      "The training loss is left out: no training metrics were given to the report.",
    );}
  if (Object.values(all.validation).some((rows) => rows.length > 0)) {
    figures.push(await validationFigure(config, all.validation));
  } else {
    paragraphs.push("The validation loss is left out: none was taken while training.");
  }
  return section("training", "Training", { paragraphs, blocks: figures });
}

async function fineTuningSection({ config, all }: Material): Promise<Section> {
  const heading = "Fine-tuning";
  const arms = fineTuned(config.arms, all.training);
  if (arms.length === 0) {
    return leftOut("fine_tuning", heading, "no training metrics of a fine-tuning phase were given");
  }
  const ends = arms.map((arm) => {
    const last = all.training[arm.after_sft].findLast((row) => Number.isFinite(row.loss));
    return `${arm.label} ${last ? `${decimals(last.loss)} at step ${last.step}` : "not measured"}`;
  });
  return section("fine_tuning", heading, {
    paragraphs: [`Last logged training loss (nats/token): ${list(ends)}.`],
    blocks: [await fineTuningFigure(config, all.training)],
  });
}

function dataSection({ all }: Material): Promise<Section> {
  const mixtures = Object.entries(all.mixtures)
    .flatMap(([phase, rows]) => rows.map((row) => ({ phase, ...row })));
  const tables: ShownTable[] = [];
  if (all.data.length > 0) {
    tables.push(shownTable("Datasets.", all.data, {
      source: (row) => row.source,
      dataset: (row) => row.dataset,
      split: (row) => row.split,
      "#documents": (row) => count(row.documents),
      "#tokens": (row) => count(row.tokens),
      "#bytes of text": (row) => count(row.text_bytes),
      licence: (row) => row.licence,
    }));
  }
  if (mixtures.length > 0) {
    tables.push(shownTable("Tokens drawn from each source, by phase.", mixtures, {
      phase: (row) => row.phase,
      "#from token": (row) => count(row.from_token),
      source: (row) => row.source,
      "#asked for": (row) => percent(row.requested_share),
      "#drawn": (row) => percent(row.achieved_share),
      "#tokens": (row) => count(row.tokens),
      "#available": (row) => count(row.available_tokens),
      "#epochs": (row) => decimals(row.phase_epochs, 2),
      "#epochs since the start": (row) => decimals(row.epochs, 2),
    }));
  }
  const none = tables.length === 0
    ? ["Left out: no description of the data was given to the report."]
    : mixtures.length > 0
    ? [repetitionSentence(all.mixtures)]
    : [];
  return Promise.resolve(
    section("data", "Data and mixtures", { paragraphs: none, blocks: tables }),
  );
}

function samplesSection({ all }: Material): Promise<Section> {
  const heading = "What training saw";
  const blocks = sampleBlocks(all.samples);
  if (blocks.length === 0) {
    return Promise.resolve(leftOut("samples", heading, "no batch was given to the report"));
  }
  const paragraphs = [
    "Rows of the first batch of each phase. Loss is taken on underlined text only; what stands greyed is context.",
  ];
  return Promise.resolve(section("samples", heading, { paragraphs, blocks }));
}

async function similaritySection({ config, all }: Material): Promise<Section> {
  const heading = "Similarity of the sources";
  if (all.similarity.length === 0) {
    return leftOut("similarity", heading, "no similarity table was given to the report");
  }
  const sentence = similaritySentence(all.similarity, config.target_source);
  const table = shownTable(
    "Components of the similarity.",
    onePerPair(all.similarity),
    {
      a: (row) => row.a,
      b: (row) => row.b,
      "#similarity": (row) => decimals(row.similarity),
      "#cosine": (row) => decimals(row.cosine),
      "#Jaccard": (row) => decimals(row.jaccard),
      "#overlap": (row) => decimals(row.overlap),
      "#Jensen-Shannon": (row) => decimals(row.jensen_shannon),
    },
  );
  return section("similarity", heading, {
    paragraphs: sentence ? [sentence] : [],
    blocks: [await similarityFigure(all.similarity), table],
  });
}

/** Each pair of different sources once, whichever way round it was given. */
function onePerPair(rows: SimilarityRow[]): SimilarityRow[] {
  const pairs = Map.groupBy(
    rows.filter(({ a, b }) => a !== b),
    ({ a, b }) => [a, b].sort().join("\n"),
  );
  return [...pairs.values()].map(([first]) => first);
}

async function ckaSection({ config, all }: Material): Promise<Section> {
  const heading = "Similarity of representations (CKA)";
  const probes = [...new Set(all.cka.map((row) => row.probe))];
  if (probes.length === 0) return leftOut("cka", heading, "no CKA table was given to the report");
  const figures: Figure[] = [];
  for (const probe of probes) figures.push(await ckaFigure(config, all.cka, probe));
  return section("cka", heading, { blocks: [...figures, ckaTable(config, all.cka, probes)] });
}

function ckaTable(config: ReportConfig, rows: CkaRow[], probes: string[]): ShownTable {
  const same = sameLayerCka(rows);
  const at = ([a, b]: [string, string], probe: string) =>
    same.find((row) => row.model_a === a && row.model_b === b && row.probe === probe);
  const columns = probes.flatMap((probe) => [
    [
      `#${probe}, mean of layers`,
      (pair: [string, string]) => decimals(at(pair, probe)?.mean ?? NaN),
    ],
    [`#${probe}, last layer`, (pair: [string, string]) => decimals(at(pair, probe)?.last ?? NaN)],
  ]);
  return shownTable(
    "CKA between equal layers of two models.",
    informativePairs(config, rows),
    { models: (pair) => pair.join(" and "), ...Object.fromEntries(columns) },
  );
}

function methodSection({ config }: Material): Promise<Section> {
  const { target_source, general_source } = config;
  const arms = config.arms.map((arm) => `${arm.label} (${arm.trained.join(", then ")})`);
  return Promise.resolve(section("method", "What was done, and how far it goes", {
    paragraphs: [
      `Arms and their training phases before fine-tuning: ${
        list(arms)
      }. Each was then fine-tuned on the ` +
      `training part of ${target_source}. Losses are mean negative log-likelihoods in nats per token on ` +
      `held-out text; perplexity is exp(loss). Target: ${target_source}. Forgetting: loss on ` +
      `${general_source} after fine-tuning minus before.`,
      ...scopeSentences(config),
    ],
  }));
}
