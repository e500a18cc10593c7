import assert from "node:assert/strict";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { loadTokenizer, type LossOn } from "@causeway/core/tokenizer";
import { tokenize } from "./mod.ts";
import { lines, rows, run, withFile } from "./testdata/testing.ts";

/** Conversations of one to three exchanges in the form of LIMA. */
const chats = Array.from({ length: 30 }, (_, i) => {
  return rows(40).slice(i, i + 1 + i % 3).flatMap(({ question, text }) => [question, text]);
});

/** The text of a document, and the texts of its answers. */
type Run = Awaited<ReturnType<typeof run>>;
function documents({ out, tokenizer }: Run, split: "train" | "validation" = "train") {
  const { tokens, loss_spans } = out[split];
  return Array.from({ length: tokens.offsets.length - 1 }, (_, i) => {
    const ids = [...tokens.values.subarray(tokens.offsets[i], tokens.offsets[i + 1])];
    const spans = loss_spans.values.subarray(loss_spans.offsets[i], loss_spans.offsets[i + 1]);
    const answers = Array.from(spans.filter((_, k) => k % 2 === 0), (start, k) => {
      return tokenizer.decode(ids.slice(start, spans[2 * k + 1]));
    });
    return { text: tokenizer.decode(ids), answers, ids };
  });
}

Deno.test("conversations become texts of the template, with loss on the answers and their ends", async () => {
  const records = chats.map((conversations) => ({ conversations }));
  await withFile(lines(records), async (path) => {
    const done = await run(path, { records: { messages: "conversations" } });
    const found = [...documents(done), ...documents(done, "validation")];
    const wanted = chats.map((turns) => ({
      text: turns.map((turn, i) => i % 2 ? `Assistant: ${turn}<|endoftext|>` : `User: ${turn}`)
        .join("\n\n"),
      answers: turns.filter((_, i) => i % 2).map((turn) => ` ${turn}<|endoftext|>`),
    }));
    const byText = (a: { text: string }, b: { text: string }) => a.text < b.text ? -1 : 1;
    assert.deepEqual(
      found.map(({ text, answers }) => ({ text, answers })).sort(byText),
      wanted.sort(byText),
    );
    assert.match(done.fake.logs.join("\n"), /answers end with <\|endoftext\|>/);
    // Saved with the tokenizer, for all that ask the model.
    const config = JSON.parse(
      new TextDecoder().decode(done.out.tokenizer.get("tokenizer_config.json")),
    );
    assert.match(config.chat_template, /% generation %/);
    assert.equal(done.out.summary.text_bytes.reduce((a, b) => a + b), sumOfBytes(wanted));
  });
});

const sumOfBytes = (texts: { text: string }[]) =>
  new TextEncoder().encode(texts.map(({ text }) => text).join("")).length;

Deno.test("the last turn or the whole conversation can be learned", async () => {
  const shared = chats.map((turns) => ({
    conversations: turns.map((value, i) => ({ from: i % 2 ? "gpt" : "human", value })),
  }));
  await withFile(lines(shared), async (path) => {
    const learned = async (loss_on: LossOn) => {
      return documents(await run(path, { records: { messages: "conversations" }, loss_on }));
    };
    const [every, last, all] = [
      await learned("assistant"),
      await learned("last_assistant"),
      await learned("all"),
    ];
    assert.ok(every.some(({ answers }) => answers.length === 3));
    every.forEach(({ ids, answers, text }, i) => {
      assert.deepEqual(last[i], { ids, text, answers: answers.slice(-1) });
      assert.deepEqual(all[i], { ids, text, answers: [text] });
    });
  });
});

