/**
 * Makes a stream of text of any length, as compressed JSON Lines.
 *
 * @module
 */
import { join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { readRecords } from "@causeway/core/readers";
import { Random } from "@causeway/core/random";
import { resolveDataset } from "@causeway/datasets";

export interface StreamOptions {
  /** Size of the text in UTF-8. */
  readonly bytes: number;
  /** Record files with a column `text`; if empty, the general datasets of the project. */
  readonly texts: readonly string[];
}

const SHARD_BYTES = 500_000_000;
/** Size of the text in a compressed frame. */
const FRAME_CHARS = 4_000_000;
/** Size of the text that sentences are chosen from. */
const POOL_CHARS = 60_000_000;

/**
 * Writes shards `text-00000.jsonl.zst`, …: documents of real sentences in random order. One in forty has a random
 * word, so that the number of distinct words keeps growing.
 */
export async function makeText(folder: string, options: StreamOptions): Promise<void> {
  const sentences = await sentencePool(options.texts);
  const random = new Random(0, "stream", 0);
  for (let made = 0, shard = 0, id = 0; made < options.bytes; shard++) {
    const name = `text-${String(shard).padStart(5, "0")}.jsonl.zst`;
    using file = Deno.openSync(join(folder, name), { write: true, create: true });
    const end = Math.min(options.bytes, made + SHARD_BYTES);
    while (made < end) {
      let frame = "";
      while (frame.length < FRAME_CHARS && made < end) {
        const text = makeDocument(sentences, random);
        made += new TextEncoder().encode(text).length;
        frame += JSON.stringify({ id: id++, text }) + "\n";
      }
      const params = { [constants.ZSTD_c_compressionLevel]: 1 };
      const bytes = zstdCompressSync(new TextEncoder().encode(frame), { params });
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    }
  }
}

async function sentencePool(texts: readonly string[]): Promise<string[]> {
  const sentences: string[] = [];
  let chars = 0;
  for await (const text of sourceTexts(texts)) {
    for (const sentence of text.split(/(?<=[.!?\n]) /)) sentences.push(sentence);
    chars += text.length;
    if (chars > POOL_CHARS) break;
  }
  return sentences;
}

async function* sourceTexts(paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths) {
    for await (const { value } of readRecords(path)) yield String(value.text);
  }
  if (paths.length > 0) return;
  for (const name of ["brown", "moby_dick", "sotu", "spam_assassin", "code"]) {
    for await (const { text } of resolveDataset(name).documents()) yield text;
  }
}

function makeDocument(sentences: readonly string[], random: Random): string {
  const count = 5 + random.below(30);
  return Array.from({ length: count }, () => {
    const sentence = sentences[random.below(sentences.length)];
    return random.below(40) > 0 ? sentence : `${sentence} ${random.uint32().toString(36)}`;
  }).join(" ");
}

if (import.meta.main) await makeText(JSON.parse(Deno.args[0]), JSON.parse(Deno.args[1]));
