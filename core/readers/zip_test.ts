import assert from "node:assert/strict";
import { BlobWriter, TextReader, Uint8ArrayReader, ZipWriter } from "@zip.js/zip.js";
import { gzipSync } from "node:zlib";
import { readRecords } from "./records.ts";
import { all, bytes, liveBytes, readWhole, withFiles } from "./testdata/testing.ts";
import { readZip } from "./zip.ts";

type Options = ConstructorParameters<typeof ZipWriter>[1];

async function zip(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Options = {},
): Promise<Uint8Array> {
  const writer = new ZipWriter(new BlobWriter(), { useWebWorkers: false, ...options });
  for (const [name, content] of Object.entries(files)) {
    const reader = typeof content === "string"
      ? new TextReader(content)
      : new Uint8ArrayReader(content);
    await writer.add(name, reader as TextReader);
  }
  return new Uint8Array(await (await writer.close()).arrayBuffer());
}

/** Puts another name of the same length into an archive's headers. */
function renamed(archive: Uint8Array, from: string, to: string): Uint8Array {
  const text = Array.from(archive, (byte) => String.fromCharCode(byte)).join("").replaceAll(
    from,
    to,
  );
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const python = (path: string) => path.endsWith(".py");

Deno.test("ZIP: chosen files in order, from bytes and from a file; errors name the file", async () => {
  const archive = await zip({ "b.py": "b", "a.py": "ä", "c.txt": "c" });
  const expected = [{ path: "a.py", text: "ä" }, { path: "b.py", text: "b" }];
  assert.deepEqual(await all(readZip(archive, "x.zip", python)), expected);
  await withFiles({ "x.zip": archive }, async (folder) => {
    assert.deepEqual(await all(readZip(`${folder}/x.zip`, "x.zip", python)), expected);
  });
  const binary = await zip({ "a.py": new Uint8Array([0xff]) });
  await assert.rejects(all(readZip(binary, "x.zip", python)), /x\.zip\/a\.py is not UTF-8 text/);
  await assert.rejects(
    all(readZip(bytes("junk"), "x.zip", python)),
    /x\.zip is not a readable ZIP archive \(.*\); fetch or write it again/,
  );
});

Deno.test("ZIP: records of text, source and JSON entries, also in the 64-bit format", async () => {
  const files = {
    "z/notes.txt": "some notes",
    "a.jsonl": '{"a":1}\nbad\n{"a":2}',
    "b.json": '[{"b":1}]',
    "c.jsonl.gz": gzipSync('{"c":1}\n'),
    "d.py": "pass",
    "image.png": new Uint8Array([0xff]),
  };
  const texts = { "z/notes.txt": "some notes", "d.py": "pass" };
  for (const zip64 of [false, true]) {
    await withFiles({ "x.zip": await zip(files, { zip64 }) }, async (folder) => {
      const { records, skipped } = await readWhole(`${folder}/x.zip`);
      assert.deepEqual(
        records.map(({ file, row, value }) => [file.slice(folder.length), row, value]),
        [
          ["/x.zip/a.jsonl", 1, { a: 1 }],
          ["/x.zip/a.jsonl", 3, { a: 2 }],
          ["/x.zip/b.json", 1, { b: 1 }],
          ["/x.zip/c.jsonl.gz", 1, { c: 1 }],
        ],
      );
      assert.match(skipped.join(), /^FILE\/a\.jsonl:2: not valid JSON/);
    });
  }
  await withFiles({ "x.zip": await zip(texts) }, async (folder) => {
    const { records } = await readWhole(`${folder}/x.zip`);
    assert.deepEqual(records.map(({ value }) => value), [
      { path: "d.py", text: "pass" },
      { path: "z/notes.txt", text: "some notes" },
    ]);
  });
  await withFiles({ "x.zip": await zip({ "a.png": "" }) }, async (folder) => {
    await assert.rejects(all(readRecords(`${folder}/x.zip`)), /x\.zip: no entry is text, source/);
  });
});

Deno.test("ZIP: archives written by macOS and Windows, with splits, and what is passed over", async () => {
  const mac = await zip({
    "__MACOSX/texts/._a.txt": new Uint8Array([0, 5, 0x16, 7]),
    "texts/.DS_Store": "x",
    "texts/a.txt": "A",
    "texts/clip.mov": "x",
    "LICENSE": "free",
  });
  const windows = renamed(
    await zip({ "texts|train|a.txt": "A" }),
    "texts|train|a.txt",
    "texts\\train\\a.txt",
  );
  const row = '{"text":"x"}\n';
  const splits = await zip({ "d/train.jsonl": row, "d/test.jsonl": row, "d/dev.jsonl": row });
  await withFiles({ "mac.zip": mac, "w.zip": windows, "s.zip": splits }, async (folder) => {
    const read = async (name: string, wanted_split?: "train" | "validation") => {
      const passed: string[] = [];
      const onPassOver = (file: string, why: string) =>
        passed.push(`${file.slice(folder.length + 1)} ${why}`);
      const records = await all(readRecords(`${folder}/${name}`, { onPassOver, wanted_split }));
      return {
        read: records.map(({ file, split }) => `${file.slice(folder.length + 1)} ${split ?? ""}`),
        passed,
      };
    };
    assert.deepEqual(await read("mac.zip"), {
      read: ["mac.zip/texts/a.txt "],
      passed: [
        "mac.zip/LICENSE with documentation",
        "mac.zip/__MACOSX/texts/._a.txt written by macOS",
        "mac.zip/texts/.DS_Store written by macOS",
        "mac.zip/texts/clip.mov of unknown type .mov",
      ],
    });
    assert.deepEqual((await read("w.zip")).read, ["w.zip/texts/train/a.txt "]);
    assert.deepEqual(await read("s.zip"), {
      read: ["s.zip/d/train.jsonl train", "s.zip/d/dev.jsonl validation"],
      passed: ["s.zip/d/test.jsonl of the test split"],
    });
    assert.deepEqual((await read("s.zip", "train")).read, ["s.zip/d/train.jsonl train"]);
  });
});

Deno.test("ZIP: paths that lead out are refused by name", async () => {
  const archive = await zip({ "good.txt": "x", "xxaxx.txt": "x" });
  for (const name of ["../xx.txt", "/xaxx.txt", "c:axx.txt", "..\\xx.txt", "a/../.txt"]) {
    const bad = renamed(archive, "xxaxx.txt", name.slice(0, 9));
    const entry = JSON.stringify(name.slice(0, 9)).replace(/[\\.]/g, "\\$&");
    await assert.rejects(
      all(readZip(bad, "x.zip", () => true)),
      new RegExp(`x\\.zip: entry ${entry} is refused: its path leads out of the archive`),
    );
  }
});

Deno.test("ZIP: encrypted, damaged and truncated archives are refused", async () => {
  const text = Array.from({ length: 3000 }, (_, i) => `line ${i * i}`).join("\n");
  const good = await zip({ "a.txt": text });
  const damaged = Uint8Array.from(good);
  damaged[good.length >> 1] ^= 0xff;
  const stored = await zip({ "a.txt": text }, { level: 0 });
  stored[stored.length >> 1] ^= 1;
  const files = {
    "secret.zip": await zip({ "a.txt": "x" }, { password: "p", zipCrypto: true }),
    "damaged.zip": damaged,
    "checksum.zip": stored,
    "cut.zip": good.subarray(0, good.length - 100),
  };
  const expected = [
    /secret\.zip\/a\.txt is encrypted; unpack the archive first/,
    /damaged\.zip\/a\.txt cannot be unpacked \(/,
    /checksum\.zip\/a\.txt cannot be unpacked \(its checksum is wrong/,
    /cut\.zip is not a readable ZIP archive \(/,
  ];
  await withFiles(files, async (folder) => {
    for (const [at, name] of Object.keys(files).entries()) {
      await assert.rejects(all(readRecords(`${folder}/${name}`)), expected[at]);
    }
  });
});

Deno.test("ZIP: bombs are refused by their declared and by their real size", async () => {
  const size = 2 ** 27;
  const bomb = await zip({ "a.txt": new Uint8Array(size) });
  await assert.rejects(
    all(readZip(bomb, "x.zip", () => true)),
    /x\.zip\/a\.txt expands to more than 600 times its size/,
  );
  // The same with a declared size of 1000 bytes, in the local and the central header.
  const liar = Uint8Array.from(bomb);
  const view = new DataView(liar.buffer);
  for (let at = 0; at + 4 <= liar.length; at++) {
    if (view.getUint32(at, true) === size) view.setUint32(at, 1000, true);
  }
  const before = liveBytes();
  await assert.rejects(all(readZip(liar, "x.zip", () => true)), /x\.zip(\/a\.txt | is not)/);
  assert.ok(liveBytes() - before < 50e6);
  const inner = await zip({ "a.txt": "x".repeat(1000) });
  await withFiles({ "x.zip": inner }, async (folder) => {
    await assert.rejects(
      all(readRecords(`${folder}/x.zip`, { limits: { max_expanded_bytes: 999 } })),
      /x\.zip\/a\.txt expands to more than 999 bytes; raise limits.max_expanded_bytes/,
    );
  });
});

Deno.test("ZIP: an archive of many files stays small in memory", async () => {
  const names = Array.from({ length: 600 }, (_, i) => `d/${i}.txt`);
  const archive = await zip(Object.fromEntries(names.map((name) => [name, "some text"])), {
    level: 0,
  });
  await withFiles({ "x.zip": archive }, async (folder) => {
    const before = liveBytes();
    let count = 0, after = 0;
    for await (const { value } of readRecords(`${folder}/x.zip`)) {
      assert.equal(value.text, "some text");
      if (++count === names.length) after = liveBytes();
    }
    assert.equal(count, names.length);
    // The library's own entries would take 16 MB.
    assert.ok(after - before < 4e6, `${after - before} bytes`);
  });
});

Deno.test("ZIP: an entry named otherwise in its own header, and two of one name, are refused", async () => {
  const good = await zip({ "a.txt": "x", "b.txt": "y" });
  const text = Array.from(good, (byte) => String.fromCharCode(byte)).join("");
  const bytesOf = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const directory = text.indexOf("PK\x01\x02");
  const other = text.slice(0, directory) + text.slice(directory).replace("a.txt", "c.txt");
  await assert.rejects(
    all(readZip(bytesOf(other), "x.zip", () => true)),
    /x\.zip\/c\.txt cannot be unpacked \(its own header names it "a\.txt"\)/,
  );
  await assert.rejects(
    all(readZip(renamed(good, "b.txt", "a.txt"), "x.zip", () => true)),
    /x\.zip has two entries named "a\.txt"/,
  );
});

Deno.test("ZIP: an entry whose own header and the directory disagree is refused by field", async () => {
  const text = "some text ".repeat(50);
  /** Offsets in the local header, and in the central directory. */
  const fields: [local: number, central: number, by: number, message: RegExp][] = [
    [6, 8, 1, /says that it is encrypted|is encrypted; unpack/],
    [8, 10, 8, /own header has method \d, the directory \d/],
    [14, 16, 1, /own header has checksum \d+, the directory \d+/],
    [18, 20, 1, /own header has compressed size \d+, the directory \d+/],
    [22, 24, 1, /own header has size \d+, the directory \d+/],
  ];
  // Without the bit for sizes after the data.
  const good = await zip({ "a.txt": text }, { dataDescriptor: false });
  assert.equal((await all(readZip(good, "x.zip", () => true)))[0].text, text);
  const directory = Array.from(good, (byte) => String.fromCharCode(byte)).join("")
    .indexOf("PK\x01\x02");
  for (const [local, central, by, message] of fields) {
    for (const at of [local, directory + central]) {
      const bad = Uint8Array.from(good);
      bad[at] ^= by;
      await assert.rejects(all(readZip(bad, "x.zip", () => true)), message, `byte ${at}`);
    }
  }
  // Sizes that follow the data are 0 in the header; any other value must be right.
  const streamed = await zip({ "a.txt": text }, { dataDescriptor: true });
  assert.equal((await all(readZip(streamed, "x.zip", () => true)))[0].text, text);
  streamed[22] ^= 1;
  await assert.rejects(all(readZip(streamed, "x.zip", () => true)), /own header has size 1/);
  const large = await zip({ "a.txt": text, "sub/b.txt": text }, {
    dataDescriptor: false,
    zip64: true,
  });
  assert.equal((await all(readZip(large, "x.zip", () => true))).length, 2);
});
