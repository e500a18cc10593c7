import assert from "node:assert/strict";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { type ColumnType, defineStage, files, many, table } from "../stage/mod.ts";
import { checkRecipe } from "./check.ts";
import { RecipeError } from "./draft.ts";
import { defineRecipe, type RecipeBuilder } from "./recipe.ts";
import { clip, number_table, numbers, sum } from "./testdata/stages.ts";

const HEADER = { name: "test", description: "", seed: 3 };
const build = (steps: (recipe: RecipeBuilder) => void) => checkRecipe(defineRecipe(HEADER, steps));
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
/** A stage that writes a column of some type. */
const sourceOf = <T extends ColumnType>(type: T) =>
  defineStage({
    name: "source",
    version: "1",
    description: "",
    config: z.object({}),
    inputs: {},
    outputs: { data: table({ x: type }, "") },
    run: () => Promise.resolve(),
  });
const refuse = (steps: (recipe: RecipeBuilder) => void, message: RegExp) =>
  assert.rejects(build(steps), { name: "TypeError", message });

Deno.test("a step carries its validated config and the seed of the recipe or its own", async () => {
  const { steps } = await build((recipe) => {
    recipe.step("a", numbers, { config: { count: 2 } });
    recipe.step("b", numbers, { config: { factor: 3, count: 2 }, seed: 9 });
  });
  assert.deepEqual(steps[0].config, { count: 2, factor: 1 });
  assert.deepEqual(steps.map((step) => step.seed), [3, 9]);
  assert.equal(JSON.stringify(steps[1].config), '{"count":2,"factor":3}');
});

Deno.test("a device is set on steps that have the field, and no others", async () => {
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
  const devices = async (of_recipe?: string, device?: string) => {
    const { steps } = await checkRecipe(recipe(of_recipe), { device });
    return steps.map(({ config }) => (config as { device?: string }).device);
  };
  assert.deepEqual(await devices(), [undefined, "cpu", "cpu"]);
  assert.deepEqual(await devices("webgpu"), [undefined, "webgpu", "cpu"]);
  assert.deepEqual(await devices(undefined, "webgpu"), [undefined, "webgpu", "webgpu"]);
  await assert.rejects(devices("webgpu", "tpu"), /step "free" .*config.device must be .*webgpu/);
});

Deno.test("wrong wiring does not compile, and fails when checked, naming step and port", async () => {
  await refuse((recipe) => {
    // @ts-expect-error the input is missing
    recipe.step("low", clip, { config: { limit: 1 } });
  }, /^step "low" \(stage clip\), input "data" is not connected/);
  await refuse((recipe) => {
    const a = recipe.step("a", numbers, { config: { count: 1 } });
    // @ts-expect-error there is no such input
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: a.data, more: a.data } });
  }, /step "low" .* has no input "more"; its inputs are: data/);
  await refuse((recipe) => {
    const a = recipe.step("a", numbers, { config: { count: 1 } });
    const total = recipe.step("total", sum, { inputs: { parts: { a: a.data } } });
    // @ts-expect-error files into a table
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: total.report } });
  }, /input "data" does not accept total.report: it is files, the input needs a table/);
  await refuse((recipe) => {
    const a = recipe.step("a", numbers, { config: { count: 1 } });
    // @ts-expect-error one output where a record is asked for
    recipe.step("total", sum, { inputs: { parts: a.data } });
  }, /input "parts" needs a record of outputs/);
  await refuse((recipe) => {
    recipe.step("total", sum, { inputs: { parts: {} } });
  }, /input "parts" needs at least one output/);
});

Deno.test("columns and formats are compared; extra columns are allowed", async () => {
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
  await build((recipe) => {
    const wide = recipe.step("wide", wideStage("int32"), {});
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: wide.data } });
  });
  await refuse((recipe) => {
    const wide = recipe.step("wide", wideStage("float64"), {});
    // @ts-expect-error another column type
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: wide.data } });
  }, /does not accept wide.data: its column "n" is float64, not int32/);
  await refuse((recipe) => {
    const wide = recipe.step("wide", wideStage("int32"), {});
    // @ts-expect-error another format
    recipe.step("reader", takes_report, { inputs: { report: wide.model } });
  }, /does not accept wide.model: it is "model" files, the input needs "report" files/);
});

Deno.test("a table without nulls fits an input that may have some, and not the other way round", async () => {
  const reader = <T extends "float64" | "nullable<float64>">(type: T) =>
    defineStage({
      name: type === "float64" ? "reader" : "nullable_reader",
      version: "1",
      description: "",
      config: z.object({}),
      inputs: { rows: table({ x: type }, "") },
      outputs: { rows: table({ x: type }, "") },
      run: () => Promise.resolve(),
    });
  await build((recipe) => {
    const { data } = recipe.step("data", sourceOf("float64"), {});
    const { rows } = recipe.step("known", reader("float64"), { inputs: { rows: data } });
    recipe.step("nullable", reader("nullable<float64>"), { inputs: { rows } });
  });
  await refuse((recipe) => {
    const { data } = recipe.step("data", sourceOf("nullable<float64>"), {});
    // @ts-expect-error it may have nulls
    recipe.step("known", reader("float64"), { inputs: { rows: data } });
  }, /does not accept data.data: its column "x" is nullable<float64>, not float64/);
});

