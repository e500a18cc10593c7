/** Chat templates against transformers; tests/parity/make_chat_fixtures.py makes the fixture. */
import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { findPython } from "../../../tests/shared/python.ts";
import {
  ChatRefusal,
  ChatTemplate,
  chatTemplateOf,
  loadTokenizer,
  type Message,
  type RenderedChat,
  withChatTemplate,
} from "../mod.ts";

const FIXTURES = new URL("../../../tests/fixtures/chat/", import.meta.url);

type Result = { ids: number[]; spans: number[]; prompt: string } | { refused: string };
interface Results {
  readonly conversations: Message[][];
  readonly results: Record<string, Result[]>;
}
interface Fixture extends Results {
  readonly families: Record<string, { tokenizer: string; config: Record<string, string> }>;
}

const fixture: Fixture = JSON.parse(
  new TextDecoder().decode(gunzipSync(Deno.readFileSync(new URL("chat.json.gz", FIXTURES)))),
);
const templateText = (name: string) =>
  Deno.readTextFileSync(new URL(`templates/${name}.jinja`, FIXTURES));

const filesOf = (name: string, chat_template = templateText(name)) => ({
  "tokenizer.json": fixture.families[name].tokenizer,
  "tokenizer_config.json": JSON.stringify({ ...fixture.families[name].config, chat_template }),
});

/** Compares conversations of a family with transformers; returns how many were compared, and how many refused by both. */
async function compare(name: string, { conversations, results }: Results) {
  const files = filesOf(name), template = chatTemplateOf(files)!;
  const tokenizer = await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
  let equal = 0, refused = 0;
  for (const [i, messages] of conversations.entries()) {
    const wanted = results[name][i], what = `${name}, conversation ${i}`;
    if ("refused" in wanted) {
      assert.throws(() => template.conversation(messages), ChatRefusal, what);
      refused++;
      continue;
    }
    const { tokens, loss_spans } = tokenizer.encodeChat(template.conversation(messages));
    assert.deepEqual([...tokens], wanted.ids, what);
    assert.deepEqual([...loss_spans], wanted.spans, what);
    assert.equal(template.prompt(messages.slice(0, -1)), wanted.prompt, what);
    equal++;
  }
  return { equal, refused };
}

for (const name of Object.keys(fixture.families)) {
  Deno.test(`ids, labels and prompts of conversations equal transformers': ${name}`, async () => {
    const { equal } = await compare(name, fixture);
    assert.ok(equal >= 8);
  });
}

const python = findPython(["transformers", "jinja2"]);

