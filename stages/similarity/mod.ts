/**
 * The similarity stage: how alike the token distributions of datasets and mixtures are.
 *
 * @module
 */
import { z } from "zod";
import {
  compareFrequencies,
  FrequencyResampler,
  type Interval,
  mixFrequencies,
  NO_INTERVAL,
  resampledIntervals,
  type SamplingOptions,
  type Similarity,
  similarity_fields,
  tokenFrequencies,
  type Weights,
  withPreset,
} from "@causeway/core/analysis";
import { type DocumentSet, loadDocumentSets } from "@causeway/core/batches";
import {
  batchOf,
  defineStage,
  many,
  optional,
  ports,
  type StageContext,
} from "@causeway/core/stage";
import { openTokenizer } from "@causeway/core/tokenizer";

const config = withPreset(z.strictObject({
  /** Sources to compare; all by default. */
  sources: z.array(z.string()).optional(),
  /** Mixtures to compare as well: shares by source, by a name of your choice. */
  mixtures: z.record(z.string(), z.record(z.string(), z.number().min(0))).default({}),
  ...similarity_fields,
  /** Bootstrap resamples of documents, for 95% intervals of similarities; 0 for no intervals. */
  resamples: z.int().min(0).default(0),
}));

type Config = z.output<typeof config>;

const inputs = {
  tokens: many(ports.tokens),
  /** The tokenizer of the tokens; `max_characters` needs it. */
  tokenizer: optional(ports.tokenizer),
};
const outputs = { similarity: ports.similarity };

type Context = StageContext<Config, typeof inputs, typeof outputs>;
type Sets = ReadonlyMap<string, DocumentSet>;
type Sampling = Config & SamplingOptions;

/**
 * Writes the full square matrix of similarities, a row for each ordered pair, including each member with itself: sources in
 * the given order (sorted by name by default), then mixtures by name.
 */
export const similarity = defineStage({
  name: "similarity",
  version: "5",
  description: "Computes the similarity of the token distributions of datasets and mixtures.",
  config,
  inputs,
  outputs,
  async run(ctx: Context) {
    const { config, outputs, signal, report } = ctx;
    const sets = await loadDocumentSets(ctx.inputs.tokens, "tokens");
    const members = memberNames(sets, config);
    const { tokenizer: files } = ctx.inputs;
    const sampling = { ...config, tokenizer: files && await openTokenizer(files) };
    const frequencies = members.map((name) => {
      signal.throwIfAborted();
      return frequenciesOf(sets, name, sampling, ctx.seed);
    });
    const pairs = members.flatMap((_, a) => members.map((_, b) => [a, b] as const));
    const compared = pairs.map(([a, b]) =>
      compareFrequencies(frequencies[a], frequencies[b], config)
    );
    const intervals = intervalsOf(sets, members, compared, { ...ctx, config: sampling });
    const { length } = members;
    for (const [i, a] of members.entries()) {
      signal.throwIfAborted();
      const rows = members.map((b, k) => {
        return { a, b, ...compared[i * length + k], ...intervals[i * length + k] };
      });
      await outputs.similarity.write(batchOf(ports.similarity, rows));
      report(config.resamples + i + 1, {}, config.resamples + length);
    }
  },
});

/** The weights of a member: a source alone, or a mixture. */
function weightsOf(sets: Sets, name: string, { mixtures }: Config): Weights {
  return sets.has(name) ? { [name]: 1 } : mixtures[name];
}

function frequenciesOf(sets: Sets, name: string, sampling: Sampling, seed: number): Float64Array {
  const set = sets.get(name);
  return set
    ? tokenFrequencies(set, sampling, seed)
    : mixFrequencies(sets, sampling.mixtures[name], sampling, seed);
}

/** An interval for each pair of members. */
function intervalsOf(
  sets: Sets,
  members: readonly string[],
  compared: readonly Similarity[],
  { config, seed, signal, report }: Omit<Context, "config"> & { readonly config: Sampling },
): Interval[] {
  if (config.resamples === 0) return compared.map(() => NO_INTERVAL);
  const estimates = compared.map(({ similarity }) => similarity);
  const weights = members.map((name) => weightsOf(sets, name, config));
  const resampler = new FrequencyResampler(sets, weights, config, seed);
  const similarities = (drawn: readonly Float64Array[]) => {
    const matrix = new Float64Array(drawn.length ** 2);
    drawn.forEach((a, i) =>
      drawn.slice(i).forEach((b, k) => {
        const { similarity } = compareFrequencies(a, b, config);
        matrix[i * drawn.length + i + k] = matrix[(i + k) * drawn.length + i] = similarity;
      })
    );
    return matrix;
  };
  return resampledIntervals(resampler, estimates, similarities, config.resamples, (done) => {
    signal.throwIfAborted();
    report(done, {}, config.resamples + members.length);
  });
}

/** Names of the sources, then of the mixtures. @throws {Error} when one is unknown or not unique. */
function memberNames(
  sets: Sets,
  { sources, mixtures }: Config,
): string[] {
  const members = [...sources ?? sets.keys(), ...Object.keys(mixtures).sort()];
  for (const source of sources ?? []) {
    if (!sets.has(source)) {
      throw new Error(
        `unknown source "${source}"; sources are ${[...sets.keys()].join(", ")}`,
      );
    }
  }
  for (const name of Object.keys(mixtures)) {
    if (sets.has(name)) {
      throw new Error(`the mixture "${name}" has the same name as a source; rename it`);
    }
  }
  const twice = members.find((name, i) => members.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`source "${twice}" is listed twice`);
  return members;
}
