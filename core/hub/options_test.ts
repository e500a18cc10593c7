import assert from "node:assert/strict";
import { join } from "node:path";
import { hubOptionsFromEnvironment, hubSettings } from "./options.ts";

const read = (variables: Record<string, string>) =>
  hubOptionsFromEnvironment((name) => variables[name]);

Deno.test("the cache is where Python's library keeps it", () => {
  const cache = (variables: Record<string, string>) => read({ HOME: "/h", ...variables }).cache;
  assert.equal(cache({}), "/h/.cache/huggingface/hub");
  assert.equal(cache({ XDG_CACHE_HOME: "/x" }), "/x/huggingface/hub");
  assert.equal(cache({ HF_HOME: "~/hf", XDG_CACHE_HOME: "/x" }), "/h/hf/hub");
  assert.equal(cache({ HF_HOME: "/hf", HUGGINGFACE_HUB_CACHE: "/old" }), "/old");
  assert.equal(
    cache({ HF_HUB_CACHE: "$SCRATCH/${NAME}/$NONE", SCRATCH: "/s", NAME: "n" }),
    "/s/n/$NONE",
  );
  assert.equal(cache({ HF_HUB_CACHE: "" }), "/h/.cache/huggingface/hub");
});

Deno.test("the token comes from HF_TOKEN, else from a file", async () => {
  const home = await Deno.makeTempDir();
  try {
    assert.equal(read({ HF_HOME: home }).token, undefined);
    await Deno.writeTextFile(join(home, "token"), "hf_file\n");
    await Deno.writeTextFile(join(home, "other"), " hf_other\r\n");
    assert.equal(read({ HF_HOME: home }).token, "hf_file");
    assert.equal(read({ HF_HOME: home, HF_TOKEN_PATH: join(home, "other") }).token, "hf_other");
    assert.equal(read({ HF_HOME: home, HF_TOKEN: " hf_variable\n" }).token, "hf_variable");
    assert.equal(read({ HF_HOME: home, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }).token, undefined);
    await Deno.mkdir(join(home, "folder"));
    const wrong = { HF_HOME: home, HF_TOKEN_PATH: join(home, "folder") };
    assert.throws(() => read(wrong), /cannot read the access token in .*folder/);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("either variable means offline", () => {
  assert.equal(read({}).offline, false);
  assert.equal(read({ HF_HUB_OFFLINE: "0" }).offline, false);
  assert.equal(read({ HF_HUB_OFFLINE: "true" }).offline, true);
  assert.equal(read({ CAUSEWAY_OFFLINE: "1" }).offline, true);
});

Deno.test("an invalid endpoint or token is refused", () => {
  assert.equal(read({ HF_ENDPOINT: "https://hub.example/" }).endpoint, "https://hub.example/");
  assert.equal(hubSettings({ endpoint: "https://hub.example/" }).endpoint, "https://hub.example");
  for (const endpoint of ["hub.example", "file:///etc", "localhost:80"]) {
    assert.throws(() => hubSettings({ endpoint }), /is not a URL of a hub; correct HF_ENDPOINT/);
  }
  assert.throws(() => hubSettings({ token: "hf_a b" }), /HF_TOKEN\) contains spaces/);
});
