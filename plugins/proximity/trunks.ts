/**
 * How sure a correlation over arms and targets is, given that arms share trunks and each arm gives several points.
 *
 * @module
 */
import {
  drawCounts,
  type Interval,
  mean,
  NO_INTERVAL,
  pearson,
  percentileInterval,
} from "@causeway/core/analysis";
import { Random } from "@causeway/core/random";
import { type Row, rowsOf } from "@causeway/core/report";
import type { study_ports, TableInput } from "@causeway/core/stage";

type Run = Row<typeof study_ports.study_runs.columns>;

/** What an arm did to the loss on a target in one trunk: means over the fine-tuning seeds that it shares with its reference. */
export interface TrunkEffect {
  readonly trunk: number;
  /** Loss of the arm - loss of the reference. */
  readonly difference: number;
  readonly reference_loss: number;
}

/** Effects by arm and target, each on the target's own held-out documents. */
export type TrunkEffects = ReadonlyMap<string, readonly TrunkEffect[]>;

export function effectKey(arm: string, target: string): string {
  return JSON.stringify([arm, target]);
}

/**
 * Reads the effects of every trunk.
 *
 * @param referenceOf the reference of an arm.
 */
export async function readEffects(
  table: TableInput<typeof study_ports.study_runs.columns>,
  referenceOf: (arm: string) => string | undefined,
): Promise<TrunkEffects> {
  const own = (await rowsOf(table)).filter(({ target, source }) => source === target);
  const key = ({ trunk, seed, target }: Run, arm: string) => `${trunk} ${seed} ${arm} ${target}`;
  const losses = new Map(own.map((run) => [key(run, run.arm), run.loss_after]));
  const groups = Map.groupBy(own, ({ arm, target }) => effectKey(arm, target));
  return new Map([...groups].map(([name, runs]) => [
    name,
    trunkEffects(runs, (run) => {
      const reference = referenceOf(run.arm);
      return reference === undefined ? undefined : losses.get(key(run, reference));
    }),
  ]));
}

function trunkEffects(
  runs: readonly Run[],
  referenceLoss: (run: Run) => number | undefined,
): TrunkEffect[] {
  return [...Map.groupBy(runs, ({ trunk }) => trunk)].flatMap(([trunk, of_trunk]) => {
    const pairs = of_trunk.flatMap((run) => {
      const other = referenceLoss(run);
      return other === undefined ? [] : [[run.loss_after, other]];
    });
    if (pairs.length === 0) return [];
    const reference_loss = mean(pairs.map(([, other]) => other));
    return [{
      trunk,
      difference: mean(pairs.map(([loss]) => loss)) - reference_loss,
      reference_loss,
    }];
  });
}

/** A point of the scatter: an arm on a target. */
export interface Point {
  readonly arm: string;
  readonly advantage: number;
  readonly improvement: number;
  /** None where runs are unknown. */
  readonly effects: readonly TrunkEffect[];
}

/** Arms from which on they are resampled. */
const LEAST_ARMS = 3;

/**
 * A percentile interval of Pearson's r, by a bootstrap over arms, with all their points, and over trunks, the same ones for
 * all arms: points of one arm share its mixture, and points of all arms the trunks. With one trunk only arms are drawn.
 *
 * @returns null for fewer than three arms, or where less than half of the resamples have a correlation.
 */
export function resampledCorrelation(
  points: readonly Point[],
  { resamples, seed, confidence }: { resamples: number; seed: number; confidence: number },
): Interval {
  const arms = [...new Set(points.map(({ arm }) => arm))];
  if (arms.length < LEAST_ARMS) return NO_INTERVAL;
  const trunks = trunksOf(points);
  const of_arms = new Uint32Array(arms.length), of_trunks = new Uint32Array(trunks.length);
  const found: number[] = [];
  for (let resample = 0; resample < resamples; resample++) {
    drawCounts(of_arms, new Random(seed, "proximity/arms", resample));
    drawCounts(of_trunks, new Random(seed, "proximity/trunks", resample));
    const times = new Map(trunks.map((trunk, i) => [trunk, of_trunks[i]]));
    const drawn = points.flatMap((point) => {
      const y = improvementOf(point, times);
      const copies = of_arms[arms.indexOf(point.arm)];
      return y === undefined ? [] : Array.from({ length: copies }, () => [point.advantage, y]);
    });
    const { r } = pearson(drawn.map(([x]) => x), drawn.map(([, y]) => y));
    if (r !== null) found.push(r);
  }
  return 2 * found.length < resamples || resamples === 0
    ? NO_INTERVAL
    : percentileInterval(found, confidence);
}

/** Indices of the trunks of all points. */
export function trunksOf(points: readonly Pick<Point, "effects">[]): number[] {
  return [...new Set(points.flatMap(({ effects }) => effects.map(({ trunk }) => trunk)))];
}

/** The relative improvement over drawn trunks; undefined where the point has none of them. */
function improvementOf(
  { improvement, effects }: Point,
  times: ReadonlyMap<number, number>,
): number | undefined {
  if (effects.length === 0) return improvement;
  let difference = 0, reference_loss = 0;
  for (const effect of effects) {
    difference += times.get(effect.trunk)! * effect.difference;
    reference_loss += times.get(effect.trunk)! * effect.reference_loss;
  }
  return reference_loss === 0 ? undefined : -difference / reference_loss;
}
