import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { namedContent, notUtf8 } from "./content.ts";
import { recordCard } from "./record_card.ts";
import { readRecords } from "./records.ts";
import { all, bytes, readWhole, withFiles } from "./testdata/testing.ts";

const POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 12345\n";

/** A text in UTF-16, without a byte order mark. */
function utf16(text: string, little = true): Uint8Array {
  const wide = new Uint8Array(2 * text.length);
  const view = new DataView(wide.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), little);
  return wide;
}

Deno.test("content: pointers, compression, other encodings and binary files are named", () => {
  const german = "Die Wörter sind auf Deutsch, nicht auf Englisch.";
  const cases: [Uint8Array | number[], string | undefined][] = [
    [bytes(POINTER), "is a Git LFS pointer and not the file itself; run git lfs pull"],
    [gzipSync("x"), "is compressed with gzip; add .gz to its name"],
    [zstdCompressSync("x"), "is compressed with Zstandard; add .zst to its name"],
    [bytes("BZh91AY&SYrest"), "is compressed with bzip2; run bunzip2 first"],
    [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "is compressed with xz; run unxz first"],
    [[0x04, 0x22, 0x4d, 0x18], "is compressed with LZ4; run unlz4 first"],
    [bytes("PK\x03\x04"), "is a ZIP archive"],
    [bytes(`${"a.txt".padEnd(257, "\0")}ustar`), "is a tar archive; unpack it first"],
    [bytes("<!DOCTYPE html><html>"), undefined],
    [bytes("PARE"), "is a Parquet file with an encrypted footer; write it without encryption"],
    [bytes("%PDF-1.7"), "is a PDF document; convert it to text first"],
    [utf16(german), "is UTF-16LE text; convert it to UTF-8: iconv -f UTF-16LE -t UTF-8"],
    [utf16(german, false), "is UTF-16BE text; convert it to UTF-8: iconv -f UTF-16BE -t UTF-8"],
    [utf16("\ufeff字"), "is UTF-16LE text; convert it to UTF-8: iconv -f UTF-16LE -t UTF-8"],
    [bytes("BZh is not enough"), undefined],
    [bytes("a text\0with a zero"), undefined],
    [bytes("字は漢字です"), undefined],
    [new Uint8Array(), undefined],
  ];
  for (const [content, expected] of cases) {
    assert.equal(namedContent(Uint8Array.from(content)), expected);
  }
});

Deno.test("content: bytes that are not UTF-8 are named by the encoding that they may have", () => {
  const cases: [number[], string][] = [
    [[0x63, 0x61, 0x66, 0xe9], "WINDOWS-1252"], // café
    [[0x82, 0xb1, 0x82, 0xf1, 0x82, 0xc9, 0x82, 0xbf, 0x82, 0xcd], "SHIFT_JIS"], // こんにちは
    [[0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea], "SHIFT_JIS"], // 日本語
    [[...bytes("an "), 0xe9, 0x61, ...bytes("t")], "WINDOWS-1252"], // an éat
    [[0xa4, 0xb3, 0xa4, 0xf3, 0xa4, 0xcb, 0xa4, 0xc1, 0xa4, 0xcf], "EUC-JP"],
    [[0xb0, 0xa1, 0xb3, 0xaa, 0xb4, 0xd9], "EUC-KR"], // 가나다
  ];
  for (const [content, encoding] of cases) {
    assert.equal(
      notUtf8(Uint8Array.from(content)),
      `is not UTF-8 text; convert it, e.g. with iconv -f ${encoding} -t UTF-8`,
    );
  }
});

Deno.test("content: what is not plain text is named in every format, plain or compressed", async () => {
  const files = {
    "a.txt": bytes(POINTER),
    "b.jsonl": bytes(POINTER),
    "c.json.gz": bytes(POINTER),
    "d.parquet": bytes(POINTER),
    "e.arrow": bytes(POINTER),
    "e.parquet": bytes("<!DOCTYPE html>\n<html>"),
    "f.zip": bytes(POINTER),
    "g.jsonl": gzipSync("{}"),
    "h.txt.gz": gzipSync(utf16("a long enough text")),
    "i.jsonl.zst": gzipSync("{}"),
    "j.jsonl.gz": bytes('{"text":"plain"}\n'),
  };
  const pointer = "is a Git LFS pointer and not the file itself; run git lfs pull";
  const expected = [
    `FILE ${pointer}`,
    `FILE ${pointer}`,
    `FILE ${pointer}`,
    `FILE ${pointer}`,
    `FILE ${pointer}`,
    "FILE is a web page, perhaps of a failed download; fetch it again",
    `FILE ${pointer}`,
    "FILE is compressed with gzip; add .gz to its name",
    "FILE is UTF-16LE text; convert it to UTF-8: iconv -f UTF-16LE -t UTF-8",
    "FILE is compressed with gzip; add .gz to its name",
    "FILE cannot be decompressed: it is not gzip data; correct the ending of its name",
  ];
  await withFiles(files, async (folder) => {
    for (const [at, name] of Object.keys(files).entries()) {
      const { records, skipped } = await readWhole(`${folder}/${name}`);
      assert.deepEqual([records, skipped], [[], [expected[at]]]);
    }
  });
});

