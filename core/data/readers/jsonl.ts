/**
 * JSON Lines, plain or gzipped: one JSON object a line.
 *
 * @module
 */

/** One record and where it stands, for messages. */
export interface JsonlRecord {
  readonly row: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/**
 * Streams the records of a `.jsonl` or `.jsonl.gz` file. Blank lines are skipped.
 *
 * @param path compression is told by the ending `.gz`.
 * @throws {Error} `file:row: …` for a line that is not a JSON object, bad UTF-8 or a damaged gzip stream.
 */
export async function* readJsonl(path: string): AsyncGenerator<JsonlRecord> {
  let row = 0;
  try {
    for await (const line of readLines(path)) {
      row++;
      if (line.trim() !== "") yield { row, value: parseRecord(line, `${path}:${row}`) };
    }
  } catch (error) {
    // Decoding faults surface between lines: the position is the row after the last good one.
    if (error instanceof TypeError) {
      throw new Error(`${path}:${row + 1}: cannot be decoded (${error.message})`);
    }
    throw error;
  }
}

/** Streams the lines of a UTF-8 text file, decompressing a `.gz`. */
async function* readLines(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of await openText(path)) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

async function openText(path: string): Promise<ReadableStream<string>> {
  let bytes: ReadableStream<Uint8Array<ArrayBuffer>>;
  try {
    bytes = (await Deno.open(path)).readable;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(`file ${path} does not exist; check the path in the recipe`);
    }
    throw error;
  }
  if (path.endsWith(".gz")) bytes = bytes.pipeThrough(new DecompressionStream("gzip"));
  return bytes.pipeThrough(new TextDecoderStream("utf-8", { fatal: true }));
}

function parseRecord(line: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new Error(`${where}: not valid JSON (${(error as Error).message})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${where}: expected a JSON object with named columns`);
  }
  return value as Record<string, unknown>;
}
