import assert from "node:assert/strict";
import { join } from "node:path";
import { conformance } from "../../tests/conformance/mod.ts";
import { modelFiles, SIZES } from "../../tests/shared/exported_model.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { findPython, runPython } from "../../tests/shared/python.ts";
import { withHub } from "../../tests/shared/hub_tests.ts";
import {
  encodeParameters,
  hostWeights,
  loadModelFiles,
  openModel,
  ParameterArrays,
} from "@causeway/core/model";
import { loadParameters, loadTrainerState } from "@causeway/core/train";
import { Decoder } from "@causeway/core/generate";
import { import_model } from "./mod.ts";

const FILES = await modelFiles(SIZES);

function writeFolder(folder: string, files: Readonly<Record<string, Uint8Array>>): string {
  Deno.mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    Deno.writeFileSync(join(folder, name), content);
  }
  return folder;
}

const shared = writeFolder(Deno.makeTempDirSync(), FILES);
globalThis.addEventListener("unload", () => Deno.removeSync(shared, { recursive: true }));

conformance(import_model, [{ name: "a folder", config: { folder: shared }, inputs: {} }]);

/** The outputs of the stage for a model. */
async function take(
  given: { folder: string; chat_template?: string } | { hub: string },
  trained = {},
) {
  const fake = await fakeContext(import_model, { config: { ...given, trained }, inputs: {} });
  await import_model.run(fake.ctx);
  return fake.collected();
}

Deno.test("a repository in the cache of Hugging Face means its snapshot", async () => {
  const cache = Deno.makeTempDirSync();
  try {
    const repository = `${cache}/models--org--name`;
    writeFolder(`${repository}/snapshots/c1`, FILES);
    writeFolder(`${repository}/refs`, { main: new TextEncoder().encode("c1") });
    const { checkpoint } = await take({ folder: repository });
    assert.deepEqual(checkpoint.get("model.safetensors"), FILES["model.safetensors"]);
    await assert.rejects(take({ folder: cache }), /one of its repositories: models--org--name/);
  } finally {
    Deno.removeSync(cache, { recursive: true });
  }
});

Deno.test("an imported model keeps its bytes, and has the given training progress", async () => {
  const { checkpoint, tokenizer } = await take({ folder: shared }, {
    steps: 143_000,
    tokens: 3e11,
  });
  assert.deepEqual(checkpoint.get("model.safetensors"), FILES["model.safetensors"]);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    assert.deepEqual(checkpoint.get(name), FILES[name]);
    assert.deepEqual(tokenizer.get(name), FILES[name]);
  }
  const read = (name: string) => Promise.resolve(checkpoint.get(name) as Uint8Array<ArrayBuffer>);
  const { step, tokens, optimizer_start_step } = await loadTrainerState(read);
  assert.deepEqual([step, tokens, optimizer_start_step], [143_000, 3e11, 143_000]);
  const { config } = await loadParameters(read);
  assert.equal(config.hidden_size, SIZES.hidden_size);
});

Deno.test("ids of special tokens, settings of generation and the chat template are kept", () =>
  withFolder(async (folder) => {
    const generation = { eos_token_id: [3, 2], temperature: 0.6 };
    const ids = { bos_token_id: 1, eos_token_id: 2 };
    const files = {
      ...FILES,
      "config.json": text({ ...json(FILES["config.json"]), ...ids }),
      "tokenizer_config.json": text({ ...json(FILES["tokenizer_config.json"]), eos_token: null }),
      "generation_config.json": text(generation),
      "chat_template.jinja": new TextEncoder().encode("{{ messages }}"),
    };
    const { checkpoint, tokenizer } = await take({ folder: writeFolder(folder, files) });
    const read = (name: string) => json(checkpoint.get(name) as Uint8Array);
    const { bos_token_id, eos_token_id } = read("config.json");
    assert.deepEqual([bos_token_id, eos_token_id], [1, [2, 3]]);
    assert.deepEqual(read("generation_config.json"), {
      temperature: 0.6,
      bos_token_id: 1,
      eos_token_id: [2, 3],
    });
    assert.deepEqual(tokenizer.get("chat_template.jinja"), files["chat_template.jinja"]);
    // The first one that generation_config.json names ends documents.
    const { vocab } = read("tokenizer.json").model;
    assert.equal(vocab[read("tokenizer_config.json").eos_token], 3);
  }));

