/**
 * From a finished run to other libraries: the commands export, generate and chat on a recipe that really trained.
 */
import { hostWeights } from "../../model/mod.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { main as chatMain } from "./chat.ts";
import { main as exportMain } from "./export.ts";
import { main as generateMain } from "./generate.ts";
import { findModel, loadModel } from "./find_model.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { Decoder } from "../../generate/mod.ts";
import { loadRecipe } from "../../recipe/mod.ts";
import { run } from "../../runner/mod.ts";
import { findPython, runPython } from "../../../tests/shared/python.ts";

/** Logits of a text and what greedy decoding makes of it, in Python. */
const PYTHON = `
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
inputs = tokenizer(sys.argv[2], return_tensors="pt")
ids = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0][inputs["input_ids"].shape[1]:]
print(json.dumps({
    "ids": inputs["input_ids"][0].tolist(),
    "text": tokenizer.decode(ids, skip_special_tokens=True),
    "logits": model(**inputs).logits[0, -1].tolist(),
}))
`;

const PROMPT = "Question: What is 25 plus 20?\nAnswer: ";

async function withRun(use: (out: string) => Promise<void>) {
  await withFolder(async (folder) => {
    const out = join(folder, "out");
    await run(
      await loadRecipe(new URL("../../../tests/shared/tiny_recipe.ts", import.meta.url).href),
      {
        out,
      },
    );
    await use(out);
  });
}

