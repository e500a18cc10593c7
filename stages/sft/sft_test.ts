import assert from "node:assert/strict";
import { answerSpans } from "@causeway/core/stage";
import { loadParameters } from "@causeway/core/train";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { tinyModel, tinyTokens } from "../../tests/shared/tiny_training.ts";
import { sft } from "./mod.ts";

const EXAMPLES = { documents: 64, stride: 3, prompt_length: 4 };

function context(config = {}, examples = EXAMPLES, more_inputs = {}) {
  return fakeContext(sft, {
    config: {
      sources: ["qa"],
      epochs: 4,
      sequence_length: 24,
      global_batch_size: 8,
      micro_batch_size: 4,
      schedule: { peak_lr: 1e-2 },
      validation: { every_steps: 16 },
      threads: 1,
      ...config,
    },
    inputs: {
      checkpoint: tinyModel(3),
      train: { data: tinyTokens({ qa: examples, general: { documents: 9, stride: 2 } }) },
      validation: {
        data: tinyTokens({
          qa: { ...examples, documents: 12 },
          general: { documents: 20, stride: 2 },
        }),
      },
      ...more_inputs,
    },
    seed: 5,
  });
}

async function tune(...given: Parameters<typeof context>) {
  const fake = await context(...given);
  await sft.run(fake.ctx);
  return { ...fake.collected(), logs: fake.logs };
}

Deno.test("fine-tuning runs its epochs, learns its source, and starts its own schedule", async () => {
  const { training, validation, logs, checkpoint } = await tune();
  assert.match(logs.join(), /64 examples, 32 steps, 4 passes/);
  assert.equal(training.step.length, 32);
  assert.ok(Math.abs(training.learning_rate[2] - 1e-2) < 1e-9); // a tenth of 32 steps is warm-up
  assert.ok(training.loss.at(-1)! < training.loss[0] - 1, `${training.loss}`);
  const target = validation.loss.filter((_, i) => validation.source[i] === "qa");
  assert.ok(target.at(-1)! < target[0] - 0.5, `${target}`);
  assert.ok(checkpoint.has("tokenizer.json"));
});

Deno.test("losses of documents add up to the first and the last validation loss", async () => {
  const { validation, document_losses: documents } = await tune();
  assert.deepEqual([...new Set(validation.step)], [0, 16, 32]);
  assert.deepEqual([...new Set(documents.step)], [0, 32]);
  validation.source.forEach((source, i) => {
    const step = validation.step[i];
    if (step === 16) return;
    const rows = [...documents.source.keys()].filter((row) => {
      return documents.source[row] === source && documents.step[row] === step;
    });
    const sum = (column: ArrayLike<number>) => rows.reduce((total, row) => total + column[row], 0);
    assert.equal(sum(documents.tokens), validation.tokens[i]);
    const loss = sum(documents.loss_sum) / sum(documents.tokens);
    assert.ok(Math.abs(loss / validation.loss[i] - 1) < 1e-6, `${loss}, not ${validation.loss[i]}`);
    // Whole examples of the target; general text is packed, and its last tokens may be in no sequence.
    const expected = source === "qa" ? 12 : 20;
    assert.ok(rows.length <= expected && rows.length >= expected - 3, `${rows.length} documents`);
  });
});

Deno.test("a source by document has the mean of its documents' mean losses", async () => {
  const by_document = { validation: { every_steps: 16, by_document: ["general"] } };
  const { validation, document_losses: documents, logs } = await tune(by_document);
  const plain = await tune();
  for (const step of [0, 32]) {
    const at = (source: string) =>
      validation.source.findIndex((name, i) => name === source && validation.step[i] === step);
    const rows = [...documents.source.keys()].filter((row) => {
      return documents.source[row] === "general" && documents.step[row] === step;
    });
    assert.equal(rows.length, 20);
    const means = rows.map((row) => documents.loss_sum[row] / documents.tokens[row]);
    const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
    assert.ok(Math.abs(validation.loss[at("general")] - mean) < 1e-12);
    assert.equal(validation.bits_per_byte[at("general")], null);
    assert.equal(validation.loss[at("qa")], plain.validation.loss[at("qa")]);
    // The untrained model has about the same loss everywhere.
    const by_token = plain.validation.loss[at("general")];
    assert.ok(Math.abs(by_token / mean - 1) > (step === 0 ? 1e-6 : 1e-3), `${by_token}, ${mean}`);
  }
  assert.match(logs.join("\n"), /bits per byte of "general" are left empty/);
  await assert.rejects(
    tune({ validation: { by_document: ["web"] } }),
    /by_document names "web", but what is measured is "general", "qa"/,
  );
});