Deno.test({
  name: "ids, labels and prompts of 200 conversations equal transformers', in six families",
  ignore: python === undefined,
  async fn() {
    const script = new URL("../../../tests/parity/make_chat_fixtures.py", import.meta.url);
    const { success, stdout, stderr } = await new Deno.Command(python!, {
      args: [fileURLToPath(script), "200"],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const many: Results = JSON.parse(new TextDecoder().decode(stdout));
    for (const name of Object.keys(fixture.families)) {
      const { equal, refused } = await compare(name, many);
      assert.equal(equal + refused, 200);
      assert.ok(equal > 120, `${name}: ${equal} equal, ${refused} refused`);
    }
  },
});

/** The same template without generation tags, with the same blanks. */
const unmarked = (source: string) =>
  source.replace(/(\{%-?\s*)endgeneration/g, "$1endif").replace(
    /(\{%-?\s*)generation/g,
    "$1if true",
  );

/** Where each answer begins, and its text up to the last character that is no blank. */
const answers = ({ text, spans }: RenderedChat) =>
  spans.flatMap((start, k) => k % 2 ? [] : [start, text.slice(start, spans[k + 1]).trimEnd()]);

Deno.test("without generation tags, answers are found from the beginnings of a conversation", () => {
  for (const name of Object.keys(fixture.families)) {
    const marked = chatTemplateOf(filesOf(name))!;
    const template = chatTemplateOf(filesOf(name, unmarked(templateText(name))))!;
    assert.deepEqual([marked.is_marked, template.is_marked], [true, false]);
    let compared = 0;
    for (const [i, messages] of fixture.conversations.entries()) {
      if ("refused" in fixture.results[name][i]) continue;
      let found;
      try {
        found = template.conversation(messages);
      } catch (error) {
        assert.ok(error instanceof ChatRefusal, String(error));
        continue;
      }
      const wanted = marked.conversation(messages);
      assert.equal(found.text, wanted.text);
      // The template of Zephyr counts the line end after an answer as the assistant's.
      assert.deepEqual(answers(found), answers(wanted), `${name}, conversation ${i}`);
      compared++;
    }
    assert.ok(compared >= 8, `${name}: ${compared}`);
  }
});

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });

Deno.test("a template that writes earlier turns in another way when more follow is refused", () => {
  const source = "{% for m in messages %}[{{ m.role }}]{% if loop.last %}!{% endif %}" +
    "{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
  const template = new ChatTemplate(source, {}, ["</s>"]);
  const messages = [user("a"), assistant("b"), user("c"), assistant("d")];
  assert.throws(
    () => template.conversation(messages),
    /message 2 in another way when more follows/,
  );
  assert.throws(() => new ChatTemplate("{% if %}", {}, []), /the chat template is not valid Jinja/);
  const refusing = new ChatTemplate("{{ raise_exception('no') }}", {}, []);
  assert.throws(() => refusing.prompt([user("a")]), /the chat template says: no/);
  assert.throws(() => template.prompt([user("\ufdd0")]), /noncharacter/);
  const endless = new ChatTemplate("{% for i in range(1000000000000) %}{% endfor %}", {}, []);
  assert.throws(() => endless.prompt([]), /range of more than 100000 numbers/);
});

Deno.test("an answer ends with its control token, and blanks after it are the template's", () => {
  const source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>\n{% endfor %}" +
    "{% if add_generation_prompt %}<assistant>{% endif %}";
  const template = new ChatTemplate(source, {}, ["<end>", "<user>"]);
  const { text, spans } = template.conversation([
    user("a"),
    assistant("b"),
    user("c"),
    assistant("d"),
  ]);
  assert.equal(text, "<user>a<end>\n<assistant>b<end>\n<user>c<end>\n<assistant>d<end>\n");
  const answers = [0, 2].map((i) => text.slice(spans[i], spans[i + 1]));
  assert.deepEqual(answers, ["b<end>", "d<end>"]);
  assert.equal(template.endOfTurn(), "<end>");
  assert.equal(template.controlTokenIn("x <user> y"), "<user>");
  assert.equal(template.controlTokenIn("x < user> y"), undefined);
});

Deno.test("templates end turns with the family's token", () => {
  const ends = Object.keys(fixture.families).map((name) => {
    return [name, chatTemplateOf(filesOf(name))!.endOfTurn()];
  });
  assert.deepEqual(Object.fromEntries(ends), {
    qwen: "<|im_end|>",
    llama2: "</s>",
    llama3: "<|eot_id|>",
    mistral: "</s>",
    gemma: "<end_of_turn>",
    zephyr: "<|endoftext|>",
  });
});

Deno.test("a template that writes the date writes the same on every day", () => {
  const source = "{{ strftime_now('%d %b %Y') }}{{ range(2)[1] }}";
  assert.equal(new ChatTemplate(source, {}, []).prompt([]), "26 Jul 20241");
});

Deno.test("a tokenizer without a template gets one that it has the tokens for", async () => {
  const messages: Message[] = [
    { role: "system", content: "Be brief." },
    user("Hi"),
    assistant("Hello"),
    user("Bye"),
    assistant("Goodbye"),
  ];
  const bare = (name: string) => {
    const { "tokenizer.json": json } = filesOf(name);
    return {
      "tokenizer.json": json,
      "tokenizer_config.json": JSON.stringify(fixture.families[name].config),
    };
  };
  const rendered = async (name: string, chosen?: string) => {
    const files = withChatTemplate(bare(name), chosen), template = chatTemplateOf(files)!;
    const { text, spans } = template.conversation(messages);
    const last = template.prompt(messages.slice(0, -1));
    assert.equal(text.slice(0, spans[2]), last);
    const tokenizer = await loadTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
    const { tokens, loss_spans } = tokenizer.encodeChat({ text, spans });
    // What the model is asked to continue are the tokens before the answer.
    const prompt = tokenizer.encodeChat({ text: last, spans: [] }).tokens;
    assert.deepEqual([...prompt], [...tokens.subarray(0, loss_spans[2])]);
    return { text, template, answers: [0, 2].map((i) => text.slice(spans[i], spans[i + 1])) };
  };
  const plain = await rendered("zephyr");
  assert.equal(
    plain.text,
    "Be brief.\n\nUser: Hi\n\nAssistant: Hello<|endoftext|>\n\nUser: Bye\n\nAssistant: Goodbye<|endoftext|>",
  );
  assert.deepEqual(plain.answers, [" Hello<|endoftext|>", " Goodbye<|endoftext|>"]);
  assert.equal(plain.template.endOfTurn(), "<|endoftext|>");
  const chatml = await rendered("qwen");
  assert.equal(
    chatml.text,
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n" +
      "Hello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\nGoodbye<|im_end|>\n",
  );
  assert.deepEqual(chatml.answers, ["Hello<|im_end|>", "Goodbye<|im_end|>"]);
  // Texts of this tokenizer begin with its BOS token.
  assert.match((await rendered("llama3", "plain")).text, /^<\|begin_of_text\|>Be brief\./);
  assert.throws(
    () => withChatTemplate(bare("zephyr"), "chatml"),
    /needs the tokens <\|im_start\|> and/,
  );
  assert.throws(
    () => withChatTemplate(bare("zephyr"), "chat"),
    /no chat template "chat"; .* plain, chatml/,
  );
});

Deno.test("a template comes from a list by name, or from a file of its own", () => {
  const chat_template = [{ name: "default", template: "A{{ 1 }}" }, {
    name: "brief",
    template: "B{{ 2 }}",
  }];
  const files = {
    "tokenizer.json": fixture.families.zephyr.tokenizer,
    "tokenizer_config.json": JSON.stringify({ ...fixture.families.zephyr.config, chat_template }),
  };
  const text = (files: Record<string, string>) => chatTemplateOf(files)!.prompt([]);
  assert.equal(text(files), "A1");
  assert.equal(withChatTemplate(files, undefined), files);
  assert.equal(text(withChatTemplate(files, "brief")), "B2");
  assert.equal(text(withChatTemplate(files, "C{{ 3 }}")), "C3");
  assert.equal(text({ ...files, "chat_template.jinja": "D{{ 4 }}" }), "D4");
});
