import assert from "node:assert/strict";
import { explainMismatch } from "./tensor_mismatch.ts";

Deno.test("tensors that do not fit a config have a likely cause and a fix", () => {
  const layer = (i: number, name = "mlp.up_proj.weight") => `model.layers.${i}.${name}`;
  const cases: [missing: string[], extra: string[], message: RegExp][] = [
    [["lm_head.weight"], [], /set tie_word_embeddings to true in config\.json$/],
    [
      [layer(0)],
      ["base_model.model.layers.0.lora_A.weight"],
      /LoRA adapter: merge it .* merge_and_unload/,
    ],
    [
      [layer(0)],
      [layer(0, "mlp.up_proj.qweight")],
      /weights are quantized: use the model's original/,
    ],
    [
      [],
      [layer(2), layer(3)],
      /has num_hidden_layers 2, and the weights have 4 layers: use the config/,
    ],
    [[], [layer(0, "self_attn.q_proj.bias")], /without these biases: check attention_bias/],
    [[layer(1)], [], /^a file of the weights may be missing, or config\.json is of another model/],
    [
      [layer(0), "lm_head.weight"],
      [layer(0).slice(6)],
      /saved without the output head: load .* AutoModelForCausalLM/,
    ],
    [
      ["model.norm.weight"],
      ["transformer.ln_f.weight"],
      /^config\.json describes another model: use/,
    ],
  ];
  for (const [missing, extra, message] of cases) {
    assert.match(explainMismatch({ num_hidden_layers: 2 }, { missing, extra }), message);
  }
});
