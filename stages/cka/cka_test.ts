import assert from "node:assert/strict";
import { CkaAccumulator, meanRows } from "@causeway/core/analysis";
import { computeOptions } from "@causeway/core/engine";
import { placeWeights } from "@causeway/core/model";
import { loadTokenizer } from "@causeway/core/tokenizer";
import { HiddenStates, loadParameters } from "@causeway/core/train";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { tinyModel, tinyTokens } from "../../tests/shared/tiny_training.ts";
import { countingSet, setOf } from "../../tests/shared/token_sets.ts";
import { cka } from "./mod.ts";
import { positionBlocks, textBlocks } from "./probes.ts";

async function compared(config = {}) {
  const fake = await fakeContext(cka, {
    config: {
      probes: ["general"],
      sequence_length: 16,
      max_sequences: 12,
      micro_batch_size: 4,
      threads: 1,
      ...config,
    },
    inputs: {
      models: { a: tinyModel(1), b: tinyModel(2), copy: tinyModel(1) },
      probes: {
        data: tinyTokens({
          general: { documents: 40, stride: 2 },
          other: { documents: 40, stride: 3 },
        }),
      },
    },
  });
  await cka.run(fake.ctx);
  const { cka: table, shift } = fake.collected();
  const at = (
    a: string,
    b: string,
    layer_a: number,
    layer_b: number,
    column: "cka" | "ci_low" | "ci_high" = "cka",
  ) =>
    table[column][
      table.cka.findIndex((_, i) =>
        table.model_a[i] === a && table.model_b[i] === b && table.layer_a[i] === layer_a &&
        table.layer_b[i] === layer_b
      )
    ]!;
  return { table, shift, at };
}

Deno.test("every layer of every pair is compared; a model equals itself and its copy", async () => {
  const { table, at } = await compared();
  assert.equal(table.cka.length, 6 * 9); // 6 pairs of 3 models, 3 by 3 layers
  for (const layer of [0, 1, 2]) {
    assert.ok(Math.abs(at("a", "a", layer, layer) - 1) < 1e-6);
    assert.ok(Math.abs(at("a", "copy", layer, layer) - 1) < 1e-6);
    assert.ok(at("a", "b", layer, layer) < 0.999);
  }
  assert.ok(Math.abs(at("a", "copy", 0, 2) - at("a", "a", 2, 0)) < 1e-6);
});

Deno.test("the batch size changes only rounding; pairs can be chosen", async () => {
  const all = await compared();
  const { table, at } = await compared({ pairs: [["a", "b"]], micro_batch_size: 6 });
  assert.equal(table.cka.length, 9);
  for (const layer of [0, 1, 2]) {
    assert.ok(Math.abs(at("a", "b", layer, 1) - all.at("a", "b", layer, 1)) < 1e-5);
  }
});

Deno.test("without groups there are no intervals", async () => {
  const { table, shift } = await compared();
  assert.ok([...table.ci_low, ...table.ci_high, ...shift.ci_low].every((bound) => bound === null));
});

Deno.test("jackknife intervals exist for layers of the same index, and change no value", async () => {
  const plain = await compared({ pairs: [["a", "b"], ["a", "copy"]] });
  for (const micro_batch_size of [4, 1]) {
    const { table } = await compared({
      pairs: [["a", "b"], ["a", "copy"]],
      jackknife_groups: 4,
      micro_batch_size,
    });
    table.cka.forEach((value, i) => {
      assert.ok(Math.abs(value - plain.table.cka[i]) < 1e-5);
      const [low, high] = [table.ci_low[i], table.ci_high[i]];
      if (table.layer_a[i] !== table.layer_b[i]) return assert.deepEqual([low, high], [null, null]);
      const width = high! - low!;
      assert.ok(low! <= value && value <= high!);
      if (table.model_b[i] === "copy") assert.ok(width < 1e-5);
      else assert.ok(width > 1e-4 && width < 1, `${width}`);
    });
  }
});

