import type { Batch, ports, TableInput } from "../stage/mod.ts";

/** A table of tokenized documents, as the tokenize stage writes it. */
export type TokenTable = TableInput<typeof ports.tokens.columns>;

/** All documents of one source, end to end in one array. */
export interface TokenSet {
  /** The source's name, as mixtures refer to it. */
  readonly name: string;
  /** Token ids of all documents. Document `i` is `tokens.subarray(offsets[i], offsets[i + 1])`. */
  readonly tokens: Uint16Array;
  /** [documents + 1]; float64, because a source can hold more than 2^31 tokens. */
  readonly offsets: Float64Array;
  /** [documents]; loss is taken on a document's tokens from here on. */
  readonly prompt_lengths: Int32Array;
  /** [documents]; UTF-8 length of each document's text. */
  readonly text_bytes: Int32Array;
  /** Number of documents. */
  readonly documents: number;
}

/**
 * Reads token tables into memory, one set for each name in their `source` columns.
 *
 * The documents of a source keep their order; tables are read in the order of their names. Each table is read
 * twice, to count and to fill, so that nothing is held in memory twice.
 *
 * @param inputs tables by the names the recipe gave them.
 * @returns sets by source name, sorted by name.
 * @throws {Error} when there is no document, or a prompt length does not fit its document.
 */
export async function loadTokenSets(
  inputs: Readonly<Record<string, TokenTable>>,
): Promise<Map<string, TokenSet>> {
  const names = Object.keys(inputs).sort();
  const sizes = new Map<string, { documents: number; tokens: number }>();
  for (const name of names) {
    for await (const batch of inputs[name].batches()) count(batch, sizes);
  }
  if (sizes.size === 0) {
    throw new Error(
      `no tokenized documents in ${names.length ? names.join(", ") : "the inputs"}: ` +
        `wire at least one table of tokens that is not empty`,
    );
  }
  const fillers = new Map(
    [...sizes.keys()].sort().map((source) => [source, new Filler(source, sizes.get(source)!)]),
  );
  for (const name of names) {
    for await (const batch of inputs[name].batches()) {
      batch.source.forEach((source, row) => fillers.get(source)!.add(batch, row));
    }
  }
  return new Map([...fillers].map(([source, filler]) => [source, filler.set]));
}

type TokenBatch = Batch<typeof ports.tokens.columns>;

function count(batch: TokenBatch, sizes: Map<string, { documents: number; tokens: number }>) {
  const { offsets } = batch.tokens;
  batch.source.forEach((source, row) => {
    const size = sizes.get(source) ?? { documents: 0, tokens: 0 };
    size.documents++;
    size.tokens += offsets[row + 1] - offsets[row];
    sizes.set(source, size);
  });
}

/** A token set of known size that is filled document by document. */
class Filler {
  readonly set: TokenSet;
  #row = 0;

  constructor(name: string, { documents, tokens }: { documents: number; tokens: number }) {
    this.set = {
      name,
      tokens: new Uint16Array(tokens),
      offsets: new Float64Array(documents + 1),
      prompt_lengths: new Int32Array(documents),
      text_bytes: new Int32Array(documents),
      documents,
    };
  }

  add(batch: TokenBatch, row: number): void {
    const { values, offsets } = batch.tokens;
    const document = values.subarray(offsets[row], offsets[row + 1]);
    const prompt_length = batch.prompt_length[row];
    if (prompt_length < 0 || prompt_length > document.length) {
      throw new Error(
        `document ${this.#row} of source "${this.set.name}" has ${document.length} tokens and a prompt ` +
          `of ${prompt_length}: the prompt must be a part of the document`,
      );
    }
    const start = this.set.offsets[this.#row];
    this.set.tokens.set(document, start);
    this.set.prompt_lengths[this.#row] = prompt_length;
    this.set.text_bytes[this.#row] = batch.text_bytes[row];
    this.set.offsets[++this.#row] = start + document.length;
  }
}
