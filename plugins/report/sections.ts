/**
 * The sections of the page: their figures, tables and sentences. To add one, write a function here (its figures in
 * charts.ts) and list it in SECTIONS.
 *
 * @module
 */
import {
  ckaFigures,
  datasetTable,
  decimals,
  labelledFile,
  leftOut,
  list,
  mixtureTable,
  modelPairs,
  present,
  probeLabel,
  sampleBlocks,
  type Section,
  section,
  type ShownTable,
  shownTable,
  signed,
  similarityBlocks,
  tableFile,
} from "@causeway/core/report";
import { ports } from "@causeway/core/stage";
import {
  fineTuned,
  fineTuningFigure,
  lossFigure,
  trainingFigure,
  validationFigure,
} from "./charts.ts";
import type { CkaRow, EvaluationRow, Measurements, ReportConfig } from "./inputs.ts";
import { resultRows, type Results } from "./results.ts";
import {
  methodSentences,
  repetitionSentence,
  resultSentences,
  similaritySentence,
} from "./wording.ts";

/** What every section is made from. */
export interface Material {
  readonly config: ReportConfig;
  readonly all: Measurements;
  /** Undefined when nothing was evaluated. */
  readonly results: Results | undefined;
}

/** In display order. */
export const SECTIONS: readonly ((material: Material) => Section | Promise<Section>)[] = [
  resultSection,
  trainingSection,
  fineTuningSection,
  dataSection,
  samplesSection,
  similaritySection,
  ckaSection,
  ({ config }) =>
    section("method", "Method and limitations", { paragraphs: methodSentences(config) }),
];

const number = "float64";
const RESULT_COLUMNS = {
  row: "utf8",
  target_before: number,
  target_after: number,
  target_change: number,
  general_before: number,
  general_after: number,
  forgetting: number,
} as const;

async function resultSection({ config, all, results }: Material): Promise<Section> {
  if (!results) return leftOut("results", "Results", "no evaluation is wired to the report");
  const { target_source, general_source } = config;
  const rows = resultRows(results);
  type Row = typeof rows[number];
  const loss = (of: (row: Row) => number) => (row: Row) =>
    row.difference ? signed(of(row)) : decimals(of(row));
  const table = shownTable(
    `Loss in nats per token before and after fine-tuning. Forgetting: change of the loss on ${general_source}.`,
    rows,
    {
      arm: ({ row }) => row,
      [`#${target_source}, before`]: loss((row) => row.target_before),
      [`#${target_source}, after`]: loss((row) => row.target_after),
      "#change": (row) => signed(row.target_change),
      [`#${general_source}, before`]: loss((row) => row.general_before),
      [`#${general_source}, after`]: loss((row) => row.general_after),
      "#forgetting": (row) => signed(row.forgetting),
    },
    tableFile("results", { columns: RESULT_COLUMNS }, rows),
  );
  const missing = all.evaluation.filter(({ loss }) => !Number.isFinite(loss))
    .map(({ model, source }) => `${model} on ${source}`);
  return section("results", "Results", {
    paragraphs: [
      ...(all.tokenizers_note ? [all.tokenizers_note] : []),
      ...resultSentences(config, results),
      ...(missing.length > 0 ? [`The loss of ${list(missing)} was not finite.`] : []),
    ],
    blocks: [table, await lossFigure(config, results), evaluationTable(all.evaluation)],
  });
}

function evaluationTable(rows: EvaluationRow[]): ShownTable {
  const at = (model: string, source: string) =>
    rows.find((row) => row.model === model && row.source === source);
  const columns = [...new Set(rows.map(({ source }) => source))].flatMap((source) => [
    [`#${source}, loss`, (model: string) => decimals(at(model, source)?.loss ?? null)],
    [
      `#${source}, bits/byte`,
      (model: string) => decimals(at(model, source)?.bits_per_byte ?? null),
    ],
  ]);
  return shownTable(
    "Every model on every source: loss in nats per token, and bits per byte of the original text.",
    [...new Set(rows.map(({ model }) => model))],
    { model: (model) => model, ...Object.fromEntries(columns) },
    tableFile(
      "evaluation",
      { columns: { ...ports.evaluation.columns, perplexity: number } },
      rows.map((row) => ({ ...row, perplexity: Math.exp(row.loss) })),
    ),
  );
}

async function trainingSection({ config, all }: Material): Promise<Section> {
  const { training, validation } = all;
  const trained = Object.keys(training).length > 0;
  const validated = Object.values(validation).some((rows) => rows.length > 0);
  return section("training", "Training", {
    paragraphs: [
      ...(trained ? [] : ["Training loss left out: no training metrics are wired to the report."]),
      ...(validated ? [] : ["Validation loss left out: none was measured during training."]),
    ],
    blocks: await present(
      ...(trained ? [trainingFigure(config, training)] : []),
      ...(validated ? [validationFigure(config, validation)] : []),
    ),
    files: [
      ...(trained ? [labelledFile("training", "phase", ports.training_metrics, training)] : []),
      ...(validated
        ? [labelledFile("validation", "phase", ports.validation_metrics, validation)]
        : []),
    ],
  });
}