Deno.test("prompts are excluded from the loss", async () => {
  const { validation } = await tune({ epochs: 0.125 });
  const { tokens } = tinyTokens({ qa: { ...EXAMPLES, documents: 12 } });
  const supervised = Array.from(
    tokens.offsets.subarray(1),
    (end, i) => end - tokens.offsets[i] - 4,
  );
  const counted = validation.tokens[validation.source.indexOf("qa")];
  assert.equal(counted, supervised.reduce((a, b) => a + b));
});

Deno.test("the best learning rate of a sweep replaces the config's", async () => {
  const rates = (source: string) => ({
    learning_rates: {
      source: ["general", source],
      learning_rate: Float64Array.of(1e-4, 3e-3),
      loss: Float64Array.of(1, 1),
      loss_before: Float64Array.of(2, 2),
    },
  });
  const { training, logs } = await tune({}, EXAMPLES, rates("qa"));
  assert.ok(Math.abs(training.learning_rate[2] - 3e-3) < 1e-9);
  assert.match(logs.join(), /using peak_lr 0.003 from the learning rate sweep/);
  await assert.rejects(
    () => tune({}, EXAMPLES, rates("math")),
    /no rate for source "qa"; it has rates for general, math/,
  );
});

Deno.test("a checkpoint can be saved without the optimizer's moments", async () => {
  const [whole, weights] = [await tune(), await tune({ save_optimizer: false })];
  const names = [...whole.checkpoint.keys()].filter((name) => name !== "optimizer.safetensors");
  assert.deepEqual([...weights.checkpoint.keys()], names);
  assert.deepEqual(
    weights.checkpoint.get("model.safetensors"),
    whole.checkpoint.get("model.safetensors"),
  );
});

Deno.test("epochs are passes over all examples; the last batch may be smaller", async () => {
  const { training, logs } = await tune({ epochs: 1 }, { ...EXAMPLES, documents: 10 });
  assert.match(logs.join(), /10 examples, 2 steps, 1 pass; the last batch has 2 examples/);
  const { tokens } = tinyTokens({ qa: { ...EXAMPLES, documents: 10 } });
  assert.equal(training.tokens.at(-1), tokens.values.length - 10); // every token of every example
  const tiny = await tune({ epochs: 1, global_batch_size: 64 }, { ...EXAMPLES, documents: 3 });
  assert.equal(tiny.training.step.length, 1);
  assert.match(
    tiny.logs.join(),
    /3 examples, 1 step, 1 pass; a batch has all 3 examples, less than global_batch_size 64/,
  );
});

Deno.test("resuming before a smaller last batch gives the same bytes", async () => {
  const given = [{ epochs: 1 }, { ...EXAMPLES, documents: 19 }] as const; // 8, 8 and 3 examples
  const { logs: _, ...undisturbed } = await tune(...given);
  const first = await context(...given);
  const report = (step: number) => step === 2 && first.abort(new Error("asked to stop"));
  await assert.rejects(() => sft.run({ ...first.ctx, report }), /asked to stop/);
  const second = await context(...given);
  await sft.run({ ...second.ctx, checkpoints: first.ctx.checkpoints });
  assert.deepEqual(second.collected(), undisturbed);
});

Deno.test("every process gets a part of the batch, and more processes than sequences are refused", async () => {
  const run = async (size: number) => {
    const fake = await context({ epochs: 1 }); // 8 examples a batch, 4 a micro-batch
    const ranks = { rank: 0, size, allReduceSum: () => {}, broadcast: () => {} };
    await sft.run({ ...fake.ctx, ranks });
    return fake.logs.filter((line) => /^micro-batches/.test(line));
  };
  assert.deepEqual(await run(2), []);
  assert.deepEqual(await run(3), [
    "micro-batches of 3 sequences instead of 4, so that all 3 processes have work",
  ]);
  await assert.rejects(
    () => run(9),
    /a batch of 8 sequences leaves 1 of 9 processes without work; .* start at most 8 processes/,
  );
});

Deno.test("training without held-out documents is said, and truncated answers are", async () => {
  const none = { validation: { data: tinyTokens({}) } };
  const { validation, logs } = await tune({ sequence_length: 12, epochs: 1 }, EXAMPLES, none);
  assert.equal(validation.step.length, 0);
  assert.match(logs.join("\n"), /no documents on the input "validation"/);
  assert.match(logs.join("\n"), /truncated to 13 tokens: the end of the answer is lost/);
  const named = { validation: { every_steps: 4, sources: ["qa"] } };
  await assert.rejects(
    () => tune(named, EXAMPLES, none),
    /no tokenized documents in validation.data/,
  );
});

