/**
 * Which names of a study stand for which names of the paper.
 *
 * @module
 */
import type { StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { PAPER } from "./tables.ts";

/** Other names of the paper's sources and targets, without case and punctuation. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  starcoder: ["starcoder", "starcoderdata", "code"],
  math: ["math", "mammoth", "openmathinstruct"],
  flan: ["flan"],
  knowledge_qa: ["knowledgeqa", "knowledge", "qa"],
  dclm: ["dclm"],
  pycode: ["pycode", "codesearchnet", "codesearchnetpython"],
  gsm8k: ["gsm8k"],
  lima: ["lima"],
  sciq: ["sciq"],
};

function paperName(name: string, among: readonly string[]): string | undefined {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  return among.find((known) => ALIASES[known].includes(plain));
}

const unique = (names: readonly string[]) => [...new Set(names)];
const MIXTURES = PAPER.mixtures.map(({ mixture }) => mixture);
const TARGETS = unique(PAPER.losses.map(({ target }) => target));

/** The paper's name of a specialised source; undefined if the paper has none like it. */
export const paperMixture = (specialised: string) => paperName(specialised, MIXTURES);
/** The paper's name of a fine-tuning set; undefined if the paper has none like it. */
export const paperTarget = (target: string) => paperName(target, TARGETS);

/** A source or target of the study, or of the paper, that the other does not have. */
export interface Unmapped {
  /** Of the study. */
  readonly ours: readonly string[];
  /** Of the paper. */
  readonly theirs: readonly string[];
}

/** Sources of mixtures and fine-tuning sets that only one of the two has. */
export function unmapped({ targets }: StudyReportConfig, { arms }: StudyMeasurements): Unmapped {
  const sources = unique(
    arms.filter(({ kind }) => kind === "midtrain").map(({ specialised }) => specialised),
  );
  const names = targets.map(({ name }) => name);
  const mapped = [...sources.map(paperMixture), ...names.map(paperTarget)];
  return {
    ours: [
      ...sources.filter((name) => !paperMixture(name)),
      ...names.filter((name) => !paperTarget(name)),
    ],
    theirs: [...MIXTURES, ...TARGETS].filter((name) => !mapped.includes(name)),
  };
}
