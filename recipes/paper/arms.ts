/**
 * The arms of a study, and the training phases that lead to them. Arms that are identical up to a step share the phases up
 * to it: a phase trains on one mixture, between two steps at which an arm branches off or is fine-tuned.
 *
 * @module
 */
import type { ArmKind, Midtraining, StudySettings } from "./settings.ts";

/** An arm: its mixture, and when it starts and ends. */
export interface Arm {
  readonly name: string;
  readonly label: string;
  readonly kind: ArmKind;
  /** Specialised source; empty for general data only. */
  readonly specialised: string;
  readonly weight: number;
  /** Shares of the horizon. */
  readonly start: number;
  readonly end: number;
  /** The arm it is compared with. */
  readonly reference: string;
  /** Names of the targets to fine-tune it on. */
  readonly targets: readonly string[];
}

export const CONTROL = "control";

const percent = (share: number) => `${Math.round(100 * share)}`;

/** All arms, the control first; an arm that several experiments need is listed once. */
export function armsOf(settings: StudySettings): Arm[] {
  const { midtraining, targets, grid, continued } = settings;
  const every = targets.map(({ name }) => name);
  const arms: Arm[] = [{
    name: CONTROL,
    label: `control (${settings.general} only)`,
    kind: "control",
    specialised: "",
    weight: 0,
    start: 0,
    end: 1,
    reference: CONTROL,
    targets: every,
  }];
  const add = (arm: Omit<Arm, "end" | "reference">) => {
    const same = (other: Arm) =>
      other.end === 1 && other.specialised === arm.specialised && other.weight === arm.weight &&
      other.start === arm.start;
    if (!arms.some(same)) arms.push({ ...arm, end: 1, reference: CONTROL });
  };
  for (const mixture of midtraining) add({ ...mixture, kind: "midtrain", targets: every });
  if (grid) {
    for (const mixture of gridMixtures(grid)) {
      add({ ...mixture, ...matchedOnly(settings, mixture) });
    }
  }
  for (const specialised of continued?.specialised ?? []) {
    for (const start of continued!.starts) {
      const name = `${specialised}_only_from_${percent(start)}`;
      const label = `${specialised} alone from ${percent(start)}%`;
      add({
        name,
        label,
        specialised,
        weight: 1,
        start,
        ...matchedOnly(settings, { specialised }),
        kind: "continued",
      });
    }
  }
  return [...arms, ...alongRun(settings, arms)];
}

function gridMixtures(grid: NonNullable<StudySettings["grid"]>): Midtraining[] {
  const { specialised, weight, starts, weights, weight_starts } = grid;
  const points = [
    ...starts.map((start) => ({ start, weight })),
    ...weight_starts.flatMap((start) => weights.map((weight) => ({ start, weight }))),
  ];
  return points.map(({ start, weight }) => ({
    name: `${specialised}_${percent(weight)}_from_${percent(start)}`,
    label: `${percent(weight)}% ${specialised} from ${percent(start)}%`,
    specialised,
    weight,
    start,
  }));
}

/** An ablation is only fine-tuned on the target that its source is meant for. */
function matchedOnly(
  { matched }: StudySettings,
  { specialised }: { specialised: string },
): Pick<Arm, "kind" | "targets"> {
  return { kind: "ablation", targets: [matched[specialised]] };
}

/** The control and one arm, stopped early and fine-tuned on the target that the arm's source is meant for. */
function alongRun({ along_run, matched }: StudySettings, arms: readonly Arm[]): Arm[] {
  if (!along_run) return [];
  const arm = arms.find(({ name }) => name === along_run.arm);
  if (!arm) {
    throw new Error(`unknown arm "${along_run.arm}" in along_run; it must be one of midtraining`);
  }
  const targets = [matched[arm.specialised]];
  return along_run.at.flatMap((end) => {
    const stopped = (of: Arm): Arm => ({
      ...of,
      name: `${of.name}_at_${percent(end)}`,
      label: `${of.label}, at ${percent(end)}%`,
      kind: "along_run",
      end,
      reference: `${CONTROL}_at_${percent(end)}`,
      targets,
    });
    return [stopped(arms[0]), ...(arm.start < end ? [stopped(arm)] : [])];
  });
}

/** A training phase on one mixture. */
export interface PhasePlan {
  /** Step id. */
  readonly name: string;
  /** The previous phase; undefined for the first of the run. */
  readonly parent: string | undefined;
  readonly specialised: string;
  readonly weight: number;
  readonly from_step: number;
  readonly to_step: number;
}

/**
 * The phases that lead to the arms, without duplicates, each after its parent.
 *
 * @returns the phases, and for each arm the names of those that lead to it, in order.
 */
export function phasesOf(
  arms: readonly Arm[],
  horizon_steps: number,
): { phases: PhasePlan[]; paths: ReadonlyMap<string, readonly string[]> } {
  const stepOf = (share: number) => Math.round(share * horizon_steps);
  // The trunk is split where an arm branches off, and where the control is stopped.
  const trunk = arms.map(({ specialised, start, end }) => stepOf(specialised ? start : end));
  const phases = new Map<string, PhasePlan>();
  const paths = new Map<string, readonly string[]>();
  for (const arm of arms) {
    const [branch, end] = [arm.specialised ? arm.start : arm.end, arm.end].map(stepOf);
    const stretches = [
      ...cuts(trunk, 0, branch).map((to_step) => ({
        name: `trunk_to_${to_step}`,
        specialised: "",
        weight: 0,
        to_step,
      })),
      ...ownStretches(arm, arms, stepOf).filter(({ to_step }) => to_step <= end),
    ];
    stretches.forEach((stretch, i) => {
      const before = stretches[i - 1];
      const phase = { ...stretch, parent: before?.name, from_step: before?.to_step ?? 0 };
      if (!phases.has(phase.name)) phases.set(phase.name, phase);
    });
    paths.set(arm.name, stretches.map(({ name }) => name));
  }
  return { phases: [...phases.values()], paths };
}

/** The phases after the trunk, split where an arm with the same mixture and start is stopped. */
function ownStretches(arm: Arm, arms: readonly Arm[], stepOf: (share: number) => number) {
  const { specialised, weight, start } = arm;
  if (specialised === "") return [];
  const same = arms.filter((other) => {
    return other.specialised === specialised && other.weight === weight && other.start === start;
  });
  const whole = same.find(({ kind }) => kind !== "along_run")!;
  const last = stepOf(whole.end);
  return cuts(same.map(({ end }) => stepOf(end)), stepOf(start), last).map((to_step) => ({
    name: to_step === last ? whole.name : `${whole.name}_to_${to_step}`,
    specialised,
    weight,
    to_step,
  }));
}

/** The distinct steps in (from, to], ascending, always including `to`. */
function cuts(steps: readonly number[], from: number, to: number): number[] {
  const within = [...steps, to].filter((step) => step > from && step <= to);
  return [...new Set(within)].sort((a, b) => a - b);
}
