import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  END_OF_TEXT,
  loadTokenizer,
  tokenizerFiles,
  trainByteLevelBpe,
} from "@causeway/core/tokenizer";
import { spansColumn } from "@causeway/core/stage";
import { Decoder } from "@causeway/core/generate";
import {
  encodeParameters,
  initialize,
  ParameterArrays,
  passFlops,
  toHuggingFace,
} from "@causeway/core/model";
import { model_schema, modelConfig } from "@causeway/core/train";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { sft } from "../sft/mod.ts";
import { evaluate_tasks } from "./mod.ts";

const FIXTURES = new URL("../../tests/fixtures/tasks/", import.meta.url);
const fixture = (name: string) => fileURLToPath(new URL(name, FIXTURES));
const records = (name: string) =>
  Deno.readTextFileSync(fixture(name)).trim().split("\n").map((line) => JSON.parse(line));

const GSM8K = {
  path: { validation: fixture("gsm8k_test.jsonl"), train: fixture("gsm8k_train.jsonl") },
  max_new_tokens: 48,
};
const SCIQ = { path: { validation: fixture("sciq_test.jsonl") } };
const MBPP = { path: { validation: fixture("mbpp_test.jsonl") }, max_new_tokens: 24, shots: 0 };

/** All questions with their correct answers. */
const EXAMPLES: [prompt: string, answer: string][] = [
  ...records("gsm8k_test.jsonl").map(({ question, answer }): [string, string] => [
    `Question: ${question}\nAnswer: `,
    answer,
  ]),
  ...records("sciq_test.jsonl").map(({ question, correct_answer }): [string, string] => [
    `Question: ${question}\nAnswer: `,
    correct_answer,
  ]),
  ...records("mbpp_test.jsonl").filter(({ task_id }) => [11, 12].includes(task_id))
    .map(({ text, test_list, code }): [string, string] => [
      `You are an expert Python programmer, and here is your task: ${text} Your code should pass these tests:\n\n` +
      `${test_list.join("\n")}\n[BEGIN]\n`,
      `${code}\n[DONE]`,
    ]),
];

async function makeTokenizer() {
  const texts = (async function* () {
    for (const [prompt, answer] of EXAMPLES) yield prompt + answer;
  })();
  const options = { vocab_size: 400, min_frequency: 1, special_tokens: [END_OF_TEXT] };
  return { ...tokenizerFiles(await trainByteLevelBpe(texts, options)) };
}

type Files = Record<string, string | Uint8Array>;

const MODEL = modelConfig(
  model_schema.parse({
    hidden_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 96,
  }),
  400,
);

async function untrained(seed = 1): Promise<Files> {
  const files = await makeTokenizer();
  const config = MODEL;
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, seed);
  return {
    "config.json": JSON.stringify(toHuggingFace(config)),
    "model.safetensors": encodeParameters(parameters),
    ...files,
  };
}

/** A model that has memorized the answers. */
async function trained(from: Files): Promise<Files> {
  const tokenizer = await loadTokenizer(
    from["tokenizer.json"] as string,
    from["tokenizer_config.json"] as string,
  );
  const documents = EXAMPLES.map(([prompt, answer]) =>
    tokenizer.encodeDocument({ text: prompt + answer, prompt_length_chars: prompt.length })
  );
  const offsets = [0];
  for (const { tokens } of documents) offsets.push(offsets.at(-1)! + tokens.length);
  const values = Uint16Array.from(documents.flatMap(({ tokens }) => Array.from(tokens)));
  const names = documents.map(() => "tasks");
  const train = {
    source: names,
    dataset: names,
    tokens: { values, offsets: Int32Array.from(offsets) },
    loss_spans: spansColumn(documents.map(({ loss_spans }) => loss_spans)),
    text_bytes: Int32Array.from(documents, ({ text_bytes }) => text_bytes),
  };
  const fake = await fakeContext(sft, {
    config: {
      sources: ["tasks"],
      sequence_length: 160,
      global_batch_size: 9,
      micro_batch_size: 9,
      epochs: 150,
      schedule: { peak_lr: 1e-2 },
      threads: 1,
    },
    inputs: { checkpoint: from, train: { all: train } },
  });
  await sft.run(fake.ctx);
  return Object.fromEntries(fake.collected().checkpoint);
}

async function evaluated(models: Record<string, Files>, config: object, seed = 0) {
  const fake = await fakeContext(evaluate_tasks, {
    config: { batch_size: 4, threads: 1, ...config } as never,
    inputs: { models },
    seed,
  });
  await evaluate_tasks.run(fake.ctx);
  return { ...fake.collected(), logs: fake.logs, reports: fake.reports };
}

