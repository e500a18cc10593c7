/**
 * Continued pretraining, start times and weights, and checkpoints along the run.
 *
 * @module
 */
import { leftOut, type Section, section, shownTable } from "../../../core/report/mod.ts";
import { alongRunFigure, continuedFigure, gridFigures } from "../charts/mod.ts";
import { type ArmRow, differenceBetween, findComparison, gridArms, mainArm } from "../effects.ts";
import { effectCell, meanCell } from "../tables.ts";
import { figures, type Material } from "./material.ts";

/** Target that an arm's source is meant for. */
function targetOf({ config: { matched } }: Material, { specialised }: ArmRow): string {
  return matched.find((pair) => pair.specialised === specialised)?.target ?? "";
}

/** A row for each arm: in domain and general, and differences from its reference. */
function armsTable(material: Material, caption: string, arms: readonly ArmRow[]) {
  const { config: { general }, all } = material;
  const at = (arm: ArmRow, in_domain: boolean) => {
    const target = targetOf(material, arm) ||
      arms.map((other) => targetOf(material, other)).find(Boolean)!;
    return findComparison(all, arm.arm, target, in_domain ? target : general);
  };
  const mean = (arm: ArmRow, in_domain: boolean) => {
    const row = at(arm, in_domain);
    return row ? meanCell(row) : "";
  };
  return shownTable(caption, arms, {
    arm: ({ label }) => label,
    "#in domain": (arm) => mean(arm, true),
    "#in domain, difference": (arm) => effectCell(at(arm, true)),
    [`#${general}`]: (arm) => mean(arm, false),
    [`#${general}, difference`]: (arm) => effectCell(at(arm, false)),
  });
}

/** Table 3 of the paper. */
export async function continuedSection(material: Material): Promise<Section> {
  const { all, config: { general } } = material;
  const heading = "Midtraining against continued pretraining";
  const arms = all.arms.filter(({ kind }) => kind === "continued");
  if (arms.length === 0) {
    return leftOut("continued", heading, "no arm of continued pretraining was given");
  }
  const pairs = arms.flatMap((arm) => {
    const main = mainArm(all, arm.specialised);
    return main ? [{ arm, main, target: targetOf(material, arm) }] : [];
  });
  const against = shownTable(
    "Midtraining minus continued pretraining after fine-tuning on the matched target, paired by seed, with intervals of " +
      "95% (paper, Table 3). Below 0: midtraining is better.",
    pairs,
    {
      midtraining: ({ main }) => main.label,
      "continued pretraining": ({ arm }) => arm.label,
      target: ({ target }) => target,
      "#in domain": ({ arm, main, target }) =>
        effectCell(differenceBetween(all, [main.arm, arm.arm], target, target)),
      [`#${general}`]: ({ arm, main, target }) =>
        effectCell(differenceBetween(all, [main.arm, arm.arm], target, general)),
    },
  );
  const mains = [...new Set(pairs.map(({ main }) => main))];
  const losses = armsTable(
    material,
    "Losses after fine-tuning on the matched target, and differences from the control.",
    [...mains, ...arms],
  );
  return section("continued", heading, {
    blocks: [against, ...await figures(material, continuedFigure), losses],
  });
}

/** Figure 3 of the paper. */
export async function gridSection(material: Material): Promise<Section> {
  const heading = "When and how much";
  const arms = [...gridArms(material.all)].sort((a, b) => a.start - b.start || a.weight - b.weight);
  if (arms.length === 0) {
    return leftOut("grid", heading, "no arms of other starts or weights were given");
  }
  const table = armsTable(
    material,
    "Start times and weights (paper, Figure 3): loss after fine-tuning on the matched target, and differences from the " +
      "control.",
    arms,
  );
  return section("grid", heading, { blocks: [...await figures(material, gridFigures), table] });
}

/** Figure 4 of the paper. */
export async function alongRunSection(material: Material): Promise<Section> {
  const heading = "Fine-tuning along the run";
  const stopped = material.all.arms.filter(({ kind }) => kind === "along_run");
  if (stopped.length === 0) {
    return leftOut("along_run", heading, "no checkpoint along the run was fine-tuned");
  }
  const table = armsTable(
    material,
    "Checkpoints along the run, fine-tuned (paper, Figure 4). Differences are from the control at the same step.",
    stopped,
  );
  return section("along_run", heading, {
    blocks: [...await figures(material, alongRunFigure), table],
  });
}
