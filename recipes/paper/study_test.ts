import assert from "node:assert/strict";
import type { StudySettings } from "./settings.ts";
import { studyRecipe } from "./study.ts";

/** Nothing of it is read: the recipe is only written. */
const sources = Object.fromEntries(
  ["c4", "code", "q4", "q1", "pycode", "sciq"].map((name) => [name, [{ dataset: name }]]),
);

const SETTINGS: StudySettings = {
  name: "written",
  title: "A study",
  description: "A study that is not run.",
  seed: 40,
  data: { sources },
  model: "mini",
  general: "c4",
  groups: { qa: { q4: 3, q1: 1 } },
  sequence_length: 8,
  global_batch_size: 4,
  micro_batch_size: 4,
  horizon_steps: 100,
  schedule: { peak_lr: 1e-3, min_lr: 1e-5 },
  compute: {},
  validation: { every_steps: 50, max_sequences: 4 },
  midtraining: [
    { name: "code", label: "code", specialised: "code", weight: 0.2, start: 0.1 },
    { name: "qa", label: "questions", specialised: "qa", weight: 0.2, start: 0.5 },
  ],
  targets: [{ name: "pycode", label: "Pycode" }, { name: "sciq", label: "SciQ" }],
  matched: { code: "pycode", qa: "sciq" },
  fine_tuning: { schedule: { peak_lr: 1e-3 } },
  rates: [1e-3],
  seeds: [1, 2],
};

type Fields = Record<string, unknown>;

/** The steps of a recipe by id, with plain configs. */
function stepsOf(changes: Partial<StudySettings> = {}) {
  const draft = studyRecipe({ ...SETTINGS, ...changes });
  if (draft.thrown) throw draft.thrown.error;
  return new Map(draft.steps.map(({ id, stage, config, inputs, seed }) => {
    return [id, { stage: stage!.name, config: config as Fields, inputs: inputs as Fields, seed }];
  }));
}

const ids = (steps: ReturnType<typeof stepsOf>, stage: string) =>
  [...steps].filter(([, step]) => step.stage === stage).map(([id]) => id);

const factsOf = (steps: ReturnType<typeof stepsOf>) => {
  const facts = steps.get("report")!.config.facts as { name: string; value: string }[];
  return Object.fromEntries(facts.map(({ name, value }) => [name, value]));
};

const origin = (input: unknown) => (input as { step: string }).step;

Deno.test("each trunk is a whole copy of the training with a seed of its own; the first has the plain names", () => {
  const one = stepsOf(), three = stepsOf({ trunk_seeds: 3 });
  for (const stage of ["pretrain", "midtrain", "sft"]) {
    const plain = ids(one, stage);
    const all = ["", "_t2", "_t3"].flatMap((end) => plain.map((id) => `${id}${end}`));
    assert.deepEqual(ids(three, stage).toSorted(), all.toSorted());
    for (const id of plain) {
      assert.deepEqual(three.get(id), one.get(id)); // its results stay valid
      const [first, second] = [three.get(id)!, three.get(`${id}_t2`)!];
      assert.deepEqual(second.config, first.config);
      // Fine-tuning has the same seeds in every trunk: runs are compared in pairs.
      assert.equal(second.seed, stage === "sft" ? first.seed : 41);
    }
  }
  assert.equal(origin(three.get("code_t3")!.inputs.checkpoint), "trunk_to_10_t3");
  assert.equal(origin(three.get("code.sciq.2_t3")!.inputs.checkpoint), "code_t3");
  assert.deepEqual(ids(three, "lr_sweep"), ["rates_pycode", "rates_sciq"]);
  assert.equal(origin(three.get("code.sciq.2_t3")!.inputs.learning_rates), "rates_sciq");
  const runs = three.get("comparison")!.config.runs as { label: string; trunk: number }[];
  assert.equal(runs.length, 3 * 3 * 2 * 2);
  assert.equal(runs.find(({ label }) => label === "qa.pycode.1_t2")!.trunk, 1);
  const facts = factsOf(three);
  assert.equal(facts["seeds of pretraining, one for each trunk"], "40, 41, 42");
  assert.match(facts["learning rates of fine-tuning"], /control of the first trunk/);
});

