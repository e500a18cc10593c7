/**
 * Loss and every gradient against Hugging Face's models. The fixtures are described in
 * tests/fixtures/{gpt_neox,llama}/README.md.
 */
import assert from "node:assert/strict";
import { kernelsTest } from "../../tests/shared/devices.ts";
import { fixtureFolder, MODEL_FIXTURES } from "../../tests/shared/model_fixtures.ts";
import type { MicroBatch } from "../batches/mod.ts";
import { computeOptions, type Kernels } from "../engine/mod.ts";
import { namedTensors, readSafetensors } from "../model/mod.ts";
import { createTrainer, freshArrays, loadParameters, optimizer_schema } from "./mod.ts";

async function load(name: string, kernels: Kernels) {
  const read = (file: string) => Deno.readFile(new URL(file, fixtureFolder(name)));
  const activations = readSafetensors(await read("activations.safetensors"), "activations");
  const tensor = (key: string) => activations.get(key)!;
  const [rows, length] = tensor("input_ids").shape;
  const mask = Float32Array.from(tensor("loss_mask").data);
  const supervised = mask.reduce((count, value) => count + value, 0);
  const batch: MicroBatch = {
    rows,
    length,
    supervised,
    input_ids: Int32Array.from(tensor("input_ids").data),
    labels: Int32Array.from(tensor("targets").data, (label) => Math.max(label, 0)),
    loss_weights: mask.map((value) => value / supervised),
  };
  return {
    batch,
    loss: tensor("loss").data[0],
    gradients: readSafetensors(await read("gradients.safetensors"), "gradients"),
    trainer: await createTrainer(
      freshArrays(await loadParameters(read)),
      optimizer_schema.parse({}),
      computeOptions({ threads: 1, kernels }),
    ),
  };
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values, Math.abs).reduce((a, b) => Math.max(a, b), 0);
}

/** The rows of a batch as micro-batches of one row each. */
function byRow({ rows, length, input_ids, labels, loss_weights }: MicroBatch): MicroBatch[] {
  return Array.from({ length: rows }, (_, row) => {
    const [start, end] = [row * length, (row + 1) * length];
    return {
      rows: 1,
      length,
      supervised: loss_weights.subarray(start, end).filter((weight) => weight > 0).length,
      input_ids: input_ids.subarray(start, end),
      labels: labels.subarray(start, end),
      loss_weights: loss_weights.subarray(start, end),
    };
  });
}

for (const name of MODEL_FIXTURES) {
  for (const accumulated of [false, true]) {
    const how = accumulated ? "accumulated row by row" : "as one batch";
    kernelsTest(
      `loss and every gradient equal Hugging Face's: ${name}, ${how}`,
      async (kernels) => {
        const { batch, loss: expected, gradients, trainer } = await load(name, kernels);
        const batches = accumulated ? byRow(batch) : [batch];
        const { loss, gradient } = await trainer.gradient(batches);
        assert.ok(Math.abs(loss - expected) < 1e-5, `the loss is ${loss}, not ${expected}`);
        for (const { name: tensor, data: ours } of namedTensors(gradient)) {
          const { data } = gradients.get(
            tensor === "embed_out.weight" ? "lm_head.weight" : tensor,
          )!;
          const error = largest(ours.map((value, i) => value - data[i])) / largest(data);
          assert.ok(
            error < 1e-4,
            `the gradient of ${tensor} differs by ${error} of its largest entry`,
          );
        }
        await trainer.release();
      },
    );
  }
}
