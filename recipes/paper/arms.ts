/**
 * The arms of a study: which mixture, from when, until when, and the targets that it is fine-tuned on.
 *
 * @module
 */
import { type Arm, CONTROL, percent, type WholeArm } from "./arm.ts";
import { continuedArms, gridArms } from "./exposure.ts";
import type { StudySettings } from "./settings.ts";

/**
 * All arms, the control first; an arm that several experiments need is listed once. Main arms are fine-tuned on every
 * target, the others on the one that their source is meant for.
 *
 * @throws {Error} when two arms would have one name, a weight would exceed 100%, or `along_run` names no main arm.
 */
export function armsOf(settings: StudySettings): Arm[] {
  const { midtraining, targets, matched } = settings;
  const every = targets.map(({ name }) => name);
  const to_end = { end: 1, reference: CONTROL };
  const arms: Arm[] = [{
    name: CONTROL,
    label: `control (${settings.general} only)`,
    kind: "control",
    specialised: "",
    weight: 0,
    start: 0,
    ...to_end,
    targets: every,
  }];
  const add = (arm: WholeArm) => {
    const same = (other: Arm) =>
      other.specialised === arm.specialised && other.weight === arm.weight &&
      other.start === arm.start;
    if (arms.some(same)) return;
    if (arms.some(({ name }) => name === arm.name)) {
      throw new Error(
        `two arms are named "${arm.name}": names have starts and weights in whole percent; change one of them`,
      );
    }
    const own = arm.kind === "midtrain" ? every : [matched[arm.specialised]];
    arms.push({ ...arm, ...to_end, targets: own });
  };
  for (const mixture of midtraining) add({ ...mixture, kind: "midtrain" });
  gridArms(settings).forEach(add);
  continuedArms(settings).forEach(add);
  return [...arms, ...alongRun(settings, arms)];
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
