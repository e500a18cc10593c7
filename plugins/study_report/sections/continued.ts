/**
 * Midtraining compared with continued pretraining on specialised data alone (paper, Table 3).
 *
 * @module
 */
import {
  dotChart,
  type Figure,
  leftOut,
  present,
  renderFigure,
  type Section,
  section,
  seriesStyles,
  shownTable,
  signed,
  type TableFile,
  tableFile,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import {
  bothPanels,
  comparedOnBoth,
  type ComparedRow,
  differenceBetween,
  mainArm,
  matchedTarget,
  type OnBothSources,
  targetLabel,
} from "../effects.ts";
import type { ArmRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armsTable, differenceNote, effectCell } from "../tables.ts";

const HEADING = "Midtraining compared with continued pretraining";

interface Pair {
  readonly arm: ArmRow;
  readonly main: ArmRow;
  readonly target: string;
}

/** Paired differences, the figure, and the losses behind them. */
export async function continuedSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const { general } = config;
  const arms = all.arms.filter(({ kind }) => kind === "continued");
  if (arms.length === 0) {
    return leftOut("continued", HEADING, "the study has no arm with continued pretraining");
  }
  const pairs = arms.flatMap((arm): Pair[] => {
    const main = mainArm(all, arm.specialised);
    return main ? [{ arm, main, target: matchedTarget(config, arm) ?? "" }] : [];
  });
  const difference = (sourceOf: (target: string) => string) => ({ arm, main, target }: Pair) =>
    effectCell(differenceBetween(all, [main.arm, arm.arm], target, sourceOf(target)));
  const against = shownTable(
    "Loss after fine-tuning on the matched target, midtraining − continued pretraining, paired by seed, with 95% " +
      "intervals (paper, Table 3). Negative: midtraining is better.",
    pairs,
    {
      midtraining: ({ main }) => main.label,
      "continued pretraining": ({ arm }) => arm.label,
      target: ({ target }) => targetLabel(config, target),
      "#in domain": difference((target) => target),
      [`#${general}`]: difference(() => general),
    },
    againstFile(config, all, pairs),
  );
  const losses = armsTable(
    "continued",
    "Loss after fine-tuning on the matched target; below it, the difference from the control.",
    config,
    all,
    [...new Set(pairs.map(({ main }) => main)), ...arms],
  );
  return section("continued", HEADING, {
    blocks: [against, ...await present(continuedFigure(config, all)), losses],
  });
}

/** Midtraining − continued pretraining, in domain and on general data. */
function againstFile(
  { general }: StudyReportConfig,
  all: StudyMeasurements,
  pairs: readonly Pair[],
): TableFile {
  const { arm: text, ci_low, ci_high } = study_ports.study_comparison.columns;
  const named = { midtraining: text, continued: text, target: text, source: text };
  const rows = pairs.flatMap(({ arm, main, target }) =>
    [target, general].flatMap((source) => {
      const effect = differenceBetween(all, [main.arm, arm.arm], target, source);
      if (!effect) return [];
      return [{ midtraining: main.arm, continued: arm.arm, target, source, ...effect }];
    })
  );
  return tableFile(
    "against_continued",
    { columns: { ...named, difference: "float64", ci_low, ci_high } },
    rows,
  );
}

const STYLES = seriesStyles(["midtraining", "continued pretraining"]);

/** A specialised source, with its arms of both kinds. */
export interface ContinuedPanels
  extends OnBothSources<ComparedRow & { label: string; series: string }> {
  readonly specialised: string;
}

/** Sources with continued pretraining, with midtraining on the same source first. */
export function continuedPanels(
  config: StudyReportConfig,
  all: StudyMeasurements,
): ContinuedPanels[] {
  const alone = all.arms.filter(({ kind }) => kind === "continued").map((arm) => arm.specialised);
  return [...new Set(alone)].flatMap((specialised) => {
    const arms = ["midtrain", "continued"].flatMap((kind, i) =>
      all.arms.filter((arm) => arm.kind === kind && arm.specialised === specialised)
        .map(({ arm, label }) => ({ arm, label, series: STYLES[i].label }))
    );
    return config.matched.filter((pair) => pair.specialised === specialised)
      .map(({ target }) => ({
        specialised,
        ...comparedOnBoth(config, all, arms, target),
      }))
      .filter(({ in_domain }) => in_domain.length > 0);
  });
}

/** Differences from the control, on the matched target and on general text. */
export async function continuedFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const sources = continuedPanels(config, all);
  if (sources.length === 0) return undefined;
  const rows = sources.flatMap(({ in_domain, general }) => [...in_domain, ...general]);
  const panels = (source: ContinuedPanels) =>
    bothPanels(config, source).map(({ title, rows }) => ({
      title,
      reference: 0,
      dots: rows.map(({ label, series, difference: value, ci_low: low, ci_high: high }) => {
        return { label, series, value, low, high, text: signed(value) };
      }),
    }));
  return await renderFigure({
    name: "continued",
    title: HEADING,
    caption:
      "Held-out loss after fine-tuning, arm − control, in nats per token; left of the dashed line is better than the " +
      `control. Left: the target's own text; right: ${config.general}. ${differenceNote(rows)}` +
      "Each panel has its own scale.",
    chart: dotChart({ rows: sources.map(panels), styles: STYLES, x: "difference (nats/token)" }),
  });
}
