/**
 * A phase on a mixture of packed sources, for pretraining and midtraining: its forecast, and how it is built.
 *
 * @module
 */
import type { z } from "zod";
import {
  BatchSource,
  describePlan,
  extendHistory,
  ledgerTable,
  loadDocumentSets,
  loadTokenSets,
  meanShare,
  type MixtureConfig,
  MixtureSampler,
  MixtureSchedule,
  needsDocuments,
  pack,
  type PackedSet,
  type TokenTable,
} from "../batches/mod.ts";
import { computeOptions } from "../engine/mod.ts";
import { type ModelConfig, parameterCount } from "../model/mod.ts";
import type {
  Batch,
  FilesInput,
  Forecast,
  ports,
  SourceForecast,
  TrainingPoint,
} from "../stage/mod.ts";
import { counted, formatNumber } from "../words/mod.ts";
import type { TrainerState } from "./checkpoint.ts";
import type { mixture_phase_fields } from "./config.ts";
import { evalSets } from "./evaluator.ts";
import { checkpointOutputs, placesOf, sourceTokens, tokenBytes, trainingCost } from "./forecast.ts";
import { learningRate } from "./learning_rate.ts";
import { type Branch, describeLineage, describeSwitches, extendLineage } from "./lineage.ts";
import type { Phase } from "./phase.ts";
import { describeRestart, drawnBefore } from "./restarts.ts";
import { checkTokenizer } from "./token_check.ts";

/** What a phase on a mixture starts from. */
interface MixturePhaseStart {
  readonly start: TrainerState;
  readonly steps: number;
  /** Only of a phase that continues from a checkpoint. */
  readonly branch?: Branch;
  /** Whether the data start over in another order than before. */
  readonly reordered?: boolean;
  readonly config: z.output<z.ZodObject<typeof mixture_phase_fields>> & {
    /** Left out, the mixture of the phases before continues. */
    readonly mixture?: MixtureConfig;
  };
}

export interface MixturePhaseOptions extends MixturePhaseStart {
  readonly train: Readonly<Record<string, TokenTable>>;
  readonly validation: Readonly<Record<string, TokenTable>>;
  /** The tokenizer's files, or a checkpoint with them. */
  readonly tokenizer: FilesInput;
  log(message: string): void;
}

/** A phase that is ready to train. */
export interface MixturePhase {
  phase: Phase;
  sampler: MixtureSampler;
  /** What the phase draws, counted over its sequences. */
  ledger(): Batch<typeof ports.mixture_ledger.columns>;
}

/**
 * Builds the phase, and logs its plan: the tokens that each source has and how many are needed.
 *
 * @throws {Error} when a source is unknown, or has too few tokens and repeats are not allowed (paper: no midtraining data
 * may repeat).
 */
export async function mixturePhase(options: MixturePhaseOptions): Promise<MixturePhase> {
  const { validation, start, steps, config } = options;
  const { sequence_length, global_batch_size, seed, packing, data_start_step = 0 } = start;
  await checkTokenizer({ train: options.train, validation }, options.tokenizer, "the model's");
  const sets = await packSets(options);
  const available = checkAvailable(sets, start);
  const { first, last, mixture } = mixtureOf(options);
  const sampler = new MixtureSampler({
    sets,
    pieces: mixture,
    global_batch_size,
    seed,
    first_step: start.step - data_start_step,
    steps,
    allow_repeat: config.allow_repeat,
    drawn_before: drawnBefore(start).all,
  });
  const rows = sampler.ledger(first, last);
  describePlan(rows, sequence_length).forEach(options.log);
  restartLines(options, sampler.schedule.drawn(last)).forEach(options.log);
  for (const source of new Set(rows.map(({ source }) => source))) {
    const { source_tokens } = sets.get(source)!;
    if (source_tokens > sequence_length) continue;
    options.log(
      `source "${source}" has ${counted(source_tokens, "token")}, less than a sequence of ${
        sequence_length + 1
      }: padded to one sequence`,
    );
  }
  const lineage = extendLineage(start, {
    steps,
    tokens: rows.reduce((sum, { tokens }) => sum + tokens, 0),
    mixture: sampler.schedule.within(first, last).map(({ piece }) => piece),
    branch: options.branch,
  });
  if (options.branch) describeLineage(lineage).forEach((line) => options.log(`lineage: ${line}`));
  const phase: Phase = {
    steps,
    start: { ...start, available, mixture, lineage, weight_average: config.weight_average },
    batches: new BatchSource(sampler, {
      micro_batch_size: config.micro_batch_size,
      lengths: [sequence_length],
    }),
    validation: await evalSets(validation, {
      sequence_length,
      max_sequences: config.validation.max_sequences,
      mode: () => "packed",
      packing,
      port: "validation",
      tokenizer: options.tokenizer,
      log: options.log,
    }),
    validate_every: config.validation.every_steps,
    compute: computeOptions(config),
    keep: config,
  };
  return { phase, sampler, ledger: () => ledgerTable(rows, sequence_length) };
}

