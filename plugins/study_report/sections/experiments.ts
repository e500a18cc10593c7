/**
 * Continued pretraining, start times and weights, and checkpoints along the run.
 *
 * @module
 */
import {
  leftOut,
  type Section,
  section,
  type ShownCell,
  shownTable,
  type TableFile,
  tableFile,
} from "../../../core/report/mod.ts";
import { study_ports } from "../../../core/stage/mod.ts";
import { alongRunFigure, continuedFigure, gridFigures } from "../charts/mod.ts";
import {
  type ArmRow,
  type ComparisonRow,
  differenceBetween,
  findComparison,
  gridArms,
  mainArm,
  targetLabel,
} from "../effects.ts";
import { armsFile, effectCell, meanCell } from "../tables.ts";
import { figures, type Material } from "./material.ts";

/** Target that an arm's source is meant for. */
function targetOf({ config: { matched } }: Material, { specialised }: ArmRow): string {
  return matched.find((pair) => pair.specialised === specialised)?.target ?? "";
}

/** A row for each arm: in domain and general, and differences from its reference. */
function armsTable(
  material: Material,
  name: string,
  caption: string,
  arms: readonly ArmRow[],
) {
  const { config: { general }, all } = material;
  // A control is meant for no target: it is shown on that of the others.
  const of_others = arms.map((other) => targetOf(material, other)).find(Boolean)!;
  const shownOn = (arm: ArmRow) => targetOf(material, arm) || of_others;
  const at = (arm: ArmRow, in_domain: boolean) => {
    const target = shownOn(arm);
    return findComparison(all, arm.arm, target, in_domain ? target : general);
  };
  const shown = ({ arm, target, source }: ComparisonRow) =>
    target === shownOn(arms.find((each) => each.arm === arm)!) &&
    (source === target || source === general);
  const cell = (arm: ArmRow, in_domain: boolean): ShownCell => {
    const row = at(arm, in_domain);
    return row ? { text: meanCell(row), note: effectCell(row) } : "";
  };
  return shownTable(caption, arms, {
    arm: ({ label }) => label,
    "#in domain": (arm) => cell(arm, true),
    [`#${general}`]: (arm) => cell(arm, false),
  }, armsFile(name, all, arms, shown));
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
      target: ({ target }) => targetLabel(material.config, target),
      "#in domain": ({ arm, main, target }) =>
        effectCell(differenceBetween(all, [main.arm, arm.arm], target, target)),
      [`#${general}`]: ({ arm, main, target }) =>
        effectCell(differenceBetween(all, [main.arm, arm.arm], target, general)),
    },
    againstFile(material, pairs),
  );
  const mains = [...new Set(pairs.map(({ main }) => main))];
  const losses = armsTable(
    material,
    "continued",
    "Losses after fine-tuning on the matched target, and under them the differences from the control.",
    [...mains, ...arms],
  );
  return section("continued", heading, {
    blocks: [against, ...await figures(material, continuedFigure), losses],
  });
}

interface Pair {
  readonly arm: ArmRow;
  readonly main: ArmRow;
  readonly target: string;
}

/** Midtraining minus continued pretraining, in domain and on general data. */
function againstFile({ config: { general }, all }: Material, pairs: readonly Pair[]): TableFile {
  const { arm: text, difference, ci_low, ci_high } = study_ports.study_comparison.columns;
  const named = { midtraining: text, continued: text, target: text, source: text };
  const rows = pairs.flatMap(({ arm, main, target }) =>
    [target, general].flatMap((source) => {
      const effect = differenceBetween(all, [main.arm, arm.arm], target, source);
      if (!effect) return [];
      return [{ midtraining: main.arm, continued: arm.arm, target, source, ...effect }];
    })
  );
  return tableFile(
    "against_continued",
    { columns: { ...named, difference, ci_low, ci_high } },
    rows,
  );
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
    "grid",
    "Start times and weights (paper, Figure 3): loss after fine-tuning on the matched target, and under it the difference " +
      "from the control.",
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
    "along_run",
    "Checkpoints along the run, fine-tuned on the matched target (paper, Figure 4), and under the loss the difference from " +
      "the control at the same step.",
    stopped,
  );
  return section("along_run", heading, {
    blocks: [...await figures(material, alongRunFigure), table],
  });
}
