/**
 * How the losses of labels become the loss of a global batch.
 *
 * @module
 */
import { z } from "zod";
import { counted } from "../words/mod.ts";

/** Names of averages, as a config has them. */
export const loss_average_schema = z.enum(["token", "example", "micro_batch"]).default("token");

/** An average over the labels of a global batch. */
export type LossAverage = "token" | "example" | {
  /** Examples of each group, in the order in which they are drawn. */
  readonly groups_of: number;
};

/** The average that a config names. */
export function lossAverage(
  { loss_average, micro_batch_size }: {
    loss_average: z.output<typeof loss_average_schema>;
    micro_batch_size: number;
  },
): LossAverage {
  return loss_average === "micro_batch" ? { groups_of: micro_batch_size } : loss_average;
}

/**
 * The weight of every label of an example, from the labels n_i of each of the examples of a global batch. With l_ij the
 * loss of label j of example i,
 *
 *     token        L = Σ_ij l_ij / Σ_i n_i
 *     example      L = 1/E Σ_i (Σ_j l_ij / n_i)                    over the E examples with labels
 *     groups of g  L = 1/G Σ_k (Σ_{i in k, j} l_ij / Σ_{i in k} n_i)   over the G groups of g examples, as drawn
 *
 * The last is what a loop does that averages each micro-batch and then divides by their number: tokens of a micro-batch
 * with few labels count for more. Groups are those of the order drawn, whatever micro-batches are computed.
 *
 * Replayed text with r of the batch's N labels has the weight 1 / N for each of its labels, and the average over the
 * examples the rest, 1 - r / N: by tokens all labels count the same.
 *
 * @param replayed whether each is replayed text and not an example; none by default.
 * @returns w_i with L = Σ_i w_i Σ_j l_ij; 0 for an example without labels.
 * @throws {Error} when no example has a label.
 */
export function labelWeights(
  labels: readonly number[],
  average: LossAverage = "token",
  replayed: readonly boolean[] = [],
): number[] {
  const examples = labels.filter((_, i) => !replayed[i]);
  const own = averageWeights(examples, average).values();
  if (examples.length === labels.length) return [...own];
  const all = sum(labels), share = sum(examples) / all;
  return labels.map((_, i) => replayed[i] ? 1 / all : share * own.next().value!);
}

function averageWeights(labels: readonly number[], average: LossAverage): number[] {
  const size = average === "token" ? labels.length : average === "example" ? 1 : average.groups_of;
  const groups = Array.from({ length: Math.ceil(labels.length / size) }, (_, k) => {
    return sum(labels.slice(k * size, (k + 1) * size));
  });
  const filled = groups.filter((n) => n > 0).length;
  if (filled === 0) {
    throw new Error(
      `this batch of ${
        counted(labels.length, "sequence")
      } has no token to learn: all are without loss, or ` +
        "shorter than two tokens; check the prompts, or raise sequence_length",
    );
  }
  return labels.map((n, i) => n === 0 ? 0 : 1 / (filled * groups[Math.floor(i / size)]));
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
