import assert from "node:assert/strict";
import { lines, rows, run, withFile } from "./testdata/testing.ts";

Deno.test("exact duplicates are never in both splits", async () => {
  const data = rows(60).map((row, i) => ({ ...row, text: `text ${i % 20}` }));
  await withFile(lines(data), async (path) => {
    const { texts } = await run(path, { config: { validation_share: 0.3 } });
    assert.ok(texts("validation").length >= 3);
    assert.equal(new Set(texts("train")).intersection(new Set(texts("validation"))).size, 0);
  });
});

Deno.test("long texts are cut into documents between characters, examples with a prompt at their end", async () => {
  const config = { max_document_bytes: 5, validation_share: 0 };
  await withFile(lines([{ text: "ab🙂cd" }, { text: "x" }]), async (path) => {
    const { texts, fake } = await run(path, { config });
    assert.deepEqual(texts("train"), ["ab", "🙂c", "d", "x"].map((text) => `${text}<|endoftext|>`));
    assert.match(
      fake.logs.join("\n"),
      /"mine": 1 text longer than max_document_bytes \(5\), cut into 3 documents\n/,
    );
  });
  await withFile(lines([{ question: "ab", text: "🙂cd" }]), async (path) => {
    const { texts, fake } = await run(path, { config, records: { prompt: "question" } });
    assert.deepEqual(texts("train"), ["ab<|endoftext|>"]);
    assert.match(fake.logs.join("\n"), /1 example longer than .*, truncated: 6 bytes lost\n/);
  });
});

Deno.test("documents in train and in validation are counted, and datasets without held-out ones named", async () => {
  const row = (text: string) => JSON.stringify({ text }) + "\n";
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/train.jsonl`, ["One two.", "b", "c"].map(row).join(""));
    await Deno.writeTextFile(
      `${folder}/test.jsonl`,
      ["c", "one  two", "d", "e"].map(row).join(""),
    );
    const { fake, texts } = await run(folder);
    assert.deepEqual([texts("train").length, texts("validation").length], [3, 4]);
    assert.deepEqual(fake.logs.filter((line) => /train also has/.test(line)), [
      'dataset "mine": train also has 2 of 4 validation documents (50.0%): 1 identical, ' +
      "1 differing only in case, spaces or punctuation; losses on them are too low",
    ]);
    const equal = await run(`${folder}/train.jsonl`, { config: { validation_share: 0 } });
    assert.match(
      equal.fake.logs.join("\n"),
      /"mine": no document is held out .* validation_share is 0/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await withFile(row("same").repeat(5), async (path) => {
    const { fake } = await run(path);
    assert.match(
      fake.logs.join("\n"),
      /"mine": no document is held out .* documents are identical/,
    );
  });
  const reasonsOf = async (text: string, records: Record<string, unknown>, config = {}) => {
    let reason: string | undefined;
    await withFile(text, async (path) => {
      const { fake } = await run(path, { records, config });
      reason = /no document is held out for validation: (.*)/.exec(fake.logs.join("\n"))?.[1];
    });
    return reason;
  };
  const grouped = lines([{ text: "a", g: 1 }, { text: "b", g: 1 }]);
  assert.deepEqual([
    await reasonsOf(row("a") + row("b"), { split: "train" }),
    await reasonsOf(grouped, { group: "g" }),
    await reasonsOf(row("short"), {}),
    await reasonsOf(row("a") + row("b"), {}),
  ], [
    "the dataset has only training documents",
    "all documents are in one group, which stays in train",
    "it has only one document to choose from",
    undefined,
  ]);
});

Deno.test("pieces of one document are in one split", async () => {
  const long = Array.from({ length: 30 }, (_, i) => ({ text: `${i}: some words.\n\n`.repeat(20) }));
  await withFile(lines(long), async (path) => {
    const config = { max_document_bytes: 100, validation_share: 0.3 };
    const { texts } = await run(path, { config });
    const numbers = (split: "train" | "validation") =>
      new Set(texts(split).map((text) => text.split(":")[0]));
    assert.ok(texts("train").every((text) => text.endsWith("words.\n\n<|endoftext|>")));
    assert.equal(numbers("train").intersection(numbers("validation")).size, 0);
    assert.equal(numbers("train").size + numbers("validation").size, 30);
  });
});

Deno.test("the end of a single text is held out, as much as was asked for", async () => {
  const text = Array.from({ length: 3000 }, (_, i) => `Line ${i} of it.\n${i % 9 ? "" : "\n"}`)
    .join("");
  await withFile(text, async (path) => {
    const config = { max_document_bytes: 20_000, validation_share: 0.1 };
    const { texts, fake } = await run(path, { config });
    const [train, validation] = (["train", "validation"] as const).map((split) =>
      texts(split).join("").replaceAll("<|endoftext|>", "")
    );
    assert.equal(train + validation, text);
    assert.ok(Math.abs(validation.length / text.length - 0.1) < 0.01, `${validation.length}`);
    assert.ok(train.endsWith("\n\n") && texts("train").length === 3);
    assert.ok(
      fake.logs.some((log) => /^dataset "mine" has only one document: its last 5,\d+ of/.test(log)),
    );
    const none = await run(path, { config: { validation_share: 0 } });
    assert.deepEqual(none.texts("validation"), []);
  }, ".txt");
});

Deno.test("control tokens in documents are plain text unless they are asked for", async () => {
  const rows = [{ text: "one <|endoftext|> two<|endoftext|>" }, { text: "<|endoftext" }];
  await withFile(lines(rows), async (path) => {
    const ids = async (parse_special_tokens?: boolean) => {
      const config = { validation_share: 0, parse_special_tokens };
      const { out, texts, fake, tokenizer } = await run(path, { config });
      assert.deepEqual(texts("train"), rows.map(({ text }) => `${text}<|endoftext|>`));
      const ends = [...out.train.tokens.values].filter((id) => id === tokenizer.end_of_text).length;
      return { ends, lines: fake.logs.filter((line) => /control token/.test(line)) };
    };
    assert.deepEqual(await ids(), {
      ends: 2,
      lines: [
        'dataset "mine": its texts contain 2 control tokens (end of text and the like), kept as ' +
        "plain text; parse_special_tokens: true encodes them as tokens",
      ],
    });
    assert.deepEqual(await ids(true), { ends: 4, lines: [] });
  });
});

Deno.test("a small dataset still has a validation document, and a short single one is in train", async () => {
  await withFile(lines(rows(3)), async (path) => {
    const { texts } = await run(path, { config: { validation_share: 0.001 } });
    assert.deepEqual([texts("train").length, texts("validation").length], [2, 1]);
  });
  await withFile(lines(rows(1)), async (path) => {
    const { texts } = await run(path, { config: { validation_share: 0.001 } });
    assert.deepEqual([texts("train").length, texts("validation").length], [1, 0]);
  });
});