Deno.test("a held-out source without a token to measure is left out with a line", async () => {
  const data = tinyTokens({
    qa: { ...EXAMPLES, documents: 3 },
    general: { documents: 3, stride: 2 },
  });
  const { offsets } = data.tokens;
  const prompts = data.source.map((name, i) => name === "qa" ? offsets[i + 1] - offsets[i] : 0);
  const { validation, logs } = await tune({}, EXAMPLES, {
    validation: { data: { ...data, loss_spans: answerSpans(offsets, prompts) } },
  });
  assert.deepEqual(new Set(validation.source), new Set(["general"]));
  assert.match(logs.join("\n"), /not measured on "validation": source "qa" .* has no sequence/);
});

Deno.test("a loss that is not a number before any update is blamed on the weights", async () => {
  await assert.rejects(
    () => tune({}, EXAMPLES, { checkpoint: tinyModel(3, 4e39), validation: {} }),
    /loss is (NaN|Infinity) at step 0, before any update; the weights it starts from overflow/,
  );
});

Deno.test("weights draw sources at their shares, for a number of steps, and what that means is said", async () => {
  const { logs, training } = await tune({
    sources: { qa: 3, general: 1 },
    epochs: undefined,
    steps: 6,
  });
  assert.equal(training.step.length, 6);
  assert.match(logs.join(), /75.0% from qa: 36 drawn of 64 examples, 0.56 passes/);
  assert.match(logs.join(), /25.0% from general: 12 drawn of 9 examples, 1.33 passes/);
});

Deno.test("supervised tokens as a length end training with the step that reaches them", async () => {
  const { logs, training } = await tune({ epochs: undefined, supervised_tokens: 300 });
  const steps = training.step.length;
  assert.match(logs.join(), new RegExp(`64 examples, ${steps} steps`));
  assert.ok(training.tokens[steps - 1] - 4 * 8 * steps <= 400, `${training.tokens}`);
});

Deno.test("averages of the loss differ, and groups are those drawn, however micro-batches are cut", async () => {
  const loss = async (loss_average: string, more = {}) => {
    const { training } = await tune({ loss_average, epochs: 0.5, ...more });
    return [...training.loss];
  };
  const [token, example, micro_batch] = [
    await loss("token"),
    await loss("example"),
    await loss("micro_batch"),
  ];
  assert.notEqual(token[0], example[0]);
  assert.notEqual(token[0], micro_batch[0]);
  const in_workers = await loss("micro_batch", { workers: 3 }); // micro-batches of 3 instead of 4
  micro_batch.forEach((value, i) => assert.ok(Math.abs(value - in_workers[i]) < 1e-5));
});

const CONSTRAINED = {
  epochs: 1.5,
  start_decay: 3,
  freeze: { layers_below: 1, embeddings: true },
  weight_average: { kind: "ema", decay: 0.9 },
};

Deno.test("frozen parameters stay, and the checkpoint says what constrained it", async () => {
  const { checkpoint, averaged } = await tune(CONSTRAINED);
  const read = (files: ReadonlyMap<string, Uint8Array>) => (name: string) =>
    Promise.resolve(files.get(name) as Uint8Array<ArrayBuffer>);
  const given = Object.entries(tinyModel(3)).map(([name, content]) => {
    return [
      name,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    ] as const;
  });
  const before = await loadParameters(read(new Map(given)));
  const after = await loadParameters(read(checkpoint)), mean = await loadParameters(read(averaged));
  const changed = [...before.views.keys()].filter((name) =>
    before.get(name).some((weight, i) => weight !== after.get(name)[i])
  );
  const kept = [...before.views.keys()].filter((name) => !changed.includes(name));
  assert.ok(
    changed.every((name) => /layers\.1\.|final_layer_norm|embed_out/.test(name)),
    `${changed}`,
  );
  assert.ok(kept.every((name) => /layers\.0\.|embed_in/.test(name)), `${kept}`);
  assert.ok(averaged.has("tokenizer.json"));
  assert.ok(!averaged.has("trainer_state.json"));
  assert.notDeepEqual(mean.get("embed_out.weight"), after.get("embed_out.weight"));
  const state = JSON.parse(new TextDecoder().decode(checkpoint.get("trainer_state.json")));
  const { epochs: _, ...constraints } = CONSTRAINED;
  const { start_decay, freeze, weight_average } = state;
  assert.deepEqual({ start_decay, freeze, weight_average }, constraints);
});

