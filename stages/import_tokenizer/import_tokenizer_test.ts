import assert from "node:assert/strict";
import { join } from "node:path";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { TINY_TOKENIZER, VOCAB_SIZE } from "../../tests/shared/tiny_training.ts";
import { withHub } from "../../tests/shared/hub_tests.ts";
import { import_tokenizer } from "./mod.ts";

const folder = Deno.makeTempDirSync();
for (const [name, text] of Object.entries(TINY_TOKENIZER)) {
  Deno.writeTextFileSync(join(folder, name), text);
}
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

conformance(import_tokenizer, [{ name: "a folder", config: { folder }, inputs: {} }]);

async function withTokenizer(check: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(TINY_TOKENIZER)) {
      Deno.writeTextFileSync(join(folder, name), text);
    }
    await check(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the files of a folder become a tokenizer, and its size is known before the run", () =>
  withTokenizer(async (folder) => {
    const fake = await fakeContext(import_tokenizer, { config: { folder }, inputs: {} });
    await import_tokenizer.run(fake.ctx);
    const { tokenizer } = fake.collected();
    assert.deepEqual(
      Object.fromEntries(
        [...tokenizer].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]),
      ),
      TINY_TOKENIZER,
    );
    const forecast = await import_tokenizer.forecast!({
      config: fake.ctx.config,
      seed: 0,
      parents: {},
    });
    assert.deepEqual(forecast.outputs, { tokenizer: { vocab_size: VOCAB_SIZE } });
  }));

Deno.test("a base model's tokenizer gets a chat template, in the place of another", () =>
  withTokenizer(async (folder) => {
    Deno.writeTextFileSync(join(folder, "chat_template.jinja"), "{{ messages }}");
    const given = { folder, chat_template: "plain" };
    const fake = await fakeContext(import_tokenizer, { config: given, inputs: {} });
    await import_tokenizer.run(fake.ctx);
    const { tokenizer } = fake.collected();
    const settings = new TextDecoder().decode(tokenizer.get("tokenizer_config.json"));
    assert.match(JSON.parse(settings).chat_template, /Assistant:/);
    assert.equal(tokenizer.has("chat_template.jinja"), false);
    const { error } = import_tokenizer.config.safeParse({ ...given, chat_template: "chatml" });
    assert.match(String(error), /needs the tokens <\|im_start\|> and/);
  }));

const { config } = import_tokenizer;

Deno.test("the content is part of the config, and a change is detected", () =>
  withTokenizer((folder) => {
    const first = config.parse({ folder });
    assert.deepEqual(config.parse(first), first);
    Deno.writeTextFileSync(join(folder, "tokenizer_config.json"), '{"eos_token":"t1"}');
    assert.notEqual(config.parse({ folder }).digest, first.digest);
    assert.throws(() => config.parse(first), /has changed; run the recipe again/);
  }));

Deno.test("a folder without a tokenizer gives an error", () =>
  withTokenizer((folder) => {
    assert.throws(
      () => config.parse({ folder: join(folder, "nothing") }),
      /nothing does not exist/,
    );
  }));

Deno.test("a folder with the files of another format says how to make a tokenizer.json", () =>
  withTokenizer((folder) => {
    Deno.removeSync(join(folder, "tokenizer.json"));
    Deno.writeTextFileSync(join(folder, "vocab.json"), "{}");
    assert.throws(
      () => config.parse({ folder }),
      /has no tokenizer\.json, but vocab\.json; make it with transformers.*: python -c '.*save_pretrained\(\\"\/.*\\"\)'/,
    );
  }));

Deno.test("a Git LFS pointer in place of tokenizer.json is named; a byte order mark is ignored", () =>
  withTokenizer(async (folder) => {
    const take = async () =>
      await import_tokenizer.run(
        (await fakeContext(import_tokenizer, { config: { folder }, inputs: {} })).ctx,
      );
    const path = join(folder, "tokenizer.json");
    Deno.writeTextFileSync(path, `\ufeff${Deno.readTextFileSync(path)}`);
    await take();
    Deno.writeTextFileSync(path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    await assert.rejects(take(), /tokenizer\.json is a Git LFS pointer .*; run git lfs pull/);
  }));

Deno.test("the recipe may name the token that ends texts", () =>
  withTokenizer(async (folder) => {
    Deno.writeTextFileSync(join(folder, "tokenizer_config.json"), "{}");
    Deno.writeTextFileSync(join(folder, "chat_template.jinja"), "{{ messages }}");
    const take = async (given: object) => {
      const fake = await fakeContext(import_tokenizer, {
        config: { folder, ...given },
        inputs: {},
      });
      await import_tokenizer.run(fake.ctx);
      return fake.collected().tokenizer;
    };
    const files = await take({ end_of_text: "t7" });
    const text = (name: string) => new TextDecoder().decode(files.get(name));
    assert.deepEqual(JSON.parse(text("tokenizer_config.json")), { eos_token: "t7" });
    assert.equal(text("chat_template.jinja"), "{{ messages }}");
    await assert.rejects(take({}), /no end-of-text token/);
    await assert.rejects(take({ end_of_text: "t99" }), /end_of_text "t99" is not a token/);
  }));

Deno.test("a tokenizer on the hub is pinned to its commit, and only its files are downloaded", () =>
  withHub({
    "org/tiny": { ...TINY_TOKENIZER, "model.safetensors": new Uint8Array(9), "README.md": "hello" },
    "org/bare": { "README.md": "hello" },
  }, async (hub) => {
    const parsed = await config.parseAsync({ hub: "org/tiny" });
    assert.match(parsed.hub!, /^org\/tiny@[0-9a-f]{40}$/);
    assert.deepEqual(await config.parseAsync(parsed), parsed);
    const fake = await fakeContext(import_tokenizer, { config: parsed, inputs: {} });
    await import_tokenizer.run(fake.ctx);
    const { tokenizer } = fake.collected();
    assert.deepEqual([...tokenizer.keys()].sort(), Object.keys(TINY_TOKENIZER).sort());
    const fetched = hub.requests.map(({ path }) => path).filter((path) =>
      path.includes("/resolve/")
    );
    assert.equal(fetched.length, Object.keys(TINY_TOKENIZER).length); // once, then from the cache
    const message = async (given: object) =>
      (await config.safeParseAsync(given)).error!.issues[0].message;
    assert.match(await message({ hub: "org/bare" }), /tokenizer.json/);
    assert.match(await message({ hub: "org/none" }), /the hub has no model org\/none/);
    assert.match(await message({ ...parsed, digest: "x" }), /has changed; run the recipe again/);
    assert.match(await message({}), /set either folder or hub/);
  }));
