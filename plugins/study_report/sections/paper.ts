/**
 * The study beside the paper's own numbers, sign by sign.
 *
 * @module
 */
import {
  decimals,
  type Figure,
  leftOut,
  list,
  percent,
  present,
  REFERENCE,
  renderFigure,
  scatter,
  type Section,
  section,
  type ShownTable,
  shownTable,
  signed,
  tableFile,
  withKey,
} from "@causeway/core/report";
import { findComparison, mainArm, matchedTarget, targetLabel } from "../effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { agreementText, modelOf, paperModel, type SignRow, signRows } from "../paper/compare.ts";
import { paperMixture, paperTarget, unmapped } from "../paper/names.ts";
import { PAPER } from "../paper/tables.ts";
import { armStyles } from "../styles.ts";
import { effectCell } from "../tables.ts";
import { rateText } from "./learning_rates.ts";

/** Signs and values of Tables 2 and 8, then the other numbers that both have. */
export async function paperSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Beside the paper's numbers";
  if (!paperModel(config)) {
    return leftOut("paper", heading, "compare_with is not set in the report's config");
  }
  const rows = signRows(config, all);
  const others = otherNumbers(config, all);
  if (rows.length + others.length === 0) {
    return leftOut("paper", heading, "no mixture and target of the study is one of the paper's");
  }
  return section("paper", `${heading} (${modelOf(config)})`, {
    paragraphs: [
      `The paper's numbers are those of its Pythia ${
        modelOf(config)
      }: means of five fine-tuning seeds of one pretraining, ` +
      "without intervals. Losses of different tokenizers and data cannot be compared; signs and relative changes can.",
      signText(rows),
      mappingText(config, all),
    ],
    blocks: [
      ...await present(gainFigure(config, all, rows)),
      ...[true, false].map((side) => rows.filter(({ in_domain }) => in_domain === side))
        .filter((some) => some.length > 0).map((some) => signTable(config, some)),
      ...(others.length > 0 ? [otherTable(config, others)] : []),
    ],
  });
}

function signText(rows: readonly SignRow[]): string {
  const [in_domain, general] = [true, false].map((side) =>
    rows.filter((row) => row.in_domain === side)
  );
  const told = (of: readonly SignRow[]) =>
    `${agreementText(of)} (${
      agreementText(of.filter((row) => row.told))
    } where our interval excludes 0)`;
  return `Differences from the control have the paper's sign in ${
    told(in_domain)
  } pairs of mixture and target in domain, ` +
    `and in ${
      told(general)
    } on general data; chance alone would give half. Pairs in which one of the two is exactly 0 are ` +
    "not counted.";
}

function mappingText(config: StudyReportConfig, all: StudyMeasurements): string {
  const { ours, theirs } = unmapped(config, all);
  const missing = [
    ours.length > 0 && `not in the paper: ${list(ours)}`,
    theirs.length > 0 && `in the paper only: ${list(theirs)}`,
  ].filter(Boolean);
  return missing.length === 0
    ? "Every mixture and target of the study is one of the paper's, by name."
    : `Left out, ${missing.join("; ")}.`;
}

const COLUMNS = {
  arm: "utf8",
  target: "utf8",
  source: "utf8",
  difference: "float64",
  ci_low: "nullable<float64>",
  ci_high: "nullable<float64>",
  relative_improvement: "nullable<float64>",
  paper_loss: "float64",
  paper_difference: "float64",
  paper_relative_improvement: "nullable<float64>",
  same_sign: "nullable<float64>",
} as const;

function signTable(config: StudyReportConfig, rows: readonly SignRow[]): ShownTable {
  const file = rows.map(({ arm, target, source, ours, theirs, same }) => ({
    arm: arm.arm,
    target,
    source,
    difference: ours.difference,
    ci_low: ours.ci_low,
    ci_high: ours.ci_high,
    relative_improvement: ours.relative_improvement,
    paper_loss: theirs.loss_after,
    paper_difference: theirs.difference,
    paper_relative_improvement: theirs.relative_improvement,
    same_sign: same === undefined ? null : Number(same),
  }));
  const [{ in_domain }] = rows;
  return shownTable(
    `${
      in_domain
        ? "Loss on the target after fine-tuning on it"
        : `Loss on ${config.general} after fine-tuning on each target`
    }, arm − control, in nats per token; below it, relative to the control's loss (paper: Tables 2 and 8).`,
    rows,
    {
      mixture: ({ arm }) => arm.label,
      "fine-tuned on": ({ target }) => targetLabel(config, target),
      "#ours": ({ ours }) => ({
        text: effectCell(ours),
        note: relative(ours.relative_improvement),
      }),
      "#paper": ({ theirs }) => ({
        text: signed(theirs.difference),
        note: relative(theirs.relative_improvement),
      }),
      sign: ({ same }) =>
        same === undefined ? "–" : same ? "same" : { text: "other", strong: true },
    },
    tableFile(in_domain ? "beside_paper" : "beside_paper_general", { columns: COLUMNS }, file),
  );
}

