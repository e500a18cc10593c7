/**
 * The WebAssembly kernels of core/engine are what their source says. `deno task kernels` compiles them.
 *
 * @module
 */
import assert from "node:assert/strict";
import wabt from "wabt";

const SOURCE = new URL("../../core/engine/kernels/kernels.wat", import.meta.url);
const COMPILED = new URL("../../core/engine/kernels/kernels_wasm.ts", import.meta.url);

/** The module that kernels.ts loads, from its source. */
async function compiledModule(): Promise<string> {
  const { parseWat } = await wabt();
  const features = { simd: true, threads: true, memory64: true, multi_memory: true };
  const module = parseWat("kernels.wat", await Deno.readTextFile(SOURCE), features);
  const { buffer } = module.toBinary({});
  module.destroy();
  const lines = buffer.toBase64().match(/.{1,96}/g)!.map((line) => `  "${line}"`);
  return `/** kernels.wat, compiled by \`deno task kernels\`, in Base64. */\nexport const KERNELS_WASM =\n${
    lines.join(" +\n")
  };\n`;
}

if (Deno.args.includes("--write")) await Deno.writeTextFile(COMPILED, await compiledModule());
else {
  Deno.test("the WebAssembly kernels are compiled from kernels.wat", async () => {
    assert.equal(await Deno.readTextFile(COMPILED), await compiledModule());
  });
}
