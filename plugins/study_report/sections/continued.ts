/**
 * A mixture compared with continued pretraining on specialised data alone, and with pretraining alone (paper, Table 3).
 *
 * @module
 */
import {
  count,
  dotChart,
  type Figure,
  leftOut,
  present,
  renderFigure,
  type Section,
  section,
  type ShownCell,
  type ShownTable,
  shownTable,
  signed,
  type TableFile,
  tableFile,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import { differenceBetween } from "../contrasts.ts";
import {
  bothPanels,
  comparedOnBoth,
  type ComparedRow,
  findComparison,
  mainArm,
  matchedTarget,
  type OnBothSources,
  targetLabel,
} from "../effects.ts";
import { sameTokens } from "../exposure.ts";
import type { ArmRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armStyles } from "../styles.ts";
import {
  armsFile,
  differenceNote,
  differenceNoteOf,
  effectCell,
  meanCell,
  over,
} from "../tables.ts";

const HEADING = "A mixture compared with continued pretraining";

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
    const [main, target] = [mainArm(all, arm.specialised), matchedTarget(config, arm)];
    return main && target !== undefined ? [{ arm, main, target }] : [];
  });
  const difference = (sourceOf: (target: string) => string) => ({ arm, main, target }: Pair) =>
    effectCell(differenceBetween(all, [main.arm, arm.arm], target, sourceOf(target)));
  const against = shownTable(
    "Loss after fine-tuning on the matched target, mixture − continued pretraining, paired by trunk and seed, with 95% " +
      `intervals ${
        over(all.comparison)
      }. Negative: the mixture is better. "Exposure": specialised tokens of the mixture ` +
      "and of the continued arm; only where they are equal is it the mixing that is compared.",
    pairs,
    {
      mixture: ({ main }) => main.label,
      "continued pretraining": ({ arm }) => arm.label,
      target: ({ target }) => targetLabel(config, target),
      exposure: exposureCell,
      "#in domain": difference((target) => target),
      [`#${general}`]: difference(() => general),
    },
    againstFile(config, all, pairs),
  );
  return section("continued", HEADING, {
    blocks: [
      lossesTable(config, all, pairs),
      ...await present(continuedFigure(config, all)),
      against,
    ],
  });
}

function exposureCell({ main, arm }: Pair): ShownCell {
  const tokens = [main, arm].map(({ specialised_tokens }) => count(specialised_tokens));
  return { text: sameTokens(main, arm) ? "equal" : "unequal", note: tokens.join(" and ") };
}

/** An arm on a target. */
interface LossRow {
  readonly arm: ArmRow;
  readonly target: string;
}

/** Table 3: pretraining only, the mixture, and continued pretraining on its source, for each target. */
function lossesTable(
  config: StudyReportConfig,
  all: StudyMeasurements,
  pairs: readonly Pair[],
): ShownTable {
  const { general } = config;
  const controls = all.arms.filter(({ kind }) => kind === "control");
  const rows = [...Map.groupBy(pairs, ({ target }) => target)].flatMap(([target, of_target]) => {
    const mains = new Set(of_target.map(({ main }) => main));
    const arms = [...controls, ...mains, ...of_target.map(({ arm }) => arm)];
    return arms.map((arm): LossRow => ({ arm, target }));
  });
  const cell = (sourceOf: (target: string) => string) => ({ arm, target }: LossRow): ShownCell => {
    const row = findComparison(all, arm.arm, target, sourceOf(target));
    return row ? { text: meanCell(row), note: differenceNoteOf(row) } : "";
  };
  const shown = [...new Set(rows.map(({ arm }) => arm))];
  const targets = new Set(rows.map(({ target }) => target));
  return shownTable(
    "Loss after fine-tuning on the matched target (paper, Table 3), mean ± standard deviation " +
      `${over(all.comparison)}; below it, the difference from pretraining only.`,
    rows,
    {
      training: ({ arm }) => arm.kind === "control" ? "pretraining only" : arm.label,
      target: ({ target }) => targetLabel(config, target),
      "#in domain": cell((target) => target),
      [`#${general}`]: cell(() => general),
    },
    armsFile("continued", all, shown, ({ target, source }) => {
      return targets.has(target) && (source === target || source === general);
    }),
  );
}

/** Mixture − continued pretraining, in domain and on general data. */
function againstFile(
  { general }: StudyReportConfig,
  all: StudyMeasurements,
  pairs: readonly Pair[],
): TableFile {
  const { arm: text, ci_low, ci_high, detectable } = study_ports.study_comparison.columns;
  const named = { midtraining: text, continued: text, target: text, source: text };
  const rows = pairs.flatMap(({ arm, main, target }) =>
    [target, general].flatMap((source) => {
      const effect = differenceBetween(all, [main.arm, arm.arm], target, source);
      if (!effect) return [];
      return [{ midtraining: main.arm, continued: arm.arm, target, source, ...effect }];
    })
  );
  const columns = { ...named, difference: "float64", ci_low, ci_high, detectable } as const;
  return tableFile("against_continued", { columns: { ...columns, replication: text } }, rows);
}

/** A specialised source, with its arms of both kinds. */
export interface ContinuedPanels extends OnBothSources<ComparedRow & { label: string }> {
  readonly specialised: string;
}

/** Sources with continued pretraining, with midtraining on the same source first. */
export function continuedPanels(
  config: StudyReportConfig,
  all: StudyMeasurements,
): ContinuedPanels[] {
  const alone = all.arms.filter(({ kind }) => kind === "continued").map((arm) => arm.specialised);
  return [...new Set(alone)].flatMap((specialised) => {
    const arms = ["midtrain", "continued"].flatMap((kind) =>
      all.arms.filter((arm) => arm.kind === kind && arm.specialised === specialised)
        .map(({ arm, label }) => ({ arm, label }))
    );
    return config.matched.filter((pair) => pair.specialised === specialised)
      .map(({ target }) => ({ specialised, ...comparedOnBoth(config, all, arms, target) }))
      .filter(({ in_domain }) => in_domain.length > 0);
  });
}

/** Room beside a panel is small: what an arm has in common with another is only hinted at. */
function shortLabel(label: string): string {
  return label.replace(/, tokens of .*/, ", equal tokens");
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
      dots: rows.map(({ label, difference, ci_low, ci_high, arm }) => ({
        label: shortLabel(label),
        series: shortLabel(label),
        value: difference,
        low: ci_low,
        high: ci_high,
        open: all.arms.some((each) => each.arm === arm && each.kind === "continued"),
        text: signed(difference),
      })),
    }));
  const shown = all.arms.filter(({ arm }) => rows.some((row) => row.arm === arm));
  return await renderFigure({
    name: "continued",
    title: HEADING,
    caption:
      "Held-out loss after fine-tuning, arm − control, in nats per token; left of the dashed line is better than the " +
      "control. Filled: mixtures; open: continued pretraining on the specialised source alone. Left: the target's own " +
      `text; right: ${config.general}. ${differenceNote(rows)}Each panel has its own scale.`,
    chart: dotChart({
      rows: sources.map(panels),
      styles: armStyles(all, shown).map((style) => {
        return { ...style, label: shortLabel(style.label) };
      }),
      x: "difference (nats/token)",
    }),
  });
}
