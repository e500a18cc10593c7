/**
 * A phase on whole examples, for fine-tuning and for a sweep over its learning rates.
 *
 * @module
 */
import { z } from "zod";
import {
  BatchSource,
  type DocumentSet,
  ExampleSampler,
  findSet,
  type LedgerRow,
  loadDocumentSets,
  loss_average_schema,
  lossAverage,
  overlong_schema,
  pack,
  replay_schema,
  ReplaySampler,
  type TokenTable,
  tuningLedger,
} from "../batches/mod.ts";
import { distinct, positive_int } from "../config/mod.ts";
import { type Compute, computeOptions } from "../engine/mod.ts";
import { counted, formatNumber } from "../words/mod.ts";
import type { OptimizerConfig } from "./adamw.ts";
import { type FileReader, freshState, type TrainerState } from "./checkpoint.ts";
import { micro_batch_size, paddedLengths } from "./config.ts";
import { resolveSchedule, type ScheduleConfig } from "./learning_rate.ts";
import { loadParameters } from "./checkpoint.ts";
import type { Phase } from "./phase.ts";
import { regularization_fields } from "./regularization.ts";

/** Config fields of stages that fine-tune. */
export const tuning_fields = {
  /**
   * Sources whose documents are the training examples: a list, to draw every example once in each pass; or a record of
   * weights, `{ gsm8k: 3, sciq: 1 }`, to draw examples of each source at that share and repeat those that end.
   */
  sources: z.union([
    distinct(z.array(z.string()).nonempty()),
    z.record(z.string(), z.number().nonnegative()),
  ]),
  /**
   * Passes over the examples, 4 where no length is set; may be a fraction. The last batch may be smaller, and no batch is
   * larger than the set: 3 examples for 1 epoch are 1 step of 3. With weights, as many examples as all sources have are
   * a pass.
   */
  epochs: z.number().positive().optional(),
  /** Length in optimizer steps, instead of `epochs`. */
  steps: positive_int.optional(),
  /** Length in examples, instead of `epochs`. */
  examples: positive_int.optional(),
  /** Length in supervised tokens, instead of `epochs`: training ends with the step that reaches them. */
  supervised_tokens: positive_int.optional(),
  /** Maximum number of input tokens per example. */
  sequence_length: positive_int.default(512),
  /** Longer examples: "truncate" cuts off their end, "skip" leaves them out, "error" stops with an error. */
  overlong: overlong_schema,
  /** Examples per optimizer step. */
  global_batch_size: positive_int.default(64),
  /** Examples per forward pass; affects memory and speed, and results only by rounding unless `loss_average` names it. */
  micro_batch_size,
  /**
   * What the loss of a step is: "token" is the mean over its supervised tokens; "example" the mean of its examples' means;
   * "micro_batch" the mean of the means of `micro_batch_size` examples each, in the order drawn, as the authors' code has it.
   */
  loss_average: loss_average_schema,
  /**
   * Whether examples of a step are packed into as few rows as fit, hidden from each other: "best_fit" or true. A step still
   * has `global_batch_size` examples, so only rounding and speed change. `micro_batch_size` then counts rows.
   */
  packing: z.union([z.boolean(), z.literal("best_fit")]).default(false),
  /** Text of an earlier phase between the examples. */
  replay: replay_schema.optional(),
  ...regularization_fields,
};

export type TuningConfig = Readonly<z.output<z.ZodObject<typeof tuning_fields>>> & Compute & {
  readonly optimizer: OptimizerConfig;
};

/** Names of the fields that say how long fine-tuning lasts. */
const LENGTHS = ["epochs", "steps", "examples", "supervised_tokens"] as const;

/** Refinement of configs with `tuning_fields`: one length, and at least one weight above 0. */
export function checkTuning(
  config: Pick<TuningConfig, "sources" | typeof LENGTHS[number]>,
  context: z.core.$RefinementCtx,
): void {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: "custom", message, path: [field], input: config });
  const set = LENGTHS.filter((name) => config[name] !== undefined);
  if (set.length > 1) refuse(set[1], `set either ${set[0]} or ${set[1]}, not both`);
  if (sourceNames(config.sources).length === 0) {
    refuse("sources", "give at least one source a weight above 0");
  }
}

/** Names of the sources, the main one first: in the order of a list, or by weight. */
export function sourceNames(sources: TuningConfig["sources"]): string[] {
  if (Array.isArray(sources)) return [...sources];
  return Object.keys(sources).filter((name) => sources[name] > 0).sort()
    .sort((a, b) => sources[b] - sources[a]);
}

/** A phase that still needs a schedule and eval sets. */
export interface TuningPhase {
  /** What is drawn, in words: a line each. */
  readonly plan: readonly string[];
  /** What the phase draws of each source, in supervised tokens. */
  ledger(): LedgerRow[];
  readonly phase: Omit<Phase, "start" | "validation" | "validate_every">;
  /** The state before the first step: a new optimizer, and a schedule over the whole phase. */
  startWith(schedule: ScheduleConfig): TrainerState;
}

/**
 * "4,731 examples, 296 steps, 4 passes; 1,129 examples truncated to 257 tokens". With weights also, for each source, "60.0%
 * from gsm8k: 11,354 examples drawn of 7,473, 1.52 passes, 1,203,001 supervised tokens".
 */
