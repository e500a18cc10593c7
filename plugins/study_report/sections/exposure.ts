/**
 * The effect of the start at equal weight, and at equal specialised tokens: an early start at the same weight also sees more
 * specialised data.
 *
 * @module
 */
import {
  count,
  type Figure,
  leftOut,
  linePanel,
  type LinePoint,
  percent,
  present,
  renderFigure,
  type Section,
  section,
  type ShownCell,
  shownTable,
  withKey,
} from "@causeway/core/report";
import {
  bothPanels,
  comparedOnBoth,
  type ComparedRow,
  findComparison,
  gridArms,
  mainArm,
  matchedTarget,
  targetLabel,
} from "../effects.ts";
import { type ExposureLine, exposureLines } from "../exposure.ts";
import type { ArmRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { shadeStyles } from "../styles.ts";
import { armsFile, differenceNote, differenceNoteOf, meanCell, wholePercent } from "../tables.ts";

/** Both estimands side by side, as a figure and as tables. */
export async function exposureSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Start and exposure";
  const lines = exposureLines(all);
  const target = matchedTarget(config, gridArms(all)[0]);
  if (!lines.some(({ estimand }) => estimand === "equal specialised tokens") || !target) {
    const why = "no two arms with different starts see equally many specialised tokens";
    return leftOut("exposure", heading, why);
  }
  return section("exposure", heading, {
    paragraphs: [
      "At equal weight an early start sees more specialised data than a late one, so the effect of the start includes that of " +
      "the amount. At equal specialised tokens (a late start with a higher weight, or a mixture from step 0 with a lower one) " +
      "the amount is the same, and weight differs instead. Neither is the effect of time alone.",
    ],
    blocks: [
      ...await present(exposureFigure(config, all)),
      exposureTable(config, all, lines, target),
    ],
  });
}

/** An arm of one estimand. */
type Row = { readonly estimand: string; readonly arm: ArmRow };

function exposureTable(
  config: StudyReportConfig,
  all: StudyMeasurements,
  lines: readonly ExposureLine[],
  target: string,
) {
  const rows = lines.flatMap(({ estimand, arms }) => arms.map((arm): Row => ({ estimand, arm })));
  const cell = (source: string) => ({ arm }: Row): ShownCell => {
    const row = findComparison(all, arm.arm, target, source);
    return row ? { text: meanCell(row), note: differenceNoteOf(row) } : "";
  };
  return shownTable(
    `Arms of each estimand: loss after fine-tuning on ${
      targetLabel(config, target)
    }; below it, the difference from the ` +
      "control.",
    rows,
    {
      estimand: ({ estimand }) => estimand,
      arm: ({ arm }) => arm.label,
      "#start": ({ arm }) => percent(arm.start),
      "#weight": ({ arm }) => percent(arm.weight),
      "#specialised tokens": ({ arm }) => count(arm.specialised_tokens),
      "#in domain": cell(target),
      [`#${config.general}`]: cell(config.general),
    },
    armsFile("exposure", all, [...new Set(rows.map(({ arm }) => arm))], (row) => {
      return row.target === target && [target, config.general].includes(row.source);
    }),
  );
}

/** Differences from the control by start, a line for each estimand. */
export function exposurePanels(config: StudyReportConfig, all: StudyMeasurements) {
  const target = matchedTarget(config, gridArms(all)[0]);
  if (target === undefined) return [];
  const lines = exposureLines(all).map(({ estimand, arms }) => {
    const named = arms.map(({ arm, start }) => ({ arm, start, estimand }));
    return comparedOnBoth(config, all, named, target);
  });
  if (lines.length === 0) return [];
  const [{ target: label }] = lines;
  return bothPanels(config, {
    target: label,
    in_domain: lines.flatMap(({ in_domain }) => in_domain),
    general: lines.flatMap(({ general }) => general),
  });
}

async function exposureFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = exposurePanels(config, all);
  const rows = panels.flatMap(({ rows }) => rows);
  if (rows.length === 0) return undefined;
  const specialised = gridArms(all)[0].specialised;
  const estimands = [...new Set(rows.map(({ estimand }) => estimand))];
  const styles = shadeStyles(all, mainArm(all, specialised), estimands);
  return await renderFigure({
    name: "exposure",
    title: `Start of ${specialised}: equal weight, and equal specialised tokens`,
    caption:
      "Held-out loss after fine-tuning, arm − control, in nats per token, by start of the mixture; below the dashed line is " +
      `better than the control. ${
        differenceNote(rows)
      }Overlapping lines are shifted slightly apart. Each panel has its own ` +
      "scale.",
    chart: withKey(styles, {
      columns: 2,
      spacing: 24,
      concat: panels.map(({ title, rows }) =>
        linePanel({
          title,
          styles,
          points: rows.map(pointOf),
          x: "start (% of the run)",
          y: "difference (nats/token)",
          reference: 0,
          dodge: true,
        })
      ),
    }, { lines: true }),
  });
}

function pointOf(
  { estimand, start, difference, ci_low, ci_high }: ComparedRow & {
    readonly estimand: string;
    readonly start: number;
  },
): LinePoint {
  return { series: estimand, x: wholePercent(start), y: difference, low: ci_low, high: ci_high };
}
