import assert from "node:assert/strict";
import { z } from "zod";
import { defineStage, files, table } from "../stage/mod.ts";
import { defineRecipe, type RecipeBuilder, settle, withDevice } from "./recipe.ts";
import { clip, number_table, numbers, sum } from "./testdata/stages.ts";

const HEADER = { name: "test", description: "", seed: 3 };
const build = (steps: (recipe: RecipeBuilder) => void) => defineRecipe(HEADER, steps);
const refuse = (steps: (recipe: RecipeBuilder) => void, message: RegExp) =>
  assert.throws(() => build(steps), { name: "TypeError", message });

Deno.test("a step carries its validated config and the seed of the recipe or its own", () => {
  const { steps } = build((recipe) => {
    recipe.step("a", numbers, { config: { count: 2 } });
    recipe.step("b", numbers, { config: { factor: 3, count: 2 }, seed: 9 });
  });
  assert.deepEqual(steps[0].config, { count: 2, factor: 1 });
  assert.deepEqual(steps.map((step) => step.seed), [3, 9]);
  assert.equal(JSON.stringify(steps[1].config), '{"count":2,"factor":3}');
});

Deno.test("a device reaches the steps that can be on one, and no others", () => {
  const trained = defineStage({
    name: "trained",
    version: "1",
    description: "",
    config: z.strictObject({ device: z.enum(["cpu", "webgpu"]).default("cpu") }),
    inputs: {},
    outputs: { data: number_table },
    run: () => Promise.resolve(),
  });
  const recipe = (device?: string) =>
    defineRecipe({ ...HEADER, device }, (recipe) => {
      recipe.step("plain", numbers, { config: { count: 1 } });
      recipe.step("free", trained, { config: {} });
      recipe.step("bound", trained, { config: { device: "cpu" } });
    });
  const devices = ({ steps }: ReturnType<typeof recipe>) =>
    steps.map(({ config }) => (config as { device?: string }).device);
  assert.deepEqual(devices(recipe()), [undefined, "cpu", "cpu"]);
  assert.deepEqual(devices(recipe("webgpu")), [undefined, "webgpu", "cpu"]);
  assert.deepEqual(devices(withDevice(recipe(), "webgpu")), [undefined, "webgpu", "webgpu"]);
  assert.throws(() => withDevice(recipe(), "tpu"), /step "free" .*config.device: .*webgpu/);
});

Deno.test("wrong wiring does not compile, and fails at load with step and port named", () => {
  refuse((recipe) => {
    // @ts-expect-error the input is missing
    recipe.step("low", clip, { config: { limit: 1 } });
  }, /^step "low" \(stage clip\), input "data" is not connected/);
  refuse((recipe) => {
    const a = recipe.step("a", numbers, { config: { count: 1 } });
    // @ts-expect-error there is no such input
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: a.data, more: a.data } });
  }, /step "low" .* has no input "more"; its inputs are: data/);
  refuse((recipe) => {
    const a = recipe.step("a", numbers, { config: { count: 1 } });
    const total = recipe.step("total", sum, { inputs: { parts: { a: a.data } } });
    // @ts-expect-error files into a table
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: total.report } });
  }, /input "data" cannot take total.report: it carries files, the input takes a table/);
  refuse((recipe) => {
    const a = recipe.step("a", numbers, { config: { count: 1 } });
    // @ts-expect-error one output where a record is asked for
    recipe.step("total", sum, { inputs: { parts: a.data } });
  }, /input "parts" takes a record of outputs/);
  refuse((recipe) => {
    recipe.step("total", sum, { inputs: { parts: {} } });
  }, /input "parts" needs at least one output/);
});

