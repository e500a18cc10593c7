/**
 * The study's numbers beside the paper's: the same differences from the control, sign by sign, and the same verdicts.
 *
 * @module
 */
import { findComparison, isCompared, mainArms } from "../effects.ts";
import { judgeAll } from "../findings/mod.ts";
import type { ArmRow, ComparisonRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { type Claim, sideOf } from "../verdict.ts";
import { PAPER_CONFIG, paperMeasurements } from "./measurements.ts";
import { paperMixture, paperTarget } from "./names.ts";
import { PAPER_GENERAL, type PaperModel } from "./tables.ts";

/** The model size of `compare_with`; undefined if nothing is compared. */
export function paperModel({ compare_with }: StudyReportConfig): PaperModel | undefined {
  return compare_with?.replace("paper_", "") as PaperModel | undefined;
}

/** "70M" */
export function modelOf(config: StudyReportConfig): string {
  return (paperModel(config) ?? "").toUpperCase();
}

/**
 * The verdicts of the same rules on the paper's numbers.
 *
 * @returns the verdict on a claim, empty if the paper has none like it; undefined if nothing is compared.
 */
export function paperVerdicts(
  config: StudyReportConfig,
): ((claim: Pick<Claim, "id" | "specialised">) => string) | undefined {
  const model = paperModel(config);
  if (!model) return undefined;
  const findings = judgeAll(PAPER_CONFIG, paperMeasurements(model));
  return ({ id, specialised }) => {
    const theirs = specialised === undefined ? undefined : paperMixture(specialised);
    if (specialised !== undefined && theirs === undefined) return "";
    const same = findings.find((each) => each.id === id && each.specialised === theirs);
    return same?.verdict ?? "";
  };
}

/** An arm's difference from its control on one source, in the study and in the paper. */
export interface SignRow {
  readonly arm: ArmRow;
  readonly target: string;
  /** The source of the study: the target, or general data. */
  readonly source: string;
  readonly in_domain: boolean;
  readonly ours: ComparisonRow & { readonly difference: number };
  readonly theirs: ComparisonRow & { readonly difference: number };
  /** Whether both signs agree; undefined where one of the two is exactly 0. */
  readonly same: boolean | undefined;
  /** Whether the study's interval excludes 0. */
  readonly told: boolean;
}

/** Every main arm and target that both have, first in domain, then on general data. */
export function signRows(config: StudyReportConfig, all: StudyMeasurements): SignRow[] {
  const model = paperModel(config);
  if (!model) return [];
  const paper = paperMeasurements(model);
  const arms = mainArms(all).filter(({ kind }) => kind === "midtrain");
  return [true, false].flatMap((in_domain) =>
    config.targets.flatMap(({ name: target }) =>
      arms.flatMap((arm): SignRow[] => {
        const [mixture, of_paper] = [paperMixture(arm.specialised), paperTarget(target)];
        if (!mixture || !of_paper) return [];
        const source = in_domain ? target : config.general;
        const ours = findComparison(all, arm.arm, target, source);
        const theirs = findComparison(
          paper,
          mixture,
          of_paper,
          in_domain ? of_paper : PAPER_GENERAL,
        );
        if (!isCompared(ours) || !isCompared(theirs)) return [];
        const product = Math.sign(ours.difference) * Math.sign(theirs.difference);
        const same = product === 0 ? undefined : product > 0;
        return [{ arm, target, source, in_domain, ours, theirs, same, told: sideOf(ours) !== 0 }];
      })
    )
  );
}

/** How many signs agree. */
export interface Agreement {
  readonly same: number;
  readonly of: number;
}

/** Counts rows that have a sign on both sides. */
export function agreement(rows: readonly SignRow[]): Agreement {
  const signed = rows.filter(({ same }) => same !== undefined);
  return { same: signed.filter(({ same }) => same).length, of: signed.length };
}

/** "14 of 20" */
export function agreementText(rows: readonly SignRow[]): string {
  const { same, of } = agreement(rows);
  return `${same} of ${of}`;
}
