import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { PresetName } from "../model/mod.ts";
import { modelConfig } from "./config.ts";
import { trainingMemory } from "./forecast.ts";

/** What the formula may be off by. */
const TOLERANCE = 0.2;

const sum = (parts: Record<string, number>) => Object.values(parts).reduce((a, b) => a + b);

async function measured(preset: PresetName, ...numbers: number[]): Promise<number> {
  const script = fileURLToPath(new URL("./testdata/training_memory.ts", import.meta.url));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "-A", script, preset, ...numbers.map(String)],
  }).output();
  const bytes = Number(new TextDecoder().decode(stdout));
  assert.ok(bytes > 0, new TextDecoder().decode(stderr));
  return bytes;
}

// A small vocabulary, whose logits come in chunks that fit the cache; and Pythia's, whose do not.
const CASES = [
  ["mini", 4096, 8, 256, 0, 1],
  ["pythia-14m", 50304, 2, 512, 0, 1],
  ["llama-mini", 4096, 16, 256, 0, 1],
  ["mini", 4096, 8, 256, 2, 4],
] as const;

for (const [preset, vocab_size, rows, length, workers, micro_batches] of CASES) {
  Deno.test({
    name: `memory of training ${preset} with ${workers} workers is estimated within 20%`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const model = modelConfig(preset, vocab_size), shape = { rows, length };
      const estimated = sum(trainingMemory(model, shape, workers, micro_batches));
      const bytes = await measured(preset, vocab_size, rows, length, workers, micro_batches);
      const off = estimated / bytes - 1;
      assert.ok(Math.abs(off) < TOLERANCE, `${estimated} estimated, ${bytes} measured: ${off}`);
    },
  });
}

Deno.test("state needs 16 bytes a parameter, and activations grow with the micro-batch", () => {
  const model = modelConfig("pythia-70m", 50304);
  const small = trainingMemory(model, { rows: 2, length: 512 });
  const large = trainingMemory(model, { rows: 4, length: 512 });
  const { weights, gradients, moments } = small;
  assert.equal(weights + gradients + moments, 16 * 70_426_624);
  assert.equal(large.activations, 2 * small.activations);
});
