/**
 * The similarity stage: how alike the token distributions of datasets and mixtures are.
 *
 * @module
 */
import { compareFrequencies, mixFrequencies, tokenFrequencies } from "../../core/analysis/mod.ts";
import { loadDocumentSets, type TokenSet } from "../../core/data/mod.ts";
import { defineStage, many, ports } from "../../core/stage/mod.ts";
import { type Config, config } from "./config.ts";

/**
 * Writes the full square matrix of similarities, one row for each ordered pair, each member with itself included:
 * sources in the order given (by name without one), then mixtures by name.
 */
export const similarity = defineStage({
  name: "similarity",
  version: "2",
  description: "Similarity of the token distributions of datasets and mixtures.",
  config,
  inputs: { tokens: many(ports.tokens) },
  outputs: { similarity: ports.similarity },
  async run({ config, inputs, outputs, seed, signal, report }) {
    const sets = await loadDocumentSets(inputs.tokens);
    const members = memberNames(sets, config);
    const frequencies = members.map((name) => {
      signal.throwIfAborted();
      const set = sets.get(name);
      return set
        ? tokenFrequencies(set, config.max_examples, seed)
        : mixFrequencies(sets, config.mixtures[name], config.max_examples, seed);
    });
    for (const [i, a] of members.entries()) {
      signal.throwIfAborted();
      const rows = frequencies.map((other) => compareFrequencies(frequencies[i], other, config));
      await outputs.similarity.write({
        a: members.map(() => a),
        b: members,
        cosine: Float64Array.from(rows, (row) => row.cosine),
        jaccard: Float64Array.from(rows, (row) => row.jaccard),
        overlap: Float64Array.from(rows, (row) => row.overlap),
        jensen_shannon: Float64Array.from(rows, (row) => row.jensen_shannon),
        similarity: Float64Array.from(rows, (row) => row.similarity),
      });
      report(i + 1, {}, members.length);
    }
  },
});

/** Names of what is compared, checked: sources, then mixtures. */
function memberNames(
  sets: ReadonlyMap<string, TokenSet>,
  { sources, mixtures }: Config,
): string[] {
  const members = [...sources ?? sets.keys(), ...Object.keys(mixtures).sort()];
  for (const source of sources ?? []) {
    if (!sets.has(source)) {
      throw new Error(
        `similarity: no source is named "${source}"; there are ${[...sets.keys()].join(", ")}`,
      );
    }
  }
  for (const name of Object.keys(mixtures)) {
    if (sets.has(name)) {
      throw new Error(`similarity: the mixture "${name}" has the name of a source; rename it`);
    }
  }
  const twice = members.find((name, i) => members.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`similarity: "${twice}" is listed twice`);
  return members;
}