Deno.test("a chat template of the recipe is used, and what it refuses is left out with a line", async () => {
  const chat_template = "{% for m in messages %}{% if m.content == 'no' %}" +
    "{{ raise_exception('not this one') }}{% endif %}[{{ m.role }}]{{ m.content }}<|endoftext|>" +
    "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
  const records = [...chats, ["no", "a"], ["a <|endoftext|>", "b"]].map((m) => ({ m }));
  await withFile(lines(records), async (path) => {
    const config = { chat_template, validation_share: 0 };
    const done = await run(path, { records: { messages: "m" }, config });
    const found = documents(done);
    assert.equal(found.length, chats.length);
    found.forEach(({ text, answers }, i) => {
      assert.ok(text.startsWith(`[user]${chats[i][0]}<|endoftext|>[assistant]`));
      assert.equal(answers[0], `${chats[i][1]}<|endoftext|>`);
    });
    const logs = done.fake.logs.join("\n");
    assert.match(
      logs,
      /left out 1 conversation: the chat template says: not this one; the first is \S+:31/,
    );
    assert.match(
      logs,
      /left out 1 conversation: a control token in a message, such as <\|endoftext\|>/,
    );
    const parsed = await run(path, {
      records: { messages: "m" },
      config: { ...config, parse_special_tokens: true },
    });
    assert.equal(documents(parsed).length, chats.length + 1);
  });
  await withFile(lines([{ m: ["no", "a"] }]), async (path) => {
    await assert.rejects(
      run(path, { records: { messages: "m" }, config: { chat_template } }),
      /no conversation can be used; .* not this one/,
    );
  });
});

Deno.test("conversations next to texts; long ones end after an answer", async () => {
  const records = chats.map((m) => ({ m }));
  await withFile(lines(records), async (path) => {
    await withFile(lines(rows(30)), async (texts) => {
      const fake = await fakeContext(tokenize, {
        config: {
          sources: {
            chats: [{ dataset: "chats", records: { path, messages: "m" } }],
            texts: [{ dataset: "texts", records: { path: texts } }],
          },
          vocab_size: 300,
          validation_share: 0,
          max_document_bytes: 300,
        },
        inputs: {},
      });
      await tokenize.run(fake.ctx);
      const { train, tokenizer } = fake.collected();
      const file = (name: string) => new TextDecoder().decode(tokenizer.get(name));
      const loaded = await loadTokenizer(file("tokenizer.json"), file("tokenizer_config.json"));
      const found = documents({ out: { train }, tokenizer: loaded } as unknown as Run);
      const of_chats = found.filter((_, i) => train.source[i] === "chats");
      assert.equal(of_chats.length, chats.length);
      assert.ok(of_chats.every(({ text, answers }) => text.endsWith(answers.at(-1)!)));
      assert.equal(new Set(of_chats.map(({ answers }) => answers.length)).size, 2);
      const of_texts = found.filter((_, i) => train.source[i] === "texts");
      assert.equal(of_texts.length, 30);
      assert.ok(of_texts.every(({ text, answers }) => answers[0] === text));
    });
  });
});

Deno.test("a connected tokenizer needs a chat template of its own", async () => {
  await withFile(lines(rows(20)), async (texts) => {
    const { out } = await run(texts);
    const tokenizer = Object.fromEntries(out.tokenizer) as Record<string, Uint8Array>;
    await withFile(lines(chats.map((m) => ({ m }))), async (path) => {
      const entry = { dataset: "chats", records: { path, messages: "m" } };
      const made = async (config: object, more: Record<string, string> = {}) => {
        const fake = await fakeContext(tokenize, {
          config: { sources: { chats: [entry] }, ...config },
          inputs: { tokenizer: { ...tokenizer, ...more } },
        });
        await tokenize.run(fake.ctx);
        return fake.collected();
      };
      await assert.rejects(
        made({}),
        /the connected tokenizer has no chat template; set chat_template/,
      );
      await assert.rejects(
        made({ chat_template: "plain" }),
        /chat_template is for a tokenizer that is trained here/,
      );
      const jinja = "{% for m in messages %}{{ m.content }}<|endoftext|>{% endfor %}";
      const done = await made({}, { "chat_template.jinja": jinja });
      assert.equal(new TextDecoder().decode(done.tokenizer.get("chat_template.jinja")), jinja);
      assert.ok(done.train.tokens.values.length > 0);
    });
  });
});
