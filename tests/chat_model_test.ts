/**
 * A model is fine-tuned on conversations in the forms of LIMA and ShareGPT, exported, and asked by its chat template: here,
 * in Python's transformers, and in transformers.js.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { exportModel, verifyExport } from "@causeway/core/export";
import { Decoder, generate } from "@causeway/core/generate";
import {
  encodeParameters,
  hostWeights,
  initialize,
  ParameterArrays,
  toHuggingFace,
} from "@causeway/core/model";
import type { FilesInput } from "@causeway/core/stage";
import { type Message, openChatTemplate, openTokenizer } from "@causeway/core/tokenizer";
import { checkpointReader, loadParameters, model_schema, modelConfig } from "@causeway/core/train";
import { sft, tokenize } from "@causeway/stages";
import { withFolder } from "./shared/commands.ts";
import { fakeContext } from "./shared/fake_context.ts";
import { findPython, runPython } from "./shared/python.ts";

/** Conversations of one, two and three exchanges, in the form of LIMA. */
const LIMA = [
  ["Hello", "Hello. How are you?", "Fine", "I am glad."],
  ["What is 1 + 1?", "It is 2."],
  ["Name a colour", "Red.", "Another one", "Blue.", "And a third", "Green."],
];
/** And of ShareGPT, one with a system message. */
const SHAREGPT = [
  [["human", "Good night"], ["gpt", "Sleep well."]],
  [["system", "Be brief."], ["human", "Hello"], ["gpt", "Hi."]],
].map((turns) => turns.map(([from, value]) => ({ from, value })));

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });

/** Conversations before an answer, and the answer. */
const ASKED: [Message[], string][] = [
  [[user("What is 1 + 1?")], "It is 2."],
  [[user("Hello"), assistant("Hello. How are you?"), user("Fine")], "I am glad."],
  [[user("Good night")], "Sleep well."],
  [[{ role: "system", content: "Be brief." }, user("Hello")], "Hi."],
];

type Files = Record<string, string | Uint8Array>;

/** Token tables and a tokenizer with a chat template, made of both files. */
async function tokenized(folder: string) {
  const records = (name: string, rows: readonly unknown[]) => {
    const path = join(folder, `${name}.jsonl`);
    const lines = rows.map((conversations) => JSON.stringify({ conversations }));
    Deno.writeTextFileSync(path, lines.join("\n"));
    return { dataset: name, records: { path, messages: "conversations" } };
  };
  const fake = await fakeContext(tokenize, {
    config: {
      sources: { chats: [records("lima_form", LIMA), records("sharegpt_form", SHAREGPT)] },
      vocab_size: 300,
      validation_share: 0,
    },
    inputs: {},
  });
  await tokenize.run(fake.ctx);
  const { train, tokenizer } = fake.collected();
  return { train, tokenizer: Object.fromEntries(tokenizer) as Files };
}

/** A model tuned on the conversations; after 150 epochs it knows them by heart. */
async function tuned(folder: string, more: { epochs: number; packing?: boolean }) {
  const { train, tokenizer } = await tokenized(folder);
  const sizes = {
    hidden_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 96,
  };
  const config = modelConfig(model_schema.parse(sizes), 300);
  const parameters = new ParameterArrays(config, "matrices");
  initialize(parameters, 1);
  const checkpoint = {
    "config.json": JSON.stringify(toHuggingFace(config)),
    "model.safetensors": encodeParameters(parameters),
    ...tokenizer,
  };
  const fake = await fakeContext(sft, {
    config: {
      sources: ["chats"],
      sequence_length: 128,
      global_batch_size: 5,
      micro_batch_size: 5,
      ...more,
      schedule: { peak_lr: 1e-2 },
      threads: 1,
    },
    inputs: { checkpoint, train: { all: train } },
  });
  await sft.run(fake.ctx);
  return fake.collected();
}

function filesIn(folder: string): FilesInput {
  const names = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) =>
    name
  );
  const path = (name: string) => join(folder, name);
  return {
    digest: "",
    names,
    path,
    bytes: (name) => Deno.readFile(path(name)),
    text: (name) => Deno.readTextFile(path(name)),
  };
}

async function opened(folder: string) {
  const files = filesIn(folder);
  const parameters = await loadParameters(checkpointReader(files));
  return { files, parameters, tokenizer: await openTokenizer(files) };
}

