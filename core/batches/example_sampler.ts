/**
 * Drawing examples for fine-tuning: which, in what order, and for how long.
 *
 * @module
 */
import { z } from "zod";
import { requireInteger } from "../config/mod.ts";
import { permute, Random } from "../random/mod.ts";
import { counted } from "../words/mod.ts";
import type { Sampler, Sequence } from "./batch.ts";
import { documentsWithLabels, example, exampleLabels } from "./examples.ts";
import { MixtureSchedule, shares } from "./mixture_schedule.ts";
import type { DocumentSet } from "./token_set.ts";

/**
 * Documents of more than T + 1 tokens: "truncate" cuts them, so that they lose their end-of-text token; "skip" leaves
 * them out; "error" refuses to train.
 */
export const overlong_schema = z.enum(["truncate", "skip", "error"]).default("truncate");
export type Overlong = z.output<typeof overlong_schema>;

/** How long a phase on examples lasts, in one of these. */
export interface ExampleLength {
  /** Passes over the examples; may be a fraction. */
  readonly epochs?: number;
  readonly steps?: number;
  readonly examples?: number;
  /** Labels that count in the loss; the phase ends with the step that reaches them. */
  readonly supervised_tokens?: number;
}

/** Passes over the examples where no length is set (paper, section 3). */
const DEFAULT_EPOCHS = 4;

export interface ExampleOptions extends ExampleLength {
  readonly sets: readonly DocumentSet[];
  /** Share of the examples drawn by source; left out, every example is drawn once in each pass. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Longest input, T. */
  readonly sequence_length: number;
  readonly overlong: Overlong;
  /** Examples per optimizer step. */
  readonly global_batch_size: number;
  readonly seed: number;
  /** Name of the phase; the order depends on it. */
  readonly phase: string;
}

/** A length in optimizer steps. */
export interface Passes {
  readonly steps: number;
  /** Examples drawn, at least 1; of `epochs`, epochs · examples, rounded. */
  readonly drawn: number;
  /** Examples of every batch but the last: the global batch, or all examples where there are fewer. */
  readonly batch_size: number;
  /** Examples of the last batch. */
  readonly last_batch_size: number;
  /** `drawn` as passes over as many examples as there are. */
  readonly epochs: number;
}

/**
 * The steps of a length. The last batch has what is left, and no batch has an example twice because there are
 * fewer examples than it could take: 3 examples for 2 epochs are 2 steps of 3, whatever the batch size.
 *
 * @param mean_labels of an example, which a length in supervised tokens is divided by.
 */
export function passesOver(
  examples: number,
  length: ExampleLength & Pick<ExampleOptions, "global_batch_size">,
  mean_labels = 1,
): Passes {
  const batch_size = Math.max(1, Math.min(length.global_batch_size, examples));
  const drawn = Math.max(1, drawnExamples(examples, batch_size, length, mean_labels));
  const steps = Math.ceil(drawn / batch_size);
  const last_batch_size = drawn - (steps - 1) * batch_size;
  return { steps, drawn, batch_size, last_batch_size, epochs: drawn / Math.max(1, examples) };
}

function drawnExamples(
  examples: number,
  batch_size: number,
  { epochs = DEFAULT_EPOCHS, steps, examples: wanted, supervised_tokens }: ExampleLength,
  mean_labels: number,
): number {
  if (steps !== undefined) return steps * batch_size;
  if (wanted !== undefined) return wanted;
  if (supervised_tokens === undefined) return Math.round(epochs * examples);
  return batch_size * Math.ceil(supervised_tokens / mean_labels / batch_size);
}

/** An example: a document of a source. */
interface Place {
  readonly set: DocumentSet;
  readonly document: number;
}

/** Examples that are drawn in an order of their own. */
interface Pool {
  /** Name of the order. */
  readonly stream: string;
  readonly places: readonly Place[];
}

/** What a phase draws of a source. */
export interface DrawnSource {
  readonly source: string;
  /** Examples that the source has. */
  readonly available: number;
  /** Labels of all of them together. */
  readonly available_labels: number;
  /** Examples drawn. */
  readonly examples: number;
  /** Labels drawn. */
  readonly labels: number;
}

