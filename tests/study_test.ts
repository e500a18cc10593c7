import assert from "node:assert/strict";
import { join } from "node:path";
import type { StudySettings } from "../recipes/paper/settings.ts";
import { studyRecipe } from "../recipes/paper/study.ts";
import { checkRecipe } from "@causeway/core/recipe";
import { forecastRecipe, run } from "@causeway/core/runner";
import { Random } from "@causeway/core/random";
import { TINY_MODEL } from "./shared/tiny_training.ts";

/** Documents of words that start with the first letter of the source. */
function documents(source: string, count: number): string {
  const random = new Random(7, source, 0);
  return Array.from({ length: count }, (_, i) => {
    const words = Array.from({ length: 40 }, () => `${source[0]}${random.below(20)}`);
    return JSON.stringify({ question: `${source} ${i}?`, text: words.join(" ") });
  }).join("\n");
}

function settingsIn(folder: string): StudySettings {
  const source = (name: string, count: number, prompt?: string) => {
    const path = join(folder, `${name}.jsonl`);
    Deno.writeTextFileSync(path, documents(name, count));
    return [{ dataset: `${name}_set`, records: { path, ...(prompt && { prompt }) } }];
  };
  return {
    name: "tiny_study",
    title: "A tiny study",
    description: "All parts of a study on random words.",
    seed: 1,
    facts: { text: "random words" },
    data: {
      sources: {
        general: source("general", 400),
        code: source("code", 200),
        math: source("math", 200),
        pycode: source("code_questions", 40, "{question} "),
        sums: source("math_questions", 40),
      },
      vocab_size: 300,
      validation_share: 0.2,
    },
    model: TINY_MODEL,
    general: "general",
    groups: { both: { code: 1, math: 3 } },
    trunk_seeds: 2,
    sequence_length: 32,
    global_batch_size: 4,
    micro_batch_size: 4,
    horizon_steps: 10,
    schedule: { peak_lr: 1e-2 },
    compute: { threads: 1 },
    validation: { every_steps: 5, max_sequences: 4 },
    midtraining: [
      { name: "code", label: "20% code", specialised: "code", weight: 0.2, start: 0.2 },
      { name: "both", label: "24% of both", specialised: "both", weight: 0.24, start: 0.5 },
    ],
    targets: [{ name: "pycode", label: "Pycode" }, { name: "sums", label: "Sums" }],
    matched: { code: "pycode", both: "sums" },
    continued: { specialised: ["code"], starts: [0.5] },
    grid: { specialised: "code", weight: 0.2, starts: [0.5], weights: [0.4], weight_starts: [0.5] },
    along_run: { arm: "code", at: [0.5] },
    fine_tuning: {
      epochs: 1,
      sequence_length: 32,
      global_batch_size: 8,
      micro_batch_size: 8,
      schedule: { peak_lr: 1e-3 },
      validation: { every_steps: 1000, max_sequences: 4 },
      save_optimizer: false,
    },
    rates: [1e-3, 1e-2],
    seeds: [1, 2],
    cka: {
      config: {
        probes: ["general", "code"],
        sequence_length: 32,
        max_sequences: 8,
        micro_batch_size: 4,
      },
      pairs: [{ arm: "code", target: "pycode" }],
    },
  };
}

Deno.test("a study runs from text to report, and a second run skips everything", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const recipe = studyRecipe(settingsIn(folder));
    const out = join(folder, "out");
    const first = await run(recipe, { out });
    assert.equal(first.state, "finished");
    const again = await run(recipe, { out });
    assert.ok(again.steps.every(({ state }) => state === "skipped"));
    assert.deepEqual(again.published, first.published);
    const summary = await Deno.readTextFile(join(out, "tiny_study", "summary.txt"));
    assert.match(summary, /20% code/);
    assert.ok((await Deno.readTextFile(join(out, "tiny_study", "report.html"))).includes("Pycode"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("every arm is fine-tuned at the learning rate that was best on the control", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const recipe = studyRecipe(settingsIn(folder));
    const tunings = recipe.steps.filter(({ stage }) => stage?.name === "sft");
    for (const { id, inputs, config } of tunings) {
      const target = id.split(".")[1];
      assert.equal((inputs.learning_rates as { step: string }).step, `rates_${target}`);
      assert.deepEqual((config as { sources: string[] }).sources, [target]);
    }
    // Control and two arms on two targets; three ablations and two stopped arms on one; two seeds, two trunks.
    assert.equal(tunings.length, 2 * 2 * (3 * 2 + 3 + 2));
    const sweep = recipe.steps.find(({ id }) => id === "rates_sums")!;
    assert.equal((sweep.inputs.checkpoint as { step: string }).step, "trunk_to_10");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("decays, arms with equal tokens and sweeps on every checkpoint have a valid plan", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const settings = settingsIn(folder);
    const recipe = await checkRecipe(studyRecipe({
      ...settings,
      trunk: { shape: "constant", decay: "1-sqrt", decay_share: 0.2 },
      rates_of: "every_checkpoint",
      grid: { ...settings.grid!, starts: [0.2, 0.5], match: "both" },
      continued: { ...settings.continued!, match: "both" },
    }));
    const forecasts = await forecastRecipe(recipe, join(folder, "out"));
    const training = new Map(forecasts.flatMap(({ id, forecast }) => {
      return forecast?.training ? [[id, forecast.training]] : [];
    }));
    const ends = (id: string) => {
      const { to_step, points } = training.get(id)!;
      return [to_step, points[0].learning_rate, points.at(-1)!.learning_rate];
    };
    assert.deepEqual(ends("trunk_to_8_t2"), [8, 1e-2, 1e-2]);
    const half = 1e-2 * (1 - Math.SQRT1_2);
    for (const id of ["control", "code", "code_16_from_scratch", "code_only_matched_t2"]) {
      const [step, first, last] = ends(id);
      assert.deepEqual([step, last], [10, 0], id);
      assert.ok(Math.abs(first - half) < 1e-15, `${id}: ${first}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