/** @param drawn sequences by source since the data started over. */
function restartLines(
  { start, branch, reordered = false }: MixturePhaseStart,
  drawn: Readonly<Record<string, number>>,
): string[] {
  if (branch?.data !== "restart") return [];
  const { sequence_length } = start;
  return describeRestart(drawnBefore(start), drawn, { sequence_length, reordered });
}

/** The mixture of the run with this phase, whose sequences are [first, last). */
function mixtureOf({ start, steps, config }: MixturePhaseStart) {
  const { global_batch_size, sequence_length, step, data_start_step = 0 } = start;
  const first = (step - data_start_step) * global_batch_size;
  const mixture = extendHistory(start.mixture, first, config.mixture, sequence_length);
  return { first, last: first + steps * global_batch_size, mixture };
}

async function packSets(
  { train, start: { packing, sequence_length } }: MixturePhaseOptions,
): Promise<Map<string, PackedSet>> {
  const options = { ...packing, sequence_length };
  const sets =
    await (needsDocuments(options)
      ? loadDocumentSets(train, "train")
      : loadTokenSets(train, "train"));
  return new Map([...sets].map(([name, set]) => [name, pack(set, options)]));
}

/**
 * The number of sequences in every source, past ones included.
 *
 * @throws {Error} when the size of a source has changed since an earlier phase drew from it: its sequences would come in
 * another order, and some of them twice.
 */
function checkAvailable(
  sets: ReadonlyMap<string, PackedSet>,
  { available }: TrainerState,
): Record<string, number> {
  const now = Object.fromEntries([...sets].map(([name, set]) => [name, set.sequence_count]));
  for (const [source, before] of Object.entries(available)) {
    if (now[source] !== undefined && now[source] !== before) {
      throw new Error(
        `source "${source}" has ${counted(now[source], "sequence")}, but had ${before} when the ` +
          "checkpoint was trained; connect the same tokens, so that nothing is drawn twice",
      );
    }
  }
  return { ...available, ...now };
}

/** Forecast of a phase on a mixture. Tokens are counted as if there were no padding. */
export function mixtureForecast(
  options: MixturePhaseStart & {
    readonly model: ModelConfig;
    /** Forecasts of the token tables. */
    readonly train: Readonly<Record<string, unknown>>;
    readonly validation: Readonly<Record<string, unknown>>;
  },
): Forecast {
  const { model, start, steps, config, branch } = options;
  const { global_batch_size, sequence_length, step: from_step } = start;
  const { first, last, mixture } = mixtureOf(options);
  const schedule = new MixtureSchedule(mixture);
  const available = sourceTokens(options.train);
  const eval_sets = sourceTokens(options.validation);
  const sources = countSources(schedule, first, last, { model, sequence_length, available });
  const tokens = steps * global_batch_size * sequence_length;
  const pieces = schedule.within(first, last).map(({ piece }) => piece);
  const end: TrainerState = {
    ...start,
    mixture,
    step: from_step + steps,
    tokens: start.tokens + tokens,
    lineage: extendLineage(start, { steps, tokens, mixture: pieces, branch }),
  };
  const short = shortSources(sources, {
    allow_repeat: config.allow_repeat,
    packing: start.packing?.packing ?? "concatenate",
    known: Object.keys(available ?? {}),
  });
  return {
    training: {
      parameters: parameterCount(model),
      from_step,
      to_step: from_step + steps,
      tokens,
      sequences: global_batch_size,
      sources,
      points: pointsOf(start, schedule, steps),
      ...(branch && { keeps: describeSwitches(branch) }),
    },
    ...trainingCost({
      ...config,
      model,
      from_step,
      steps,
      global_batch_size,
      sequence_length,
      compute: config,
      keep: config,
      validation: {
        every_steps: config.validation.every_steps,
        sequences: Object.keys(eval_sets ?? {}).length * config.validation.max_sequences,
      },
    }),
    outputs: checkpointOutputs({ model, state: end }),
    ...short,
    notes: [...short.notes ?? [], ...restartLines(options, schedule.drawn(last))],
  };
}

