import assert from "node:assert/strict";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { tinyModel, tinyTokens } from "../../tests/shared/tiny_training.ts";
import { cka, probeBatches } from "./mod.ts";

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
      probes: { data: tinyTokens({ general: { documents: 40, stride: 2 } }) },
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

Deno.test("every sequence is used, in groups and batches whose sizes differ by at most one", () => {
  const sequences = Array.from({ length: 23 }, (_, i) => ({
    tokens: Uint16Array.of(i),
    loss_spans: [0, 1],
    source: "general",
  }));
  const dealt = (jackknife_groups: number, micro_batch_size: number) =>
    probeBatches("general", sequences, { jackknife_groups, micro_batch_size }).map((batch) => {
      return [batch.group, ...batch.sequences.map(({ tokens }) => tokens[0])];
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
    /probe "general" has only 23 sequences for 24 groups; lower jackknife_groups/,
  );
});
