import assert from "node:assert/strict";
import { join } from "node:path";
import { encodeHalf, openModel, ParameterArrays, readSafetensors } from "@causeway/core/model";
import { conformance } from "../../tests/conformance/mod.ts";
import { modelFiles, SIZES } from "../../tests/shared/exported_model.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { export_model } from "./mod.ts";

const checkpoint = await modelFiles(SIZES);

const data = {
  source: ["general", "code"],
  dataset: ["brown", "code"],
  split: ["train", "train"],
  documents: Int32Array.of(500, 1200),
  tokens: Float64Array.of(1.2e6, 9e5),
  text_bytes: Float64Array.of(6e6, 3e6),
  licence: ["CC-BY-4.0", "MIT"],
};

const evaluation = {
  model: ["control", "midtrained"],
  source: ["code", "code"],
  loss: Float64Array.of(3.5, 3.25),
  bits_per_byte: [1.5, null],
  tokens: Float64Array.of(1000, 1000),
};

conformance(export_model, [
  { name: "for transformers", config: { name: "tiny" }, inputs: { checkpoint, data, evaluation } },
  {
    name: "for transformers.js",
    config: { name: "tiny", format: "onnx", dtypes: ["q4"] },
    inputs: { checkpoint },
  },
]);

async function exported(name: string, inputs = {}, config = {}) {
  const given = { config: { name, ...config }, inputs: { checkpoint, ...inputs } };
  const fake = await fakeContext(export_model, given);
  await export_model.run(fake.ctx);
  return fake.collected().model;
}

const json = (bytes: Uint8Array | undefined) => JSON.parse(new TextDecoder().decode(bytes));

Deno.test("the checkpoint's files are exported unchanged", async () => {
  const files = await exported("tiny");
  for (const name of Object.keys(checkpoint)) {
    if (name === "config.json") assert.deepEqual(json(files.get(name)), json(checkpoint[name]));
    else assert.deepEqual(files.get(name), checkpoint[name]);
  }
  const added = [...files.keys()].filter((name) => !(name in checkpoint)).sort();
  assert.deepEqual(added, ["README.md", "generation_config.json"]);
});

Deno.test("names and licences of datasets are no markup on the card", async () => {
  const markup = "<script>alert(1)</script>\x1b[2J|[x](javascript:y)\n# z";
  const files = await exported("tiny", {
    data: { ...data, dataset: [markup, "code"], licence: [markup, "MIT"] },
  });
  const card = new TextDecoder().decode(files.get("README.md"));
  assert.ok(!card.includes("\x1b") && !card.includes("\n# z"), card);
  const [, body] = card.split("\n---\n");
  assert.doesNotMatch(body, /<script>|[^\\]\[x\]/);
  assert.match(
    body,
    /\| &lt;script&gt;alert\(1\)&lt;\/script&gt;\\\\u001b\\\[2J\\\|\\\[x\\\]\(javascript:y\) # z \|/,
  );
});

Deno.test("the card has the licences of the data and the losses of its model", async () => {
  const files = await exported("midtrained", { data, evaluation });
  const card = new TextDecoder().decode(files.get("README.md"));
  assert.match(card, /^license: other$/m);
  assert.match(card, /^license_name: "of the training data: CC-BY-4.0; MIT"$/m);
  assert.match(card, /\| code \| code \| train \| 1,200 \| 900,000 \| MIT \|/);
  assert.match(card, /\| code \| 3\.2500 \| {2}\|/);
  assert.doesNotMatch(card, /3\.5000/);
});

Deno.test("a checkpoint without a tokenizer cannot be exported", async () => {
  const { "tokenizer.json": _, ...rest } = checkpoint;
  const fake = await fakeContext(export_model, {
    config: { name: "x" },
    inputs: { checkpoint: rest },
  });
  await assert.rejects(() => export_model.run(fake.ctx), /tokenizer\.json/);
});

for (const dtype of ["bfloat16", "float16"] as const) {
  Deno.test(`weights are exported in ${dtype}, rounded to the nearest`, async () => {
    const files = await exported("tiny", {}, { dtype });
    assert.equal(json(files.get("config.json")).torch_dtype, dtype);
    const folder = await Deno.makeTempDir();
    try {
      const names = ["config.json", "model.safetensors"];
      for (const name of names) {
        await Deno.writeFile(join(folder, name), files.get(name) as Uint8Array);
      }
      const model = await openModel({ names, path: (name) => join(folder, name) }, "exported");
      const original = readSafetensors(checkpoint["model.safetensors"], "original");
      assert.deepEqual([...model.dtypes], [dtype === "bfloat16" ? "BF16" : "F16"]);
      const bits = dtype === "bfloat16" ? 8 : 11;
      for (const { name } of model.specs) {
        const data = await model.read(name), exact = original.get(name)!.data;
        data.forEach((value, i) => {
          // Half a unit in the last place; the smallest number of float16 is 2^-24.
          const bound = Math.max(Math.abs(exact[i]) * 2 ** -bits, bits === 11 ? 2 ** -25 : 0);
          assert.ok(Math.abs(value - exact[i]) <= bound, `${name}: ${exact[i]} became ${value}`);
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("weights that float16 cannot hold are counted", () => {
  const parameters = new ParameterArrays(SIZES, "matrices");
  parameters.get("embed_out.weight").set([1e5, -7e4, 65504]);
  assert.throws(
    () => encodeHalf(parameters, "float16"),
    /2 weights of "embed_out.weight" cannot be stored as float16; export in bfloat16/,
  );
});
