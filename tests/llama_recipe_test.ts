/**
 * Stages on another model family: a Llama through a whole recipe, stopped and resumed, and read by transformers.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { compile } from "@causeway/core/engine";
import { logitsGraph, type ParameterArrays } from "@causeway/core/model";
import { defineRecipe } from "@causeway/core/recipe";
import { run } from "@causeway/core/runner";
import { type RunEvent } from "@causeway/core/runs";
import { type Manifest, openFiles, Store } from "@causeway/core/store";
import { checkpointReader, loadParameters } from "@causeway/core/train";
import { checkpoint_soup } from "@causeway/plugins/checkpoint_soup";
import { cka, evaluate, midtrain, pretrain, sft, tokenize } from "@causeway/stages";
import { findPython, runPython } from "./shared/python.ts";

const MODEL = {
  model_type: "llama",
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 24,
  tie_word_embeddings: true,
} as const;

const COMPUTE = { sequence_length: 32, micro_batch_size: 4, threads: 1 };

const RECIPE = defineRecipe({ name: "llama", description: "", seed: 5 }, (recipe) => {
  const path = "recipes/own_data.jsonl";
  const records = { path, prompt: "Question: {question}\nAnswer: ", text: "answer" };
  const data = recipe.step("data", tokenize, {
    config: { sources: { sums: [{ dataset: "sums", records }] }, vocab_size: 300 },
  });
  const train = { data: data.train };
  const trunk = recipe.step("trunk", pretrain, {
    config: {
      ...COMPUTE,
      model: MODEL,
      mixture: { sums: 1 },
      allow_repeat: true,
      document_mask: true,
      global_batch_size: 8,
      steps: 6,
      horizon_steps: 10,
      schedule: { peak_lr: 1e-2 },
    },
    inputs: { tokenizer: data.tokenizer, train, validation: { data: data.validation } },
  });
  const branch = recipe.step("branch", midtrain, {
    config: { mixture: { sums: 1 }, allow_repeat: true, micro_batch_size: 4, threads: 1 },
    inputs: { checkpoint: trunk.checkpoint, train },
  });
  const tuned = recipe.step("tuned", sft, {
    config: {
      ...COMPUTE,
      sources: ["sums"],
      epochs: 1,
      global_batch_size: 4,
      schedule: { peak_lr: 1e-2 },
    },
    inputs: { checkpoint: branch.checkpoint, train },
  });
  const soup = recipe.step("soup", checkpoint_soup, {
    config: {},
    inputs: { checkpoints: { branch: branch.checkpoint, tuned: tuned.checkpoint } },
  });
  const models = { trunk: trunk.checkpoint, tuned: tuned.checkpoint, soup: soup.checkpoint };
  recipe.step("losses", evaluate, {
    config: { ...COMPUTE, by_example: ["sums"], max_sequences: 4 },
    inputs: { models, tokens: { data: data.validation } },
  });
  recipe.step("layers", cka, {
    config: { ...COMPUTE, probes: ["sums"], max_sequences: 4 },
    inputs: { models, probes: { data: data.validation } },
  });
});

/** Digests of all outputs, by stage. */
function outputs(store: Store): Record<string, Manifest["outputs"]> {
  const manifests = [...store.readManifests().values()];
  return Object.fromEntries(manifests.map(({ stage, outputs }) => [stage, outputs]));
}

/** Runs the recipe, stopping in each training phase after `stop_at` steps. */
async function runStopped(out: string, stop_at: number): Promise<Store> {
  for (const phase of ["trunk", "branch", "tuned"]) {
    const controller = new AbortController();
    const onEvent = (event: RunEvent) => {
      if (event.type !== "report" || event.step !== phase) return;
      if (event.points.some(([done]) => done >= stop_at)) controller.abort(new Error("stop"));
    };
    const stopped = run(RECIPE, { out, signal: controller.signal, onEvent });
    await assert.rejects(stopped, { name: "Interrupted" });
  }
  await run(RECIPE, { out });
  return new Store(join(out, "store"));
}

const IDS = [1, 40, 7, 7, 250, 12, 99, 3];

/** Logits [N, V] after each of the ids. */
async function logitsOf(parameters: ParameterArrays): Promise<Float32Array> {
  const graph = logitsGraph(parameters.config, { rows: 1, length: IDS.length });
  const session = await compile(graph, { threads: 1 });
  const feeds = { ...Object.fromEntries(parameters.views), input_ids: Int32Array.from(IDS) };
  const { logits } = await session.run(feeds);
  await session.release();
  return logits as Float32Array;
}

const PYTHON = `
import json, sys, torch
from transformers import AutoModelForCausalLM
model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"], info
assert type(model).__name__ == "LlamaForCausalLM" and model.lm_head.weight is model.model.embed_tokens.weight
print(json.dumps(model(torch.tensor([json.loads(sys.argv[2])])).logits.flatten().tolist()))
`;

Deno.test("a Llama goes through every stage, stopped and resumed to the same bits", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    await run(RECIPE, { out: join(folder, "whole") });
    const store = new Store(join(folder, "whole/store"));
    const expected = outputs(store);
    assert.deepEqual(Object.keys(expected).sort(), [
      ...["checkpoint_soup", "cka", "evaluate", "midtrain", "pretrain", "sft", "tokenize"],
    ]);
    const files = await openFiles(store, expected.sft.checkpoint, "sft");
    const parameters = await loadParameters(checkpointReader(files));
    assert.equal(parameters.config.model_type, "llama");

    await t.step("stopped in each phase, all outputs are equal", async () => {
      const stopped = await runStopped(join(folder, "stopped"), 2);
      assert.deepEqual(outputs(stopped), expected);
    });

    const python = findPython(["torch", "transformers"]);
    await t.step({
      name: "transformers computes the same logits from the checkpoint",
      ignore: python === undefined,
      async fn() {
        const model = join(folder, "model");
        await Deno.mkdir(model);
        for (const name of ["config.json", "model.safetensors"]) {
          await Deno.writeFile(join(model, name), await files.bytes(name));
        }
        const theirs = JSON.parse(
          await runPython(python!, PYTHON, [model, JSON.stringify(IDS)]),
        ) as number[];
        const ours = await logitsOf(parameters);
        assert.equal(ours.length, theirs.length);
        const error = Math.max(...theirs.map((value, i) => Math.abs(value - ours[i])));
        assert.ok(error < 1e-4, `logits differ by ${error}`);
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