function describeExamples(
  sampler: ExampleSampler,
  config: Pick<TuningConfig, "sources" | "overlong" | "sequence_length" | "global_batch_size">,
): string {
  const { examples, passes, truncated, overlong: long, skipped } = sampler;
  const { overlong, sequence_length, global_batch_size } = config;
  const { steps, batch_size, last_batch_size, epochs } = passes;
  const made = counted(Number(epochs.toFixed(3)), "pass");
  const parts = [`${counted(examples, "example")}, ${counted(steps, "step")}, ${made}`];
  if (batch_size < global_batch_size) {
    parts.push(
      `a batch has all ${counted(batch_size, "example")}, less than global_batch_size ${
        formatNumber(global_batch_size)
      }`,
    );
  }
  if (last_batch_size < batch_size) {
    parts.push(`the last batch has ${counted(last_batch_size, "example")}`);
  }
  if (!Array.isArray(config.sources)) parts.push(...describeShares(sampler));
  const tokens = `${formatNumber(sequence_length + 1)} tokens`;
  if (overlong === "skip" && long > 0) {
    parts.push(`${counted(long, "example")} skipped: longer than ${tokens}`);
  }
  if (truncated > 0) {
    parts.push(
      `${
        counted(truncated, "example")
      } truncated to ${tokens}: the end of the answer is lost, and with ` +
        "it the end-of-text token",
    );
  }
  if (skipped > 0) parts.push(`${counted(skipped, "example")} skipped: no tokens to train on`);
  return parts.join("; ");
}

function describeShares(sampler: ExampleSampler): string[] {
  return sampler.drawn().map(({ source, examples, available, labels }) => {
    const share = (100 * examples / sampler.passes.drawn).toFixed(1);
    const passes = counted(Number((examples / available).toFixed(2)), "pass");
    return `${share}% from ${source}: ${formatNumber(examples)} drawn of ${
      counted(available, "example")
    }, ${passes}, ${counted(labels, "supervised token")}`;
  });
}

/** "packed: the 64 examples of the first step in 11 rows of up to 256 tokens, 3.1% of them padding". */
function describePacking(
  { passes }: ExampleSampler,
  batches: BatchSource,
  with_text: boolean,
): string {
  const rows = batches.sequences(0), [{ length }] = batches.batch(0).micro_batches;
  const inputs = rows.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
  const padding = (100 * (1 - inputs / (rows.length * length))).toFixed(1);
  const first = passes.steps === 1 ? passes.last_batch_size : passes.batch_size;
  return `packed: the ${counted(first, "example")} of the first step${
    with_text ? " and its replayed text" : ""
  } in ${counted(rows.length, "row")} of up to ${
    counted(length, "token")
  }, ${padding}% of them padding`;
}

/** "replay: 5.0% of 12,345 supervised tokens from general, 0.21 passes". */
function describeReplay(rows: readonly LedgerRow[]): string {
  const { achieved_share, source, to, epochs } = rows.at(-1)!;
  const passes = counted(Number(epochs.toFixed(2)), "pass");
  return `replay: ${(100 * achieved_share).toFixed(1)}% of ${
    counted(to, "supervised token")
  } from ${source}, ${passes}`;
}

/**
 * Builds the phase.
 *
 * @param read files of the checkpoint that is tuned.
 * @throws {Error} when a source is unknown or has no example to learn from.
 */
export async function tuningPhase(
  config: TuningConfig,
  train: Readonly<Record<string, TokenTable>>,
  read: FileReader,
  seed: number,
): Promise<TuningPhase> {
  const { sequence_length, global_batch_size, optimizer, micro_batch_size } = config;
  const { start_decay, freeze } = config;
  const all = await loadDocumentSets(train, "train");
  const sets = sourceNames(config.sources).map((name) => findSet(all, name));
  const weights = Array.isArray(config.sources) ? undefined : config.sources;
  const sampler = new ExampleSampler({ ...config, sets, weights, seed, phase: "sft" });
  const { steps } = sampler;
  const replay = config.replay && openReplay(all, sampler, config.replay, config, seed);
  const ledger = () => tuningLedger(sampler, weights, replay);
  const packs = config.packing !== false;
  const batches = new BatchSource(
    replay?.sampler ?? sampler,
    { micro_batch_size, lengths: paddedLengths(sequence_length) },
    { average: lossAverage(config), pack: packs },
  );
  const plan = [
    describeExamples(sampler, config),
    ...(packs ? [describePacking(sampler, batches, replay !== undefined)] : []),
    ...(replay ? [describeReplay(ledger())] : []),
  ];
  return {
    plan,
    ledger,
    phase: {
      steps,
      batches,
      compute: computeOptions(config),
      loadStart: () => loadParameters(read, optimizer.decay_scope),
    },
    startWith: (schedule) =>
      freshState({
        schedule: resolveSchedule(schedule, steps),
        optimizer,
        sequence_length,
        global_batch_size,
        seed,
        phase: "sft",
        start_decay,
        freeze,
      }),
  };
}

function openReplay(
  sets: ReadonlyMap<string, DocumentSet>,
  examples: ExampleSampler,
  { source, share }: NonNullable<TuningConfig["replay"]>,
  { sequence_length, sources }: Pick<TuningConfig, "sequence_length" | "sources">,
  seed: number,
) {
  if (sourceNames(sources).includes(source)) {
    throw new Error(
      `replay: source "${source}" is one of the sources that are trained on; replay another one`,
    );
  }
  const set = pack(findSet(sets, source), {
    packing: "concatenate",
    document_mask: false,
    sequence_length,
  });
  return { sampler: new ReplaySampler({ examples, set, share, seed }), set, share };
}
