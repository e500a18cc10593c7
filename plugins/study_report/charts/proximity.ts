/**
 * Figures 2 and 7: whether mixtures that are closer to a target gain more on it, and the way from general data to it.
 *
 * @module
 */
import { fitLine } from "../../../core/analysis/mod.ts";
import { type Figure, renderFigure } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import { withKey } from "./key.ts";
import { POINT, pointChannels, type SeriesStyle, seriesStyles } from "./look.ts";
import { type Channels, scatter, type ScatterPoint } from "./scatter.ts";

/** Advantage along x, relative improvement in per cent along y. */
export function proximityPoints(config: StudyReportConfig, all: StudyMeasurements): ScatterPoint[] {
  return all.proximity
    .filter((row) => Number.isFinite(row.advantage) && Number.isFinite(row.relative_improvement))
    .map((row) => ({
      ...names(config, all, row),
      x: row.advantage,
      y: 100 * row.relative_improvement,
    }));
}

/** Similarity of general data and the mixture along x, of the mixture and the target along y. */
export function legPoints(config: StudyReportConfig, all: StudyMeasurements): ScatterPoint[] {
  return all.legs
    .filter((row) => [row.general_to_mixture, row.mixture_to_target].every(Number.isFinite))
    .map((row) => ({
      ...names(config, all, row),
      x: row.general_to_mixture,
      y: row.mixture_to_target,
    }));
}

/** Points are named by what their mixture brings in, which is shorter than the arm's label. */
function names(
  { targets }: StudyReportConfig,
  { arms }: StudyMeasurements,
  { arm, target }: { arm: string; target: string },
) {
  const same = arms.find((each) => each.arm === arm);
  const alone =
    arms.filter((each) => each.kind === "midtrain" && each.specialised === same?.specialised)
      .length === 1;
  return {
    series: targets.find(({ name }) => name === target)?.label ?? target,
    text: alone ? same!.specialised : arm,
  };
}

/** Improvement against proximity advantage, with the line through all points. */
export async function proximityFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const points = proximityPoints(config, all);
  if (points.length === 0) return undefined;
  const styles = stylesOf(config, points);
  const title = "Proximity advantage and improvement";
  return await renderFigure({
    name: "proximity",
    title,
    caption:
      "Advantage: similarity of the arm's mixture to the target minus that of general data (0 to 1). " +
      "Improvement: by how much the arm's loss on the target after fine-tuning lies below the control's, in per cent " +
      `of it. ${correlationNote(all)} ${lineNote(points)}Points are named by what the mixture ` +
      "brings in.",
    chart: withKey(
      titled(title, all),
      styles,
      scatter({
        points,
        styles,
        x: "proximity advantage",
        y: "relative improvement (%)",
        include_x: [0],
        include_y: [0],
        under: (channels) => [...zeroLines(channels), ...fitted(points, channels)],
      }),
    ),
  });
}

function stylesOf({ targets }: StudyReportConfig, points: readonly ScatterPoint[]) {
  return seriesStyles(targets.map(({ label }) => label))
    .filter(({ label }) => points.some(({ series }) => series === label));
}

function titled(text: string, { correlation }: StudyMeasurements): object {
  const own = correlation.find(({ is_default }) => is_default);
  if (!own || !Number.isFinite(own.r)) return { text };
  const [low, high] = [own.ci_low, own.ci_high].map((bound) => bound.toFixed(2));
  const between = Number.isFinite(own.ci_low) ? ` (${low} to ${high})` : "";
  const subtitle = `r = ${own.r.toFixed(2)}${between}, p = ${own.p.toPrecision(2)}, n = ${own.n}`;
  return { text, subtitle, subtitleFontSize: 13 };
}

function correlationNote({ correlation }: StudyMeasurements): string {
  const own = correlation.find(({ is_default }) => is_default);
  if (!own || !Number.isFinite(own.r)) return "Too few pairs for a correlation.";
  return `Pearson's r over ${own.n} pairs of arm and target, with its confidence interval (Fisher's z, 95% by default) and two-sided ` +
    "p; pairs share arms and targets, so both are nominal.";
}

function zeroLines({ x, y }: Channels): object[] {
  const mark = { type: "rule", color: "#999", strokeDash: [4, 3] };
  const data = { values: [{ zero: 0 }] };
  return [
    { data, mark, encoding: { x: x("zero") } },
    { data, mark, encoding: { y: y("zero") } },
  ];
}

/** The ends of the line, at the outermost points; none where no line can be fitted. */
export function lineEnds(points: readonly ScatterPoint[]): { x: number; y: number }[] {
  const along = points.map(({ x }) => x);
  const ends = [Math.min(...along), Math.max(...along)];
  if (points.length < 3 || ends[0] === ends[1]) return [];
  const line = fitLine(along, points.map(({ y }) => y));
  return ends.map((x) => ({ x, y: line(x).value }));
}

function lineNote(points: readonly ScatterPoint[]): string {
  return lineEnds(points).length > 0 ? "Line: least squares through all points. " : "";
}

function fitted(points: readonly ScatterPoint[], { x, y }: Channels): object[] {
  return [{
    data: { values: lineEnds(points) },
    mark: { type: "line", color: "#333", strokeWidth: 1.5 },
    encoding: { x: x("x"), y: y("y") },
  }];
}

/** The two legs: from general data to each mixture, and from there to each target. */
export async function legsFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const points = legPoints(config, all);
  if (points.length === 0) return undefined;
  const styles = stylesOf(config, points);
  const direct = config.targets.flatMap(({ name, label }) => {
    const row = all.legs.find(({ target }) => target === name);
    return row && Number.isFinite(row.general_to_target)
      ? [{ series: label, direct: row.general_to_target }]
      : [];
  });
  const title = "From general data to the mixture, and on to the target";
  return await renderFigure({
    name: "legs",
    title,
    caption:
      "Similarity of token distributions (0 to 1) between general data and each mixture, and between the " +
      "mixture and each target. Dashed lines, with the target's mark at the right end: general data and the target. " +
      "Points above their line are mixtures that bring the target nearer. Points are named by what the mixture " +
      "brings in.",
    chart: withKey(
      title,
      styles,
      scatter({
        points,
        styles,
        x: `similarity of ${config.general} and the mixture`,
        y: "similarity of the mixture and the target",
        include_y: direct.map((row) => row.direct),
        under: (channels) => directLines(direct, channels, styles),
      }),
    ),
  });
}

/** General data and each target, as lines across, which end in the target's mark. */
function directLines(values: object[], { y, right }: Channels, styles: readonly SeriesStyle[]) {
  if (values.length === 0) return [];
  const channels = pointChannels(styles);
  const data = { values };
  return [
    {
      data,
      mark: { type: "rule", strokeDash: [5, 4], opacity: 0.7 },
      encoding: { y: y("direct"), stroke: channels.stroke },
    },
    {
      data,
      mark: { ...POINT, size: 70, fill: "white" },
      encoding: {
        x: { value: right },
        y: y("direct"),
        stroke: channels.stroke,
        shape: channels.shape,
      },
    },
  ];
}