const novice = await untrained();

conformance(evaluate_tasks, [{
  name: "two tasks, two models",
  config: {
    tasks: { gsm8k: { ...GSM8K, max_new_tokens: 8 }, sciq: SCIQ },
    batch_size: 4,
    threads: 1,
  },
  inputs: { models: { novice, same: novice } },
  resumes: true,
}]);

Deno.test("a model trained on the answers gives them, and an untrained one does not", async () => {
  const expert = await trained(novice);
  const tasks = {
    gsm8k: GSM8K,
    sciq: SCIQ,
    mbpp: { ...MBPP, samples: 2, k: [1, 2], temperature: 0.1 },
  };
  const { results, samples, logs, reports } = await evaluated({ novice, expert }, { tasks });
  const metrics = [
    "exact_match_strict",
    "exact_match_flexible",
    "acc",
    "acc_norm",
    "pass@1",
    "pass@2",
  ];
  assert.deepEqual(results.metric, [...metrics, ...metrics]);
  assert.deepEqual(Array.from(results.n), [3, 3, 4, 4, 2, 2, 3, 3, 4, 4, 2, 2]);
  assert.deepEqual(Array.from(results.value.subarray(6)), [1, 1, 1, 1, 1, 1]);
  assert.deepEqual([...results.value.subarray(0, 2), ...results.value.subarray(4, 6)], [
    0,
    0,
    0,
    0,
  ]);
  results.value.forEach((value, i) => {
    assert.ok(results.ci_low[i] <= value && value <= results.ci_high[i] && results.ci_low[i] < 1);
  });
  assert.ok(logs.some((line) => /^novice: gsm8k exact_match_strict is 0\.000/.test(line)));
  assert.ok(!logs.some((line) => line.startsWith("expert: gsm8k")));
  const rows = samples.model.flatMap((model, i) => model === "expert" ? [i] : []);
  assert.ok(rows.every((i) => samples.correct[i] === 1));
  const program = rows.find((i) => samples.task[i] === "mbpp")!;
  assert.equal(samples.output[program].trim(), "def square(x):\n  return x * x");
  assert.deepEqual(rows.filter((i) => samples.task[i] === "mbpp").map((i) => samples.question[i]), [
    3,
    3,
    4,
    4,
  ]);
  assert.equal(reports.at(-1)!.step, reports.at(-1)!.total);
});

Deno.test("answers do not depend on other models or questions; max_questions selects a subset", async () => {
  const config = { tasks: { gsm8k: GSM8K, sciq: SCIQ } };
  const other = await untrained(2);
  const both = await evaluated({ novice, other }, config);
  const alone = await evaluated({ other }, config);
  const half = both.samples.model.length / 2;
  assert.deepEqual(alone.samples.output, both.samples.output.slice(half));
  const few = await evaluated({ other }, {
    tasks: { gsm8k: { ...GSM8K, max_questions: 2 }, sciq: { ...SCIQ, max_questions: 2 } },
  });
  assert.deepEqual(Array.from(few.samples.question), [0, 1, 0, 2]);
  few.samples.output.forEach((output, i) => {
    const same = alone.samples.question.findIndex((question, j) =>
      question === few.samples.question[i] && alone.samples.task[j] === few.samples.task[i]
    );
    assert.equal(output, alone.samples.output[same]);
  });
});

Deno.test("shots are solved examples before each question, truncated if they do not fit", async () => {
  const tasks = { gsm8k: { ...GSM8K, shots: 2 }, mbpp: { ...MBPP, shots: 3 } };
  const { samples } = await evaluated({ novice }, { tasks });
  const [first] = samples.prompt;
  assert.match(
    first,
    /^Question: Ann has 1 pens and buys 7[^]*#### 8\n\nQuestion: Ann has 5[^]*#### 10\n\n/,
  );
  assert.match(first, /Question: Ann has 2 pens and buys 3\. How many has she\?\nAnswer: $/);
  const last = samples.prompt.at(-1)!;
  assert.match(last, /\[BEGIN\]\ndef twice\(x\):\n {2}return 2 \* x\n\[DONE\]\n\nYou are/);
  assert.equal(last.split("[DONE]").length, 4);
  const config = JSON.parse(novice["config.json"] as string);
  const short = {
    ...novice,
    "config.json": JSON.stringify({ ...config, max_position_embeddings: 64 }),
  };
  const cut = await evaluated({ short }, { tasks: { gsm8k: { ...GSM8K, shots: 2 } } });
  assert.equal(cut.samples.prompt[0], first);
});