Deno.test("a chat template of the recipe replaces that of the model, and its end of turn ends texts", () =>
  withFolder(async (folder) => {
    const ids = Object.keys(json(FILES["tokenizer.json"]).model.vocab).length;
    const end = { id: ids, content: "<end>", special: true, normalized: false };
    const files = {
      ...FILES,
      "tokenizer.json": text({ ...json(FILES["tokenizer.json"]), added_tokens: [end] }),
      "config.json": text({ ...json(FILES["config.json"]), vocab_size: ids + 1 }),
      "chat_template.jinja": new TextEncoder().encode("{{ messages }}"),
    };
    const wide = new ParameterArrays({ ...SIZES, vocab_size: ids + 1 }, "matrices");
    const model = { ...files, "model.safetensors": encodeParameters(wide) };
    const chat_template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<end>{% endfor %}" +
      "{% if add_generation_prompt %}[assistant]{% endif %}";
    const given = { folder: writeFolder(folder, model), chat_template };
    const { checkpoint, tokenizer } = await take(given);
    const read = (name: string) => json(checkpoint.get(name) as Uint8Array);
    assert.equal(read("tokenizer_config.json").chat_template, chat_template);
    assert.deepEqual(read("config.json").eos_token_id, [0, ids]);
    assert.equal(checkpoint.has("chat_template.jinja"), false);
    assert.equal(tokenizer.has("chat_template.jinja"), false);
    await assert.rejects(take({ ...given, chat_template: "nope" }), /no chat template "nope"/);
  }));

/** Invalid folders: the change to a valid one, and the error. */
const REFUSED: Record<string, [(files: Record<string, Uint8Array>) => void, RegExp]> = {
  "another architecture": [
    (files) => files["config.json"] = text({ ...json(files["config.json"]), model_type: "mamba" }),
    /model_type is "mamba", only .* are supported/,
  ],
  "a pickle": [
    (files) => {
      delete files["model.safetensors"];
      files["pytorch_model.bin"] = new Uint8Array(4);
    },
    /weights in pytorch_model\.bin only, a pickle, .*save_pretrained/,
  ],
  "a variant": [
    (files) => {
      files["model.fp16.safetensors"] = files["model.safetensors"];
      delete files["model.safetensors"];
    },
    /has neither .* it has the variant model\.fp16\.safetensors: rename it to model\.safetensors/,
  ],
  "no weights": [
    (files) => delete files["model.safetensors"],
    /has neither model\.safetensors nor/,
  ],
  "no config": [(files) => delete files["config.json"], /has no config\.json/],
  "no tokenizer": [
    (files) => {
      files["tokenizer.model"] = files["tokenizer.json"];
      delete files["tokenizer.json"];
    },
    /has no tokenizer\.json, but tokenizer\.model; make it .* python -c '.*save_pretrained\("\/.*"\)'$/,
  ],
  "missing tensors": [
    (files) => files["config.json"] = text({ ...json(files["config.json"]), num_hidden_layers: 3 }),
    /lacks tensors of the model: gpt_neox\.layers\.2\.input_layernorm\.weight.* and 7 more; a file .* may be missing/,
  ],
  "tensors too many": [
    (files) => files["config.json"] = text({ ...json(files["config.json"]), num_hidden_layers: 1 }),
    /has tensors that the model does not: gpt_neox\.layers\.1\..*; config\.json has num_hidden_layers 1, and the weights have 2/,
  ],
  "another shape": [
    (files) =>
      files["config.json"] = text({ ...json(files["config.json"]), intermediate_size: 96 }),
    /has shape \[128(,64)?\], but config\.json describes \[96(,64)?\]; use the config\.json of the same model/,
  ],
  "a vocabulary that is too small": [
    (files) => {
      const tokenizer = json(files["tokenizer.json"]) as {
        model: { vocab: Record<string, number> };
      };
      tokenizer.model.vocab["one more"] = 300;
      files["tokenizer.json"] = text(tokenizer);
    },
    /tokenizer has 301 tokens, but the model has embeddings for only 272/,
  ],
  "a shard that is not there": [
    (files) => {
      delete files["model.safetensors"];
      files["model.safetensors.index.json"] = text({ weight_map: { a: "model-1.safetensors" } });
    },
    /names model-1\.safetensors, which is missing/,
  ],
  "a shard outside of the folder": [
    (files) => {
      delete files["model.safetensors"];
      files["model.safetensors.index.json"] = text({ weight_map: { a: "../model.safetensors" } });
    },
    /index\.json: weight_map\.a/,
  ],
  "a tensor in two shards": [
    (files) => {
      const bytes = files["model.safetensors"];
      delete files["model.safetensors"];
      files["model-1.safetensors"] = files["model-2.safetensors"] = bytes;
      const map = { "embed_out.weight": "model-1.safetensors", other: "model-2.safetensors" };
      files["model.safetensors.index.json"] = text({ weight_map: map });
    },
    /in two of its files|places elsewhere/,
  ],
};

const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

for (const [name, [change, message]] of Object.entries(REFUSED)) {
  Deno.test(`a model with ${name} gives an error`, () =>
    withFolder(async (folder) => {
      const files = { ...FILES };
      change(files);
      await assert.rejects(take({ folder: writeFolder(folder, files) }), message);
    }));
}

