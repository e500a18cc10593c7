/**
 * What every section is made from.
 *
 * @module
 */
import type { Figure } from "../../../core/report/mod.ts";
import type { StudyReportConfig } from "../config.ts";
import type { StudyMeasurements } from "../read.ts";
import type { Finding } from "../finding.ts";

export interface Material {
  readonly config: StudyReportConfig;
  readonly all: StudyMeasurements;
  readonly findings: readonly Finding[];
}

type Draw = (
  config: StudyReportConfig,
  all: StudyMeasurements,
) => Promise<Figure | Figure[] | undefined>;

/** The figures whose data are there, in order. */
export async function figures({ config, all }: Material, ...draw: Draw[]): Promise<Figure[]> {
  const drawn: Figure[] = [];
  for (const one of draw) {
    const figure = await one(config, all);
    if (figure) drawn.push(...[figure].flat());
  }
  return drawn;
}