const relative = (gain: number | null) => gain === null ? "" : percent(-gain);

/** Relative gain in domain, the paper's along x and ours along y. */
async function gainFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
  rows: readonly SignRow[],
): Promise<Figure | undefined> {
  const points = rows.filter(({ in_domain }) => in_domain).map(({ arm, target, ours, theirs }) => ({
    series: arm.label,
    text: targetLabel(config, target),
    x: 100 * (theirs.relative_improvement ?? 0),
    y: 100 * (ours.relative_improvement ?? 0),
  }));
  if (points.length === 0) return undefined;
  const arms = all.arms.filter(({ label, kind }) => {
    return kind === "midtrain" && points.some(({ series }) => series === label);
  });
  const styles = armStyles(all, arms);
  const zero = { data: { values: [{ zero: 0 }] }, mark: REFERENCE };
  return await renderFigure({
    name: "beside_paper",
    title: `Relative gain in domain: this study and the paper (${modelOf(config)})`,
    caption:
      "How far the loss on the target after fine-tuning is below the control's, in per cent of the control's. Points in the " +
      "upper right and lower left quarters have the paper's sign. Points are named after the target.",
    chart: withKey(
      styles,
      scatter({
        points,
        styles,
        x: `gain in the paper, Pythia ${modelOf(config)} (%)`,
        y: "gain in this study (%)",
        include_x: [0],
        include_y: [0],
        under: ({ x, y }) => [
          { ...zero, encoding: { x: x("zero") } },
          { ...zero, encoding: { y: y("zero") } },
        ],
      }),
    ),
  });
}

/** A number that both have. */
interface Other {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
  readonly source: string;
}

function otherTable(config: StudyReportConfig, others: readonly Other[]): ShownTable {
  return shownTable(
    `Other numbers of the paper (${modelOf(config)}) beside ours.`,
    others,
    {
      what: ({ what }) => what,
      "#ours": ({ ours }) => ours,
      "#paper": ({ theirs }) => theirs,
      "in the paper": ({ source }) => source,
    },
    tableFile("beside_paper_others", {
      columns: { what: "utf8", ours: "utf8", theirs: "utf8", source: "utf8" },
    }, others),
  );
}

function otherNumbers(config: StudyReportConfig, all: StudyMeasurements): Other[] {
  return [
    ...continuedNumbers(config, all),
    ...correlationNumbers(config, all),
    ...rateNumbers(config, all),
  ];
}

/** Table 3: mixture − continued pretraining. */
function continuedNumbers(config: StudyReportConfig, all: StudyMeasurements): Other[] {
  const model = paperModel(config);
  return all.arms.filter(({ kind }) => kind === "continued").flatMap((arm) => {
    const [main, target] = [mainArm(all, arm.specialised), matchedTarget(config, arm)];
    const [mixture, of_paper] = [paperMixture(arm.specialised), target && paperTarget(target)];
    const same = <R extends { model: string; mixture: string; target: string }>(
      rows: readonly R[],
    ) =>
      rows.find((row) => row.model === model && row.mixture === mixture && row.target === of_paper);
    const [alone, mixed] = [same(PAPER.continued), same(PAPER.losses)];
    if (!main || !target || !alone || !mixed) return [];
    const ours = (source: string) => {
      const [a, b] = [main.arm, arm.arm].map((name) => findComparison(all, name, target, source));
      return a && b ? signed(a.loss_after - b.loss_after) : "–";
    };
    const what = (source: string) => `${main.label} − ${arm.label}, on ${source}`;
    return [
      {
        what: what(targetLabel(config, target)),
        ours: ours(target),
        theirs: signed(mixed.loss_target - alone.loss_target),
        source: alone.source,
      },
      {
        what: what(`${config.general} after ${targetLabel(config, target)}`),
        ours: ours(config.general),
        theirs: signed(mixed.loss_c4 - alone.loss_c4),
        source: alone.source,
      },
    ];
  });
}

function correlationNumbers(config: StudyReportConfig, all: StudyMeasurements): Other[] {
  const own = all.correlation.find(({ is_default }) => Boolean(is_default));
  return PAPER.correlations.filter(({ model }) => model === paperModel(config)).map((row) => ({
    what: "r of proximity advantage and improvement",
    ours: decimals(own?.r ?? null, 2),
    theirs: `${row.r}${row.p_below === null ? "" : ` (p < ${row.p_below})`}`,
    source: row.source,
  }));
}

function rateNumbers(config: StudyReportConfig, all: StudyMeasurements): Other[] {
  return config.targets.flatMap(({ name, label }) => {
    const own = all.best[name]?.find(({ source }) => source === name);
    const theirs = PAPER.learning_rates.find(({ model, target }) => {
      return model === paperModel(config) && target === paperTarget(name);
    });
    if (!own || !theirs) return [];
    return [{
      what: `chosen learning rate on ${label}`,
      ours: rateText(own.learning_rate),
      theirs: rateText(theirs.learning_rate),
      source: theirs.source,
    }];
  });
}
