/**
 * Which phases of training belong to which arm.
 *
 * @module
 */
import type { StudyMeasurements } from "../read.ts";

/** Measurements of the trunk, which all arms share, and of what each main arm did on its own. */
export interface Paths<R> {
  /** The control's whole run. */
  readonly trunk: readonly R[];
  readonly own: readonly {
    readonly label: string;
    /** The step after which its mixture begins. */
    readonly branch: number;
    readonly rows: readonly R[];
  }[];
}

/**
 * Joins phases by their names, which are those of the study recipe: `trunk_to_200` is a part of the trunk, and an arm's
 * own phases are named after it, as `code_to_400` and `code`. Phases of no arm are left out.
 *
 * @returns rows in the order of their steps, of a step that was measured twice the later; main arms only.
 */
export function armPaths<R extends { step: number }>(
  arms: StudyMeasurements["arms"],
  phases: Readonly<Record<string, readonly R[]>>,
): Paths<R> {
  const of_arm = Map.groupBy(Object.keys(phases), (phase) => ownerOf(arms, phase));
  const rowsOf = (arm: string) => ordered((of_arm.get(arm) ?? []).map((phase) => phases[phase]));
  const control = arms.find(({ kind }) => kind === "control")?.arm;
  const trunk = [rowsOf(TRUNK), ...control === undefined ? [] : [rowsOf(control)]];
  const whole = ordered(trunk);
  const horizon = whole.at(-1)?.step ?? 0;
  return {
    trunk: whole,
    own: arms.filter(({ kind }) => kind === "midtrain")
      .map(({ arm, label, start }) => {
        return { label, branch: Math.round(start * horizon), rows: rowsOf(arm) };
      })
      .filter(({ rows }) => rows.length > 0),
  };
}

const TRUNK = "trunk";

/** The arm with the longest name that the phase is named after: `code_10_from_33` is not of `code`. */
function ownerOf(arms: StudyMeasurements["arms"], phase: string): string | undefined {
  return [TRUNK, ...arms.map(({ arm }) => arm)]
    .filter((arm) =>
      phase === arm || /^_to_\d+$/.test(phase.slice(arm.length)) && phase.startsWith(arm)
    )
    .sort((a, b) => b.length - a.length)[0];
}

function ordered<R extends { step: number }>(stretches: readonly (readonly R[])[]): R[] {
  const by_step = new Map<number, R>();
  const starts = stretches.filter((rows) => rows.length > 0)
    .toSorted((a, b) => a[0].step - b[0].step);
  for (const row of starts.flat()) by_step.set(row.step, row);
  return [...by_step.values()].sort((a, b) => a.step - b.step);
}

/**
 * Thins a curve: each point is the mean of `size` neighbours, which also evens out the noise between batches.
 *
 * @param size at least 1.
 */
export function thin<R extends { step: number; loss: number }>(rows: readonly R[], size: number) {
  const finite = rows.filter(({ loss }) => Number.isFinite(loss));
  return Array.from({ length: Math.ceil(finite.length / size) }, (_, i) => {
    const group = finite.slice(i * size, (i + 1) * size);
    const mean = (pick: (row: R) => number) =>
      group.reduce((sum, row) => sum + pick(row), 0) / group.length;
    return { step: mean(({ step }) => step), loss: mean(({ loss }) => loss) };
  });
}
