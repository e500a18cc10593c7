import assert from "node:assert/strict";
import { sft } from "@causeway/stages/sft";
import { evaluate } from "@causeway/stages/evaluate";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { tinyModel, tinyTokens } from "../../tests/shared/tiny_training.ts";
import { config, learningRates } from "./config.ts";
import { lr_sweep } from "./mod.ts";

const SETTINGS = {
  sources: ["qa"] as [string],
  sequence_length: 24,
  global_batch_size: 8,
  micro_batch_size: 4,
  threads: 1,
};

const train = { data: tinyTokens({ qa: { documents: 32, stride: 3, prompt_length: 4 } }) };
const validation = {
  data: tinyTokens({
    general: { documents: 12, stride: 2 },
    qa: { documents: 8, stride: 3, prompt_length: 4 },
  }),
};
const inputs = { checkpoint: tinyModel(3), train, validation };

conformance(lr_sweep, [{
  name: "two rates",
  config: { ...SETTINGS, rates: [1e-3, 1e-2] as [number, number], epochs: 1 },
  inputs,
  resumes: true,
}]);

async function swept(given: object = {}, changed: Partial<typeof inputs> = {}) {
  const fake = await fakeContext(lr_sweep, {
    config: { ...SETTINGS, ...given },
    inputs: { ...inputs, ...changed },
    seed: 5,
  });
  await lr_sweep.run(fake.ctx);
  return { ...fake.collected(), logs: fake.logs };
}

Deno.test("the default is the paper's grid of 26 rates", () => {
  const rates = learningRates(config.parse({ sources: ["qa"] }).rates);
  assert.equal(rates.length, 26);
  assert.deepEqual([rates[0], rates.at(-1)], [4e-6, 6e-3]);
  const ratios = rates.slice(1).map((rate, i) => rate / rates[i]);
  assert.ok(ratios.every((ratio) => Math.abs(ratio - 1500 ** (1 / 25)) < 1e-4), `${ratios}`);
});

Deno.test("the best rate is neither the lowest nor one that diverges", async () => {
  const { losses, best, chart, logs } = await swept({ rates: [1e-6, 1e-2, 1e30] });
  assert.deepEqual(losses.source, ["qa", "general", "qa", "general", "qa", "general"]);
  assert.deepEqual([...losses.learning_rate], [1e-6, 1e-6, 1e-2, 1e-2, 1e30, 1e30]);
  assert.deepEqual(losses.loss.slice(4), [null, null]);
  assert.ok(losses.loss.slice(0, 4).every(Number.isFinite));
  assert.deepEqual(best.source, ["qa", "general"]);
  assert.equal(best.learning_rate[0], 1e-2);
  assert.equal(best.loss[0], losses.loss[2]);
  // At 1e-6 hardly anything is learned.
  assert.ok(Math.abs(best.loss_before[0] - losses.loss[0]!) < 1e-2);
  assert.ok(best.loss[0] < best.loss_before[0] - 0.5);
  assert.match(logs.join("\n"), /peak_lr 1e\+30: diverged\nbest peak_lr on qa: 0.01/);
  const svg = new TextDecoder().decode(chart.get("lr_sweep.svg"));
  assert.match(svg, /^<svg .*peak learning rate.*<\/svg>$/s);
});

Deno.test("a rate gives what the sft and evaluate stages give at it, to the bit", async () => {
  const { losses } = await swept({ rates: [3e-3], epochs: 2 });
  const tuned = await fakeContext(sft, {
    config: { ...SETTINGS, epochs: 2, schedule: { peak_lr: 3e-3 } },
    inputs: { checkpoint: inputs.checkpoint, train },
    seed: 5,
  });
  await sft.run(tuned.ctx);
  const { threads, micro_batch_size, sequence_length } = SETTINGS;
  const measured = await fakeContext(evaluate, {
    config: { threads, micro_batch_size, sequence_length, by_example: ["qa"], max_sequences: 64 },
    inputs: {
      models: { tuned: Object.fromEntries(tuned.collected().checkpoint) },
      tokens: validation,
    },
  });
  await evaluate.run(measured.ctx);
  const { source, loss } = measured.collected().evaluation;
  assert.equal(losses.loss[0], loss[source.indexOf("qa")]);
  assert.equal(losses.loss[1], loss[source.indexOf("general")]);
});

Deno.test("a checkpoint whose loss is not a number is refused before anything is trained", async () => {
  await assert.rejects(
    swept({}, { checkpoint: tinyModel(3, 4e39) }), // its logits are beyond float32
    /loss on "qa" before fine-tuning is NaN; the weights it starts from overflow/,
  );
});

Deno.test("invalid configs are refused", async () => {
  await assert.rejects(swept({ sources: ["qua"] }), /no source "qua"/);
  await assert.rejects(swept({ target: "math" }), /target "math" is not among .*general, qa/);
  await assert.rejects(swept({ rates: { from: 1, to: 0.1 } }), /must be greater than from/);
  await assert.rejects(swept({ rates: [1e30] }), /diverged at every rate; lower the rates/);
});
