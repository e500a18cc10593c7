/**
 * Conformance cases of every built-in stage and of the report.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { SAMPLE_CONFIG, sampleMeasurements } from "../../plugins/report/testdata/sample.ts";
import { report } from "@causeway/plugins/report";
import {
  cka,
  evaluate,
  midtrain,
  pretrain,
  select_checkpoint,
  sft,
  similarity,
  tokenize,
} from "@causeway/stages";
import { batchOf, ports } from "@causeway/core/stage";
import { END_OF_TEXT, tokenizerFiles, trainByteLevelBpe } from "@causeway/core/tokenizer";
import { fakeContext } from "../shared/fake_context.ts";
import { TINY_MODEL, TINY_TOKENIZER, tinyModel, tinyTokens } from "../shared/tiny_training.ts";
import { conformance } from "./mod.ts";

const train = {
  data: tinyTokens({
    general: { documents: 120, stride: 2 },
    qa: { documents: 16, stride: 3, prompt_length: 4 },
  }),
};
const validation = { data: tinyTokens({ general: { documents: 8, stride: 2 } }) };

const PRETRAIN = {
  model: TINY_MODEL,
  mixture: { general: 1 },
  sequence_length: 16,
  global_batch_size: 4,
  micro_batch_size: 4,
  steps: 8,
  horizon_steps: 16,
  schedule: { peak_lr: 1e-2 },
  validation: { every_steps: 4, max_sequences: 4 },
  threads: 1,
};

/** A checkpoint with trainer state, halfway along its schedule. */
async function trunk(): Promise<Record<string, Uint8Array>> {
  const inputs = { tokenizer: TINY_TOKENIZER, train, validation };
  const fake = await fakeContext(pretrain, { config: PRETRAIN, inputs, seed: 3 });
  await pretrain.run(fake.ctx);
  return Object.fromEntries(fake.collected().checkpoint);
}

const compute = { sequence_length: 16, micro_batch_size: 4, threads: 1 };

/** A tokenizer trained on a few words. */
async function bytesTokenizer() {
  const texts = (async function* () {
    yield* ["what is nine plus five", "what is two minus one"];
  })();
  const options = { vocab_size: 270, min_frequency: 1, special_tokens: [END_OF_TEXT] };
  return tokenizerFiles(await trainByteLevelBpe(texts, options));
}

/** Registers the suite, by name of the stage. */
export const SUITES: Readonly<Record<string, () => void | Promise<void>>> = {
  tokenize: async () => {
    const path = fileURLToPath(new URL("../../recipes/own_data.jsonl", import.meta.url));
    const records = { path, prompt: "{question}", text: "answer" };
    const sources = { qa: [{ dataset: "sums", records }] };
    conformance(tokenize, [
      { name: "records", config: { sources, vocab_size: 300 }, inputs: {} },
      {
        name: "nothing held out",
        config: { sources, vocab_size: 300, validation_share: 0 },
        inputs: {},
      },
      {
        name: "a given tokenizer",
        config: { sources, validation_share: 0.3 },
        inputs: { tokenizer: { ...await bytesTokenizer() } },
      },
    ]);
  },
  pretrain: () => {
    const inputs = { tokenizer: TINY_TOKENIZER, train };
    conformance(pretrain, [
      {
        name: "a mixture",
        config: { ...PRETRAIN, mixture: { general: 3, qa: 1 }, allow_repeat: true },
        inputs: { ...inputs, validation },
        resumes: true,
      },
      { name: "without held-out data", config: { ...PRETRAIN, steps: 2 }, inputs },
    ]);
  },
  select_checkpoint: () => {
    const model = Object.entries(tinyModel(3));
    const folder = (name: string) => model.map(([file, text]) => [`${name}/${file}`, text]);
    const list = [100, 200].map((step) => ({ step, tokens: 64 * step, folder: `step-000${step}` }));
    const checkpoints = {
      "checkpoints.json": JSON.stringify(list),
      ...Object.fromEntries(list.flatMap((entry) => folder(entry.folder))),
    };
    conformance(select_checkpoint, [
      { name: "the first of two", config: { step: 100 }, inputs: { checkpoints } },
    ]);
  },
  midtrain: async () => {
    const config = { micro_batch_size: 4, threads: 1 };
    const checkpoint = await trunk();
    conformance(midtrain, [
      {
        name: "another mixture",
        config: { ...config, mixture: { general: 1, qa: 1 }, allow_repeat: ["qa"] },
        inputs: { checkpoint, train, validation },
        resumes: true,
      },
      { name: "a control arm", config: { ...config, steps: 2 }, inputs: { checkpoint, train } },
    ]);
  },
  sft: () =>
    conformance(sft, [{
      name: "prompts masked",
      config: {
        ...compute,
        sources: ["qa"],
        sequence_length: 24,
        global_batch_size: 8,
        schedule: { peak_lr: 1e-2 },
        validation: { every_steps: 4 },
      },
      inputs: { checkpoint: tinyModel(3), train, validation },
      resumes: true,
    }]),
  evaluate: () =>
    conformance(evaluate, [{
      name: "two models",
      config: { ...compute, by_example: ["qa"], max_sequences: 8 },
      inputs: { models: { a: tinyModel(1), b: tinyModel(2) }, tokens: train },
    }]),
  similarity: () =>
    conformance(similarity, [{
      name: "two sources and a mixture",
      config: { mixtures: { both: { general: 1, qa: 1 } } },
      inputs: { tokens: train },
    }]),
  cka: () =>
    conformance(cka, [{
      name: "two models",
      config: { ...compute, probes: ["general"], max_sequences: 8 },
      inputs: { models: { a: tinyModel(1), b: tinyModel(2) }, probes: train },
    }]),
  report: () => {
    const all = sampleMeasurements();
    conformance(report, [
      {
        name: "measurements of two arms",
        config: SAMPLE_CONFIG,
        inputs: {
          evaluation: { all: batchOf(ports.evaluation, all.evaluation) },
          similarity: batchOf(ports.similarity, all.similarity),
          cka: { all: batchOf(ports.cka, all.cka) },
          training: byLabel(ports.training_metrics, all.training),
          validation: byLabel(ports.validation_metrics, all.validation),
          mixtures: byLabel(ports.mixture_ledger, all.mixtures),
          samples: byLabel(ports.batch_samples, all.samples),
          data: batchOf(ports.dataset_summary, all.data),
        },
      },
      { name: "nothing measured", config: SAMPLE_CONFIG, inputs: {} },
    ]);
  },
};

function byLabel<P extends Parameters<typeof batchOf>[0]>(
  port: P,
  tables: Record<string, object[]>,
) {
  const labelled = Object.entries(tables).map((
    [label, rows],
  ) => [label, batchOf(port, rows as never[])]);
  return Object.fromEntries(labelled);
}
