/**
 * The numbers that the paper publishes (arXiv 2510.14865), read from the CSV files beside this one. Losses are in nats per
 * token, each the mean of five fine-tuning seeds of one pretraining; no intervals and no losses by seed are published.
 * Column `source` of each file says which version and table a number is from.
 *
 * @module
 */
import continued_csv from "./continued.csv" with { type: "text" };
import correlations_csv from "./correlations.csv" with { type: "text" };
import learning_rates_csv from "./learning_rates.csv" with { type: "text" };
import losses_csv from "./losses.csv" with { type: "text" };
import mixtures_csv from "./mixtures.csv" with { type: "text" };
import similarity_csv from "./similarity.csv" with { type: "text" };
import timing_csv from "./timing.csv" with { type: "text" };

/** Model sizes whose losses are published. */
export type PaperModel = "70m" | "160m" | "410m";

/** Optimizer steps of a whole run of the paper, of 1,024 × 2,048 tokens. */
export const PAPER_STEPS = 61_035;
/** Tokens of a whole run of the paper. */
export const PAPER_TOKENS = PAPER_STEPS * 1024 * 2048;
/** The paper's name of the general data. */
export const PAPER_GENERAL = "c4";

/** One of the five mixtures of Tables 2 and 8. */
export interface PaperMixture {
  /** The specialised source. */
  readonly mixture: string;
  readonly label: string;
  readonly weight: number;
  readonly start_step: number;
  readonly start_tokens: number;
  readonly source: string;
}

/** A loss after fine-tuning on `target`; `mixture` is "c4" for the control. */
export interface PaperLoss {
  readonly model: PaperModel;
  readonly target: string;
  readonly mixture: string;
  readonly loss_target: number;
  readonly loss_c4: number;
  readonly source: string;
}

/** The same after pretraining that was continued on the specialised source alone from a step (Table 3). */
export interface PaperContinued extends PaperLoss {
  readonly start_step: number;
}

/** A loss of the timing ablation: the same mixture from another start. */
export interface PaperTiming extends Omit<PaperLoss, "loss_c4"> {
  readonly weight: number;
  readonly start_step: number;
  readonly start_tokens: number;
}

/** The fine-tuning rate that the sweep on the control chose. */
export interface PaperRate {
  readonly model: PaperModel;
  readonly target: string;
  readonly learning_rate: number;
  readonly source: string;
}

/** Pearson's r of proximity advantage and improvement; `p_below` null where no p-value is published. */
export interface PaperCorrelation {
  readonly model: string;
  readonly version: string;
  readonly r: number;
  readonly p_below: number | null;
  readonly source: string;
}

/** The similarity of two data sets. */
export interface PaperSimilarity {
  readonly a: string;
  readonly b: string;
  readonly similarity: number;
  readonly source: string;
}

/** Columns that hold numbers, in all files. */
const NUMBERS = new Set([
  "weight",
  "start_step",
  "start_tokens",
  "loss_target",
  "loss_c4",
  "learning_rate",
  "r",
  "p_below",
  "similarity",
]);

/** Rows of a file; its cells have neither quotes nor commas. */
function read<R>(csv: string): readonly R[] {
  const [names, ...rows] = csv.trim().split("\n").map((line) => line.split(","));
  const value = (name: string, text: string) =>
    !NUMBERS.has(name) ? text : text === "" ? null : Number(text);
  return rows.map((cells) => {
    return Object.fromEntries(names.map((name, i) => [name, value(name, cells[i])])) as R;
  });
}

export const PAPER = {
  mixtures: read<PaperMixture>(mixtures_csv),
  losses: read<PaperLoss>(losses_csv),
  continued: read<PaperContinued>(continued_csv),
  timing: read<PaperTiming>(timing_csv),
  learning_rates: read<PaperRate>(learning_rates_csv),
  correlations: read<PaperCorrelation>(correlations_csv),
  similarity: read<PaperSimilarity>(similarity_csv),
} as const;
