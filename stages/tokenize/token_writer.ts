/**
 * Collects tokenized documents into batches of a tokens table.
 *
 * @module
 */
import type { ports, TableOutput } from "../../core/stage/mod.ts";
import type { TokenArray } from "../../core/tokenizer/mod.ts";

export interface TokenizedDocument {
  source: string;
  dataset: string;
  tokens: TokenArray;
  prompt_length: number;
  text_bytes: number;
}

/** Rows and tokens after which a batch is written: about 1 MB in memory. */
const MAX_ROWS = 1024;
const MAX_TOKENS = 1 << 18;

export class TokenWriter {
  #rows: TokenizedDocument[] = [];
  #tokens = 0;
  #written = false;

  constructor(readonly output: TableOutput<typeof ports.tokens.columns>) {}

  async add(document: TokenizedDocument): Promise<void> {
    // Tokens are views of the batch they came in, most of which may belong to another split.
    this.#rows.push({ ...document, tokens: document.tokens.slice() });
    this.#tokens += document.tokens.length;
    if (this.#rows.length >= MAX_ROWS || this.#tokens >= MAX_TOKENS) await this.flush();
  }

  /** Writes what is left; a table without rows is written as such. */
  async flush(): Promise<void> {
    const rows = this.#rows;
    if (rows.length === 0 && this.#written) return;
    this.#written = true;
    const wide = rows[0]?.tokens instanceof Uint32Array;
    const values = wide ? new Uint32Array(this.#tokens) : new Uint16Array(this.#tokens);
    const offsets = new Int32Array(rows.length + 1);
    for (const [i, { tokens }] of rows.entries()) {
      values.set(tokens, offsets[i]);
      offsets[i + 1] = offsets[i] + tokens.length;
    }
    this.#rows = [];
    this.#tokens = 0;
    await this.output.write({
      source: rows.map((row) => row.source),
      dataset: rows.map((row) => row.dataset),
      tokens: { values, offsets },
      prompt_length: Int32Array.from(rows, (row) => row.prompt_length),
      text_bytes: Int32Array.from(rows, (row) => row.text_bytes),
    });
  }
}
