import assert from "node:assert/strict";
import { readSafetensors } from "@causeway/core/model";
import { evaluate } from "@causeway/stages/evaluate";
import { sft } from "@causeway/stages/sft";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { tinyModel, tinyTokens } from "../../tests/shared/tiny_training.ts";
import { checkpoint_soup, meanOf } from "./mod.ts";

type Files = Record<string, string | Uint8Array>;

conformance(checkpoint_soup, [
  {
    name: "uniform",
    config: {},
    inputs: { checkpoints: { a: tinyModel(1), b: tinyModel(2), c: tinyModel(3) } },
  },
  {
    name: "weighted",
    config: { weights: { a: 3, b: 1 } },
    inputs: { checkpoints: { a: tinyModel(1), b: tinyModel(2) } },
  },
]);

async function soup(checkpoints: Record<string, Files>, weights?: Record<string, number>) {
  const fake = await fakeContext(checkpoint_soup, { config: { weights }, inputs: { checkpoints } });
  await checkpoint_soup.run(fake.ctx);
  return Object.fromEntries(fake.collected().checkpoint);
}

const tensorsOf = (files: Files) =>
  readSafetensors(files["model.safetensors"] as Uint8Array, "model.safetensors");

/** A model with one file changed. */
function changed(seed: number, name: string, change: (text: string) => string): Files {
  const files = tinyModel(seed);
  return { ...files, [name]: change(files[name] as string) };
}

Deno.test("the mean of equal checkpoints is that checkpoint, to the bit", async () => {
  const model = tinyModel(3);
  for (const weights of [undefined, { a: 0.1, b: 0.7, c: 0.3 }]) {
    const mean = await soup({ a: model, b: model, c: model }, weights);
    assert.deepEqual(mean["model.safetensors"], model["model.safetensors"]);
  }
});

Deno.test("the mean is taken in float64 and rounded once", () => {
  const [a, b] = [Float32Array.of(1, 1e38, 3), Float32Array.of(2 ** -24, 3e38, 0)];
  assert.deepEqual(meanOf([a, b], [1, 1]), Float32Array.of(0.5 + 2 ** -25, 2e38, 1.5));
  const many = Array.from({ length: 1000 }, () => Float32Array.of(0.1));
  assert.deepEqual(meanOf(many, many.map(() => 1)), Float32Array.of(0.1));
});

Deno.test("shares are scaled to sum to 1, and the mean is linear in them", async () => {
  const [a, b] = [tinyModel(1), tinyModel(2)];
  const quarter = tensorsOf(await soup({ a, b }, { a: 1, b: 3 }));
  const same = tensorsOf(await soup({ a, b }, { a: 5, b: 15 }));
  const [of_a, of_b] = [tensorsOf(a), tensorsOf(b)];
  for (const [name, { data }] of quarter) {
    const [x, y] = [of_a.get(name)!.data, of_b.get(name)!.data];
    const expected = Float32Array.from(data, (_, i) => 0.25 * x[i] + 0.75 * y[i]);
    assert.deepEqual(data, expected, name);
    assert.deepEqual(same.get(name)!.data, data, name);
  }
  assert.deepEqual(await soup({ a, b }, { a: 1, b: 0 }), await soup({ a, b: a }));
});

Deno.test("the order of the checkpoints changes nothing", async () => {
  const [a, b, c] = [tinyModel(1), tinyModel(2), tinyModel(3)];
  assert.deepEqual(await soup({ a, b, c }), await soup({ c, b, a }));
});

Deno.test("evaluation and fine-tuning accept it, and it has no optimizer state", async () => {
  const mean = await soup({ a: tinyModel(1), b: tinyModel(2) });
  assert.deepEqual(Object.keys(mean).sort(), [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  const tokens = tinyTokens({ qa: { documents: 16, stride: 3 } });
  const compute = { sequence_length: 16, micro_batch_size: 4, threads: 1 };
  const measured = await fakeContext(evaluate, {
    config: compute,
    inputs: { models: { mean }, tokens: { tokens } },
  });
  await evaluate.run(measured.ctx);
  assert.ok(Number.isFinite(measured.collected().evaluation.loss[0]));
  const tuned = await fakeContext(sft, {
    config: { ...compute, sources: ["qa"], epochs: 1, schedule: { peak_lr: 1e-3 } },
    inputs: { checkpoint: mean, train: { tokens } },
  });
  await sft.run(tuned.ctx);
  assert.equal(tuned.collected().checkpoint.has("tokenizer.json"), true);
});

Deno.test("checkpoints of different models or tokenizers are rejected", async () => {
  const a = tinyModel(1);
  const other = (change: Files) => soup({ a, b: change });
  await assert.rejects(
    other(changed(2, "config.json", (text) => text.replace('"rotary_pct":0.25', '"rotary_pct":1'))),
    /"a" and "b" are different models: rotary_pct is 0.25 and 1/,
  );
  await assert.rejects(
    other(changed(2, "tokenizer.json", (text) => text.replace('"t5"', '"five"'))),
    /"a" and "b" have different tokenizers \(tokenizer\.json\)/,
  );
  const { "tokenizer_config.json": _, ...without } = tinyModel(2);
  await assert.rejects(other(without), /different tokenizers \(tokenizer_config\.json\)/);
});

Deno.test("weights that do not name the checkpoints are rejected", async () => {
  const [a, b] = [tinyModel(1), tinyModel(2)];
  await assert.rejects(soup({ a, b }, { a: 1, c: 1 }), /unknown checkpoint "c"; known: a, b/);
  await assert.rejects(soup({ a, b }, { a: 1 }), /no entry for checkpoint "b"; use 0/);
  await assert.rejects(soup({ a, b }, { a: 0, b: 0 }), /weights of all checkpoints are 0/);
  await assert.rejects(soup({ a, b }, { a: -1, b: 1 }), /config\.weights\.a/);
});

Deno.test("damaged weights are rejected by name", async () => {
  const a = tinyModel(1);
  const damaged = (change: (bytes: Uint8Array) => Uint8Array) =>
    soup({ a, b: { ...a, "model.safetensors": change(a["model.safetensors"] as Uint8Array) } });
  await assert.rejects(
    damaged((bytes) => bytes.slice(0, -4)),
    /checkpoint "b": model.safetensors is not a valid/,
  );
  await assert.rejects(
    damaged((bytes) => bytes.slice(0, 5)),
    /checkpoint "b": .* is shorter than its header/,
  );
  await assert.rejects(
    damaged((bytes) => {
      const text = new TextDecoder("latin1").decode(bytes).replace(
        '"embed_out.weight"',
        '"embed_xxx.weight"',
      );
      return Uint8Array.from(text, (character) => character.charCodeAt(0));
    }),
    /checkpoint "b" lacks tensors of the model: embed_out.weight/,
  );
});
