/**
 * Files of a model with each node deleted or replaced: they load, or are refused with an error that names the file.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../../tests/shared/commands.ts";
import { assertRefused, mutants } from "../../tests/shared/json_mutants.ts";
import { fixtureFolder, MODEL_FIXTURES } from "../../tests/shared/model_fixtures.ts";
import { familyOf, loadModelFiles, openModel, parseConfig, toHuggingFace } from "./mod.ts";
import { rotaryAngles } from "./rope.ts";

const configOf = (name: string) =>
  JSON.parse(Deno.readTextFileSync(new URL("config.json", fixtureFolder(name))));

Deno.test("a malformed config.json is refused by name", async () => {
  for (const name of MODEL_FIXTURES) {
    const { valid } = await assertRefused(mutants(configOf(name), 100), (value) => {
      const config = parseConfig(value, "config.json");
      const shape = familyOf(config).attentionShape(config);
      // Its tensors refuse a wider head before this is computed.
      if (shape.rotary_dim < 1024) rotaryAngles(shape);
      toHuggingFace(config);
    }, /^config\.json/);
    assert.ok(valid > 0);
  }
});

const LENGTH_BYTES = 8;

/** A safetensors file with another header. */
function withHeader(bytes: Uint8Array, header: unknown): Uint8Array<ArrayBuffer> {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const text = new TextEncoder().encode(JSON.stringify(header));
  const all = new Uint8Array(LENGTH_BYTES + text.length + bytes.length - LENGTH_BYTES - length);
  new DataView(all.buffer).setBigUint64(0, BigInt(text.length), true);
  all.set(text, LENGTH_BYTES);
  all.set(bytes.subarray(LENGTH_BYTES + length), LENGTH_BYTES + text.length);
  return all;
}

Deno.test("so are the header of a safetensors file, and the index of several", () =>
  withFolder(async (folder) => {
    const config = configOf("llama/grouped_tied");
    const path = (name: string) => join(folder, name);
    Deno.writeTextFileSync(path("config.json"), JSON.stringify(config));
    const bytes = Deno.readFileSync(
      new URL("model.safetensors", fixtureFolder("llama/grouped_tied")),
    );
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(
      new TextDecoder().decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length)),
    );
    const weights = "weights.safetensors", index = "model.safetensors.index.json";
    const open = async () => {
      const names = ["config.json", weights, index];
      await loadModelFiles(await openModel({ names, path }, "the model"));
    };
    const names = Object.keys(header).filter((name) => name !== "__metadata__");
    const weight_map = Object.fromEntries(names.map((name) => [name, weights]));
    const good = { metadata: { total_size: 1 }, weight_map };
    Deno.writeTextFileSync(path(index), JSON.stringify(good));
    const headers = mutants({ __metadata__: { format: "pt" }, ...header }, 4);
    await assertRefused(headers, async (value) => {
      Deno.writeFileSync(path(weights), withHeader(bytes, value));
      await open();
    }, /^the model/);
    Deno.writeFileSync(path(weights), bytes);
    const { valid } = await assertRefused(mutants(good, 4), async (value) => {
      Deno.writeTextFileSync(path(index), JSON.stringify(value));
      await open();
    }, /^the model|index\.json/);
    assert.ok(valid > 0);
  }));
