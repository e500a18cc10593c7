/**
 * Rotary settings against transformers; tests/parity/make_rope_fixtures.py makes the fixtures.
 */
import assert from "node:assert/strict";
import { familyOf, parseConfig, rotaryAngles } from "./mod.ts";

interface Case {
  config: Record<string, unknown>;
  /** Null where transformers raises. */
  expected: { inv_freq: number[]; scale: number } | null;
}

const CASES: Case[] = JSON.parse(
  await Deno.readTextFile(new URL("../../tests/fixtures/rope.json", import.meta.url)),
);

function anglesOf(given: Case["config"]) {
  try {
    const config = parseConfig(given, "config.json");
    return rotaryAngles(familyOf(config).attentionShape(config));
  } catch (error) {
    assert.match((error as Error).message, /^config\.json: .*rope|rotary|original_max/);
  }
}

Deno.test("random spellings of rotary settings are read as transformers does, or refused", () => {
  let equal = 0;
  for (const { config, expected } of CASES) {
    const angles = anglesOf(config);
    if (angles === undefined) continue;
    const about = JSON.stringify({ config, expected });
    assert.ok(expected, about);
    assert.equal(angles.divisors.length, expected.inv_freq.length, about);
    assert.ok(Math.abs(angles.scale - expected.scale) < 1e-6, about);
    expected.inv_freq.forEach((frequency, i) => {
      assert.ok(Math.abs(angles.divisors[i] * frequency - 1) < 1e-5, about);
    });
    equal++;
  }
  assert.ok(equal > CASES.length / 2, `only ${equal} of ${CASES.length} are read`);
});
