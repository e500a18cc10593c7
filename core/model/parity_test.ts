/**
 * Logits and hidden states against Hugging Face's models. The fixtures are described in
 * tests/fixtures/{gpt_neox,llama}/README.md; core/train compares losses and gradients with the same ones.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesOf, fixtureFolder, MODEL_FIXTURES } from "../../tests/shared/model_fixtures.ts";
import { findPython, runPython } from "../../tests/shared/python.ts";
import { compile } from "../engine/mod.ts";
import type { Graph } from "../graph/mod.ts";
import { hiddenStatesGraph, logitsGraph } from "./graphs.ts";
import {
  decodeParameters,
  ParameterArrays,
  parseConfig,
  readSafetensors,
  toHuggingFace,
} from "./mod.ts";

async function load(name: string) {
  const folder = fixtureFolder(name);
  const json = async (file: string) => JSON.parse(await Deno.readTextFile(new URL(file, folder)));
  const bytes = (file: string) => Deno.readFile(new URL(file, folder));
  const config = parseConfig(await json("config.json"), "config.json");
  // The same configuration under the keys of published checkpoints.
  for (const other of filesOf(name).filter((file) => /^config_.*\.json$/.test(file))) {
    assert.deepEqual(parseConfig(await json(other), other), config);
  }
  assert.deepEqual(parseConfig(toHuggingFace(config), "our own"), config);
  const parameters = new ParameterArrays(config, "matrices");
  decodeParameters(parameters, await bytes("model.safetensors"), "model.safetensors");
  const activations = readSafetensors(await bytes("activations.safetensors"), "activations");
  const [rows, length] = activations.get("input_ids")!.shape;
  return { config, parameters, activations, shape: { rows, length } };
}

type Fixture = Awaited<ReturnType<typeof load>>;

async function run(graph: Graph, { parameters, activations }: Fixture) {
  const session = await compile(graph, { threads: 1 });
  const input_ids = activations.get("input_ids")!.data;
  const results = await session.run({ ...Object.fromEntries(parameters.views), input_ids });
  await session.release();
  return results;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

for (const name of MODEL_FIXTURES) {
  Deno.test(`logits and hidden states equal Hugging Face's: ${name}`, async () => {
    const fixture = await load(name);
    const { config, activations, shape } = fixture;
    const { logits } = await run(logitsGraph(config, shape), fixture);
    const error = largestDifference(logits as Float32Array, activations.get("logits")!.data);
    assert.ok(error < 1e-4, `logits differ by ${error}`);
    const states = await run(hiddenStatesGraph(config, shape), fixture);
    const expected = activations.get("hidden_states")!.data;
    const size = expected.length / (config.num_hidden_layers + 1);
    for (let i = 0; i <= config.num_hidden_layers; i++) {
      const state = states[`hidden_states.${i}`] as Float32Array;
      const difference = largestDifference(state, expected.subarray(i * size, (i + 1) * size));
      assert.ok(difference < 1e-4, `hidden state ${i} differs by ${difference}`);
    }
  });
}

/** Loads each folder and prints the largest difference of its logits. */
const PYTHON = `
import json, sys, torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
result = {}
for folder, fixture in json.loads(sys.argv[1]):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    expected = load_file(f"{fixture}/activations.safetensors")
    logits = model(input_ids=expected["input_ids"].long()).logits
    result[fixture] = (logits - expected["logits"]).abs().max().item()
print(json.dumps(result))
`;

const python = findPython(["torch", "transformers", "safetensors"]);

Deno.test({
  name: "transformers reads our config.json as the same model",
  ignore: python === undefined,
  async fn() {
    const root = await Deno.makeTempDir();
    try {
      const pairs = await Promise.all(MODEL_FIXTURES.map(async (name, i) => {
        const folder = join(root, `${i}`), fixture = fileURLToPath(fixtureFolder(name));
        const { config } = await load(name);
        await Deno.mkdir(folder);
        await Deno.writeTextFile(
          join(folder, "config.json"),
          JSON.stringify(toHuggingFace(config)),
        );
        await Deno.copyFile(join(fixture, "model.safetensors"), join(folder, "model.safetensors"));
        return [folder, fixture];
      }));
      const differences = JSON.parse(await runPython(python!, PYTHON, [JSON.stringify(pairs)]));
      assert.equal(Object.keys(differences).length, MODEL_FIXTURES.length);
      for (const [name, difference] of Object.entries(differences)) {
        // Of logits of about 1, in float32; sums are added in another order on each processor.
        assert.ok(difference as number < 5e-5, `${name}: logits differ by ${difference}`);
      }
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  },
});
