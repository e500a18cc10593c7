/**
 * Logits, hidden states, loss and every gradient against Hugging Face's GPTNeoXForCausalLM. The fixtures are
 * described in tests/fixtures/gpt_neox/README.md.
 */
import assert from "node:assert/strict";
import { Session } from "../engine/mod.ts";
import type { Graph } from "../graph/mod.ts";
import { hiddenStatesGraph, logitsGraph, trainGraph } from "./graphs.ts";
import { type GptNeoXConfig, ParameterArrays, parseConfig, readSafetensors } from "./mod.ts";
import { decodeParameters } from "./weights.ts";

const ROOT = new URL("../../tests/fixtures/gpt_neox/", import.meta.url);
const CASES = ["pythia_like", "odd_shapes", "sequential_residual"];

async function load(name: string) {
  const folder = new URL(`${name}/`, ROOT);
  const json = async (file: string) => JSON.parse(await Deno.readTextFile(new URL(file, folder)));
  const tensors = async (file: string) =>
    readSafetensors(await Deno.readFile(new URL(file, folder)), file);
  const config = parseConfig(await json("config.json"), "config.json");
  assert.deepEqual(parseConfig(await json("config_rotary_pct.json"), "other keys"), config);
  const parameters = new ParameterArrays(config, "matrices");
  const file = await Deno.readFile(new URL("model.safetensors", folder));
  decodeParameters(parameters, file, "model.safetensors");
  const activations = await tensors("activations.safetensors");
  const [rows, length] = activations.get("input_ids")!.shape;
  return {
    config,
    parameters,
    activations,
    gradients: await tensors("gradients.safetensors"),
    shape: { rows, length },
  };
}

type Fixture = Awaited<ReturnType<typeof load>>;

async function run(graph: Graph, { parameters, activations }: Fixture, more = {}) {
  const session = await Session.create(graph, { threads: 1 });
  const input_ids = activations.get("input_ids")!.data;
  const results = await session.run({
    ...Object.fromEntries(parameters.views),
    input_ids,
    ...more,
  });
  await session.release();
  return results;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

const largest = (a: ArrayLike<number>) => largestDifference(a, new Float32Array(a.length));

function trainFeeds(config: GptNeoXConfig, { activations }: Fixture) {
  const mask = Float32Array.from(activations.get("loss_mask")!.data);
  const supervised = mask.reduce((count, value) => count + value, 0);
  const zero = new ParameterArrays(config, "matrices");
  return {
    labels: Int32Array.from(activations.get("targets")!.data, (label) => Math.max(label, 0)),
    weights: Float32Array.from(mask, (value) => value / supervised),
    ...Object.fromEntries([...zero.views].map(([name, view]) => [`grad.${name}`, view])),
  };
}

for (const name of CASES) {
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

  Deno.test(`loss and every gradient equal Hugging Face's: ${name}`, async () => {
    const fixture = await load(name);
    const { config, activations, gradients, shape } = fixture;
    const results = await run(trainGraph(config, shape), fixture, trainFeeds(config, fixture));
    const loss_error = largestDifference(
      results.loss as Float32Array,
      activations.get("loss")!.data,
    );
    assert.ok(loss_error < 1e-5, `the loss differs by ${loss_error}`);
    for (const { name: tensor, data } of gradients.values()) {
      const ours = tensor === "lm_head.weight" ? "embed_out.weight" : tensor;
      const gradient = results[`grad.${ours}.next`] as Float32Array;
      const error = largestDifference(gradient, data) / largest(data);
      assert.ok(error < 1e-4, `the gradient of ${ours} differs by ${error} of its largest entry`);
    }
  });
}