Deno.test("learning rates may be chosen on every checkpoint", () => {
  const steps = stepsOf({ trunk_seeds: 2, rates_of: "every_checkpoint" });
  // Three arms of two trunks on two targets.
  assert.equal(ids(steps, "lr_sweep").length, 3 * 2 * 2);
  for (const id of ids(steps, "sft")) {
    const { checkpoint, learning_rates } = steps.get(id)!.inputs;
    const sweep = steps.get(origin(learning_rates))!;
    assert.equal(origin(sweep.inputs.checkpoint), origin(checkpoint), id);
    assert.deepEqual(sweep.config.sources, [id.split(".")[1]]);
  }
});

Deno.test("a group is drawn, compared and counted by its sources", () => {
  const steps = stepsOf();
  assert.deepEqual(steps.get("qa")!.config.mixture, { c4: 0.8, q4: 0.15, q1: 0.05 });
  const { mixtures } = steps.get("distances")!.config as { mixtures: Fields };
  assert.deepEqual(mixtures.qa, { q4: 0.75, q1: 0.25 });
  assert.deepEqual(mixtures.questions, { c4: 0.8, q4: 0.15, q1: 0.05 });
  assert.deepEqual(steps.get("bridge")!.config.groups, { qa: { q4: 0.75, q1: 0.25 } });
  const arms = steps.get("comparison")!.config.arms as Fields[];
  assert.deepEqual(arms.map((arm) => arm.specialised_sources), [[], ["code"], ["q4", "q1"]]);
  assert.equal(factsOf(steps)["sources of qa"], "q4 75%, q1 25%");
});

Deno.test("off a constant trunk every arm decays on its own mixture, and the facts say what it costs", () => {
  const trunk = { shape: "constant", decay: "1-sqrt", decay_share: 0.2 } as const;
  const steps = stepsOf({ trunk, along_run: { arm: "code", at: [0.4] } });
  const first = steps.get("trunk_to_10")!.config;
  assert.deepEqual(first.schedule, { peak_lr: 1e-3, shape: "constant" });
  const { schedule, horizon_steps, steps: count, mixture } = steps.get("code_at_40")!.config;
  assert.deepEqual(schedule, {
    shape: "wsd",
    peak_lr: 1e-3,
    min_lr: 1e-5,
    warmup_steps: 0,
    decay: "1-sqrt",
    decay_ratio: 1,
  });
  assert.deepEqual([horizon_steps, count, mixture], [20, 20, { c4: 0.8, code: 0.2 }]);
  assert.equal(steps.get("code_to_80")!.config.schedule, undefined); // keeps the constant rate
  const facts = factsOf(steps);
  // Trunk 80, code 70, questions 30, and five decays of 20: 280 steps of 32 tokens.
  assert.match(facts["training of a trunk and its arms"], /^8,960 tokens for 5 arms/);
  // To step 100: 100 + 90 + 50; to step 40: 40 + 30.
  const shared =
    facts["the same with a cosine for each end, arms of one end sharing their beginning"];
  assert.match(shared, /^9,920 tokens \(this study: 90.3%\)/);
  assert.match(facts["the same with a whole cosine run for each arm"], /^12,160 tokens/);
});

Deno.test("settings that contradict each other or name nothing are refused, all at once", () => {
  const fails = (changes: Partial<StudySettings>, ...messages: RegExp[]) => {
    assert.throws(() => stepsOf(changes), (error: Error) => {
      for (const message of messages) assert.match(error.message, message);
      return true;
    });
  };
  fails(
    { general: "c5", groups: { qa: { q4: 1, q9: 0 }, code: {} }, trunk_seeds: 0 },
    /general: unknown source "c5"; sources are c4, code/,
    /groups.qa: unknown source "q9"/,
    /groups.qa.q9 must be greater than 0, got 0/,
    /"code" is a source too; rename the group/,
    /"code" has no sources/,
    /trunk_seeds must be a positive integer, got 0/,
  );
  fails({ matched: { code: "pycode" } }, /matched: "qa" needs the target that it is meant for/);
  const trunk = { shape: "constant", decay: "linear", decay_share: 0.2 } as const;
  fails({ trunk: { ...trunk, decay_share: 1 } }, /decay_share must be between 0 and 1, got 1/);
  fails(
    { trunk, schedule: { peak_lr: 1e-3, shape: "linear" } },
    /schedule.shape "linear" has no meaning/,
  );
});