Deno.test("an invalid config names step and field", async () => {
  await refuse((recipe) => {
    recipe.step("a", numbers, { config: { count: -1 } });
  }, /^step "a" \(stage numbers\): config.count must be an integer > 0, got -1$/);
  await refuse((recipe) => {
    // @ts-expect-error the config is missing
    recipe.step("a", numbers, {});
  }, /config.count is missing; it must be an integer > 0$/);
  const config = z.object({ when: z.date() });
  const odd = stageWith("odd", config);
  await refuse((recipe) => {
    recipe.step("a", odd, { config: { when: new Date(0) } });
  }, /config.when is Date, which JSON cannot represent/);
});

Deno.test("ids, names and seeds are checked", async () => {
  const config = { count: 1 };
  await refuse((recipe) => {
    recipe.step("a", numbers, { config });
    recipe.step("a", numbers, { config });
  }, /duplicate step id "a"/);
  await refuse((recipe) => recipe.step("../a", numbers, { config }), /invalid step id "..\/a"/);
  await refuse(
    (recipe) => recipe.step("a", numbers, { config, seed: 0.5 }),
    /seed must be an integer >= 0, got 0.5/,
  );
  await refuse((recipe) => {
    recipe.step("a", numbers, { config });
    recipe.step("b", defineStage({ ...numbers }), { config });
  }, /two different stages named "numbers"/);
  await refuse(() => {}, /has no steps/);
  for (
    const [name, message] of [["store", /"store" is reserved/], ["a b", /invalid recipe name/]]
  ) {
    const recipe = defineRecipe({ ...HEADER, name: name as string }, () => {});
    await assert.rejects(checkRecipe(recipe), { message });
  }
});

