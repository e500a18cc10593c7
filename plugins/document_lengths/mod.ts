/**
 * Example plugin: the length of the documents of each source. Copy this folder to write your own plugin;
 * docs/plugins.md explains it.
 *
 * @module
 */
import { z } from "zod";
import { defineStage, ports, table } from "@causeway/core/stage";

/** Quantiles of document length, in tokens, per source. */
export const document_lengths = defineStage({
  name: "document_lengths",
  // Part of every artifact's key: raise it when results change, so that old artifacts are recomputed.
  version: "1",
  description: "Quantiles of document length per source.",
  // What a recipe can set; defaults are filled in before `run`.
  config: z.strictObject({
    quantiles: z.array(z.number().min(0).max(1)).min(1).default([0, 0.25, 0.5, 0.75, 1]),
  }),
  inputs: { documents: ports.tokens },
  outputs: {
    lengths: table({ source: "utf8", quantile: "float64", tokens: "int32" }, "document lengths"),
  },
  async run({ config, inputs, outputs, signal, report }) {
    signal.throwIfAborted(); // lets Ctrl-C stop the stage, here and between batches
    const lengths = new Map<string, number[]>();
    let done = 0;
    // In batches, so that memory does not grow with the data.
    for await (const { source, tokens } of inputs.documents.batches()) {
      signal.throwIfAborted();
      source.forEach((name, i) => {
        if (!lengths.has(name)) lengths.set(name, []);
        // A list column is flat: row i holds values[offsets[i]] up to, not including, values[offsets[i + 1]].
        lengths.get(name)!.push(tokens.offsets[i + 1] - tokens.offsets[i]);
      });
      report(done += source.length, {}, inputs.documents.rows);
    }
    // Sorted by name: an artifact must not depend on the order of its inputs.
    const rows = [...lengths].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([source, values]) => {
      values.sort((a, b) => a - b);
      return config.quantiles.map((q) => ({ source, quantile: q, tokens: nearestRank(values, q) }));
    });
    // Also written without rows: a table that was never written is an error.
    await outputs.lengths.write({
      source: rows.map((row) => row.source),
      quantile: Float64Array.from(rows, (row) => row.quantile),
      tokens: Int32Array.from(rows, (row) => row.tokens),
    });
  },
});

/** Nearest-rank quantile: the smallest value with at least a share `q` of the values at or below it. */
function nearestRank(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}
