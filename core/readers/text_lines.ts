/**
 * Lines of a stream of bytes, found and kept as bytes, so that bad UTF-8 spoils one line and no more.
 *
 * @module
 */
import { joinBytes } from "./file_bytes.ts";

const LINE_FEED = 10;

/**
 * Cuts a stream into lines, without their line feeds. A last line needs none.
 *
 * @param chunks bytes; those given are views into them and hold until the next batch is asked for.
 * @param maxBytes longest line.
 * @returns lines by batches; `undefined` stands for a line over the limit, none of which is kept.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<(Uint8Array | undefined)[]> {
  const rest = new UnfinishedLine(maxBytes);
  for await (const chunk of chunks) {
    const lines: (Uint8Array | undefined)[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const line = chunk.subarray(start, end);
      if (start === 0 && rest.length > 0) {
        rest.add(line);
        lines.push(rest.take());
      } else lines.push(line.length <= maxBytes ? line : undefined);
      start = end + 1;
    }
    rest.add(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [rest.take()];
}

/** The beginning of a line whose end has not been seen. */
class UnfinishedLine {
  length = 0;
  #parts: Uint8Array[] = [];
  constructor(readonly maxBytes: number) {}

  add(bytes: Uint8Array): void {
    this.length += bytes.length;
    if (this.length > this.maxBytes) this.#parts = [];
    else if (bytes.length > 0) this.#parts.push(bytes);
  }

  take(): Uint8Array | undefined {
    const line = this.length > this.maxBytes ? undefined : joinBytes(this.#parts);
    this.length = 0;
    this.#parts = [];
    return line;
  }
}
