import assert from "node:assert/strict";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { expand } from "./decompress.ts";
import { joinBytes } from "./file_bytes.ts";
import { json } from "./json.ts";
import { jsonl } from "./jsonl.ts";
import { Reading } from "./reading.ts";
import { readRecords } from "./records.ts";
import { all, bytes, liveBytes, readWhole, withFiles } from "./testdata/testing.ts";

const concat = (...parts: Uint8Array[]) => joinBytes(parts);
const lines = (count: number) => Array.from({ length: count }, (_, i) => `{"i":${i}}\n`).join("");
const PLAIN = '\ufeff{"a":1}\r\n\n \t\r\n{"a":"ü\\n"}';
const checksummed = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
/** A frame that decoders skip, RFC 8878 section 3.1.2. */
const SKIPPABLE = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);

Deno.test("JSON Lines: byte order marks, carriage returns, blank lines, no final newline, every compression", async () => {
  const half = PLAIN.indexOf("\n\n") + 1;
  const [head, tail] = [PLAIN.slice(0, half), PLAIN.slice(half)];
  const files = {
    "a.jsonl": PLAIN,
    "a.ndjson": PLAIN,
    "a.json": PLAIN,
    "a.jsonl.gz": gzipSync(PLAIN),
    "members.jsonl.gz": concat(gzipSync(head), gzipSync(tail)),
    "padded.jsonl.gz": concat(gzipSync(PLAIN), new Uint8Array(100)),
    "a.jsonl.zst": zstdCompressSync(PLAIN),
    "frames.jsonl.zst": concat(
      SKIPPABLE,
      zstdCompressSync(head, checksummed),
      SKIPPABLE,
      zstdCompressSync(tail),
    ),
  };
  await withFiles(files, async (folder) => {
    for (const name of Object.keys(files)) {
      const file = `${folder}/${name}`;
      assert.deepEqual(await all(readRecords(file)), [
        { file, row: 1, value: { a: 1 } },
        { file, row: 4, value: { a: "ü\n" } },
      ], name);
    }
  });
});

Deno.test("JSON Lines: lines longer than a read block, and selected columns", async () => {
  const long = "é".repeat(1_500_000);
  const text = `{"a":"${long}","b":0}\n{"a":"${long}","b":1}\n`;
  const files = {
    "a.jsonl": text,
    "a.jsonl.gz": gzipSync(text),
    "a.jsonl.zst": zstdCompressSync(text),
  };
  await withFiles(files, async (folder) => {
    for (const name of Object.keys(files)) {
      const whole = await all(readRecords(`${folder}/${name}`));
      assert.deepEqual(whole.map(({ value }) => value), [{ a: long, b: 0 }, { a: long, b: 1 }]);
      const narrow = await all(readRecords(`${folder}/${name}`, { columns: ["b", "c"] }));
      assert.deepEqual(narrow.map(({ value }) => value), [{ b: 0 }, { b: 1 }]);
    }
  });
});

Deno.test("JSON Lines: a bad line fails with file and row, or is skipped alone", async () => {
  const bad = concat(
    bytes('{"a":1}\n{"a":\n[1]\n"'),
    Uint8Array.of(0xff),
    bytes('"\n\ufeff{"a":2}\n' + `{"a":"${"x".repeat(100)}"}\n{"a":3}\n`),
  );
  await withFiles({ "a.jsonl": bad }, async (folder) => {
    const path = `${folder}/a.jsonl`;
    await assert.rejects(all(readRecords(path)), {
      message: new RegExp(`^${path}:2: not valid JSON`),
    });
    const { records, skipped } = await readWhole(path, { limits: { max_record_bytes: 50 } });
    assert.deepEqual(records.map(({ row }) => row), [1, 7]);
    assert.deepEqual(skipped.map((message) => message.slice(0, 38)), [
      "FILE:2: not valid JSON (Unexpected end",
      "FILE:3: a record must be a JSON object",
      "FILE:4: is not UTF-8 text; convert it,",
      "FILE:5: not valid JSON (Unexpected tok",
      "FILE:6: the record is longer than limi",
    ]);
  });
  await assert.rejects(
    all(readRecords("no_such.jsonl")),
    { message: "file no_such.jsonl does not exist; check the path in the recipe" },
  );
});

Deno.test("JSON Lines: a truncated file gives the records before the cut and the row of the fault", async () => {
  const text = lines(50_000);
  const gzip = gzipSync(text), zstd = zstdCompressSync(text);
  const files = {
    "a.jsonl.gz": gzip.subarray(0, gzip.length - 20_000),
    "b.jsonl.gz": gzip.subarray(0, gzip.length - 1),
    "c.jsonl.zst": zstd.subarray(0, zstd.length - 5_000),
    "d.jsonl.zst": concat(zstd, zstd.subarray(0, zstd.length - 1)),
    "e.jsonl.gz": gzip.subarray(0, 5),
  };
  const least = [30_000, 50_000, 30_000, 90_000, 0];
  await withFiles(files, async (folder) => {
    for (const [at, name] of Object.keys(files).entries()) {
      const { records, skipped } = await readWhole(`${folder}/${name}`);
      assert.ok(records.length >= least[at], `${name}: ${records.length}`);
      assert.ok(records.every(({ row, value }, i) => row === i + 1 && value.i === i % 50_000));
      if (at !== 4) assert.equal(skipped.length, 1);
      const place = records.length === 0 ? " " : `, after line ${records.length}: `;
      assert.match(
        skipped[0],
        new RegExp(`^FILE${place}is truncated; fetch or write it again`),
      );
      await assert.rejects(all(readRecords(`${folder}/${name}`)), new RegExp(name + place));
    }
  });
});

