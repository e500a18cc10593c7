/**
 * The sections of the page, in display order. A section with its figures and tables is one file here and one line in the
 * list.
 *
 * @module
 */
import type { Section } from "@causeway/core/report";
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { alongRunSection } from "./along_run.ts";
import { ckaSection } from "./cka.ts";
import { continuedSection } from "./continued.ts";
import { exposureSection } from "./exposure.ts";
import { gridSection } from "./grid.ts";
import { ratesSection } from "./learning_rates.ts";
import { methodSection } from "./method.ts";
import { mixturesSection } from "./mixtures.ts";
import { paperSection } from "./paper.ts";
import { proximitySection, similaritySection } from "./proximity.ts";
import { tasksSection } from "./tasks.ts";
import { trainingSection } from "./training.ts";
import { tuningSection } from "./tuning.ts";
import { verdictSection } from "./verdicts.ts";

/** Makes a section; one whose inputs are not wired says so. */
export type MakeSection = (
  config: StudyReportConfig,
  all: StudyMeasurements,
) => Section | Promise<Section>;

export const SECTIONS: readonly MakeSection[] = [
  verdictSection,
  paperSection,
  mixturesSection,
  continuedSection,
  gridSection,
  exposureSection,
  alongRunSection,
  proximitySection,
  similaritySection,
  ckaSection,
  tasksSection,
  ratesSection,
  tuningSection,
  trainingSection,
  methodSection,
];
