/**
 * The two legs from general data to a mixture and on to a target, and the benefit of going that way (paper, Figure 7).
 *
 * @module
 */
import { pearson } from "@causeway/core/analysis";
import {
  decimals,
  type Figure,
  linePanel,
  percent,
  renderFigure,
  scatter,
  type ScatterAxes,
  type ScatterPoint,
  withKey,
} from "@causeway/core/report";
import { labelOf, targetLabel } from "../effects.ts";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armStyles } from "../styles.ts";
import { scalesNote } from "../tables.ts";

/** Distances of one pair of arm and target, and its gain. Distance is 1 - similarity. */
export interface Leg {
  readonly arm: string;
  readonly target: string;
  readonly to_mixture: number;
  readonly to_target: number;
  readonly direct: number;
  /** Improvement as a share of the control's loss; null where it was not compared. */
  readonly gain: number | null;
}

/** The legs of every pair, with the gains of the proximity table. */
export function legsOf({ legs, proximity }: StudyMeasurements): Leg[] {
  return legs.map(({ arm, target, general_to_mixture, mixture_to_target, general_to_target }) => ({
    arm,
    target,
    to_mixture: 1 - general_to_mixture,
    to_target: 1 - mixture_to_target,
    direct: 1 - general_to_target,
    gain: proximity.find((row) => row.arm === arm && row.target === target)
      ?.relative_improvement ?? null,
  }));
}

/** Area of the mark of the largest gain, and of one without any, in square pixels. */
const [LARGEST, SMALLEST] = [420, 24];

/** The first leg along x, the second along y; area is the size of the gain, open marks are losses. */
export function legPoints(config: StudyReportConfig, all: StudyMeasurements): ScatterPoint[] {
  const legs = legsOf(all);
  const most = Math.max(0, ...legs.map(({ gain }) => Math.abs(gain ?? 0))) || 1;
  return legs.map(({ arm, target, to_mixture, to_target, gain }) => ({
    series: labelOf(all, arm),
    text: targetLabel(config, target),
    x: to_mixture,
    y: to_target,
    faded: gain === null,
    open: gain !== null && gain < 0,
    area: SMALLEST + (LARGEST - SMALLEST) * Math.abs(gain ?? 0) / most,
  }));
}

function stylesOf(all: StudyMeasurements) {
  return armStyles(all, all.arms.filter(({ arm }) => all.legs.some((row) => row.arm === arm)));
}

/** Both legs, with the benefit as the size of the mark. */
export async function legsFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const points = legPoints(config, all);
  if (points.length === 0) return undefined;
  const styles = stylesOf(all);
  const legs = legsOf(all);
  const most = Math.max(...legs.map(({ gain }) => Math.abs(gain ?? 0)));
  const direct = config.targets.flatMap(({ name, label }) => {
    const row = legs.find(({ target }) => target === name);
    return row ? [{ text: `${config.general} – ${label}`, direct: row.direct }] : [];
  });
  const chart = scatter({
    points,
    styles,
    x: `distance of ${config.general} and the mixture (1 - similarity)`,
    y: "distance of the mixture and the target (1 - similarity)",
    include_x: [roomForNames(points)],
    include_y: direct.map((row) => row.direct),
    under: (axes) => directLines(direct, axes),
  });
  return await renderFigure({
    name: "legs",
    title: "From general data to the mixture, and on to the target",
    caption:
      "Distance of token distributions (0 to 1) between general data and each mixture, and between the mixture and each " +
      "target. Area: improvement relative to the control (filled) or worsening (open), " +
      `the largest ${
        percent(most)
      }. Colour and shape: the mixture; points are named after the target. Dashed lines: the ` +
      "direct distance of general data and the target; points below the line of their target are closer to it.",
    chart: withKey(styles, chart),
  });
}

/** A place left of all points, so that the names of the lines do not cover them. */
function roomForNames(points: readonly ScatterPoint[]): number {
  const along = points.map(({ x }) => x);
  const [low, high] = [Math.min(...along), Math.max(...along)];
  return low - 0.08 * (high - low || 1);
}

/** The direct distance to each target, as horizontal lines named at their left end. */
function directLines(values: readonly object[], { y }: ScatterAxes) {
  if (values.length === 0) return [];
  const data = { values };
  return [
    {
      data,
      mark: { type: "rule", strokeDash: [5, 4], color: "#555", opacity: 0.7 },
      encoding: { y: y("direct") },
    },
    {
      data,
      mark: { type: "text", align: "left", dy: -7, fontSize: 11, color: "#555" },
      encoding: { x: { value: 4 }, y: y("direct"), text: { field: "text" } },
    },
  ];
}

/** Ways of adding up two legs. */
const WAYS = {
  "sum of both legs": (a: number, b: number) => a + b,
  "longer leg": Math.max,
  "shorter leg": Math.min,
} as const;

/** A way of adding up, its points, and their correlation with the gain in per cent. */
export function legSums(all: StudyMeasurements) {
  const legs = legsOf(all).flatMap(({ gain, ...leg }) => gain === null ? [] : [{ ...leg, gain }]);
  return Object.entries(WAYS).map(([way, join]) => {
    const points = legs.map(({ arm, to_mixture, to_target, gain }) => ({
      series: labelOf(all, arm),
      x: join(to_mixture, to_target),
      y: 100 * gain,
    }));
    const { r } = pearson(points.map(({ x }) => x), points.map(({ y }) => y));
    return { way, points, r };
  });
}

/** The benefit against the sum of both legs, the longer and the shorter one. */
export async function legSumsFigure(
  _: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const panels = legSums(all);
  if (panels[0].points.length === 0) return undefined;
  const styles = stylesOf(all);
  return await renderFigure({
    name: "leg_sums",
    title: "Benefit against the sum of both legs, the longer and the shorter one",
    caption:
      "Improvement relative to the control's loss on the target, in per cent, against the distances of general data to the " +
      "mixture and of the mixture to the target (1 - similarity): their sum, the longer and the shorter of the two. " +
      `r: Pearson's correlation; pairs share arms and targets. ${scalesNote(panels.length)}`,
    chart: withKey(styles, {
      columns: 3,
      spacing: 24,
      concat: panels.map(({ way, points, r }) =>
        linePanel({
          title: `${way}: r = ${decimals(r, 2)}`,
          points,
          styles,
          x: "distance (0 to 1 each)",
          y: "relative improvement (%)",
          reference: 0,
          joined: false,
          width: 160,
          height: 180,
        })
      ),
    }),
  });
}
