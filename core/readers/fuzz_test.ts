import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { BlobWriter, TextReader, ZipWriter } from "@zip.js/zip.js";
import { Random } from "../random/mod.ts";
import { readRecords } from "./records.ts";
import { openFiles } from "../../tests/shared/open_files.ts";

const FIXTURES = "tests/fixtures/readers";
const VARIANTS = Number(Deno.env.get("FUZZ_VARIANTS") ?? 60);
const PATIENCE_MS = 10_000;

const lines = Array.from({ length: 200 }, (_, i) => `{"id":${i},"text":"zeile ü ${i * i}"}\n`).join(
  "",
);

async function zipped(): Promise<Uint8Array> {
  const zip = new ZipWriter(new BlobWriter());
  await zip.add("a/notes.txt", new TextReader("some text, some text, some more text"));
  await zip.add("b.jsonl", new TextReader(lines));
  return new Uint8Array(await (await zip.close()).arrayBuffer());
}

const fixture = (name: string) => new Uint8Array(readFileSync(`${FIXTURES}/${name}`));

const SAMPLES: [name: string, make: () => Uint8Array | Promise<Uint8Array>][] = [
  ["a.jsonl", () => new TextEncoder().encode(lines)],
  ["a.jsonl.gz", () => gzipSync(lines)],
  ["a.jsonl.zst", () => zstdCompressSync(lines)],
  ["a.json", () => new TextEncoder().encode(`[${lines.trim().split("\n").join(",\n")}]`)],
  ["a.txt.gz", () => gzipSync(lines)],
  ["b.json", () => new TextEncoder().encode(lines.replaceAll(",", ",\n"))],
  ["a.csv", () => new TextEncoder().encode(`id,text\n${lines.replaceAll("text", "\n")}`)],
  ["a.zip", zipped],
  ["footer.arrow", () => tableToIPC(tableFromArrays({ text: lines.split("\n") }), "file")],
  ...[
    "none",
    "snappy",
    "zstd",
    "gzip",
    "brotli",
    "lz4",
    "pages_v2",
    "small_pages",
    "encodings",
    "exact",
  ]
    .map((
      name,
    ): [string, () => Uint8Array] => [`${name}.parquet`, () => fixture(`${name}.parquet`)]),
  ...["file.arrow", "stream.arrow", "zstd.feather", "lz4.feather", "odd.arrow"].map((
    name,
  ): [string, () => Uint8Array] => [name, () => fixture(name)]),
];

/** Cuts a file off or replaces some of its bytes, each time otherwise. */
function damaged(good: Uint8Array, random: Random): Uint8Array {
  const below = (limit: number) => random.below(limit);
  if (below(4) === 0) return good.slice(0, below(good.length));
  const bad = good.slice();
  for (let flips = 1 + below(4); flips > 0; flips--) {
    const at = below(bad.length);
    bad[at] = below(2) === 0 ? bad[at] ^ (1 << below(8)) : below(256);
  }
  return bad;
}

/** Reads a file to its end or to its error, within time. */
async function outcome(path: string, skip: boolean): Promise<unknown> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  // The other columns of this file are of types that cannot be read.
  const uses = path.endsWith("odd.arrow")
    ? [{ names: ["text"], is_optional: false }, { names: ["big"], is_optional: true }]
    : undefined;
  const read = async () => {
    try {
      const on_error = skip ? "skip" as const : "fail" as const;
      for await (const { file, row } of readRecords(path, { on_error, signal: late, uses })) {
        assert.ok(file.startsWith(path) && row > 0);
      }
    } catch (error) {
      // Damage to the names of columns is no fault of a record.
      if (uses !== undefined && /: no column "text"/.test(String(error))) return undefined;
      return error;
    }
  };
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve("hangs"), PATIENCE_MS);
  try {
    return await Promise.race([read(), promise]);
  } finally {
    clearTimeout(timer);
  }
}

for (const [name, make] of SAMPLES) {
  Deno.test(`damaged files end in records or in an error that names them: ${name}`, async () => {
    const good = await make();
    const folder = await Deno.makeTempDir();
    try {
      for (let variant = 0; variant < VARIANTS; variant++) {
        const path = `${folder}/${name}`;
        Deno.writeFileSync(path, damaged(good, new Random(17, name, variant)));
        for (const skip of [false, true]) {
          const error = await outcome(path, skip);
          const where = `variant ${variant}, ${skip ? "skip" : "fail"}`;
          if (skip) assert.equal(error, undefined, `${where}: ${error}`);
          else if (error !== undefined) {
            assert.ok(error instanceof Error && error.constructor === Error, `${where}: ${error}`);
            assert.ok(error.message.includes(path), `${where}: ${error}`);
          }
        }
      }
      assert.ok(Deno.memoryUsage().rss < 2e9, "memory has grown beyond bounds");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test({
  name: "reading that ends early, or fails, leaves no file open",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      let seen_open = 0;
      for (const [name, make] of SAMPLES) {
        const path = `${folder}/${name}`;
        const good = await make();
        const uses = [{ names: ["text"], is_optional: true }];
        for (const bytes of [good, good.subarray(0, good.length >> 1)]) {
          Deno.writeFileSync(path, bytes);
          for (const last of [1, 20]) {
            const stop = new AbortController();
            try {
              let count = 0;
              for await (const _ of readRecords(path, { signal: stop.signal, uses })) {
                if (++count === 1) seen_open += openFiles(folder).length;
                if (count === last) break;
                if (count === 10) stop.abort();
              }
            } catch {
              // half a file, or aborted
            }
            assert.deepEqual(
              openFiles(folder),
              [],
              `${name}, ${bytes.length} bytes, ${last} records`,
            );
          }
        }
      }
      assert.ok(seen_open > 20);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
