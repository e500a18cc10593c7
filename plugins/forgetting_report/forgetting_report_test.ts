import assert from "node:assert/strict";
import { batchOf, ports } from "@causeway/core/stage";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { forgetting_report } from "./mod.ts";

const LOSSES: Record<string, Record<string, number>> = {
  trunk_1: { general: 4, pycode: 7, sums: 8 },
  trunk_2: { general: 4.5, pycode: 7, sums: 8 },
  none_1: { general: 5, pycode: 5, sums: 8 },
  none_2: { general: 5.7, pycode: 5.2, sums: 8 },
  half_1: { general: 4.1, pycode: 5.4, sums: 8 },
  half_2: { general: 4.6, pycode: 5.6, sums: 8 },
  worse_1: { general: 5.2, pycode: 5.5, sums: 8 },
  worse_2: { general: 5.8, pycode: 5.6, sums: 8 },
  sums: { general: 4.8, pycode: 6, sums: 2 },
};

const evaluation = {
  all: batchOf(
    ports.evaluation,
    Object.entries(LOSSES).flatMap(([model, of]) =>
      Object.entries(of).map(([source, loss]) => {
        return { model, source, loss, bits_per_byte: null, tokens: 100 };
      })
    ),
  ),
};

const config = {
  title: "Replay",
  tradeoffs: [{
    target: "pycode",
    general: "general",
    points: ["none", "half", "worse"].flatMap((label) =>
      [1, 2].map((t) => ({ label, model: `${label}_${t}`, before: `trunk_${t}` }))
    ),
  }],
  chains: [{
    label: "Three stages",
    models: ["trunk_1", "none_1", "sums"].map((model) => ({ label: `after ${model}`, model })),
  }],
};

conformance(forgetting_report, [{ name: "both parts", config, inputs: { evaluation } }]);

async function run(change: object = {}) {
  const fake = await fakeContext(forgetting_report, {
    config: { ...config, ...change } as typeof config,
    inputs: { evaluation },
  });
  await forgetting_report.run(fake.ctx);
  return fake.collected();
}

const near = (actual: ArrayLike<number | null>, expected: number[]) =>
  expected.forEach((value, i) => assert.ok(Math.abs(actual[i]! - value) < 1e-12, `${actual[i]}`));

Deno.test("points are means over trunks, and those that another one dominates are not efficient", async () => {
  const { tradeoff, report } = await run();
  assert.deepEqual(tradeoff.label, ["none", "half", "worse"]);
  near(tradeoff.target_loss, [5.1, 5.5, 5.55]);
  near(tradeoff.forgetting, [1.1, 0.1, 1.25]);
  near(tradeoff.sd_target_loss, [Math.SQRT2 * 0.1, Math.SQRT2 * 0.1, Math.SQRT2 * 0.05]);
  assert.deepEqual([...tradeoff.efficient], [1, 1, 0]);
  assert.deepEqual([...tradeoff.runs], [2, 2, 2]);
  const svg = new TextDecoder().decode(report.get("figures/tradeoff.svg"));
  for (const label of ["none", "half", "worse"]) assert.match(svg, new RegExp(`>${label}<`));
});

Deno.test("what a stage forgets is counted from the best stage before, on every source", async () => {
  const { retention } = await run();
  const row = (stage: string, source: string) => {
    const i = retention.stage.findIndex((name, j) =>
      name === `after ${stage}` && retention.source[j] === source
    );
    return {
      loss: retention.loss[i],
      change: retention.change[i],
      forgotten: retention.forgotten[i],
    };
  };
  assert.deepEqual(row("trunk_1", "general"), { loss: 4, change: null, forgotten: 0 });
  assert.deepEqual(row("none_1", "pycode"), { loss: 5, change: -2, forgotten: 0 });
  assert.deepEqual(row("sums", "pycode"), { loss: 6, change: 1, forgotten: 1 });
  near([row("sums", "general").change, row("sums", "general").forgotten], [-0.2, 0.8]);
  assert.equal(retention.stage.length, 9);
});

Deno.test("models and sources that were not evaluated are named", async () => {
  const points = [{ label: "0%", model: "nothing", before: "trunk_1" }];
  await assert.rejects(
    () => run({ tradeoffs: [{ ...config.tradeoffs[0], points }] }),
    /no loss of model "nothing" on source "pycode"/,
  );
  await assert.rejects(
    () => run({ tradeoffs: [], chains: [] }),
    /at least one of tradeoffs and chains/,
  );
});