function countSources(
  schedule: MixtureSchedule,
  first: number,
  last: number,
  { model, sequence_length: T, available }: {
    model: ModelConfig;
    sequence_length: number;
    available?: Record<string, { tokens: number }>;
  },
): SourceForecast[] {
  const before = schedule.drawn(first), after = schedule.drawn(last);
  return Object.keys(after).filter((source) => after[source] > (before[source] ?? 0))
    .map((source) => ({
      source,
      tokens: (after[source] - (before[source] ?? 0)) * T,
      before: (before[source] ?? 0) * T,
      token_bytes: tokenBytes(model.vocab_size),
      // A sequence has one token more than it has inputs.
      ...(available &&
        { available: sequenceInputs(available[source]?.tokens ?? 0, T) }),
    }));
}

/** Input tokens of the sequences of a source; one of fewer than T + 1 tokens is one short sequence. */
function sequenceInputs(tokens: number, T: number): number {
  return tokens > T ? Math.floor(tokens / (T + 1)) * T : Math.max(0, tokens - 1);
}

function pointsOf(
  { schedule, step, global_batch_size, data_start_step = 0 }: TrainerState,
  mixture: MixtureSchedule,
  steps: number,
): TrainingPoint[] {
  return placesOf(steps).map((at) => {
    const from = (step + at - data_start_step) * global_batch_size;
    const [{ piece }] = mixture.within(from, from + 1);
    // A moving mixture stays where it has arrived.
    const place = Math.min(from, piece.until ?? from) - piece.from;
    const shares = mixture.sources.map((source) => {
      return [source, meanShare(piece, source, place, place)] as const;
    });
    return {
      step: step + at,
      learning_rate: learningRate(schedule, step + at),
      shares: Object.fromEntries(shares.filter(([, share]) => share > 0)),
    };
  });
}

/**
 * Sources that are unknown or have too few tokens, for which training would refuse to start. Where documents are kept
 * whole, the number of sequences is not known from that of tokens, and a source may still have enough.
 */
function shortSources(
  sources: readonly SourceForecast[],
  { allow_repeat, packing, known }: {
    readonly allow_repeat: boolean | readonly string[];
    readonly packing: "concatenate" | "best_fit";
    readonly known: readonly string[];
  },
): Pick<Forecast, "notes" | "problems"> {
  const mayRepeat = (source: string) =>
    typeof allow_repeat === "boolean" ? allow_repeat : allow_repeat.includes(source);
  const missing = sources.filter(({ available }) => available === 0).map(({ source }) =>
    `source "${source}" has no tokens; the data have ${known.join(", ") || "no sources"}`
  );
  const short = sources.filter(({ source, tokens, before, available = Infinity }) =>
    available > 0 && !mayRepeat(source) && tokens + before > available
  ).map(({ source, tokens, before, available }) =>
    `source "${source}" has ${formatNumber(available!)} tokens, and ${
      formatNumber(tokens + before)
    } ` +
    "are needed up to the end of this phase; add data, lower its weight or the steps, or name it in allow_repeat"
  );
  return packing === "concatenate"
    ? { problems: [...missing, ...short] }
    : { problems: missing, notes: short.map((one) => `may be too little: ${one}`) };
}
