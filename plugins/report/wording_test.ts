import assert from "node:assert/strict";
import { count, decimals, list, percent, signed } from "@causeway/core/report";
import { report_config } from "./inputs.ts";
import { computeResults } from "./results.ts";
import { SAMPLE_CONFIG } from "./testdata/sample.ts";
import {
  methodSentences,
  repetitionSentence,
  resultSentences,
  similaritySentence,
} from "./wording.ts";

const config = report_config.parse({ ...SAMPLE_CONFIG, base: undefined });

/** What the report says about two arms whose losses are [before, after] on pycode and on general text. */
function said(
  control: [number, number, number, number],
  midtrained: [number, number, number, number],
): string {
  const row = (model: string, source: string, loss: number) => ({
    model,
    source,
    loss,
    bits_per_byte: null,
    tokens: 1,
  });
  const rows = Object.entries({ control, midtrained }).flatMap(([name, losses]) => [
    row(name, "pycode", losses[0]),
    row(`${name}_sft`, "pycode", losses[1]),
    row(name, "general", losses[2]),
    row(`${name}_sft`, "general", losses[3]),
  ]);
  return resultSentences(config, computeResults(config, rows)!).join(" ");
}

Deno.test("a midtrained arm that does better is called better", () => {
  const text = said([4, 3, 5, 5.5], [3.5, 2.9, 5, 5.3]);
  assert.match(text, /is 2.900 nats\/token for Code-midtrained and 3.000 for Control/);
  // exp(-0.1) - 1 = -9.5%
  assert.match(text, /Code-midtrained is better by 0.100 nats\/token \(9.5% lower perplexity\)/);
  assert.match(text, /Code-midtrained forgot 0.200 nats\/token less/);
});

Deno.test("a midtrained arm that does worse is called worse", () => {
  const text = said([4, 2.9, 5, 5.3], [3.5, 3, 5, 5.5]);
  assert.match(text, /Code-midtrained is worse by 0.100 nats\/token \(10.5% higher perplexity\)/);
  assert.match(text, /Code-midtrained forgot 0.200 nats\/token more/);
  assert.doesNotMatch(text, /is better by/);
});

Deno.test("equal arms are reported as equal, and no forgetting as none", () => {
  const equal = said([4, 3, 5, 5.5], [4, 3.0004, 5, 5.5]);
  assert.match(equal, /Control: no difference at three decimals/);
  assert.match(equal, /no difference in forgetting/);
  const gained = said([4, 3, 5, 4.9], [4, 3, 5, 4.7]);
  assert.match(gained, /no forgetting in either; the loss of Code-midtrained fell by 0.200 more/);
});

Deno.test("one arm alone is reported without a comparison", () => {
  const alone = { ...config, arms: config.arms.slice(0, 1) };
  const rows = ["control", "control_sft"].flatMap((model, i) =>
    ["pycode", "general"].map((source) => ({
      model,
      source,
      loss: 4 - i,
      bits_per_byte: 1,
      tokens: 1,
    }))
  );
  const [sentence] = resultSentences(alone, computeResults(alone, rows)!);
  assert.match(sentence, /^Control: fine-tuning changed the loss on pycode by -1.000 nats\/token/);
  assert.match(methodSentences(alone)[1], /no other arm to compare it with/);
});

Deno.test("sources are listed by similarity to the target, in whichever order a pair is given", () => {
  const row = (a: string, b: string, similarity: number) => ({
    a,
    b,
    similarity,
    cosine: 0,
    jaccard: 0,
    overlap: 0,
    jensen_shannon: 0,
    ci_low: null,
    ci_high: null,
  });
  const rows = [
    row("general", "pycode", 0.4),
    row("pycode", "code", 0.7),
    row("pycode", "pycode", 1),
  ];
  assert.equal(
    similaritySentence(rows, "pycode"),
    "Most similar to pycode, in order: code (0.700) and general (0.400).",
  );
  assert.equal(similaritySentence(rows, "gsm8k"), undefined);
});

Deno.test("repeated data is listed", () => {
  const row = {
    from_token: 0,
    to_token: 50,
    source: "code",
    requested_share: 0.2,
    achieved_share: 0.2,
    tokens: 10,
    available_tokens: 10,
    phase_epochs: 1,
    epochs: 1,
  };
  assert.match(repetitionSentence({ midtrained: [row] }), /^No source was repeated/);
  assert.match(
    repetitionSentence({ midtrained: [{ ...row, epochs: 1.5 }] }),
    /code in midtrained \(1.50 epochs\)/,
  );
});

Deno.test("numbers as text", () => {
  assert.equal(signed(0.0001), "0.000");
  assert.equal(signed(-0.0001), "0.000");
  assert.equal(signed(0.25, 1), "+0.3");
  assert.equal(signed(null), "–");
  assert.equal(decimals(-2), "-2.000");
  assert.equal(count(1234567.4), "1,234,567");
  assert.equal(count(999), "999");
  assert.equal(percent(0.2), "20.0%");
  assert.equal(list(["a", "b", "c"]), "a, b and c");
});
