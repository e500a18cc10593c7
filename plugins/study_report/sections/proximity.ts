/**
 * Similarity of the data (paper, Figures 1 and 6), and whether mixtures closer to a target gain more on it (Figures 2
 * and 7).
 *
 * @module
 */
import { fitLine } from "@causeway/core/analysis";
import {
  decimals,
  type Figure,
  interval,
  leftOut,
  percent,
  present,
  REFERENCE,
  renderFigure,
  scatter,
  type ScatterPoint,
  type Section,
  section,
  type SeriesStyle,
  shownTable,
  similarityBlocks,
  tableFile,
  withKey,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import { labelOf, targetLabel } from "../effects.ts";
import { decisiveInterval } from "../findings/bridge.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armStyles } from "../styles.ts";
import { legsFigure, legSumsFigure } from "./legs.ts";

/** Similarity of sources, mixtures and targets. */
export async function similaritySection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Similarity of the data";
  if (all.similarity.length === 0) {
    return leftOut("similarity", heading, "no similarity table is wired to the report");
  }
  return section("similarity", heading, {
    paragraphs: ["Sources, mixtures and targets (paper, Figures 1 and 6 and Appendix C)."],
    blocks: await similarityBlocks(all.similarity, {
      title: "Similarity of sources, mixtures and targets",
      order: similarityOrder(config, all),
      shown: (name) => targetLabel(config, name),
      note: " Mixtures are simulated at their weights.",
    }),
  });
}

/** General data, specialised sources, mixtures, then targets. */
export function similarityOrder(
  { general, targets }: StudyReportConfig,
  { arms }: StudyMeasurements,
): string[] {
  const of_targets = targets.map(({ name }) => name);
  const sources = arms.map(({ specialised }) => specialised)
    .filter((source) => !of_targets.includes(source));
  return [general, ...sources, ...arms.map(({ label }) => label), ...of_targets];
}

/** Proximity advantage against improvement, its correlation, and both legs from general data to the target. */
export async function proximitySection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const heading = "Proximity and improvement";
  if (all.proximity.length === 0) {
    return leftOut("proximity", heading, "no proximity table is wired to the report");
  }
  const points = shownTable(
    "Proximity advantage: similarity of arm and target − similarity of general data and target. Improvement: relative to " +
      "the control's loss on the target.",
    all.proximity,
    {
      arm: ({ arm }) => labelOf(all, arm),
      target: ({ target }) => targetLabel(config, target),
      "#arm and target": ({ similarity }) => decimals(similarity),
      "#general and target": ({ similarity_general }) => decimals(similarity_general),
      "#advantage": ({ advantage }) => decimals(advantage),
      "#improvement": ({ relative_improvement }) => percent(relative_improvement),
    },
    tableFile("proximity", study_ports.proximity, all.proximity),
  );
  const choices = shownTable(
    "Pearson's r of advantage and improvement with each set of options that the paper leaves open. Resampled: " +
      "bootstrap over arms and trunks. Points share arms and targets, so p-values and Fisher's intervals are nominal.",
    all.correlation,
    {
      options: ({ choice }) => choice,
      "#n": ({ n }) => String(n),
      "#r": ({ r }) => decimals(r),
      "#95% interval, resampled": (row) => interval(row.ci_resampled_low, row.ci_resampled_high),
      "#Fisher's z": ({ ci_low, ci_high }) => interval(ci_low, ci_high),
      "#p": ({ p }) => decimals(p, 4),
    },
    tableFile("correlation", study_ports.proximity_correlation, all.correlation),
  );
  return section("proximity", heading, {
    paragraphs: [
      "Does a mixture help more if it is closer to the target than general data is (paper, Figure 2)? And how far is it " +
      "from general data to the mixture, and from the mixture to the target (Figure 7)?",
    ],
    files: all.legs.length > 0 ? [tableFile("legs", study_ports.proximity_legs, all.legs)] : [],
    blocks: [
      ...await present(proximityFigure(config, all)),
      choices,
      ...await present(legsFigure(config, all), legSumsFigure(config, all)),
      points,
    ],
  });
}