/**
 * Draws whole documents as examples for supervised fine-tuning, in a new random order each pass over them. A batch may
 * span two passes; the last one may be smaller. Any step's batch is computed directly.
 *
 * With weights each source is read in an order of its own, and after any number of examples their counts differ from their
 * shares by rounding only (see `MixtureSchedule`). A source that ends begins again.
 */
export class ExampleSampler implements Sampler {
  readonly passes: Passes;
  /** Examples of all sources. */
  readonly examples: number;
  /** Documents left out because they have no label: a single token, or none with loss once truncated. */
  readonly skipped: number;
  /** Documents of more than T + 1 tokens. */
  readonly overlong: number;
  /** Examples that are cut; 0 unless `overlong` is "truncate". */
  readonly truncated: number;
  readonly #options: ExampleOptions;
  /** One, or with weights one for each source. */
  readonly #pools: ReadonlyMap<string, Pool>;
  /** Only with weights. */
  readonly #schedule: MixtureSchedule | undefined;

  /** @throws {Error} when no document has a token to learn, or an option is out of range. */
  constructor(options: ExampleOptions) {
    const { sets, sequence_length, weights, phase } = options;
    checkOptions(options);
    this.#options = options;
    const usable = sets.map((set) => documentsWithLabels(set, sequence_length));
    const isLong = (set: DocumentSet, document: number) => {
      return set.offsets[document + 1] - set.offsets[document] > sequence_length + 1;
    };
    const kept = sets.map((set, s) =>
      usable[s].filter((document) => options.overlong !== "skip" || !isLong(set, document))
        .map((document) => ({ set, document }))
    );
    const documents = sum(sets.map((set) => set.documents));
    this.overlong = sum(sets.map((set) => longDocuments(set, sequence_length)));
    this.truncated = options.overlong === "truncate"
      ? sum(sets.map((set, s) => usable[s].filter((document) => isLong(set, document)).length))
      : 0;
    this.examples = sum(kept.map((places) => places.length));
    this.skipped = documents - sum(usable.map(({ length }) => length));
    checkExamples(options, this.overlong, this.examples);
    const stream = `examples/${phase}`;
    if (weights === undefined) {
      this.#pools = new Map([["", { stream, places: kept.flat() }]]);
    } else {
      const used = shares(weights);
      this.#pools = new Map(sets.map(({ name }, s) => {
        return [name, { stream: `${stream}/${name}`, places: kept[s] }];
      }));
      const empty = Object.keys(used).find((name) => !this.#pools.get(name)?.places.length);
      if (empty !== undefined) checkExamples({ ...options, sets: named(sets, empty) }, 0, 0);
      this.#schedule = new MixtureSchedule([{ from: 0, weights: used }]);
    }
    const passes = passesOver(this.examples, options);
    this.passes = options.supervised_tokens === undefined
      ? passes
      : this.#untilLabels(options.supervised_tokens, passes.batch_size);
  }

  /** Optimizer steps. */
  get steps(): number {
    return this.passes.steps;
  }

  /**
   * The examples of one step.
   *
   * @param step counted from 0.
   * @returns `passes.batch_size` sequences of 2 to `sequence_length + 1` tokens; fewer in the last step.
   */
  batch(step: number): Sequence[] {
    const { phase, sequence_length } = this.#options;
    if (!Number.isInteger(step) || step < 0 || step >= this.steps) {
      throw new RangeError(`phase "${phase}" has ${this.steps} steps; there is no step ${step}`);
    }
    const { batch_size, last_batch_size } = this.passes;
    const size = step === this.steps - 1 ? last_batch_size : batch_size;
    return this.#places(step, batch_size, size)
      .map(({ set, document }) => example(set, document, sequence_length));
  }

  /** Labels of the examples of one step; reads no token. */
  batchLabels(step: number): number {
    const { batch_size, last_batch_size } = this.passes;
    const size = step === this.steps - 1 ? last_batch_size : batch_size;
    return sum(this.#places(step, batch_size, size).map((place) => this.#labels(place)));
  }

  /** What the whole phase draws, by source in the order of the sets. */
  drawn(): DrawnSource[] {
    const { sets } = this.#options;
    const rows = new Map(sets.map(({ name }) => [name, {
      available: 0,
      available_labels: 0,
      examples: 0,
      labels: 0,
    }]));
    const { drawn } = this.passes;
    const counts = this.#schedule?.drawn(drawn) ?? { "": drawn };
    for (const [name, pool] of this.#pools) {
      const count = counts[name] ?? 0, { length } = pool.places;
      const whole = Math.floor(count / length);
      for (const place of pool.places) {
        const row = rows.get(place.set.name)!, labels = this.#labels(place);
        row.available++;
        row.available_labels += labels;
        row.examples += whole || 0;
        row.labels += (whole || 0) * labels;
      }
      for (let i = whole * length; i < count; i++) {
        const place = this.#place(pool, i), row = rows.get(place.set.name)!;
        row.examples++;
        row.labels += this.#labels(place);
      }
    }
    return [...rows].map(([source, row]) => ({ source, ...row }));
  }

  /** @param batch_size of the steps before. */
  #places(step: number, batch_size: number, size: number): Place[] {
    const from = step * batch_size, to = from + size;
    if (!this.#schedule) {
      const [pool] = this.#pools.values();
      return Array.from({ length: size }, (_, i) => this.#place(pool, from + i));
    }
    const before = this.#schedule.drawn(from), after = this.#schedule.drawn(to);
    const places = Object.entries(after).flatMap(([name, end]) => {
      const start = before[name] ?? 0, pool = this.#pools.get(name)!;
      return Array.from({ length: end - start }, (_, i) => this.#place(pool, start + i));
    });
    const { seed, phase } = this.#options;
    return new Random(seed, `examples/${phase}`, step).shuffle(places);
  }

  /** Draw number `index` of a pool, which has no end. */
  #place({ stream, places }: Pool, index: number): Place {
    const { length } = places;
    const chosen = permute(
      index % length,
      length,
      this.#options.seed,
      stream,
      Math.floor(index / length),
    );
    return places[chosen];
  }

  #labels({ set, document }: Place): number {
    return exampleLabels(set, document, this.#options.sequence_length);
  }

  /** The fewest steps with at least `wanted` labels. */
  #untilLabels(wanted: number, batch_size: number): Passes {
    const { examples, global_batch_size } = { ...this.#options, examples: this.examples };
    let steps = 0;
    for (let labels = 0; labels < wanted; steps++) {
      labels += sum(this.#places(steps, batch_size, batch_size).map((p) => this.#labels(p)));
    }
    return passesOver(examples, { steps, global_batch_size });
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

const named = (sets: readonly DocumentSet[], name: string) =>
  sets.filter((set) => set.name === name);

function checkOptions(options: ExampleOptions): void {
  const { sets, sequence_length, global_batch_size, epochs, steps, examples } = options;
  requireInteger("sequence_length", sequence_length, 1);
  requireInteger("global_batch_size", global_batch_size, 1);
  for (const [name, value] of Object.entries({ steps, examples })) {
    if (value !== undefined) requireInteger(name, value, 1);
  }
  if (epochs !== undefined && !(Number.isFinite(epochs) && epochs > 0)) {
    throw new Error(`epochs must be a number above 0, got ${epochs}`);
  }
  if (sets.length === 0) throw new Error("there are no sources to train on");
  const twice = sets.find((set, i) => sets.indexOf(set) < i);
  if (twice) throw new Error(`source "${twice.name}" is listed twice; name each source once`);
}

function checkExamples(
  { sets, sequence_length, overlong }: ExampleOptions,
  long: number,
  examples: number,
): void {
  const documents = sum(sets.map((set) => set.documents));
  const names = sets.map((set) => `"${set.name}"`).join(", ");
  if (long > 0 && overlong === "error") {
    throw new Error(
      `documents of ${names} longer than ${counted(sequence_length + 1, "token")}: ${long} of ` +
        `${documents}; raise sequence_length, or set overlong to "truncate" ` +
        'or "skip"',
    );
  }
  if (examples > 0) return;
  throw new Error(
    `no document of ${names} has a token to learn within ${counted(sequence_length, "token")} ` +
      `(${counted(documents, "document")}); check the prompts, or raise sequence_length`,
  );
}

function longDocuments({ offsets }: DocumentSet, sequence_length: number): number {
  return offsets.subarray(1).filter((end, i) => end - offsets[i] > sequence_length + 1).length;
}
