/**
 * Config fields that several training stages share.
 *
 * @module
 */
import { z } from "zod";
import {
  completeConfig,
  type ModelConfig,
  type PresetName,
  PRESETS,
  sizes_schema,
} from "../model/mod.ts";
import {
  evaluationSequences,
  loadDocumentSets,
  type PackingOptions,
  type Sequence,
  type TokenSet,
  type TokenTable,
} from "../batches/mod.ts";

const whole = z.number().int().positive();

/** A preset by name, or the sizes of a model: GPT-NeoX's, or with `model_type` those of another family. */
export const model_schema = z.union([
  z.enum(Object.keys(PRESETS) as [PresetName, ...PresetName[]]),
  sizes_schema,
]);

/** The model's configuration for a tokenizer's vocabulary. */
export function modelConfig(
  model: z.output<typeof model_schema>,
  vocab_size: number,
): ModelConfig {
  return completeConfig(typeof model === "string" ? PRESETS[model] : model, vocab_size);
}

const weights = z.record(z.string(), z.number().nonnegative());

/**
 * Sources and their shares of the training tokens: weights that stay, or points along the phase, between which a
 * mixture holds, or moves linearly.
 */
export const mixture_schema = z.union([
  weights,
  z.array(z.strictObject({
    /** Input tokens of this phase after which these weights hold; a whole number of sequences. */
    after_tokens: z.number().int().nonnegative(),
    /** Share of tokens by source; scaled to sum to 1. */
    weights,
    /** "switch": the weights hold from there on; "linear": they are reached there, from the point before. */
    change: z.enum(["switch", "linear"]).default("switch"),
  })).nonempty(),
]);

/** Sources that may be read more than once: all, none, or those named. */
export const repeat_schema = z.union([z.boolean(), z.array(z.string())]).default(false);

/** How documents become sequences. */
export const packing_schema = z.strictObject({
  /**
   * "concatenate": documents end to end, cut to sequences (the paper's); "best_fit": documents kept whole where they
   * fit, padded a little.
   */
  packing: z.enum(["concatenate", "best_fit"]).default("concatenate"),
  /** Whether documents in one sequence are hidden from each other. */
  document_mask: z.boolean().default(false),
});

/** How held-out loss is measured while training. */
export const validation_schema = z.strictObject({
  /** Optimizer steps between evaluations. */
  every_steps: whole.default(50),
  /** Sequences taken of each source, at even distances over the whole of it. */
  max_sequences: whole.default(64),
});

/** Sequences per forward pass; memory grows with it, results do not depend on it beyond rounding. */
export const micro_batch_size = whole.default(16);

/** What a held-out loss is measured on. */
export interface EvalSet {
  readonly sequences: readonly Sequence[];
  /** UTF-8 bytes per token over the whole source, NaN where prompts are masked: the bytes of the rest are not known. */
  readonly bytes_per_token: number;
}

/** Held-out sequences of every source of the given tables, always the same ones in the same order. */
export async function validationSequences(
  inputs: Readonly<Record<string, TokenTable>>,
  options: {
    sequence_length: number;
    max_sequences: number;
    mode: (source: string) => "packed" | "examples";
    sources?: readonly string[];
    packing?: Omit<PackingOptions, "sequence_length">;
  },
): Promise<Map<string, EvalSet>> {
  if (Object.keys(inputs).length === 0) return new Map();
  const sets = await loadDocumentSets(inputs);
  const names = options.sources ?? [...sets.keys()];
  return new Map(names.map((name) => {
    const mode = options.mode(name), set = findSet(sets, name);
    const masked = mode === "examples" && set.has_prompts;
    const bytes_per_token = masked ? NaN : set.text_bytes / set.token_count;
    return [name, {
      sequences: evaluationSequences(set, { ...options, mode }),
      bytes_per_token,
    }];
  }));
}

/** Bits per byte of the original text: nats per token / ln 2 / (bytes per token). */
export function bitsPerByte(loss: number, { bytes_per_token }: EvalSet): number {
  return loss / Math.LN2 / bytes_per_token;
}

/** @throws {Error} naming the sources there are when there is no such source. */
export function findSet<S extends TokenSet>(sets: ReadonlyMap<string, S>, name: string): S {
  const set = sets.get(name);
  if (!set) {
    const known = [...sets.keys()].map((key) => `"${key}"`).join(", ");
    throw new Error(`there is no source "${name}" in the tokens; there are ${known}`);
  }
  return set;
}

/**
 * Padded lengths for batches of whole documents: quarters of the sequence length, so that short examples do
 * not pay for long ones, at the price of one compiled graph each.
 */
export function paddedLengths(sequence_length: number): number[] {
  const quarters = [1, 2, 3, 4].map((n) => Math.ceil(n * sequence_length / 4));
  return [...new Set(quarters)];
}
