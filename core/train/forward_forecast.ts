/**
 * Forecasts of steps that measure models without training them, or fine-tune many times: sequences, FLOPs and memory.
 *
 * @module
 */
import { passesOver } from "../batches/mod.ts";
import { familyOf, type ModelConfig, parameterCount, passFlops } from "../model/mod.ts";
import { didYouMean } from "../words/mod.ts";
import { paddedLengths } from "./config.ts";
import { sourceNames, type TuningConfig } from "./tuning_phase.ts";

/** Tokens and documents of sources, as `sourceTokens` has them. */
type KnownTokens = Readonly<
  Record<string, { readonly tokens: number; readonly documents: number }>
>;

/** Sequences of one source that pass through a model, all padded to one length. */
export interface SequencesForecast {
  readonly source: string;
  readonly sequences: number;
  /** Input tokens of a sequence, with padding and without. */
  readonly length: number;
  readonly inputs: number;
}

interface EvalOptions {
  /** All known sources when not set. */
  readonly sources?: readonly string[];
  readonly sequence_length: number;
  readonly max_sequences: number;
  readonly mode: (source: string) => "packed" | "examples";
}

/**
 * The eval sets of a step. Those of packed sources are exact; an example counts as long as the mean one.
 *
 * @returns with the sources that the data do not have, for which the step would fail.
 */
export function evalSetsForecast(
  known: KnownTokens,
  { sources = Object.keys(known), sequence_length: T, max_sequences, mode }: EvalOptions,
): { sets: SequencesForecast[]; problems: string[] } {
  const found = sources.filter((source) => known[source]?.documents > 0);
  const sets = found.map((source): SequencesForecast => {
    const { tokens, documents } = known[source];
    if (mode(source) === "examples") {
      const inputs = Math.min(T, (tokens - documents) / documents);
      const length = paddedTo(inputs, T);
      return { source, sequences: Math.min(documents, max_sequences), length, inputs };
    }
    // A set of fewer than T + 1 tokens is one short sequence.
    const sequences = tokens > T ? Math.floor(tokens / (T + 1)) : 1;
    const inputs = Math.min(T, tokens - 1);
    const length = paddedTo(inputs, T);
    return { source, sequences: Math.min(sequences, max_sequences), length, inputs };
  });
  return { sets, problems: missingSources(known, sources) };
}

/** The length that a sequence of some input tokens is padded to. */
function paddedTo(tokens: number, sequence_length: number): number {
  const inputs = Math.min(Math.max(1, tokens), sequence_length);
  return paddedLengths(sequence_length).find((length) => length >= inputs)!;
}

/** A sentence for each source that the data do not have. */
export function missingSources(known: KnownTokens, sources: readonly string[]): string[] {
  const has = Object.keys(known).filter((source) => known[source].documents > 0);
  return sources.filter((source) => !(known[source]?.documents > 0))
    .map((source) => {
      const meant = didYouMean(source, has) || `; the data have ${has.join(", ") || "no sources"}`;
      return `source "${source}" has no documents${meant}`;
    });
}

/** Examples of fine-tuning, each padded as the mean one; exact where all have the same padded length and fit. */
export interface ExamplesForecast {
  readonly documents: number;
  readonly steps: number;
  /** Rows of all micro-batches: every one has `micro_batch_size`, however few examples are left for it. */
  readonly rows: number;
  /** Input tokens of an example, padding included. */
  readonly length: number;
  /** Input tokens of all steps, without padding. */
  readonly tokens: number;
}

/** Without prompts all tokens are supervised: with them, a length in supervised tokens takes more examples. */
export function examplesForecast(
  known: KnownTokens,
  config:
    & Pick<TuningConfig, "sources" | "sequence_length" | "micro_batch_size">
    & Parameters<typeof passesOver>[1],
): ExamplesForecast {
  const { sources: weights, sequence_length } = config;
  const sources = sourceNames(weights).map((source) => {
    const { tokens = 0, documents = 0 } = known[source] ?? {};
    const weight = Array.isArray(weights) ? documents : (weights as Record<string, number>)[source];
    // The last token of a document is a target only.
    return { documents, weight, mean: documents === 0 ? 0 : (tokens - documents) / documents };
  });
  const all = sum(sources.map(({ weight }) => weight));
  const mean = all === 0 ? 0 : sum(sources.map(({ weight, mean }) => weight * mean)) / all;
  const documents = sum(sources.map(({ documents }) => documents));
  const { steps, drawn, batch_size, last_batch_size } = passesOver(documents, config, mean || 1);
  const rowsOf = (examples: number) => wholeBatches(examples, config.micro_batch_size);
  const rows = (steps - 1) * rowsOf(batch_size) + rowsOf(last_batch_size);
  const inputs = Math.min(mean, sequence_length);
  const length = paddedTo(inputs, sequence_length);
  return { documents, steps, rows, length, tokens: Math.round(drawn * inputs) };
}

/** Rows of the micro-batches of some sequences, the empty ones of the last included. */
const wholeBatches = (sequences: number, micro_batch_size: number) =>
  Math.ceil(sequences / micro_batch_size) * micro_batch_size;

/** FLOPs of a forward pass over all sequences, and their tokens, with padding. */
export function forwardWork(
  model: ModelConfig,
  sets: readonly SequencesForecast[],
  micro_batch_size: number,
): { flops: number; tokens: number } {
  const shapes = sets.map(({ sequences, length }) => {
    return { rows: wholeBatches(sequences, micro_batch_size), length };
  });
  return {
    flops: sum(shapes.map((shape) => passFlops(model, shape, "forward"))),
    tokens: sum(shapes.map(({ rows, length }) => rows * length)),
  };
}

/** A forward pass frees what it does not need: about this many layers' values exist at a time. */
const LIVE_LAYERS = 2;

/**
 * Bytes of a forward pass over N = B · T positions: weights 4 P, and activations 4 N (2 (K + H T) + 3/2 V), with K the
 * values of a layer and V those of the logits.
 */
export function forwardMemory(
  config: ModelConfig,
  { rows, length }: { readonly rows: number; readonly length: number },
): { weights: number; activations: number } {
  const { num_attention_heads: H, vocab_size: V } = config;
  const layer = familyOf(config).keptValues(config) + H * length;
  return {
    weights: 4 * parameterCount(config),
    activations: 4 * rows * length * (LIVE_LAYERS * layer + 3 / 2 * V),
  };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