async function exported(from: string, to: string, format: "hf" | "onnx") {
  const facts = { name: "chats", lineage: [], phases: [], data: [], losses: [] };
  const options = { format, dtypes: ["fp32"] as const, folder: "chats" };
  for (const { name, content } of exportModel(await opened(from), facts, options)) {
    const path = join(to, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else if (content instanceof Uint8Array) Deno.writeFileSync(path, content);
    else Deno.copyFileSync(content.path, path);
  }
}

/** Greedy answers of transformers by the model's own template: text, and whether it ended before the limit. */
const PYTHON = `
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
answers = []
for messages in json.loads(sys.argv[2]):
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    ids = model.generate(**inputs, max_new_tokens=40, do_sample=False)[0][inputs["input_ids"].shape[1]:]
    answers.append([tokenizer.decode(ids, skip_special_tokens=True).strip(), len(ids) < 40])
mask = tokenizer.apply_chat_template(json.loads(sys.argv[3]), return_dict=True, return_assistant_tokens_mask=True)
print(json.dumps({"answers": answers, "ids": mask["input_ids"], "mask": mask["assistant_masks"]}))
`;

Deno.test("conversations in one row train as those in rows of their own", async () => {
  await withFolder(async (folder) => {
    const [apart, packed] = [
      await tuned(folder, { epochs: 3 }),
      await tuned(folder, { epochs: 3, packing: true }),
    ];
    assert.equal(new Set(apart.samples.row).size, 4); // of 5, as many as are kept
    assert.ok(new Set(packed.samples.row).size < 4);
    const answers = LIMA.length + SHAREGPT.length + 3; // three conversations have more than one
    const spans = packed.samples.supervised.filter((one) => one === 1).length;
    assert.equal(spans, answers);
    assert.equal(packed.training.loss.length, 3);
    packed.training.loss.forEach((loss, i) => {
      const error = Math.abs(loss - apart.training.loss[i]) / loss;
      assert.ok(error < 1e-5, `step ${i}: losses differ by ${error}`);
    });
  });
});

Deno.test("a model tuned on conversations answers by its chat template and stops", async (t) => {
  await withFolder(async (folder) => {
    const [made, hf, onnx] = ["made", "hf", "onnx"].map((name) => join(folder, name));
    Deno.mkdirSync(made);
    for (const [name, content] of (await tuned(folder, { epochs: 150 })).checkpoint) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      Deno.writeFileSync(join(made, name), bytes);
    }
    await exported(made, hf, "hf");
    const model = await opened(hf), template = (await openChatTemplate(model.files))!;
    const wanted = ASKED.map(([, answer]) => [answer, true]);
    await t.step("here", async () => {
      const decoder = new Decoder({ batch_size: 4, threads: 1 });
      const prompts = ASKED.map(([messages]) =>
        model.tokenizer.encodeChat({ text: template.prompt(messages), spans: [] })
      );
      const options = { temperature: 0, top_p: 1, seed: 0, max_new_tokens: 40 };
      const weights = hostWeights(model.parameters);
      const answers = await generate(decoder, weights, model.tokenizer, prompts, options);
      await decoder.release();
      assert.deepEqual(
        answers.map(({ text, finish }) => [text.trim(), finish === "end_of_text"]),
        wanted,
      );
    });
    const python = findPython(["torch", "transformers"]);
    await t.step({
      name: "in Python's transformers, with the same ids and labels",
      ignore: python === undefined,
      async fn() {
        const [[messages, answer]] = ASKED.slice(1);
        const whole = [...messages, assistant(answer)];
        const args = [ASKED.map(([messages]) => messages), whole].map((all) => JSON.stringify(all));
        const theirs = JSON.parse(await runPython(python!, PYTHON, [hf, ...args]));
        assert.deepEqual(theirs.answers, wanted);
        const { tokens, loss_spans } = model.tokenizer.encodeChat(template.conversation(whole));
        assert.deepEqual(theirs.ids, [...tokens]);
        const mask = new Array(tokens.length).fill(0);
        for (let i = 0; i < loss_spans.length; i += 2) {
          mask.fill(1, loss_spans[i], loss_spans[i + 1]);
        }
        assert.deepEqual(theirs.mask, mask);
      },
    });
    await t.step("in transformers.js", async () => {
      await exported(made, onnx, "onnx");
      const chats = ASKED.map(([messages]) => messages);
      const [fp32] = await verifyExport(onnx, model, ["fp32"], { chats, max_new_tokens: 40 });
      assert.deepEqual([fp32.equal_texts, fp32.texts, fp32.is_equal], [8, 8, true]);
    });
  });
});
