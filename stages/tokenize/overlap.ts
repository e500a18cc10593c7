/**
 * Documents that are in train and in validation: a loss on them says nothing about new texts.
 *
 * @module
 */

import { counted } from "@causeway/core/words";

/** What a scan knows of a dataset's documents. */
interface Hashed {
  readonly card: { readonly name: string };
  readonly taken: Uint8Array;
  readonly held_out: Uint8Array;
  readonly exact: Float64Array;
  readonly normalized: Float64Array;
}

/** A text without differences of case, spaces and punctuation, in the form NFKC. */
export function normalize(text: string): string {
  // The short way for ASCII, which is the same and faster.
  // deno-lint-ignore no-control-regex
  const words = /^[\x00-\x7f]*$/.test(text)
    ? text.toLowerCase().replace(/[^a-z0-9]+/g, " ").trim()
    : text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  return words === "" ? text : words;
}

/** Hashes of training documents, and the dataset of each. */
type Known = Map<number, number>;

/**
 * Counts held-out documents that are also training documents, of the same dataset or another one.
 *
 * @returns a line for each dataset that has some.
 */
export function overlapLines(scans: readonly Hashed[]): string[] {
  const [exact, normalized] = [collect(scans, "exact"), collect(scans, "normalized")];
  return scans.flatMap((scan, s) => {
    let documents = 0, equal = 0, similar = 0;
    const others = new Set<string>();
    for (let i = 0; i < scan.exact.length; i++) {
      if (!scan.taken[i] || !scan.held_out[i]) continue;
      documents++;
      const found = normalized.get(scan.normalized[i]) ?? exact.get(scan.exact[i]);
      if (found === undefined) continue;
      if (exact.has(scan.exact[i])) equal++;
      else similar++;
      if (found !== s) others.add(scans[found].card.name);
    }
    if (equal + similar === 0) return [];
    const share = (100 * (equal + similar) / documents).toFixed(1);
    const where = others.size > 0 ? `, some of them of ${[...others].sort().join(", ")}` : "";
    const kinds = [
      ...(equal > 0 ? [`${equal} identical`] : []),
      ...(similar > 0 ? [`${similar} differing only in case, spaces or punctuation`] : []),
    ].join(", ");
    return [
      `dataset "${scan.card.name}": train also has ${equal + similar} of ${
        counted(documents, "validation document")
      } (${share}%)${where}: ${kinds}; ` +
      "losses on them are too low",
    ];
  });
}

/** Training documents of a dataset itself come before those of others. */
function collect(scans: readonly Hashed[], kind: "exact" | "normalized"): Known {
  const known: Known = new Map();
  const held_out = new Set<number>();
  for (const scan of scans) {
    scan[kind].forEach((hash, i) => scan.taken[i] && scan.held_out[i] && held_out.add(hash));
  }
  for (const [s, scan] of scans.entries()) {
    scan[kind].forEach((hash, i) => {
      if (scan.taken[i] && !scan.held_out[i] && held_out.has(hash)) known.set(hash, s);
    });
  }
  return known;
}