for (
  const [name, change] of Object.entries({
    constraints: CONSTRAINED,
    "the mean of the last points": { weight_average: { kind: "last", points: 3, every_steps: 2 } },
    "the settings of the authors' code": {
      optimizer: { preset: "torch_default" },
      loss_average: "micro_batch",
    },
    "weights of sources": { sources: { qa: 2, general: 1 }, epochs: undefined, steps: 9 },
    "packed examples and replay": {
      packing: true,
      replay: { source: "general", share: 0.3 },
      loss_average: "example",
    },
  })
) {
  Deno.test(`interrupted and resumed, it gives the same bytes: ${name}`, async () => {
    const given = { epochs: 1.5, ...change };
    const { logs: _, ...undisturbed } = await tune(given);
    const first = await context(given);
    const report = (step: number) => step === 5 && first.abort(new Error("asked to stop"));
    await assert.rejects(() => sft.run({ ...first.ctx, report }), /asked to stop/);
    const second = await context(given);
    await sft.run({ ...second.ctx, checkpoints: first.ctx.checkpoints });
    assert.match(second.logs.join("\n"), /resuming at step 5 of/);
    assert.deepEqual(second.collected(), undisturbed);
  });
}

Deno.test("packed examples train as those in their own rows do", async () => {
  const longer = { sequence_length: 96, global_batch_size: 32 };
  const apart = await tune(longer), packed = await tune({ ...longer, packing: "best_fit" });
  assert.match(
    packed.logs.join("\n"),
    /packed: the 32 examples of the first step in \d+ rows of up to \d+ tokens, [\d.]+% of them padding/,
  );
  packed.training.loss.forEach((loss, i) => {
    assert.ok(Math.abs(loss - apart.training.loss[i]) < 1e-4, `step ${i}: ${loss}`);
  });
  packed.validation.loss.forEach((loss, i) => {
    assert.ok(Math.abs(loss - apart.validation.loss[i]) < 1e-4, `validation ${i}: ${loss}`);
  });
  assert.deepEqual(packed.validation.tokens, apart.validation.tokens);
  // Before the first step the weights are equal, and so are the losses of every held-out example.
  const first = (table: typeof packed.document_losses) =>
    [...table.loss_sum].filter((_, i) => table.step[i] === 0);
  first(packed.document_losses).forEach((loss, i) => {
    assert.ok(Math.abs(loss / first(apart.document_losses)[i] - 1) < 1e-6);
  });
  assert.deepEqual(packed.training.tokens, apart.training.tokens);
  assert.deepEqual(packed.mixture, apart.mixture);
  const { row, document, supervised } = packed.samples;
  assert.ok(document.some((d) => d > 0), "no row has two examples");
  // The prompt of every example in a row is without loss.
  for (let i = 0; i < row.length; i++) {
    const begins = row[i] !== row[i - 1] || document[i] !== document[i - 1];
    if (begins) assert.equal(supervised[i], 0);
  }
});

Deno.test("replay is an exact share of the supervised tokens, in rows without prompts", async () => {
  const { mixture, logs, samples } = await tune({ replay: { source: "general", share: 0.25 } });
  assert.deepEqual(mixture.source, ["qa", "general"]);
  const [target, text] = mixture.tokens;
  assert.ok(Math.abs(text - target / 3) <= 0.5, `${text} of ${target}`);
  assert.deepEqual([...mixture.requested_share], [0.75, 0.25]);
  assert.match(logs.join("\n"), /replay: 25.0% of [\d,]+ supervised tokens from general/);
  const { checkpoint: _, ...rest } = await tune({
    replay: { source: "general", share: 0.25 },
    packing: true,
  });
  assert.deepEqual(rest.mixture, mixture);
  assert.ok(samples.source.includes("qa"));
  await assert.rejects(
    () => tune({ replay: { source: "qa", share: 0.5 } }),
    /source "qa" is one of the sources that are trained on/,
  );
  await assert.rejects(() => tune({ replay: { source: "general", share: 1 } }), /share/);
});

Deno.test("constraints that do not fit the model or the phase are refused", async () => {
  await assert.rejects(
    () => tune({ freeze: { layers_below: 3 } }),
    /freeze.layers_below is 3, but the model has 2 layers/,
  );
  await assert.rejects(
    () => tune({ weight_average: { kind: "last", points: 10, every_steps: 4 } }),
    /10 points of every 4 steps begin before this phase of 32 steps/,
  );
});

Deno.test("invalid configs give an error", async () => {
  await assert.rejects(
    () => tune({ sources: ["qua"] }),
    /no source "qua" in the tokens; did you mean qa\?/,
  );
  await assert.rejects(() => tune({}, { ...EXAMPLES, prompt_length: 30 }), /prompt/i);
  await assert.rejects(() => tune({ sources: [] }), /sources/);
  await assert.rejects(() => tune({ sources: { qa: 0 } }), /at least one source a weight above 0/);
  await assert.rejects(() => tune({ steps: 3 }), /set either epochs or steps, not both/);
  await assert.rejects(() => tune({ sources: ["qa", "qa"] }), /"qa" is listed twice/);
});
