/**
 * Joins the phases of an arm into one curve, and thins long curves.
 *
 * @module
 */
import type { Arm } from "./config.ts";

/** One logged measurement, with its place on the arm's whole path. */
export type Placed<R> = R & { phase: string };

/** The path of an arm: the trunk it shares with every other arm, and what it did on its own. */
export interface ArmPath<R> {
  arm: Arm;
  shared: Placed<R>[];
  own: Placed<R>[];
}

/**
 * Lays the phases of each arm end to end.
 *
 * A phase that continues a schedule goes on counting steps; one that counts from zero again is moved behind
 * the phase before it.
 *
 * @throws {Error} when an arm names a phase for which there are no measurements.
 */
export function armPaths<R extends { step: number; tokens: number }>(
  arms: readonly Arm[],
  phases: Readonly<Record<string, R[]>>,
): ArmPath<R>[] {
  const shared = sharedPhases(arms);
  return arms.map((arm) => {
    const path = joinPhases(arm.trained, phases);
    const trunk = new Set(arm.trained.slice(0, shared));
    return {
      arm,
      shared: path.filter((row) => trunk.has(row.phase)),
      own: path.filter((row) => !trunk.has(row.phase)),
    };
  });
}

/** How many phases all arms have in common from the start; 0 when there is one arm only. */
function sharedPhases(arms: readonly Arm[]): number {
  if (arms.length < 2) return 0;
  let shared = 0;
  while (
    arms.every((arm) => arm.trained[shared] && arm.trained[shared] === arms[0].trained[shared])
  ) {
    shared++;
  }
  return shared;
}

function joinPhases<R extends { step: number; tokens: number }>(
  labels: readonly string[],
  phases: Readonly<Record<string, R[]>>,
): Placed<R>[] {
  const path: Placed<R>[] = [];
  for (const phase of labels) {
    const rows = phases[phase];
    if (!rows) {
      const known = Object.keys(phases).join(", ");
      throw new Error(
        `the report's config names the training phase "${phase}", which is not wired to it ` +
          `(these are: ${known}); correct "trained" or wire that phase`,
      );
    }
    const last = path.at(-1);
    const restarted = last !== undefined && rows.length > 0 && rows[0].step < last.step;
    const [step, tokens] = restarted ? [last.step, last.tokens] : [0, 0];
    path.push(
      ...rows.map((row) => ({ ...row, phase, step: row.step + step, tokens: row.tokens + tokens })),
    );
  }
  return path;
}

/**
 * Thins a curve: every point becomes the mean of `size` neighbours, which also evens out the noise between
 * batches. Rows with a value that was not taken (NaN) are left out first.
 *
 * @param pick the values to average.
 * @param size at least 1.
 */
export function thin<R, K extends string>(
  rows: readonly R[],
  pick: (row: R) => Record<K, number>,
  size: number,
): Record<K, number>[] {
  const values = rows.map(pick).filter((row) => Object.values(row).every(Number.isFinite));
  const points: Record<K, number>[] = [];
  for (let start = 0; start < values.length; start += size) {
    const group = values.slice(start, start + size);
    const names = Object.keys(group[0]) as K[];
    const mean = (name: K) => group.reduce((sum, row) => sum + row[name], 0) / group.length;
    points.push(Object.fromEntries(names.map((name) => [name, mean(name)])) as Record<K, number>);
  }
  return points;
}
