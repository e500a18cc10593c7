/**
 * Documents that two sets have in common.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { DocumentSet } from "../batches/mod.ts";

/** How much of one set is in another. */
export interface Overlap {
  /** Documents of the first set that are in the second too, by the hash of their tokens. */
  readonly documents: number;
  /** Of all documents of the first set; 0 if it has none. */
  readonly share: number;
}

/** Counts the documents of `set` that are in `other` too. Both sets must be of one tokenizer. */
export function documentOverlap(set: DocumentSet, other: DocumentSet): Overlap {
  const known = new Set(hashes(other));
  let documents = 0;
  for (const hash of hashes(set)) if (known.has(hash)) documents++;
  return { documents, share: set.documents === 0 ? 0 : documents / set.documents };
}

function* hashes(set: DocumentSet): Generator<string> {
  for (let i = 0; i < set.documents; i++) {
    const ids = Uint32Array.from(set.read(set.offsets[i], set.offsets[i + 1]));
    yield createHash("md5").update(new Uint8Array(ids.buffer)).digest("base64");
  }
}