Deno.test("the shift of the final layer is a row for each pair of different models", async () => {
  const { shift, at } = await compared({ jackknife_groups: 3 });
  assert.deepEqual(shift.model_a, ["a", "a", "b"]);
  assert.deepEqual(shift.model_b, ["b", "copy", "copy"]);
  assert.equal(shift.last[0], at("a", "b", 2, 2));
  assert.equal(shift.shift[0], 1 - shift.last[0]);
  const same = [0, 1, 2].reduce((sum, layer) => sum + at("a", "b", layer, layer), 0) / 3;
  assert.ok(Math.abs(shift.mean_same_layer[0] - same) < 1e-12);
  assert.ok(shift.ci_low[0]! < shift.shift[0] && shift.shift[0] < shift.ci_high[0]!);
  assert.ok(Math.abs(shift.shift[1]) < 1e-6);
  assert.equal(shift.ci_high[0], 1 - at("a", "b", 2, 2, "ci_low"));
  assert.equal(shift.ci_low[0], 1 - at("a", "b", 2, 2, "ci_high"));
});

Deno.test("the unbiased estimate is below the biased one, most with few rows", async () => {
  const few = { max_sequences: 1, pairs: [["a", "b"]] as [string, string][] };
  const gap = async (config: object) => {
    const [biased, unbiased] = await Promise.all(
      ["biased", "unbiased"].map((estimator) => compared({ ...config, estimator })),
    );
    const differences = biased.table.cka.map((value, i) => value - unbiased.table.cka[i]);
    return differences.reduce((sum, value) => sum + value) / differences.length;
  };
  const [of_few, of_many] = [await gap(few), await gap({ ...few, max_sequences: 12 })];
  assert.ok(of_many > 0 && of_few > 2 * of_many, `${of_few}, ${of_many}`);
});

Deno.test("micro_batch_size changes results only by rounding", async () => {
  const of = async (micro_batch_size: number, jackknife_groups = 0) =>
    (await compared({ max_sequences: 5, micro_batch_size, jackknife_groups })).table;
  for (const groups of [0, 2]) {
    const whole = await of(5, groups);
    for (const size of [1, 2, 3, 4]) {
      const table = await of(size, groups);
      table.cka.forEach((value, i) => assert.ok(Math.abs(value - whole.cka[i]) < 1e-5));
    }
  }
});

Deno.test("a probe of less than one sequence is compared on what it has", async () => {
  const { table } = await compared({ sequence_length: 2000, max_sequences: 1 });
  const own = table.cka.filter((_, i) =>
    table.model_a[i] === table.model_b[i] && table.layer_a[i] === table.layer_b[i]
  );
  own.forEach((value) => assert.ok(Math.abs(value - 1) < 1e-5));
});

Deno.test("a row per text is the mean over its positions, whatever batches the text is in", async () => {
  const texts = { rows: "document_mean", sequence_length: 24, max_texts: 17 } as const;
  const documents = 40, stride = 2;
  const data = tinyTokens({ general: { documents, stride } });
  const whole = await compared({ ...texts, micro_batch_size: 17 });
  assert.ok(whole.table.rows.every((kind) => kind === "document_mean"));
  // Computed text by text, without padding.
  const models = [tinyModel(1), tinyModel(2)];
  const weights = await Promise.all(models.map(async (files) => {
    const bytes = (name: string) => {
      const file = files[name];
      return Promise.resolve(typeof file === "string" ? new TextEncoder().encode(file) : file);
    };
    const read = bytes as Parameters<typeof loadParameters>[0];
    return await placeWeights(await loadParameters(read), "cpu");
  }));
  await using states = new HiddenStates(computeOptions());
  const accumulator = new CkaAccumulator({
    states: ["a", "b"].map((name) => ({ name, layers: 3, width: 16 })),
  });
  for (let i = 0; i < 17; i++) {
    const document = Math.floor(i * documents / 17);
    const [start, end] = data.tokens.offsets.subarray(document, document + 2);
    const text = data.tokens.values.subarray(start, Math.min(end, start + 25));
    const sequence = { tokens: text, loss_spans: [], source: "general" };
    const [a, b] = await states.compute(weights, [sequence]);
    const mean = (layer: Float32Array) => meanRows(layer, [text.length - 1], 16);
    await accumulator.add({ a: a.map(mean), b: b.map(mean) }, 1);
  }
  const expected = accumulator.result("a", "b");
  expected.forEach((value, i) => {
    const actual = whole.at("a", "b", Math.floor(i / 3), i % 3);
    assert.ok(Math.abs(actual - value) < 1e-6, `${actual} is not ${value}`);
  });
  for (const micro_batch_size of [1, 3]) {
    const { table } = await compared({ ...texts, micro_batch_size, jackknife_groups: 4 });
    table.cka.forEach((value, i) => assert.ok(Math.abs(value - whole.table.cka[i]) < 1e-5));
    assert.ok(table.ci_low.some((bound) => bound !== null));
  }
});

