/**
 * Speed of the record readers: the same records in each format.
 *
 * @module
 */
import { parquetWriteBuffer } from "hyparquet-writer";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ArrowEncoder } from "@causeway/core/arrow";
import { readRecords } from "@causeway/core/readers";
import { timed } from "../shared/processes.ts";

/** Megabytes of text per second, by file name. */
export type ReaderSpeeds = Readonly<Record<string, number>>;

/** Size of the text in each file. */
const CHARS = 100_000_000;

async function firstTexts(path: string): Promise<string[]> {
  const texts: string[] = [];
  let chars = 0;
  for await (const { value } of readRecords(path)) {
    texts.push(value.text as string);
    chars += texts.at(-1)!.length;
    if (chars > CHARS) break;
  }
  return texts;
}

function writeFormats(folder: string, texts: readonly string[]): string[] {
  const lines = texts.map((text, id) => JSON.stringify({ id, text }) + "\n").join("");
  const files: Record<string, () => Uint8Array> = {
    "read.jsonl": () => new TextEncoder().encode(lines),
    "read.jsonl.gz": () => gzipSync(lines),
    "read.jsonl.zst": () => zstdCompressSync(lines),
    "read.parquet": () =>
      new Uint8Array(parquetWriteBuffer({
        columnData: [{ name: "text", data: [...texts], type: "STRING" }],
        rowGroupSize: 5000,
      })),
    "read.arrow": () => encodeArrow(texts),
  };
  return Object.entries(files).map(([name, make]) => {
    Deno.writeFileSync(join(folder, name), make());
    return name;
  });
}

function encodeArrow(texts: readonly string[]): Uint8Array {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const encoder = new ArrowEncoder({ text: "utf8" }, (bytes) => parts.push(new Uint8Array(bytes)));
  encoder.write({ text: [...texts] });
  encoder.finish();
  return Buffer.concat(parts);
}

if (import.meta.main) {
  const [folder] = JSON.parse(`[${Deno.args.join()}]`) as [string];
  const texts = await firstTexts(join(folder, "text-00000.jsonl.zst"));
  const bytes = texts.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
  const speeds: Record<string, number> = {};
  for (const name of writeFormats(folder, texts)) {
    const { seconds, result } = await timed(async () => {
      let rows = 0;
      for await (const _ of readRecords(join(folder, name))) rows++;
      return rows;
    });
    if (result !== texts.length) throw new Error(`${name}: read ${result} of ${texts.length} rows`);
    speeds[name] = bytes / 1e6 / seconds;
    Deno.removeSync(join(folder, name));
  }
  await Deno.writeTextFile(join(folder, "readers.json"), JSON.stringify(speeds));
}
