import assert from "node:assert/strict";
import { join } from "node:path";
import { defineRecipe } from "../core/recipe/mod.ts";
import { run } from "../core/runner/mod.ts";
import { openFiles, Store } from "../core/store/mod.ts";
import { midtrain, pretrain, select_checkpoint, tokenize } from "../stages/mod.ts";
import { TINY_MODEL } from "./shared/tiny_training.ts";

const RECIPE = defineRecipe({ name: "kept", description: "", seed: 3 }, (recipe) => {
  const data = recipe.step("data", tokenize, {
    config: {
      sources: {
        a: [{
          dataset: "sums",
          records: { path: "recipes/own_data.jsonl", text: "{question} {answer}" },
        }],
      },
      vocab_size: 300,
    },
  });
  const tokens = { train: { data: data.train } };
  const trunk = recipe.step("trunk", pretrain, {
    config: {
      model: TINY_MODEL,
      mixture: { a: 1 },
      sequence_length: 16,
      global_batch_size: 8,
      steps: 6,
      horizon_steps: 6,
      schedule: { shape: "linear", peak_lr: 1e-2 },
      keep_steps: [4],
      threads: 1,
    },
    inputs: { tokenizer: data.tokenizer, ...tokens },
  });
  const at = recipe.step("at", select_checkpoint, {
    config: { step: 4 },
    inputs: { checkpoints: trunk.checkpoints },
  });
  recipe.step("branch", midtrain, {
    config: { threads: 1 },
    inputs: { checkpoint: at.checkpoint, ...tokens },
  });
});

Deno.test("a branch from a checkpoint within a phase continues the phase with identical bits", async () => {
  const out = await Deno.makeTempDir();
  try {
    await run(RECIPE, { out });
    const store = new Store(join(out, "store"));
    const manifests = [...store.readManifests().values()];
    const checkpoint = async (stage: string) => {
      const { checkpoint } = manifests.find((manifest) => manifest.stage === stage)!.outputs;
      return { digest: checkpoint.digest, files: await openFiles(store, checkpoint, stage) };
    };
    const [trunk, at, branch] = [
      await checkpoint("pretrain"),
      await checkpoint("select_checkpoint"),
      await checkpoint("midtrain"),
    ];
    for (const name of ["model.safetensors", "optimizer.safetensors"]) {
      assert.deepEqual(await branch.files.bytes(name), await trunk.files.bytes(name));
    }
    const { lineage } = JSON.parse(await branch.files.text("trainer_state.json"));
    const steps = lineage.map(({ from_step, to_step }: Record<string, number>) => {
      return [from_step, to_step];
    });
    assert.deepEqual(steps, [[0, 4], [4, 6]]);
    assert.equal(lineage[1].branch.parent, at.digest);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});