Deno.test("invalid configs give an error with the reason", async () => {
  const refused = (tasks: object, reason: RegExp) =>
    assert.rejects(evaluated({ novice }, { tasks }), reason);
  await refused({}, /at least one task/);
  await refused({ mbpp: { ...MBPP, k: [2] } }, /k must not exceed samples/);
  await refused(
    { mbpp: { ...MBPP, samples: 2, temperature: 0 } },
    /samples must be 1 at temperature 0/,
  );
  await refused(
    { gsm8k: { ...GSM8K, shots: 5 } },
    /only 2 training records for 5 shots; lower shots/,
  );
  const path = { validation: GSM8K.path.validation };
  await refused({ gsm8k: { path, shots: 1 } }, /takes its 1 shot from a training set/);
  await refused(
    { sciq: { ...SCIQ, revision: "sha256:0" } },
    /"sciq" is now at revision sha256:.*, not sha256:0/,
  );
  await refused({ sciq: { path: { validation: "nowhere.jsonl" } } }, /nowhere\.jsonl/);
  const empty = await Deno.makeTempFile({ suffix: ".jsonl" });
  await refused({ sciq: { path: { validation: empty } } }, /"sciq" has no documents/);
  const only_shots = { path: { validation: empty, train: GSM8K.path.train }, shots: 1 };
  await refused({ gsm8k: only_shots }, /task "gsm8k" has no questions/);
  await Deno.remove(empty);
  const { "tokenizer.json": _, ...mute } = novice;
  await assert.rejects(
    evaluated({ mute }, { tasks: { sciq: SCIQ } }),
    /"mute" has no tokenizer\.json/,
  );
});

Deno.test("questions come from the data root if one is set", async () => {
  const root = await Deno.makeTempDir();
  const before = Deno.env.get("CAUSEWAY_DATA_ROOT");
  Deno.env.set("CAUSEWAY_DATA_ROOT", root);
  try {
    await Deno.mkdir(`${root}/sciq`);
    const config = { tasks: { sciq: {} } };
    await assert.rejects(
      evaluated({ novice }, config),
      /task "sciq": .*sciq has no file named test/,
    );
    await Deno.copyFile(fixture("sciq_test.jsonl"), `${root}/sciq/test.jsonl`);
    const found = await evaluated({ novice }, config);
    const given = await evaluated({ novice }, { tasks: { sciq: SCIQ } });
    assert.deepEqual(found.samples, given.samples);
  } finally {
    if (before === undefined) Deno.env.delete("CAUSEWAY_DATA_ROOT");
    else Deno.env.set("CAUSEWAY_DATA_ROOT", before);
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("the forecast counts every token of answers that do not end early", async () => {
  const tasks = { gsm8k: { ...GSM8K, max_questions: 2, max_new_tokens: 5 } };
  const logits = Decoder.prototype.logits;
  let passes = 0;
  Decoder.prototype.logits = function (...args) {
    passes++;
    return logits.apply(this, args);
  };
  try {
    await evaluated({ novice, same: novice }, { tasks, batch_size: 2 });
  } finally {
    Decoder.prototype.logits = logits;
  }
  const models = { novice: { model: MODEL }, same: { model: MODEL } };
  const { ctx: { config } } = await fakeContext(evaluate_tasks, {
    config: { tasks, batch_size: 2 },
    inputs: { models: { novice } },
  });
  const { tokens, flops, notes, memory } = await evaluate_tasks.forecast!(
    { config, seed: 0, parents: { models } },
  );
  assert.equal(tokens, 2 * passes); // two questions at a time
  assert.equal(flops, tokens! * passFlops(MODEL, { rows: 1, length: 1 }, "forward"));
  assert.match(notes!.join(), /asks 2 questions of GSM8K, if the sets have their published sizes/);
  assert.deepEqual(Object.keys(memory!), ["weights", "keys and values, at most"]);
});

Deno.test("only MBPP needs Python, and to start processes", async () => {
  const needs = async (tasks: object) => {
    const { ctx } = await fakeContext(evaluate_tasks, {
      config: { tasks: tasks as never },
      inputs: { models: { novice } },
    });
    return evaluate_tasks.requires!(ctx.config);
  };
  // Whether the hub is needed depends on the data root.
  const others = await needs({ gsm8k: GSM8K, sciq: SCIQ });
  assert.deepEqual([others.permissions, others.packages], [undefined, undefined]);
  const { permissions, packages } = await needs({ mbpp: MBPP });
  assert.deepEqual(permissions, { run: ["deno"] });
  assert.match(packages![0], /^pyodide@[\d.]+$/);
});
