import assert from "node:assert/strict";
import { parseAction, SIZES } from "./options.ts";
import { parameterCount } from "@causeway/core/model";

Deno.test("the flags choose between measuring, packing and reporting", () => {
  assert.deepEqual(parseAction(["--pack", "out/gpu.sh"]), { do: "pack", file: "out/gpu.sh" });
  assert.deepEqual(parseAction(["--report", "gpu.json"]), { do: "report", file: "gpu.json" });
  assert.equal(parseAction(["--help"]), undefined);
  const action = parseAction(["--sizes", "mini,tiny", "--modes", "bf16,float32"]);
  assert.ok(action?.do === "measure");
  assert.deepEqual(action.options.sizes.map(({ name }) => name), ["tiny", "mini"]);
  assert.deepEqual(action.options.modes, ["float32", "bf16"]);
  assert.equal(action.options.device, "webgpu");
});

Deno.test("a wrong flag is named with what it may be", () => {
  const refuses = (args: string[], message: RegExp) =>
    assert.throws(() => parseAction(args), message);
  refuses(["--device", "tpu"], /--device must be one of webgpu, cuda, cpu, got "tpu"/);
  refuses(["--sizes", "huge"], /--sizes must be some of tiny, mini/);
  refuses(["--budget", "0"], /--budget must be a whole number >= 1/);
  refuses(["--pack", "a", "--sizes", "tiny"], /--pack goes without other flags/);
});

Deno.test("the models come smallest first, so that a run that ends early has results", () => {
  const counts = SIZES.map(({ config }) => parameterCount(config));
  assert.deepEqual(counts, counts.toSorted((a, b) => a - b));
});