Deno.test("columns and formats are compared; more columns than asked for are welcome", () => {
  const wideStage = <T extends "int32" | "float64">(type: T) =>
    defineStage({
      name: `wide_${type}`,
      version: "1",
      description: "",
      config: z.object({}),
      inputs: {},
      outputs: { data: table({ n: type, text: "utf8" }, ""), model: files("model", "") },
      run: () => Promise.resolve(),
    });
  const takes_report = defineStage({
    name: "reader",
    version: "1",
    description: "",
    config: z.object({}),
    inputs: { report: files("report", "") },
    outputs: { data: number_table },
    run: () => Promise.resolve(),
  });
  build((recipe) => {
    const wide = recipe.step("wide", wideStage("int32"), {});
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: wide.data } });
  });
  refuse((recipe) => {
    const wide = recipe.step("wide", wideStage("float64"), {});
    // @ts-expect-error another column type
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: wide.data } });
  }, /cannot take wide.data: its column "n" is float64, not int32/);
  refuse((recipe) => {
    const wide = recipe.step("wide", wideStage("int32"), {});
    // @ts-expect-error another format
    recipe.step("reader", takes_report, { inputs: { report: wide.model } });
  }, /cannot take wide.model: it holds model files, the input takes report/);
});

Deno.test("an invalid config names step and field", () => {
  refuse((recipe) => {
    recipe.step("a", numbers, { config: { count: -1 } });
  }, /^step "a" \(stage numbers\): config.count: /);
  refuse((recipe) => {
    // @ts-expect-error the config is missing
    recipe.step("a", numbers, {});
  }, /config.count: /);
  const config = z.object({ when: z.date() });
  const odd = defineStage({
    ...numbers,
    name: "odd",
    config,
    inspect: undefined,
    run: () => Promise.resolve(),
  });
  refuse((recipe) => {
    recipe.step("a", odd, { config: { when: new Date(0) } });
  }, /config.when is Date, which JSON cannot carry/);
});

Deno.test("ids, names and seeds are checked", () => {
  const config = { count: 1 };
  refuse((recipe) => {
    recipe.step("a", numbers, { config });
    recipe.step("a", numbers, { config });
  }, /two steps named "a"/);
  refuse((recipe) => recipe.step("../a", numbers, { config }), /step id "..\/a" is not usable/);
  refuse((recipe) => recipe.step("a", numbers, { config, seed: 0.5 }), /seed 0.5 is not an int/);
  refuse((recipe) => {
    recipe.step("a", numbers, { config });
    recipe.step("b", defineStage({ ...numbers }), { config });
  }, /two different stages named "numbers"/);
  refuse(() => {}, /has no steps/);
  assert.throws(
    () => defineRecipe({ ...HEADER, name: "store" }, () => {}),
    /"store" is not usable/,
  );
});

Deno.test("an output of another recipe is refused", () => {
  let stranger: ReturnType<typeof makeStep> | undefined;
  const makeStep = (recipe: RecipeBuilder) => recipe.step("a", numbers, { config: { count: 1 } });
  build((recipe) => {
    stranger = makeStep(recipe);
  });
  refuse((recipe) => {
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: stranger!.data } });
  }, /input "data" takes an output that recipe.step returned in this recipe/);
});

Deno.test("a config may be checked asynchronously, and the recipe is settled before it is used", async () => {
  const config = z.object({ rows: z.int() }).transform(async (given, context) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (given.rows < 0) context.addIssue("rows must not be negative");
    return { ...given, revision: `r${given.rows}` };
  });
  const remote = defineStage({
    ...numbers,
    name: "remote",
    config,
    inspect: undefined,
    run: () => Promise.resolve(),
  });
  const recipe = (rows: number) =>
    build((recipe) => {
      const first = recipe.step("a", remote, { config: { rows } });
      recipe.step("b", clip, { config: { limit: 1 }, inputs: { data: first.data } });
    });
  const settled = await settle(recipe(3));
  assert.deepEqual(settled.steps.map((step) => step.config), [{ revision: "r3", rows: 3 }, {
    limit: 1,
  }]);
  assert.equal(settled.pending, undefined);
  await assert.rejects(
    settle(recipe(-1)),
    /step "a" \(stage remote\): config: rows must not be neg/,
  );
});