Deno.test("both kinds of rows are written one after the other, and differ", async () => {
  const config = { probes: ["general", "other"] as [string, ...string[]], max_texts: 30 };
  const both = await compared({ ...config, rows: "both" });
  const positions = await compared(config);
  const means = await compared({ ...config, rows: "document_mean" });
  const of = (table: typeof both.table, kind: string, probe: string) =>
    table.cka.filter((_, i) => table.rows[i] === kind && table.probe[i] === probe);
  for (const probe of config.probes) {
    assert.deepEqual(
      of(both.table, "positions", probe),
      of(positions.table, "positions", probe),
    );
    assert.deepEqual(
      of(both.table, "document_mean", probe),
      of(means.table, "document_mean", probe),
    );
  }
  assert.equal(both.table.cka.length, 2 * positions.table.cka.length);
  assert.deepEqual([...new Set(both.shift.rows)], ["positions", "document_mean"]);
  assert.ok(Math.abs(both.shift.last[0] - means.shift.last[0]) > 1e-3);
});

const OPTIONS = {
  sequence_length: 7,
  max_sequences: 100,
  max_texts: 100,
  words_per_text: 5,
  micro_batch_size: 4,
  jackknife_groups: 3,
};

Deno.test("every sequence is used, in groups and batches whose sizes differ by at most one", () => {
  const set = countingSet("general", 23 * 8);
  const dealt = (jackknife_groups: number, micro_batch_size: number) =>
    positionBlocks(set, { ...OPTIONS, jackknife_groups, micro_batch_size }).map((block) => {
      assert.equal(block.batches.length, 1);
      return [block.group, ...block.batches[0].map(({ tokens }) => tokens[0] / 8)];
    });
  assert.deepEqual(dealt(3, 4), [
    [0, 0, 3, 6, 9],
    [0, 12, 15, 18, 21],
    [1, 1, 4, 7, 10],
    [1, 13, 16, 19, 22],
    [2, 2, 5, 8],
    [2, 11, 14, 17, 20],
  ]);
  assert.deepEqual(dealt(0, 100), [[0, ...Array(23).keys()]]);
  assert.throws(
    () => dealt(24, 1),
    /probe "general" has only 23 sequences for 24 groups; lower jackknife_groups or sequence_length/,
  );
});

Deno.test("texts are cut after their words, then at the length of the model's input", async () => {
  const tokenizer = await loadTokenizer(
    await Deno.readTextFile(
      new URL("../../tests/fixtures/tokenizer/tokenizer.json", import.meta.url),
    ),
    JSON.stringify({ eos_token: "<|endoftext|>" }),
  );
  const documents = [
    "one two three four five six",
    "",
    "a b",
    "one  two\nthree four five.",
    "x ".repeat(30),
  ];
  const encoded = documents.map((text) => [...tokenizer.encode(text), 0]);
  const logs: string[] = [];
  const blocks = (options: Partial<typeof OPTIONS>) =>
    textBlocks(setOf("c4", encoded), { ...OPTIONS, ...options }, tokenizer, (line) => {
      logs.push(line);
    });
  const found = blocks({ sequence_length: 100, jackknife_groups: 0 })
    .flatMap(({ batches }) => batches.flat());
  const expected = ["one two three four five", "a b", "one  two\nthree four five.", "x x x x x"];
  assert.deepEqual(
    found.map(({ tokens }) => tokenizer.decode(tokens.subarray(0, -1))).sort(),
    expected.toSorted(),
  );
  assert.ok(found.every(({ tokens }) => tokens.at(-1) === 0));
  assert.match(logs[0], /"c4": 4 texts of at most 5 words, 2 of them whole documents$/);
  const [{ batches }] = blocks({ sequence_length: 3, jackknife_groups: 0, max_texts: 2 });
  assert.deepEqual(batches[0].map(({ tokens }) => tokens.length), [4, 4]);
  assert.match(logs[1], /2 texts of at most 5 words, 1 of them whole documents, 2 cut at 3 tokens/);
  assert.throws(
    () => blocks({ jackknife_groups: 5 }),
    /has only 4 texts for 5 groups; lower jackknife_groups$/,
  );
  const empty = setOf("none", [[0], [0]]);
  assert.throws(
    () => textBlocks(empty, OPTIONS, tokenizer, () => {}),
    /probe "none" has no document with text/,
  );
});
