/**
 * Tens of optimizer steps against PyTorch: Hugging Face's models, torch.optim.AdamW, clip_grad_norm_ and two
 * accumulated micro-batches per step. The fixtures are described in tests/fixtures/{gpt_neox,llama}/README.md.
 */
import { computeOptions } from "../engine/mod.ts";
import assert from "node:assert/strict";
import { kernelsTest } from "../../tests/shared/devices.ts";
import type { MicroBatch } from "../batches/mod.ts";
import { namedTensors, readSafetensors } from "../model/mod.ts";
import {
  createTrainer,
  freshArrays,
  learningRate,
  loadParameters,
  optimizer_schema,
} from "./mod.ts";

const ROOT = new URL("../../tests/fixtures/", import.meta.url);
const WARMUP_STEPS = 5;

interface Trajectory {
  /** The model that is trained. */
  model: string;
  folder: string;
  max_grad_norm: number;
}

const TRAJECTORIES: readonly Trajectory[] = [
  { model: "gpt_neox/pythia_like", folder: "gpt_neox/adamw_trajectory", max_grad_norm: 1 },
  { model: "llama/grouped_tied", folder: "llama/adamw_trajectory", max_grad_norm: 4 },
];

async function tensors(path: string) {
  return readSafetensors(await Deno.readFile(new URL(path, ROOT)), path);
}

/** Rows of `length` tokens, all but the first a target; the last position of a row predicts nothing. */
function microBatch(
  tokens: Int32Array,
  rows: number,
  length: number,
  supervised: number,
): MicroBatch {
  const labels = new Int32Array(tokens.length);
  const loss_weights = new Float32Array(tokens.length);
  for (let i = 0; i < tokens.length; i++) {
    if (i % length === length - 1) continue;
    labels[i] = tokens[i + 1];
    loss_weights[i] = 1 / supervised;
  }
  return {
    rows,
    length,
    input_ids: tokens,
    labels,
    loss_weights,
    supervised: rows * (length - 1),
  };
}

for (const { model, folder, max_grad_norm } of TRAJECTORIES) {
  kernelsTest(
    `AdamW steps follow PyTorch's losses, gradient norms and weights: ${model}`,
    async (kernels) => {
      const parameters = await loadParameters((name) =>
        Deno.readFile(new URL(`${model}/${name}`, ROOT))
      );
      const steps = await tensors(`${folder}/steps.safetensors`);
      const expected = (name: string) => steps.get(name)!.data;
      const trainer = await createTrainer(
        freshArrays(parameters),
        optimizer_schema.parse({ max_grad_norm }),
        computeOptions({ threads: 1, kernels }),
      );
      const [count, micro_batches, rows, length] = steps.get("input_ids")!.shape;
      const size = rows * length;
      const warmup_ratio = WARMUP_STEPS / count;
      const schedule = { peak_lr: 5e-3, min_lr: 5e-5, warmup_ratio, horizon_steps: count };
      let loss_error = 0, norm_error = 0;
      for (let step = 0; step < count; step++) {
        const batch = Array.from({ length: micro_batches }, (_, i) => {
          const start = (step * micro_batches + i) * size;
          const tokens = expected("input_ids").slice(start, start + size) as Int32Array;
          return microBatch(tokens, rows, length, micro_batches * rows * (length - 1));
        });
        const rate = learningRate(schedule, step);
        assert.ok(Math.abs(rate - expected("learning_rate")[step]) < 1e-9);
        const { loss, grad_norm } = await trainer.step(batch, rate);
        loss_error = Math.max(loss_error, Math.abs(loss - expected("loss")[step]));
        norm_error = Math.max(norm_error, Math.abs(grad_norm / expected("grad_norm")[step] - 1));
      }
      assert.ok(loss_error < 1e-4, `losses differ by ${loss_error}`);
      assert.ok(norm_error < 1e-4, `gradient norms differ by ${norm_error}`);
      await trainer.release();

      const final = await tensors(`${folder}/model.safetensors`);
      for (const { name, data: ours } of namedTensors(parameters)) {
        // Key biases outside of the rotary dims have no gradient but rounding noise, which Adam scales up.
        if (name.endsWith("query_key_value.bias")) continue;
        const theirs = final.get(name === "embed_out.weight" ? "lm_head.weight" : name)!.data;
        const scale = Math.max(...Array.from(theirs, Math.abs));
        const error = Math.max(...Array.from(ours, (value, i) => Math.abs(value - theirs[i]))) /
          scale;
        assert.ok(error < 1e-4, `${name} differs by ${error} of its largest entry`);
      }
    },
  );
}
