/**
 * Checks that both sides learned and encoded the same.
 *
 * @module
 */

interface Model {
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

/** Whether two tokenizer.json have the same vocabulary, and the same merges in the same order. */
export function sameModel({ model: a }: Model, { model: b }: Model): boolean {
  const tokens = Object.keys(a.vocab);
  return tokens.length === Object.keys(b.vocab).length &&
    tokens.every((token) => a.vocab[token] === b.vocab[token]) &&
    a.merges.length === b.merges.length &&
    a.merges.every(([left, right], i) => left === b.merges[i][0] && right === b.merges[i][1]);
}

export interface Agreement {
  /** Texts compared, and their number of tokens. */
  readonly compared: number;
  readonly tokens: number;
  /** Texts whose ids differ. */
  readonly different: number;
  /** The first of them, or its beginning, as JSON. */
  readonly example?: string;
}

/**
 * Compares ids text by text.
 *
 * @param ours file of uint32: for each text the number of its ids, then the ids
 * @throws {Error} if a file has more or fewer texts than `texts`.
 */
export function compareIds(ours: string, theirs: string, texts: readonly string[]): Agreement {
  const a = new IdReader(ours), b = new IdReader(theirs);
  const different = texts.filter(() => a.next() !== b.next() || !a.equals(b));
  if (!a.is_at_end || !b.is_at_end) throw new Error("there are more ids than texts");
  return {
    compared: texts.length,
    tokens: b.tokens,
    different: different.length,
    example: different[0] && JSON.stringify(different[0].slice(0, 200)),
  };
}

class IdReader {
  readonly #values: Uint32Array;
  #start = 0;
  #end = 0;
  tokens = 0;

  constructor(file: string) {
    this.#values = new Uint32Array(Deno.readFileSync(file).buffer);
  }

  get is_at_end(): boolean {
    return this.#end === this.#values.length;
  }

  /** Moves to the next text. @returns the number of its ids. */
  next(): number {
    if (this.is_at_end) throw new Error("there are more texts than ids");
    const count = this.#values[this.#end];
    this.#start = this.#end + 1;
    this.#end = this.#start + count;
    this.tokens += count;
    return count;
  }

  equals(other: IdReader): boolean {
    for (let i = this.#start, j = other.#start; i < this.#end; i++, j++) {
      if (this.#values[i] !== other.#values[j]) return false;
    }
    return true;
  }
}