Deno.test("JSON Lines: damage inside a compressed file is detected", async () => {
  const text = lines(5_000);
  const flip = (data: Uint8Array, at: number) => {
    const flipped = Uint8Array.from(data);
    flipped[at] ^= 0xff;
    return flipped;
  };
  const gzip = gzipSync(text), zstd = zstdCompressSync(text, checksummed);
  const files = {
    "a.jsonl.gz": flip(gzip, gzip.length - 6),
    "b.jsonl.gz": flip(gzip, gzip.length >> 1),
    "c.jsonl.zst": flip(zstd, zstd.length - 2),
    "d.jsonl.zst": concat(zstd, bytes("rubbish")),
    "e.jsonl.gz": bytes('{"a":1}\n'),
  };
  await withFiles(files, async (folder) => {
    for (const name of Object.keys(files)) {
      const fault = new RegExp(
        `${name}(?:, after line \\d+:)? (cannot be decompressed.*; (fetch|correct)|has bytes that are not zstd data.*; fetch)`,
      );
      await assert.rejects(all(readRecords(`${folder}/${name}`)), fault);
    }
  });
});

Deno.test("compressed files: repetitive ones are read, bombs are refused in bounded memory", async () => {
  const row = `{"text":"${"the same again and again, ".repeat(9)}${" ".repeat(2000)}"}\n`;
  const repetitive = gzipSync(row.repeat(40_000), { level: 9 });
  assert.ok(40_000 * row.length / repetitive.length > 300);
  const zeros = gzipSync(new Uint8Array(2 ** 26));
  const files = {
    "good.jsonl.gz": repetitive,
    // One line of 6.4 GB in 6.5 MB.
    "bomb.jsonl.gz": concat(...Array(100).fill(zeros)),
    "bomb.jsonl.zst": concat(...Array(100).fill(zstdCompressSync(new Uint8Array(2 ** 26)))),
  };
  await withFiles(files, async (folder) => {
    assert.equal((await all(readRecords(`${folder}/good.jsonl.gz`))).length, 40_000);
    const before = liveBytes();
    for (const name of ["bomb.jsonl.gz", "bomb.jsonl.zst"]) {
      const { records, skipped } = await readWhole(`${folder}/${name}`);
      assert.equal(records.length, 0);
      assert.match(skipped[0], /^FILE expands to more than 600 times its size/);
    }
    assert.ok(liveBytes() - before < 50e6);
    const limits = { max_expanded_bytes: 1e6 };
    await assert.rejects(
      all(readRecords(`${folder}/good.jsonl.gz`, { limits })),
      /good\.jsonl\.gz, after line 350: expands to more than 1000000 bytes; raise limits.max_expanded_bytes/,
    );
  });
});

Deno.test("a large gzipped file is read in bounded memory", async () => {
  const block = Array.from({ length: 20_000 }, (_, i) => {
    return `{"id":${i},"text":"${(i * 2654435761 % 2 ** 32).toString(36).repeat(70)}"}\n`;
  }).join("");
  const member = gzipSync(block, { level: 1 });
  const members = Math.ceil(200e6 / block.length);
  await withFiles({ "a.jsonl.gz": new Uint8Array() }, async (folder) => {
    using file = Deno.openSync(`${folder}/a.jsonl.gz`, { write: true });
    for (let i = 0; i < members; i++) file.writeSync(member);
    const before = liveBytes();
    let count = 0, peak = 0;
    for await (const { row } of readRecords(`${folder}/a.jsonl.gz`)) {
      count++;
      assert.equal(row, count);
      if (count % 10_000 === 0) peak = Math.max(peak, liveBytes());
    }
    assert.equal(count, members * 20_000);
    assert.ok(peak - before < 50e6, `${peak - before} bytes more than before`);
  });
});

Deno.test("reading stops when its signal is aborted", async () => {
  await withFiles({ "a.jsonl": lines(300_000) }, async (folder) => {
    const stop = new AbortController();
    let count = 0;
    await assert.rejects(async () => {
      for await (const _ of readRecords(`${folder}/a.jsonl`, { signal: stop.signal })) {
        if (++count === 10) stop.abort(new Error("enough"));
      }
    }, { message: "enough" });
    assert.ok(count < 200_000);
  });
});

Deno.test("the source is closed when reading stops early", async () => {
  const body = lines(100);
  const files = {
    "a.jsonl": body,
    "a.jsonl.gz": new Uint8Array(gzipSync(body)),
    "a.jsonl.zst": new Uint8Array(zstdCompressSync(body)),
    "a.json": body,
    "b.json": `[${body.trim().replaceAll("\n", ",")}]`,
  };
  for (const [name, content] of Object.entries(files)) {
    let ended = false;
    const blocks = async function* () {
      try {
        yield* [typeof content === "string" ? bytes(content) : content, bytes(" ")];
      } finally {
        ended = true;
      }
    };
    // The array is too long for a record, and is given up while it is read.
    const limits = { max_record_bytes: 500 };
    const reading = new Reading({ on_error: "skip", limits });
    const { readStream } = /\.json$/.test(name) ? json : jsonl;
    for await (const _ of readStream(expand(blocks(), name, reading), name, reading, "")) break;
    assert.ok(ended, name);
  }
});
