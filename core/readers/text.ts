/**
 * Text and source files: one record per file, or per part of a file.
 *
 * @module
 */
import { counted, formatNumber } from "../words/mod.ts";
import { notUtf8 } from "./content.ts";
import { cutText } from "./cut_text.ts";
import {
  type DataRecord,
  faultAfter,
  type Reading,
  StreamFault,
  type StreamFormat,
} from "./reading.ts";

const SOURCE_ENDINGS =
  ("c cc cpp cs css go h hpp html java js jsx kt lua mjs php pl py r rb rs scala sh sol sql swift tex " +
    "toml ts tsx xml yaml yml").split(" ").map((name) => `.${name}`);

/** UTF-8 text files. Endings do not matter in a folder that is read as `text`. */
export const text: StreamFormat = {
  endings: [".txt", ".md", ".rst"],
  archive_endings: SOURCE_ENDINGS,
  record: "the whole file, or a part of it between two `separator`s, as `{ path, text }`",
  readStream: readText,
};

/** Size of the pieces of a text that is too long for a record. */
const PIECE_BYTES = 1 << 18;

async function* readText(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  reading: Reading,
  path: string,
): AsyncGenerator<DataRecord> {
  const parts = new Parts(reading.separator, reading.limits.max_record_bytes);
  const ends = new Map<string, number>();
  let row = 0;
  const records = (texts: readonly string[]) =>
    texts.map((text) => {
      if (reading.separator === undefined) countEnds(text, ends);
      return { file, row: ++row, value: reading.select({ path, text }) };
    });
  let last: Uint8Array = new Uint8Array();
  try {
    for await (const chunk of chunks) {
      last = chunk;
      yield* records(parts.push(chunk));
    }
    yield* records(parts.rest());
  } catch (error) {
    if (!(error instanceof StreamFault || error instanceof TypeError)) throw error;
    const fault = error instanceof StreamFault ? error.message : notUtf8(last);
    return reading.fault(faultAfter(file, row, "text", fault));
  }
  const hint = endsHint(file, ends);
  if (hint !== undefined) reading.note(hint);
  if (parts.pieces > 0) {
    reading.note(
      `${file}: texts longer than limits.max_record_bytes (${
        formatNumber(parts.max_bytes)
      }) are cut ` +
        `into ${counted(parts.pieces, "record")} at paragraphs; set "separator" to cut elsewhere`,
    );
  }
}

/** What ends the texts of corpora that are one file. */
const END = /<\|end_?of_?text\|>|<\/s>|<eos>/g;
/** Fewer are probably part of what a text is about. */
const MIN_ENDS = 10;

function countEnds(text: string, ends: Map<string, number>): void {
  for (const [end] of text.matchAll(END)) ends.set(end, (ends.get(end) ?? 0) + 1);
}

/** A hint that a file is many texts, each followed by the same token. */
function endsHint(file: string, ends: ReadonlyMap<string, number>): string | undefined {
  const [most] = [...ends].sort(([, a], [, b]) => b - a);
  if (most === undefined || most[1] < MIN_ENDS) return undefined;
  const [end, count] = most;
  return `${file}: ${end} occurs ${
    formatNumber(count)
  } times; if it ends a text, add to the dataset: separator: ${JSON.stringify(end)}`;
}

/** Cuts a file that arrives in pieces of bytes into its parts. */
class Parts {
  /** Records made of texts that are too long. */
  pieces = 0;
  /** Removes a byte order mark, which is not part of the text. */
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #separator: RegExp | undefined;
  readonly #longest_separator: number;
  #rest = "";
  #rest_bytes = 0;
  #is_long = false;

  constructor(separator: string | undefined, readonly max_bytes: number) {
    this.#separator = separator === undefined ? undefined : separatorPattern(separator);
    this.#longest_separator = 2 * (separator?.length ?? 0);
  }

  /** @returns the parts that end in these bytes. @throws {TypeError} when they are not UTF-8. */
  push(bytes: Uint8Array): string[] {
    const from = Math.max(0, this.#rest.length - this.#longest_separator);
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    this.#rest_bytes += bytes.length;
    const found = this.#separated(from);
    if (this.#rest_bytes <= this.max_bytes && !this.#is_long) return found;
    const pieces = this.#cut();
    this.#rest = pieces.pop() ?? "";
    this.#rest_bytes = 0;
    this.#is_long = true;
    return [...found, ...pieces];
  }

  rest(): string[] {
    this.#rest += this.#decoder.decode();
    const last = this.#take(this.#rest);
    this.#rest = "";
    return this.#separator === undefined ? last : last.filter((text) => text.trim() !== "");
  }

  /** The parts that end with a separator. */
  #separated(from: number): string[] {
    const parts: string[] = [];
    if (this.#separator === undefined) return parts;
    this.#separator.lastIndex = from;
    let start = 0;
    for (
      let match = this.#separator.exec(this.#rest);
      match !== null;
      match = this.#separator.exec(this.#rest)
    ) {
      parts.push(...this.#take(this.#rest.slice(start, match.index)));
      start = match.index + match[0].length;
    }
    if (start > 0) {
      this.#rest = this.#rest.slice(start);
      this.#rest_bytes = new TextEncoder().encode(this.#rest).length;
    }
    return parts.filter((text) => text.trim() !== "");
  }

  /** A finished part; the last piece of one that is too long. */
  #take(part: string): string[] {
    if (!this.#is_long && part.length * 3 <= this.max_bytes) return [part];
    const size = this.#is_long ? Math.min(PIECE_BYTES, this.max_bytes) : this.max_bytes;
    const pieces = cutText(part, size);
    if (this.#is_long || pieces.length > 1) this.pieces += pieces.length;
    this.#is_long = false;
    return pieces;
  }

  #cut(): string[] {
    const pieces = cutText(this.#rest, Math.min(PIECE_BYTES, this.max_bytes));
    this.pieces += pieces.length - 1;
    return pieces;
  }
}

/** Line feeds in a separator also match the line ends of Windows. */
function separatorPattern(separator: string): RegExp {
  const escaped = separator.replaceAll("\r\n", "\n").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(escaped.replaceAll("\n", "\\r?\\n"), "g");
}