Deno.test("names that cannot be a folder, or a key of an object, are refused", async () => {
  const config = { count: 1 };
  const reserved = ["lock.json", "runner.lock", "launch", "Exports", "runs", "x.tmp"];
  for (const name of [...reserved, "constructor", "n".repeat(240), "__proto__"]) {
    const recipe = defineRecipe({ ...HEADER, name }, (recipe) => {
      recipe.step("a", numbers, { config });
    });
    const message = reserved.includes(name)
      ? `recipe name "${name}" is reserved: the output folder has files of such names; choose another`
      : /^(recipe name: the name "(constructor" has a mean|n{20}…" has 240 char)|invalid recipe)/;
    await assert.rejects(checkRecipe(recipe), { message });
  }
  for (const id of ["toString", "constructor", "s".repeat(240), "__proto__"]) {
    await refuse(
      (recipe) => recipe.step(id, numbers, { config }),
      /step id: the name|240 char|inva/,
    );
  }
  const all = defineStage({
    ...numbers,
    name: "all",
    config: z.looseObject({}),
    inputs: { tables: many(table({ n: "int32" }, "")) },
  });
  const withLabel = (label: string) => (recipe: RecipeBuilder) => {
    const { data } = recipe.step("a", numbers, { config });
    recipe.step("b", all, {
      inputs: { tables: { x: data, ...JSON.parse(`{"${label}":0}`), [label]: data } },
    });
  };
  await refuse(
    withLabel("valueOf"),
    /input "tables": the name "valueOf" has a meaning/,
  );
  await refuse(withLabel("__proto__"), /input "tables": the name "__proto__"/);
  await refuse(
    withLabel("l".repeat(101)),
    /input "tables": the name "l{20}…" has 101 characters; use at most 100/,
  );
  await refuse((recipe) => {
    const { data } = recipe.step("a", numbers, { config });
    recipe.step("b", all, { inputs: { tables: { x: data, __proto__: { y: data } } } });
  }, /input "tables" needs a record of outputs/);
  const keys: [Record<string, unknown>, RegExp][] = [
    [
      JSON.parse('{"sources":{"a":1,"__proto__":2}}'),
      /: config.sources: the name "__proto__"/,
    ],
    [{ sources: [{ toString: 1 }] }, /: config.sources.0: the name "toString"/],
    [{ sources: { __proto__: { a: 1 } } }, /: config.sources: the name "__proto__"/],
  ];
  for (const [config, message] of keys) {
    await refuse((recipe) => {
      const { data } = recipe.step("a", numbers, { config: { count: 1 } });
      recipe.step("b", all, { config, inputs: { tables: { data } } });
    }, message);
  }
});

Deno.test("an output of another recipe is refused", async () => {
  let stranger: ReturnType<typeof makeStep> | undefined;
  const makeStep = (recipe: RecipeBuilder) => recipe.step("a", numbers, { config: { count: 1 } });
  await build((recipe) => {
    stranger = makeStep(recipe);
  });
  await refuse((recipe) => {
    recipe.step("low", clip, { config: { limit: 1 }, inputs: { data: stranger!.data } });
  }, /input "data" must be an output that recipe.step returned in this recipe/);
});

Deno.test("a config may be validated asynchronously", async () => {
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
  const checked = await recipe(3);
  assert.deepEqual(checked.steps.map((step) => step.config), [{ revision: "r3", rows: 3 }, {
    limit: 1,
  }]);
  await assert.rejects(
    recipe(-1),
    /step "a" \(stage remote\): config: rows must not be neg/,
  );
});

/** The lines of a recipe's error, but for the first, which counts them. */
async function problemsOf(steps: (recipe: RecipeBuilder) => void): Promise<string[]> {
  try {
    await build(steps);
  } catch (error) {
    assert.ok(error instanceof RecipeError, String(error));
    const [first, ...lines] = error.message.split("\n");
    assert.equal(first, `recipe "test" has ${lines.length} problems:`);
    assert.deepEqual(lines, error.problems.map(({ message }) => `  ${message}`));
    return error.problems.map(({ message }) => message);
  }
  assert.fail("the recipe was accepted");
}

const several = stageWith(
  "several",
  z.strictObject({ a: z.int(), b: z.string(), deep: z.object({ c: z.boolean() }) }),
);

Deno.test("all problems are reported together, a line each, in the order of the steps", async () => {
  const problems = await problemsOf((recipe) => {
    // deno-lint-ignore no-explicit-any -- breaking the types is the point
    const step = recipe.step as any;
    const first = step("first", several, { config: { a: 0.5, b: 1, deep: {}, d: 1 }, seed: -1 });
    step("low", clip, { config: {}, inputs: { data: first.data, more: first.data } });
    step("low", clip, { config: { limit: 1 } });
    step("total", sum, { inputs: { parts: { a: first.data, b: {} }, extra: 3 } });
    recipe.publish("first.data" as never);
  });
  assert.deepEqual(problems, [
    'step "first" (stage several): seed must be an integer >= 0, got -1',
    'step "first" (stage several): config.a must be an integer, got 0.5',
    'step "first" (stage several): config.b must be a string, got 1',
    'step "first" (stage several): config.deep.c is missing; it must be true or false',
    'step "first" (stage several): config has no field "d"; its fields are a, b, deep',
    'step "low" (stage clip) has no input "more"; its inputs are: data',
    'step "low" (stage clip): config.limit is missing; it must be a number',
    'duplicate step id "low"',
    'step "low" (stage clip), input "data" is not connected',
    'step "total" (stage sum), input "extra" must be an output that recipe.step returned in this recipe',
    'step "total" (stage sum), input "parts" (b) must be an output that recipe.step returned in this recipe',
    'recipe "test": publish needs an output of one of its steps',
  ]);
});

Deno.test("steps that read a step with an invalid stage are not reported", async () => {
  const problems = await problemsOf((recipe) => {
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
    /^the stage of step "broken" .* is built for stage interface 2, this program has 1;/,
  );
  assert.match(problems[1], /^step "last" \(stage clip\): config.limit is missing/);
});

Deno.test("an error of the recipe's own code is reported, unless its steps are wrong", async () => {
  await refuse((recipe) => {
    recipe.step("a", numbers, { config: { count: 1 } });
    throw new TypeError("own words");
  }, /^own words$/);
  await refuse((recipe) => {
    recipe.step("a", numbers, { config: { count: -1 } });
    throw new TypeError("own words");
  }, /^step "a" \(stage numbers\): config.count must be an integer > 0, got -1$/);
});

Deno.test("problems that are found asynchronously keep the order of the steps", async () => {
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
    recipe.step("wrong", numbers, { config: { count: 0 } });
    recipe.step("quick", late, { config: { rows: 1 } });
  });
  const lines = [
    'step "slow" (stage late): config: not 20',
    'step "failed" (stage late): no answer',
    'step "wrong" (stage numbers): config.count must be an integer > 0, got 0',
    'step "quick" (stage late): config: not 1',
  ];
  const message = ['recipe "test" has 4 problems:', ...lines].join("\n  ");
  await assert.rejects(recipe, { name: "TypeError", message });
  const alone = build((recipe) => void recipe.step("failed", late, { config: { rows: 3 } }));
  await assert.rejects(alone, (error: Error) => {
    assert.equal(error.message, lines[1]);
    assert.equal((error.cause as { code: string }).code, "EACCES");
    return true;
  });
});

Deno.test("permissions of a step are kept and checked", async () => {
  const { steps } = await build((recipe) => {
    recipe.step("a", numbers, { config: { count: 1 }, permissions: { net: ["example.org"] } });
    recipe.step("b", numbers, { config: { count: 1 } });
  });
  assert.deepEqual(steps.map(({ permissions }) => permissions), [
    { net: ["example.org"] },
    undefined,
  ]);
  await refuse((recipe) => {
    // @ts-expect-error no such permission
    recipe.step("a", numbers, { config: { count: 1 }, permissions: { web: true } });
  }, /^step "a" \(stage numbers\): there is no permission "web"; the permissions are env/);
});