Deno.test("compression: .gzip and .zstd are read, an empty .gz is empty, others are refused", async () => {
  const row = '{"text":"x"}\n';
  const files = {
    "a.jsonl.gzip": gzipSync(row),
    "b.jsonl.zstd": zstdCompressSync(row),
    "c.jsonl.gz": new Uint8Array(),
  };
  await withFiles(files, async (folder) => {
    assert.equal((await all(readRecords(folder))).length, 2);
    await Deno.writeFile(`${folder}/d.jsonl.xz`, new Uint8Array());
    await assert.rejects(
      all(readRecords(`${folder}/d.jsonl.xz`)),
      /d\.jsonl\.xz: \.xz compression is not supported; run unxz first/,
    );
    await assert.rejects(
      all(readRecords(folder)),
      /d\.jsonl\.xz has a compression that is not supported; run unxz first/,
    );
  });
});

Deno.test("one line per dataset: files, rows, what is left out and passed over, missing shards", async () => {
  const row = (text: string, kind = 1) => JSON.stringify({ text, kind }) + "\n";
  const files = {
    "train-00000-of-00002.jsonl": row("a") + row("  ") + row("b", 2) + "broken\n",
    "test.jsonl": row("c"),
    "README.md": "about",
    "test-2.jsonl": "\n",
    "a.bin": "x",
    "b.bin": "x",
  };
  await withFiles(files, async (path) => {
    const lines: string[] = [];
    const where = { column: "kind", in: [1] };
    const card = recordCard({ name: "mine", path, text: "text", where, on_error: "skip" });
    await Array.fromAsync(card.documents({ log: (line) => lines.push(line) }));
    assert.equal(
      lines[1],
      'dataset "mine": read 3 files with 5 rows: 1 train, 1 validation; left out 1 with a blank text, ' +
        "1 not selected by where, 1 unreadable; 1 file without rows (test-2.jsonl); passed over 3 files: 1 with documentation " +
        "(README.md), 2 of unknown type .bin (a.bin, b.bin); missing train-00001-of-00002.jsonl",
    );
  });
});

/** What a card logs, without the dataset's name, and the texts of its documents. */
async function readCard(path: string, text: string) {
  const lines: string[] = [];
  const log = (line: string) => lines.push(line.replace('dataset "mine": ', ""));
  const card = recordCard({ name: "mine", path, text });
  const documents = await Array.fromAsync(card.documents({ log }));
  return { lines, texts: documents.map(({ text }) => text) };
}

Deno.test("one reason for passing over needs no second count; NUL characters are counted", async () => {
  const files = {
    "a.jsonl": '{"text":"a\\u0000b"}\n{"text":"c"}\n',
    "__MACOSX/._a.jsonl": "x",
    "._b.jsonl": "x",
  };
  await withFiles(files, async (path) => {
    const { lines, texts } = await readCard(path, "text");
    assert.deepEqual(texts, ["a\0b", "c"]);
    assert.deepEqual(lines, [
      "read 1 file with 2 rows: 2 documents; 1 document with NUL characters, which are kept; " +
      "passed over 2 files: written by macOS (._b.jsonl, __MACOSX/._a.jsonl)",
    ]);
  });
});

Deno.test("a number in JSON that is only text is the text of the file", async () => {
  const row =
    '{"a": 1.0, "b": [1e5, -0, 1.5, 0.0000001, 1.50], "c": 9007199254740993, "d": true}\n';
  const exact = "1.0 1e5,-0,1.5,0.0000001,1.50 9007199254740993";
  await withFiles({ "a.jsonl": row, "b.json": `[${row}]` }, async (folder) => {
    for (const name of ["a.jsonl", "b.json"]) {
      assert.deepEqual((await readCard(`${folder}/${name}`, "{a} {b[,]} {c}")).texts, [exact]);
    }
    // To the functions of a card and to other readers they are numbers.
    const [{ value }] = await all(readRecords(`${folder}/a.jsonl`));
    assert.deepEqual([value.a, value.b], [1, [1e5, -0, 1.5, 1e-7, 1.5]]);
    const where = { column: "a", in: [1] };
    const card = recordCard({ name: "mine", path: `${folder}/a.jsonl`, text: "a", where });
    assert.deepEqual((await Array.fromAsync(card.documents())).map(({ text }) => text), ["1.0"]);
  });
});

Deno.test("a text file of many texts with the same end says how to cut it", async () => {
  const text = "One.\n<|endoftext|>\n".repeat(12);
  await withFiles(
    { "many.txt": text, "few.txt": "It ends with </s>, not with <|endoftext|>." },
    async (folder) => {
      const { lines, texts } = await readCard(folder, "text");
      assert.equal(texts.length, 2);
      assert.deepEqual(lines.slice(0, -1), [
        `${folder}/many.txt: <|endoftext|> occurs 12 times; if it ends a text, ` +
        'add to the dataset: separator: "<|endoftext|>"',
      ]);
    },
  );
});
