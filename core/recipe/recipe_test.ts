import assert from "node:assert/strict";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { defineStage, files, table } from "../stage/mod.ts";
import type { Draft } from "./draft.ts";
import { RecipeError } from "./problems.ts";
import { defineRecipe, type RecipeBuilder, recipeOf, settle } from "./recipe.ts";
import { clip, number_table, numbers, sum } from "./testdata/stages.ts";

const HEADER = { name: "test", description: "", seed: 3 };
const build = (steps: (recipe: RecipeBuilder) => void) => defineRecipe(HEADER, steps);
/** A stage of any config that counts nothing. */
const stageWith = <S extends StandardSchemaV1>(name: string, config: S) =>
  defineStage({
    name,
    version: "1",
    description: "",
    config,
    inputs: {},
    outputs: { data: number_table },
    run: () => Promise.resolve(),
  });
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

Deno.test("a device reaches the steps that can be on one, and no others", async () => {
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
  const asked = (device: string) => recipeOf(recipe().given!, device);
  assert.deepEqual(devices(await asked("webgpu")), [undefined, "webgpu", "webgpu"]);
  await assert.rejects(asked("tpu"), /step "free" .*config.device: .*webgpu/);
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
  const odd = stageWith("odd", config);
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
  const remote = stageWith("remote", config);
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

/** The lines of a recipe's error, but for the first, which counts them. */
function problemsOf(steps: (recipe: RecipeBuilder) => void): string[] {
  try {
    build(steps);
  } catch (error) {
    assert.ok(error instanceof RecipeError, String(error));
    const [first, ...lines] = error.message.split("\n");
    assert.equal(first, `recipe "test" has ${lines.length} problems:`);
    assert.deepEqual(lines, error.problems.map(({ message }) => `  ${message}`));
    return error.problems.map(({ message }) => message);
  }
  assert.fail("the recipe was taken");
}

const several = stageWith(
  "several",
  z.strictObject({ a: z.int(), b: z.string(), deep: z.object({ c: z.boolean() }) }),
);

Deno.test("all that is wrong is told at once, a line each, in the order of the steps", () => {
  const problems = problemsOf((recipe) => {
    // deno-lint-ignore no-explicit-any -- breaking the types is the point
    const step = recipe.step as any;
    const first = step("first", several, { config: { a: 0.5, b: 1, deep: {}, d: 1 }, seed: -1 });
    step("low", clip, { config: {}, inputs: { data: first.data, more: first.data } });
    step("low", clip, { config: { limit: 1 } });
    step("total", sum, { inputs: { parts: { a: first.data, b: {} }, extra: 3 } });
    recipe.publish(first.data);
  });
  assert.deepEqual(problems, [
    'step "first" (stage several): seed -1 is not an integer of 0 or more',
    'step "first" (stage several): config.a: Invalid input: expected int, received number',
    'step "first" (stage several): config.b: Invalid input: expected string, received number',
    'step "first" (stage several): config.deep.c: Invalid input: expected boolean, received undefined',
    'step "first" (stage several): config: Unrecognized key: "d"',
    'step "low" (stage clip) has no input "more"; its inputs are: data',
    'step "low" (stage clip): config.limit: Invalid input: expected number, received undefined',
    'there are two steps named "low"',
    'step "low" (stage clip), input "data" is not connected',
    'step "total" (stage sum), input "extra" takes an output that recipe.step returned in this recipe',
    'step "total" (stage sum), input "parts" (b) takes an output of the record that recipe.step returned ' +
    "in this recipe",
    'recipe "test": publish takes a files output of one of its steps',
  ]);
});

Deno.test("what reads a step without a usable stage is not to blame", () => {
  const problems = problemsOf((recipe) => {
    // deno-lint-ignore no-explicit-any -- breaking the types is the point
    const step = recipe.step as any;
    const { anything, report } = step("broken", { ...numbers, interface: 2 }, {});
    const low = step("low", clip, { config: { limit: 1 }, inputs: { data: anything } });
    step("total", sum, { inputs: { parts: { low: low.data, other: anything } } });
    step("last", clip, { config: {}, inputs: { data: anything } });
    recipe.publish(report);
  });
  assert.equal(problems.length, 2);
  assert.match(
    problems[0],
    /^the stage of step "broken" .* is built for stage interface 2, this is 1;/,
  );
  assert.match(problems[1], /^step "last" \(stage clip\): config.limit: /);
});

Deno.test("an error of the recipe's own code is told, unless steps before it are wrong", () => {
  refuse((recipe) => {
    recipe.step("a", numbers, { config: { count: 1 } });
    throw new TypeError("own words");
  }, /^own words$/);
  refuse((recipe) => {
    recipe.step("a", numbers, { config: { count: -1 } });
    throw new TypeError("own words");
  }, /^step "a" \(stage numbers\): config.count: /);
});

Deno.test("problems that are found asynchronously stand among the others", async () => {
  const late = stageWith("late", {
    "~standard": {
      version: 1 as const,
      vendor: "own",
      async validate(value: unknown) {
        const { rows } = value as { rows: number };
        await new Promise((resolve) => setTimeout(resolve, rows));
        if (rows === 3) throw Object.assign(new Error("no answer"), { code: "EACCES" });
        return { issues: [{ message: `not ${rows}` }] };
      },
    },
  });
  const recipe = build((recipe) => {
    recipe.step("slow", late, { config: { rows: 20 } });
    recipe.step("failed", late, { config: { rows: 3 } });
    recipe.step("quick", late, { config: { rows: 1 } });
  });
  const lines = [
    'step "slow" (stage late): config: not 20',
    'step "failed" (stage late): no answer',
    'step "quick" (stage late): config: not 1',
  ];
  const message = ['recipe "test" has 3 problems:', ...lines].join("\n  ");
  await assert.rejects(settle(recipe), { name: "TypeError", message });
  // The draft of a recipe that is wrong in another way besides.
  const both = () =>
    build((recipe) => {
      recipe.step("slow", late, { config: { rows: 20 } });
      recipe.step("wrong", numbers, { config: { count: 0 } });
    });
  let draft: Draft | undefined;
  assert.throws(both, (error) => {
    assert.ok(error instanceof RecipeError && error.problems.length === 1);
    draft = error.draft;
    return true;
  });
  await assert.rejects(recipeOf(draft!), (error: RecipeError) => {
    const starts = error.problems.map(({ message }) => message.split(":")[0]);
    assert.deepEqual(starts, ['step "slow" (stage late)', 'step "wrong" (stage numbers)']);
    return true;
  });
  const alone = build((recipe) => void recipe.step("failed", late, { config: { rows: 3 } }));
  await assert.rejects(settle(alone), (error: Error) => {
    assert.equal(error.message, lines[1]);
    assert.equal((error.cause as { code: string }).code, "EACCES");
    return true;
  });
});

Deno.test("what a plugin may reach goes with its step, and is checked", () => {
  const { steps } = build((recipe) => {
    recipe.step("a", numbers, { config: { count: 1 }, permissions: { net: ["example.org"] } });
    recipe.step("b", numbers, { config: { count: 1 } });
  });
  assert.deepEqual(steps.map(({ permissions }) => permissions), [
    { net: ["example.org"] },
    undefined,
  ]);
  refuse((recipe) => {
    // @ts-expect-error no such permission
    recipe.step("a", numbers, { config: { count: 1 }, permissions: { web: true } });
  }, /^step "a" \(stage numbers\): there is no permission "web"/);
});