Deno.test("a model of a run is exported, generated from, and talked with", async (t) => {
  await withRun(async (out) => {
    const hf = join(out, "hf"), onnx = join(out, "onnx");
    await t.step(
      "the folder for transformers holds the checkpoint's files and a card",
      async () => {
        const left = join(out, ".hf-partialAb12");
        Deno.mkdirSync(left);
        Deno.writeTextFileSync(join(left, ".causeway-partial"), "");
        const { code, err } = await runCommand(exportMain, ["tiny", "--out", out, "--to", hf]);
        assert.equal(code, 0, err);
        assert.match(err, /^removed what interrupted exports left: .*\.hf-partialAb12$/m);
        assert.ok([...Deno.readDirSync(out)].every(({ name }) => !name.startsWith(".")));
        const names = [...Deno.readDirSync(hf)].map(({ name }) => name).sort();
        assert.deepEqual(names, [
          ...["README.md", "config.json", "generation_config.json", "model.safetensors"],
          ...["tokenizer.json", "tokenizer_config.json"],
        ]);
        const card = Deno.readTextFileSync(join(hf, "README.md"));
        // Data, mixture, tokens, losses and lineage, each from the run's own results.
        assert.match(card, /^---\nlibrary_name: transformers\n/);
        assert.match(card, /\| sums \| sums \| train \| \d+ \| [\d,]+ \| /);
        for (const step of ["trunk", "branch", "tuned"]) {
          assert.match(card, new RegExp(`1\\. \`${step}\``));
        }
        assert.match(card, /\| branch \| sums \| 100\.00% \| 100\.00% \| 512 \| /);
        assert.match(card, /Measured on held-out text[^]*\| sums \| \d\.\d{4} \| /);
      },
    );
    await t.step("the folder of an ONNX model has one file for each precision", async () => {
      const args = ["latest/tuned", "--out", out, "--format", "onnx", "--verify", "--to", onnx];
      const first = await runCommand(exportMain, args);
      assert.equal(first.code, 0, first.err);
      assert.match(first.err, /fp32: 4 of 4 texts in transformers\.js equal ours, .*: equal/);
      assert.match(first.err, /q8: \d of 4 texts .* \(quantized\)/);
      const names = [...Deno.readDirSync(join(onnx, "onnx"))].map(({ name }) => name).sort();
      assert.deepEqual(names, ["model.onnx", "model_quantized.onnx"]);
      const again = await runCommand(exportMain, args);
      assert.equal(again.code, 2);
      assert.match(again.err, /exists; name another folder with --to, or replace it with --force/);
    });
    await t.step("errors name what is missing, and what exists", async () => {
      const cases: [string, RegExp][] = [
        ["tiny/data", /has no model from a step "data"; steps with models: trunk, branch, tuned/],
        ["other", /no run or recipe "other" in .*; recipes that ran there: tiny/],
      ];
      for (const [name, message] of cases) {
        const { code, err } = await runCommand(exportMain, [name, "--out", out]);
        assert.deepEqual([code, message.test(err)], [2, true], err);
      }
    });
    await t.step(
      "a text is generated, the same for the same seed, from the run or the folder",
      async () => {
        const generate = async (...args: string[]) => {
          let text = "";
          const io = { out: () => {}, err: () => {}, terminal: undefined as never };
          const all = [...args, "--max-new-tokens", "12", "--threads", "1"];
          assert.equal(await generateMain(all, io, (piece) => text += piece), 0);
          return text;
        };
        const first = await generate("tiny", PROMPT, "--out", out);
        assert.ok(first.startsWith(PROMPT) && first.length > PROMPT.length);
        assert.equal(await generate(hf, PROMPT), first);
        const wild = (seed: string) => generate(hf, PROMPT, "--temperature", "3", "--seed", seed);
        assert.notEqual(await wild("1"), await wild("2"));
        const shown = await generate(hf, "a\x1b[2J\u202e\n\tb", "--temperature", "3");
        assert.ok(shown.startsWith("a\\u001b[2J\\u202e\n\tb"), shown);
        // deno-lint-ignore no-control-regex -- a model of bytes writes control characters, too
        assert.doesNotMatch(shown, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
      },
    );
    await t.step("a conversation streams answers and knows its commands", async () => {
      const lines = ["What is 25 plus 20?", "/again", "/what", "/quit"];
      let text = "";
      const terminal = {
        ask: () => lines.shift(),
        write: (piece: string) => text += piece,
        color: false,
        onInterrupt: () => () => {},
      };
      const args = [hf, "--template", "question", "--max-new-tokens", "8", "--threads", "1"];
      const { code, err } = await runCommand((given, io) => chatMain(given, io, terminal), args);
      assert.equal(code, 0, err);
      assert.equal(err.match(/\d+ tokens in /g)?.length, 2);
      assert.match(err, /the commands are \/new, \/again and \/quit/);
      assert.ok(text.length > 2);
    });
    await t.step("a chat template is used without being named, and exported again", async () => {
      const chatty = join(out, "chatty"), again = join(out, "chatty-again");
      Deno.mkdirSync(chatty);
      for (const { name, isFile } of Deno.readDirSync(hf)) {
        if (isFile) Deno.copyFileSync(join(hf, name), join(chatty, name));
      }
      const path = join(chatty, "tokenizer_config.json");
      const config = JSON.parse(Deno.readTextFileSync(path));
      const chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}" +
        "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
      Deno.writeTextFileSync(path, JSON.stringify({ ...config, chat_template }));
      const greedy = ["--temperature", "0", "--max-new-tokens", "6", "--threads", "1"];
      const generated = async (...args: string[]) => {
        const { out: line, code, err } = await runCommand(generateMain, [
          ...args,
          ...greedy,
          "--json",
        ]);
        assert.equal(code, 0, err);
        return JSON.parse(line).text;
      };
      const answer = await generated(chatty, "Hi", "--chat");
      assert.equal(answer, await generated(hf, "<user>Hi<assistant>"));
      let text = "";
      const lines = ["Hi", "a <|endoftext|>", "/quit"];
      const terminal = {
        ask: () => lines.shift(),
        write: (piece: string) => text += piece,
        color: false,
        onInterrupt: () => () => {},
      };
      const chatted = (args: string[]) =>
        runCommand((given, io) => chatMain(given, io, terminal), [...args, ...greedy]);
      const { code, err } = await chatted([chatty]);
      assert.equal(code, 0, err);
      assert.match(err, /, by its chat template\. \/new starts/);
      assert.match(err, /<\|endoftext\|> in a message would be taken for the token/);
      assert.equal(text.trim(), answer.trim());
      const refused = await runCommand(generateMain, [hf, "Hi", "--chat"]);
      assert.deepEqual([refused.code, /--chat needs a chat template/.test(refused.err)], [2, true]);
      const system = await chatted([hf, "--system", "Be brief."]);
      assert.match(
        system.err,
        /--system is for a model with a chat template, and this one has none/,
      );
      await runCommand(exportMain, [chatty, "--to", again]);
      const copied = Deno.readTextFileSync(join(again, "tokenizer_config.json"));
      assert.equal(JSON.parse(copied).chat_template, chat_template);
    });
    await t.step("a tokenizer larger than the model is refused by every command", async () => {
      const large = join(out, "large");
      Deno.mkdirSync(large);
      for (const { name, isFile } of Deno.readDirSync(hf)) {
        if (isFile) Deno.copyFileSync(join(hf, name), join(large, name));
      }
      const tokenizer = JSON.parse(Deno.readTextFileSync(join(large, "tokenizer.json")));
      for (let id = Object.keys(tokenizer.model.vocab).length; id < 1000; id++) {
        tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0], id, content: `<${id}>` });
      }
      Deno.writeTextFileSync(join(large, "tokenizer.json"), JSON.stringify(tokenizer));
      const message = /large: the tokenizer has 1000 tokens, but the model has embeddings for only/;
      for (
        const [main, args] of [
          [generateMain, [large, PROMPT]],
          [exportMain, [large, "--to", join(out, "never")]],
          [chatMain, [large]],
        ] as const
      ) {
        const { code, err } = await runCommand((given, io) => main(given, io), [...args]);
        assert.deepEqual([code, message.test(err)], [1, true], err);
      }
    });
    await t.step("weights in 16 bits on request, and other precisions are refused", async () => {
      const half = join(out, "half"), args = [hf, "--to", half, "--dtype"];
      assert.equal((await runCommand(exportMain, [...args, "bfloat16"])).code, 0);
      const sizes = [half, hf].map((folder) =>
        Deno.statSync(join(folder, "model.safetensors")).size
      );
      assert.ok(sizes[0] < 0.6 * sizes[1], `${sizes}`);
      const { torch_dtype } = JSON.parse(Deno.readTextFileSync(join(half, "config.json")));
      assert.equal(torch_dtype, "bfloat16");
      const wrong = await runCommand(exportMain, [...args, "q8"]);
      assert.match(wrong.err, /--dtype of hf must be float32, bfloat16, float16, got "q8"/);
      const onnx_args = [...args, "float16", "--format", "onnx"];
      assert.match((await runCommand(exportMain, onnx_args)).err, /--dtype of onnx must be a list/);
    });
    const python = findPython(["torch", "transformers"]);
    await t.step({
      name: "Python's transformers computes the same logits and greedy text",
      ignore: python === undefined,
      async fn() {
        const { ids, text, logits } = JSON.parse(await runPython(python!, PYTHON, [hf, PROMPT]));
        const args = [hf, PROMPT, "--temperature", "0", "--max-new-tokens", "12", "--json"];
        const { out: line } = await runCommand(generateMain, [...args, "--threads", "1"]);
        assert.equal(JSON.parse(line).text, text);
        await compareLogits(hf, ids, logits);
      },
    });
  });
});

async function compareLogits(folder: string, ids: number[], expected: number[]) {
  const { parameters, tokenizer } = await loadModel(await findModel(folder, ""), () => {});
  assert.deepEqual(Array.from(tokenizer.encode(PROMPT)), ids);
  const weights = hostWeights(parameters);
  const decoder = new Decoder({ batch_size: 1, threads: 1 });
  const [states] = await decoder.begin(weights).append([ids]);
  const logits = await decoder.logits(weights, states.at(-1)!);
  await decoder.release();
  const largest = Math.max(...expected.map((value, i) => Math.abs(value - logits[i])));
  assert.ok(largest < 1e-4, `logits differ by ${largest}`);
}