/** Advantage along x, relative improvement in per cent along y; pairs that are not matched are faded. */
export function proximityPoints(config: StudyReportConfig, all: StudyMeasurements): ScatterPoint[] {
  return all.proximity.flatMap((row) => {
    const { advantage: x, relative_improvement: share } = row;
    if (share === null) return [];
    return [{
      ...pairOf(config, all, row),
      x,
      y: 100 * share,
      faded: !isMatched(config, all, row),
    }];
  });
}

type Pair = { readonly arm: string; readonly target: string };

/** The series of a pair is its arm, its name the target. */
export function pairOf(config: StudyReportConfig, all: StudyMeasurements, { arm, target }: Pair) {
  return { series: labelOf(all, arm), text: targetLabel(config, target) };
}

/** Whether the arm's source is meant for the target. */
function isMatched({ matched }: StudyReportConfig, { arms }: StudyMeasurements, pair: Pair) {
  const specialised = arms.find(({ arm }) => arm === pair.arm)?.specialised;
  return matched.some((each) => each.specialised === specialised && each.target === pair.target);
}

/** The looks of the arms of some points. */
export function stylesOf(all: StudyMeasurements, points: readonly ScatterPoint[]): SeriesStyle[] {
  return armStyles(
    all,
    all.arms.filter(({ label }) => points.some(({ series }) => series === label)),
  );
}

/** Improvement against proximity advantage, with the regression line. */
export async function proximityFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const points = proximityPoints(config, all);
  if (points.length === 0) return undefined;
  const styles = stylesOf(all, points);
  const title = "Proximity advantage and improvement";
  const line = lineEnds(points);
  const { subtitle, note } = correlationText(all);
  const chart = scatter({
    points,
    styles,
    x: "proximity advantage (similarity, 0 to 1)",
    y: "relative improvement (%)",
    include_x: [0],
    include_y: [0],
    under: ({ x, y }) => [
      { data: { values: [{ zero: 0 }] }, mark: REFERENCE, encoding: { x: x("zero") } },
      { data: { values: [{ zero: 0 }] }, mark: REFERENCE, encoding: { y: y("zero") } },
      {
        data: { values: line },
        mark: { type: "line", color: "#333", strokeWidth: 1.5 },
        encoding: { x: x("x"), y: y("y") },
      },
    ],
  });
  return await renderFigure({
    name: "proximity",
    title,
    caption:
      "Advantage: similarity of the arm's mixture to the target − that of general data (0 to 1). Improvement: how " +
      "far the arm's loss on the target after fine-tuning is below the control's, in per cent of the control's. " +
      `${note} ${
        line.length > 0 ? "Line: least squares through all points. " : ""
      }Colour and shape: the mixture; each point ` +
      "is named after its target. Grey: targets that the mixture is not meant for.",
    chart: {
      ...withKey(styles, chart),
      title: { text: title, ...(subtitle && { subtitle, subtitleFontSize: 13 }) },
    },
  });
}

function correlationText({ correlation }: StudyMeasurements) {
  const own = correlation.find(({ is_default }) => is_default);
  if (!own || own.r === null) return { note: "Too few pairs for a correlation." };
  const { n, r, p } = own;
  const { ci_low, ci_high } = decisiveInterval(own);
  const [low, high] = [ci_low, ci_high].map((bound) => bound?.toFixed(2));
  const between = ci_low === null ? "" : ` (${low} to ${high})`;
  const resampled = own.ci_resampled_low !== null;
  return {
    subtitle: `r = ${r.toFixed(2)}${between}, nominal p = ${p?.toPrecision(2)}, n = ${n}`,
    note: `Pearson's r over ${n} pairs of arm and target, with its confidence interval (${
      resampled ? "bootstrap over arms and trunks" : "Fisher's z"
    }, 95% by default) and two-sided p; pairs share arms and targets, so ${
      resampled ? "p is nominal." : "both are nominal."
    }`,
  };
}

/** Ends of the regression line, at the outermost points; none with fewer than 3 points or a single x. */
export function lineEnds(points: readonly ScatterPoint[]): { x: number; y: number }[] {
  const along = points.map(({ x }) => x);
  const ends = [Math.min(...along), Math.max(...along)];
  if (points.length < 3 || ends[0] === ends[1]) return [];
  const line = fitLine(along, points.map(({ y }) => y));
  return ends.map((x) => ({ x, y: line(x).value }));
}