Deno.test("a quantization_config that does not fit the weights is named", () =>
  withFolder(async (folder) => {
    const given = { ...json(FILES["config.json"]), quantization_config: { bits: 4 } };
    writeFolder(folder, { ...FILES, "config.json": text(given) });
    const fake = await fakeContext(import_model, { config: { folder }, inputs: {} });
    await import_model.run(fake.ctx);
    assert.ok(
      fake.logs.includes(
        "quantization_config in config.json is ignored: the weights are not quantized",
      ),
    );
  }));

const { config } = import_model;

Deno.test("configs with no model, two models or a changed model give an error", () =>
  withFolder(async (folder) => {
    const refused = async (given: unknown, message: RegExp) => {
      const { error } = await config.safeParseAsync(given);
      assert.match(error!.issues[0].message, message);
    };
    await refused({}, /set either folder or hub/);
    await refused({ folder, hub: "org/name" }, /set either folder or hub/);
    await refused({ folder: join(folder, "none") }, /does not exist/);
    await refused({ hub: "no name at all" }, /cannot be the name of a model/);
    const first = await config.parseAsync({ folder: writeFolder(folder, FILES) });
    assert.deepEqual(await config.parseAsync(first), first);
    Deno.writeTextFileSync(join(folder, "tokenizer_config.json"), "{}");
    await refused(first, /has changed; run the recipe again/);
  }));

Deno.test("a model on the hub is pinned to its commit, and only its files are downloaded", () =>
  withHub({
    "org/tiny": { ...FILES, "pytorch_model.bin": new Uint8Array(9), "README.md": "hello" },
  }, async (hub) => {
    const parsed = await config.parseAsync({ hub: "org/tiny" });
    assert.match(parsed.hub!, /^org\/tiny@[0-9a-f]{40}$/);
    assert.deepEqual(await config.parseAsync(parsed), parsed);
    const { checkpoint } = await take({ hub: "org/tiny" });
    assert.deepEqual(checkpoint.get("model.safetensors"), FILES["model.safetensors"]);
    const fetched = hub.requests.map(({ path }) => path).filter((path) =>
      path.includes("/resolve/")
    );
    assert.ok(
      fetched.length >= 4 && fetched.every((path) => path.startsWith("/org/tiny/resolve/")),
    );
    assert.ok(!fetched.some((path) => /README|pytorch/.test(path)));
    const { error } = await config.safeParseAsync({ hub: "org/none" });
    assert.match(error!.issues[0].message, /the hub has no model org\/none/);
  }));

/** Saves a model in every form, and prints the logits of each. */
const PYTHON = `
import json, sys, torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM
folder, ids = sys.argv[1], json.loads(sys.argv[2])
logits = {}
for name, fields in {
    "float32": {}, "sequential": {"use_parallel_residual": False}, "float16": {}, "bfloat16": {}, "float64": {}, "sharded": {},
}.items():
    torch.manual_seed(3)
    config = GPTNeoXConfig(vocab_size=272, hidden_size=48, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=80, max_position_embeddings=64, rotary_pct=0.5, initializer_range=0.2, **fields)
    model = GPTNeoXForCausalLM(config)
    if name in ("float16", "bfloat16", "float64"):
        model = model.to(getattr(torch, name))
    size = "40KB" if name == "sharded" else "5GB"
    model.save_pretrained(f"{folder}/{name}", max_shard_size=size)
    model = AutoModelForCausalLM.from_pretrained(f"{folder}/{name}", dtype=torch.float32)
    logits[name] = model(torch.tensor([ids])).logits[0, -1].tolist()
print(json.dumps(logits))
`;
import { withFolder } from "../../tests/shared/commands.ts";

const python = findPython(["torch", "transformers"]);

Deno.test({
  name: "logits equal Hugging Face's for models saved in 16, 32 and 64 bits, whole and in shards",
  ignore: python === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const ids = [5, 250, 33, 33, 9, 128, 1];
      const expected: Record<string, number[]> = JSON.parse(
        await runPython(python!, PYTHON, [folder, JSON.stringify(ids)]),
      );
      for (const [name, logits] of Object.entries(expected)) {
        const place = join(folder, name);
        const names = [...Deno.readDirSync(place)].map(({ name }) => name);
        if (name === "sharded") assert.ok(names.filter((n) => /safetensors$/.test(n)).length > 2);
        const model = await openModel({ names, path: (file) => join(place, file) }, name);
        const weights = hostWeights(await loadModelFiles(model));
        const decoder = new Decoder({ batch_size: 1, threads: 1 });
        const [states] = await decoder.begin(weights).append([ids]);
        const ours = await decoder.logits(weights, states.at(-1)!);
        await decoder.release();
        const largest = Math.max(...logits.map((value, i) => Math.abs(value - ours[i])));
        assert.ok(largest < 1e-4, `${name}: logits differ by ${largest}`);
      }
    }),
});
