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
  POINT,
  pointChannels,
  present,
  REFERENCE,
  renderFigure,
  scatter,
  type ScatterAxes,
  type ScatterPoint,
  type Section,
  section,
  type SeriesStyle,
  seriesStyles,
  shownTable,
  similarityBlocks,
  tableFile,
  withKey,
} from "@causeway/core/report";
import { study_ports } from "@causeway/core/stage";
import { labelOf, targetLabel } from "../effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";

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
    "Pearson's r of advantage and improvement with each set of options that the paper leaves open. Points share arms and " +
      "targets, so p-values and intervals are nominal.",
    all.correlation,
    {
      options: ({ choice }) => choice,
      "#n": ({ n }) => String(n),
      "#r": ({ r }) => decimals(r),
      "#95% interval": ({ ci_low, ci_high }) => interval(ci_low, ci_high),
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
      ...await present(legsFigure(config, all)),
      points,
    ],
  });
}

/** Advantage along x, relative improvement in per cent along y. */
export function proximityPoints(config: StudyReportConfig, all: StudyMeasurements): ScatterPoint[] {
  return all.proximity.flatMap((row) => {
    const { advantage: x, relative_improvement: share } = row;
    return share === null ? [] : [{ ...names(config, all, row), x, y: 100 * share }];
  });
}

/** Similarity of general data and mixture along x, of mixture and target along y. */
export function legPoints(config: StudyReportConfig, all: StudyMeasurements): ScatterPoint[] {
  return all.legs.map((row) => {
    return { ...names(config, all, row), x: row.general_to_mixture, y: row.mixture_to_target };
  });
}

/** A point's name is the source that its mixture adds, which is shorter than the arm's label; else the arm's name. */
function names(
  config: StudyReportConfig,
  { arms }: StudyMeasurements,
  { arm, target }: { arm: string; target: string },
) {
  const specialised = arms.find((each) => each.arm === arm)?.specialised;
  const same = arms.filter((each) => each.kind === "midtrain" && each.specialised === specialised);
  const text = same.length === 1 ? same[0].specialised : arm;
  return { series: targetLabel(config, target), text };
}

function stylesOf({ targets }: StudyReportConfig, points: readonly ScatterPoint[]) {
  return seriesStyles(targets.map(({ label }) => label))
    .filter(({ label }) => points.some(({ series }) => series === label));
}

const NAMED = "Points are named after the source that the mixture adds.";

/** Improvement against proximity advantage, with the regression line. */
export async function proximityFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const points = proximityPoints(config, all);
  if (points.length === 0) return undefined;
  const styles = stylesOf(config, points);
  const title = "Proximity advantage and improvement";
  const line = lineEnds(points);
  const { subtitle, note } = correlationText(all);
  const chart = scatter({
    points,
    styles,
    x: "proximity advantage",
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
      `${note} ${line.length > 0 ? "Line: least squares through all points. " : ""}${NAMED}`,
    chart: {
      ...withKey(styles, chart),
      title: { text: title, ...(subtitle && { subtitle, subtitleFontSize: 13 }) },
    },
  });
}

function correlationText({ correlation }: StudyMeasurements) {
  const own = correlation.find(({ is_default }) => is_default);
  if (!own || own.r === null) return { note: "Too few pairs for a correlation." };
  const { n, r, p, ci_low, ci_high } = own;
  const [low, high] = [ci_low, ci_high].map((bound) => bound?.toFixed(2));
  const between = ci_low === null ? "" : ` (${low} to ${high})`;
  return {
    subtitle: `r = ${r.toFixed(2)}${between}, p = ${p?.toPrecision(2)}, n = ${n}`,
    note:
      `Pearson's r over ${n} pairs of arm and target, with its confidence interval (Fisher's z, 95% by default) ` +
      "and two-sided p; pairs share arms and targets, so both are nominal.",
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

/** The two legs: from general data to each mixture, and from there to each target. */
async function legsFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const points = legPoints(config, all);
  if (points.length === 0) return undefined;
  const styles = stylesOf(config, points);
  const direct = config.targets.flatMap(({ name, label }) => {
    const row = all.legs.find((row) => row.target === name);
    return row ? [{ series: label, direct: row.general_to_target }] : [];
  });
  const chart = scatter({
    points,
    styles,
    x: `similarity of ${config.general} and the mixture`,
    y: "similarity of the mixture and the target",
    include_y: direct.map((row) => row.direct),
    under: (axes) => directLines(direct, axes, styles),
  });
  return await renderFigure({
    name: "legs",
    title: "From general data to the mixture, and on to the target",
    caption:
      "Similarity of token distributions (0 to 1) between general data and each mixture, and between the mixture and " +
      "each target. Dashed lines, with the target's mark at the right end: similarity of general data and the target. " +
      `Points above the line of their target are mixtures closer to the target than general data. ${NAMED}`,
    chart: withKey(styles, chart),
  });
}

/** General data and each target, as horizontal lines that end in the target's mark. */
function directLines(
  values: readonly object[],
  { y, right }: ScatterAxes,
  styles: readonly SeriesStyle[],
) {
  if (values.length === 0) return [];
  const { stroke, shape } = pointChannels(styles);
  const data = { values };
  return [
    {
      data,
      mark: { type: "rule", strokeDash: [5, 4], opacity: 0.7 },
      encoding: { y: y("direct"), stroke },
    },
    {
      data,
      mark: { ...POINT, size: 70, fill: "white" },
      encoding: { x: { value: right }, y: y("direct"), stroke, shape },
    },
  ];
}