async function fineTuningSection({ config, all }: Material): Promise<Section> {
  const heading = "Fine-tuning";
  const arms = fineTuned(config.arms, all.training);
  if (arms.length === 0) {
    return leftOut(
      "fine_tuning",
      heading,
      "no training metrics of fine-tuning are wired to the report",
    );
  }
  const ends = arms.map((arm) => {
    const last = all.training[arm.after_sft].findLast(({ loss }) => Number.isFinite(loss));
    return `${arm.label} ${last ? `${decimals(last.loss)} at step ${last.step}` : "not measured"}`;
  });
  return section("fine_tuning", heading, {
    paragraphs: [`Last logged training loss (nats per token): ${list(ends)}.`],
    blocks: [await fineTuningFigure(config, all.training)],
  });
}

function dataSection({ all: { data, mixtures } }: Material): Section {
  const heading = "Data and mixtures";
  const tables = [datasetTable(data), mixtureTable(mixtures)].filter(({ rows }) => rows.length > 0);
  if (tables.length === 0) {
    return leftOut("data", heading, "no data summary is wired to the report");
  }
  const drawn = Object.values(mixtures).some((rows) => rows.length > 0);
  return section("data", heading, {
    paragraphs: drawn ? [repetitionSentence(mixtures)] : [],
    blocks: tables,
  });
}

function samplesSection({ all: { samples } }: Material): Section {
  const heading = "Training batches";
  const blocks = sampleBlocks(samples);
  if (blocks.length === 0) {
    return leftOut("samples", heading, "no batch samples are wired to the report");
  }
  return section("samples", heading, {
    paragraphs: [
      "Rows from the first batch of each phase. Loss is computed on underlined text only; grey text is context.",
    ],
    blocks,
    files: [labelledFile("samples", "phase", ports.batch_samples, samples)],
  });
}

async function similaritySection({ config, all: { similarity } }: Material): Promise<Section> {
  const heading = "Similarity of the sources";
  if (similarity.length === 0) {
    return leftOut("similarity", heading, "no similarity table is wired to the report");
  }
  const sentence = similaritySentence(similarity, config.target_source);
  return section("similarity", heading, {
    paragraphs: sentence ? [sentence] : [],
    blocks: await similarityBlocks(similarity, { title: heading }),
  });
}

async function ckaSection({ config, all: { cka } }: Material): Promise<Section> {
  const heading = "Similarity of representations (CKA)";
  if (cka.length === 0) return leftOut("cka", heading, "no CKA table is wired to the report");
  const rank = rankOf(config);
  const figures = await ckaFigures(cka, { name: ["cka"], models: "all models", rank });
  return section("cka", heading, { blocks: [...figures, ckaTable(cka, rank)] });
}

/**
 * Order of pairs of models by the question that they answer: what fine-tuning changed in each arm, how the arms differ
 * before and after it, then the rest.
 */
export function rankOf({ arms: [reference, ...others] }: ReportConfig) {
  const wanted = [
    ...[reference, ...others].map((arm) => [arm.before_sft, arm.after_sft]),
    ...others.map((arm) => [reference.before_sft, arm.before_sft]),
    ...others.map((arm) => [reference.after_sft, arm.after_sft]),
  ];
  return (a: string, b: string): number => {
    const at = wanted.findIndex((pair) => pair.includes(a) && pair.includes(b));
    return at < 0 ? wanted.length : at;
  };
}

/** Mean CKA over layers of the same number, and CKA of the last layer, by pair and probe. */
function ckaTable(rows: CkaRow[], rank: ReturnType<typeof rankOf>): ShownTable {
  const pairs = modelPairs(rows, rank);
  const same = rows.filter(({ layer_a, layer_b }) => layer_a === layer_b);
  const columns = [...new Set(rows.map(probeLabel))].flatMap((probe) => {
    const values = ({ a, b }: typeof pairs[number]) =>
      same.filter((row) => probeLabel(row) === probe && row.model_a === a && row.model_b === b)
        .sort((p, q) => p.layer_a - q.layer_a).map(({ cka }) => cka);
    return [
      [`#${probe}, mean of layers`, (pair: typeof pairs[number]) => {
        const all = values(pair);
        return decimals(all.reduce((sum, value) => sum + value, 0) / all.length);
      }],
      [
        `#${probe}, last layer`,
        (pair: typeof pairs[number]) => decimals(values(pair).at(-1) ?? null),
      ],
    ];
  });
  return shownTable(
    "CKA between layers of the same number.",
    pairs,
    { models: ({ a, b }) => `${a} and ${b}`, ...Object.fromEntries(columns) },
    tableFile("cka", ports.cka, rows),
  );
}
