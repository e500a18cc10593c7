import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { orderSteps } from "./json_recipe.ts";
import { loadRecipe, loadStep } from "./load.ts";
import { parseJsonRecipe, parseYamlRecipe } from "./recipe_text.ts";
import { readLock } from "../runs/mod.ts";
import { RecipeError } from "./draft.ts";
import type { Recipe } from "./recipe.ts";
import { run, type RunOptions } from "../runner/mod.ts";
import { workerExecutor } from "../runner/mod.ts";
import { withFolder } from "../../tests/shared/commands.ts";

const urlOf = (name: string) => new URL(`./testdata/${name}`, import.meta.url).href;

const STAGES = Object.fromEntries(
  ["numbers", "clip", "sum"].map((name) => [name, `${urlOf("stages.ts")}#${name}`]),
);
const RENAMED = { count_up: "numbers", "numbers.number": "count", "clip.deep.max": "limit" };
const NUMBERS = { stage: "numbers", config: { count: 3 } };

/** Loads a recipe of some steps, or of any text. */
const load = (content: object | string, stages = STAGES) =>
  withFolder(async (folder) => {
    const path = join(folder, "recipe.json");
    const header = { name: "test", description: "", seed: 1, stages };
    const text = typeof content === "string" ? content : JSON.stringify({ ...header, ...content });
    await Deno.writeTextFile(path, text);
    return await loadRecipe(pathToFileURL(path).href);
  });

/** The problems, without the path of the recipe. */
async function problemsOf(content: object, stages = STAGES): Promise<string[]> {
  const error = await load(content, stages).then(() => undefined, (error) => error);
  assert.ok(error instanceof Error, "the recipe was accepted");
  if (error instanceof RecipeError) return error.problems.map(({ message }) => message);
  return [error.message.replace(/^recipe \S+ cannot be loaded: /, "")];
}

const keysOf = async (recipe: Recipe, options: Partial<RunOptions> = {}) =>
  await withFolder(async (folder) => {
    const out = join(folder, "out");
    const { steps, published } = await run(recipe, { out, ...options });
    const outputs = steps.map(({ id, outputs }) => [id, outputs]);
    return { keys: readLock(out, recipe.name).steps, outputs, published };
  });

Deno.test("a run from JSON and one from TypeScript have the same keys and results", async () => {
  const json = await loadRecipe(urlOf("toy_recipe.json"));
  const typescript = await loadRecipe(urlOf("toy_recipe.ts"));
  assert.deepEqual(json.steps.map(({ id }) => id), ["small", "large", "low", "total"]);
  const executor = workerExecutor(urlOf("toy_recipe.json"));
  assert.deepEqual(await keysOf(json, { executor }), await keysOf(typescript));
});

Deno.test("a name that an object would lose is refused wherever it stands", async () => {
  const header = '"name":"test","description":"","seed":1';
  const places: [string, string][] = [
    [`{${header},"steps":{"__proto__":{}},"__proto__":1}`, "steps, the recipe"],
    [`{${header},"stages":{"__proto__":"./x.ts"},"steps":{}}`, "stages"],
    [`{${header},"steps":{"a":{"stage":"numbers","config":{"__proto__":1}}}}`, "steps.a.config"],
    [
      `{${header},"steps":{"a":{"stage":"sum","inputs":{"parts":{"__proto__":"a.b"}}}}}`,
      "steps.a.inputs.parts",
    ],
  ];
  for (const [text, where] of places) {
    const { problems } = parseJsonRecipe(text);
    const expected = where.split(", ").map((at) =>
      `${at}: the name "__proto__" has a meaning in JavaScript; choose another`
    );
    assert.deepEqual(problems, expected);
    assert.deepEqual(parseYamlRecipe(text).problems, expected);
  }
  const low = { stage: "clip", config: { limit: 1 }, inputs: { data: "a.toString" } };
  assert.deepEqual(await problemsOf({ steps: { a: NUMBERS, low } }), [
    'step "low" (stage clip), input "data": step "a" has no output "toString"; its outputs are data',
  ]);
});

Deno.test("overrides reach the workers, from TypeScript and from JSON", async () => {
  const set = ["low.limit=2", "stage:numbers.count=4", "small.factor=2", "seed=8"];
  const results = [];
  for (const name of ["toy_recipe.ts", "toy_recipe.json"]) {
    const recipe = await loadRecipe(urlOf(name), { set });
    const executor = workerExecutor(urlOf(name), { load: { set } });
    results.push(await keysOf(recipe, { executor }));
  }
  const inline = await keysOf(await loadRecipe(urlOf("toy_recipe.ts"), { set }));
  assert.deepEqual(results, [inline, inline]);
  const plain = await keysOf(await loadRecipe(urlOf("toy_recipe.ts")));
  for (const id of ["small", "large", "low", "total"]) {
    assert.notEqual(plain.keys[id], inline.keys[id], id);
  }
});

Deno.test("an override may fix what is wrong in the file", async () => {
  const recipe = { steps: { a: { stage: "numbers" } } };
  assert.match(
    (await problemsOf(recipe))[0],
    /config\.count is missing; it must be an integer > 0$/,
  );
  await withFolder(async (folder) => {
    const from = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const url = pathToFileURL(join(folder, "recipe.ts")).href;
    await Deno.writeTextFile(
      join(folder, "recipe.ts"),
      `import { defineRecipe } from ${from("./recipe.ts")};
      import { numbers } from ${from("./testdata/stages.ts")};
      export default defineRecipe({ name: "r", description: "", seed: 0 }, (recipe) => {
        recipe.step("a", numbers, {});
        recipe.step("b", numbers, { config: { count: -1 } });
      });`,
    );
    await assert.rejects(loadRecipe(url), /^TypeError: recipe \S+recipe\.ts has 2 problems:\n/);
    await assert.rejects(
      loadRecipe(url, { set: ["a.count=1"] }),
      /step "b" .*config\.count must be an integer/,
    );
    const { steps } = await loadRecipe(url, { set: ["a.count=1", "b.count=2"] });
    assert.deepEqual(steps.map(({ config }) => (config as { count: number }).count), [1, 2]);
    // Only the default export is checked, not recipes that it imports.
    const other = join(folder, "other.ts");
    await Deno.writeTextFile(other, `import "./recipe.ts"; export default 1;`);
    await assert.rejects(loadRecipe(pathToFileURL(other).href), /has no default export made by /);
  });
});

Deno.test("all problems of a JSON recipe are reported together, each once", async () => {
  const problems = await problemsOf({
    steps: {
      typo: { stage: "nmbers" },
      reads_typo: { stage: "clip", config: { limit: 1 }, inputs: { data: "typo.data" } },
      extra: { ...NUMBERS, input: {}, seed: -1 },
      wrong: { stage: "numbers", config: { count: 0 } },
      lost: { stage: "clip", config: { limit: 1 }, inputs: { data: "gone.data" } },
      renamed: { stage: "clip", config: { limit: 1 }, inputs: { data: "wrong.date" } },
      misfit: { stage: "clip", config: { limit: 1 }, inputs: { data: "total.report" } },
      total: { stage: "sum", inputs: { parts: { a: "wrong.data", b: "nowhere.data" } } },
    },
    publish: ["total.reports", "wrong.data"],
  });
  const steps = "typo, reads_typo, extra, wrong, lost, renamed, misfit, total";
  assert.deepEqual(problems, [
    'publish: step "total" has no output "reports"; its outputs are report',
    'step "typo": there is no stage "nmbers" here or in the recipe\'s field "stages"; did you mean numbers?',
    'step "extra": seed must be an integer >= 0, got -1',
    'step "extra" has no field "input"; did you mean inputs?',
    'step "wrong" (stage numbers): config.count must be an integer > 0, got 0',
    `step "lost" (stage clip), input "data": there is no step "gone"; the steps are ${steps}`,
    'step "renamed" (stage clip), input "data": step "wrong" has no output "date"; its outputs are data',
    `step "total" (stage sum), input "parts" (b): there is no step "nowhere"; the steps are ${steps}`,
    'step "misfit" (stage clip), input "data" does not accept total.report: it is files, the input needs a table',
  ]);
});

Deno.test("a stage that cannot be loaded is reported once, not for each of its steps", async () => {
  const steps = {
    a: { stage: "bad" },
    b: { stage: "bad" },
    c: { stage: "other", config: { limit: 1 } },
  };
  const stages = { bad: `${urlOf("stages.ts")}#nothing`, other: `${urlOf("stages.ts")}#clip` };
  const problems = await problemsOf({ steps }, stages as never);
  assert.equal(problems.length, 2);
  assert.match(
    problems[0],
    /^stage "bad": the stage module ".*stages\.ts#nothing" has no export "nothing": /,
  );
  assert.match(
    problems[1],
    /^stage "other": the stage of ".*#clip" is named "clip"; use that name in "stages"$/,
  );
});

Deno.test("cycles are named", async () => {
  const read = (step: string) => ({
    stage: "clip",
    config: { limit: 1 },
    inputs: { data: `${step}.data` },
  });
  const steps = { a: read("b"), b: read("c"), c: read("a"), d: read("a") };
  assert.deepEqual(await problemsOf({ steps }), [
    "steps depend on each other in a cycle: a <- b <- c <- a",
  ]);
  assert.deepEqual(await problemsOf({ steps: { a: read("a") } }), [
    "steps depend on each other in a cycle: a <- a",
  ]);
  const long = new Map(Array.from({ length: 1000 }, (_, i) => [`${i}`, { data: `${i + 1}.data` }]));
  assert.equal(orderSteps(long).order[0], "999");
});

Deno.test("built-in stages are known by name, and a recipe cannot redefine one", async () => {
  await withFolder(async (folder) => {
    const stages = pathToFileURL(join(folder, "stages.json")).href;
    await Deno.writeTextFile(new URL(stages), JSON.stringify({ stages: STAGES, renamed: RENAMED }));
    const path = join(folder, "recipe.json");
    const header = { name: "test", description: "", seed: 1 };
    await Deno.writeTextFile(path, JSON.stringify({ ...header, steps: { a: NUMBERS } }));
    const url = pathToFileURL(path).href;
    assert.deepEqual((await loadRecipe(url, { stages })).steps[0].config, { count: 3, factor: 1 });
    await assert.rejects(loadRecipe(url), /there is no stage "numbers" .*; the stages are none/);
    const own = { ...header, stages: { clip: "./x.ts" }, steps: { a: NUMBERS } };
    await Deno.writeTextFile(path, JSON.stringify(own));
    await assert.rejects(
      loadRecipe(url, { stages }),
      /stage "clip" has the name of a built-in stage; choose another name$/,
    );
  });
});

Deno.test("text that is not a recipe is refused with one sentence", async () => {
  await assert.rejects(
    load("{"),
    /^Error: recipe \S+recipe\.json cannot be loaded: it is not valid JSON \(.*line 1/,
  );
  for (const text of ["// mine\n{}", '{ "name": "x", // mine\n}']) {
    await assert.rejects(
      load(text),
      /JSON \(.*\); remove its comments, or write the recipe as YAML$/,
    );
  }
  await assert.rejects(
    load("[]"),
    /cannot be loaded: the recipe must be an object, got a list$/,
  );
  assert.deepEqual(await problemsOf({ name: 1, step: {} }), [
    "name must be a string, got 1",
    "steps is missing; it must be an object",
    'the recipe has no field "step"; did you mean steps?',
  ]);
  assert.deepEqual(await problemsOf({ steps: {} }), ['recipe "test" has no steps']);
});

Deno.test("problems outside the steps do not hide problems of the steps", async () => {
  const steps = { a: { stage: "numbers", config: { count: 0 } } };
  assert.deepEqual(await problemsOf({ seed: "x", device: 4, publish: ["a.data", "b"], steps }), [
    'seed must be an integer >= 0, got "x"',
    "device must be a string, got 4",
    'publish.1 must be "step.output"',
    'step "a" (stage numbers): config.count must be an integer > 0, got 0',
  ]);
});

Deno.test("a duplicate id is an error", async () => {
  const step = JSON.stringify(NUMBERS);
  const header = `"name": "test", "description": "", "seed": 1, "stages": ${
    JSON.stringify(STAGES)
  }`;
  await assert.rejects(
    load(`{ ${header}, "steps": { "a": ${step}, "b": ${step}, "a": ${step} } }`),
    /cannot be loaded: steps: "a" appears twice$/,
  );
});

Deno.test("an old name of a stage or a config field says the new one, in JSON, TypeScript and overrides", async () => {
  await withFolder(async (folder) => {
    const stages = pathToFileURL(join(folder, "stages.json")).href;
    await Deno.writeTextFile(new URL(stages), JSON.stringify({ stages: STAGES, renamed: RENAMED }));
    const write = async (name: string, text: string) => {
      await Deno.writeTextFile(join(folder, name), text);
      return pathToFileURL(join(folder, name)).href;
    };
    const header = { name: "test", description: "", seed: 1 };
    const json = (steps: object) => write("recipe.json", JSON.stringify({ ...header, steps }));
    const refused = async (url: string, message: RegExp, set: string[] = []) =>
      await assert.rejects(loadRecipe(url, { stages, set }), { message });
    await refused(
      await json({ a: { ...NUMBERS, stage: "count_up" } }),
      /: step "a": stage "count_up" is now called "numbers"$/,
    );
    await refused(
      await json({ a: { stage: "numbers", config: { number: 3 } } }),
      /: step "a" \(stage numbers\): config\.number is now called config\.count$/,
    );
    const good = await json({ a: NUMBERS });
    await refused(good, /stage "count_up" is now called "numbers"$/, ["stage:count_up.count=2"]);
    await refused(good, /: config\.number is now called config\.count$/, ["a.number=2"]);
    const from = JSON.stringify(urlOf("stages.ts"));
    await refused(
      await write("old.ts", `import { count_up } from ${from}; export default count_up;`),
      /old\.ts cannot be loaded: stage "count_up" is now called "numbers"$/,
    );
    await refused(
      await write("older.ts", 'import "./count_up/mod.ts";'),
      /older\.ts cannot be loaded: stage "count_up" is now called "numbers"$/,
    );
  });
});

Deno.test("one step can be loaded without checking the others", async () => {
  await withFolder(async (folder) => {
    const url = pathToFileURL(join(folder, "recipe.json")).href;
    const header = { name: "test", description: "", seed: 1, stages: STAGES };
    const low = { stage: "clip", config: { limit: 2 }, inputs: { data: "bad.data" } };
    const steps = { bad: { stage: "numbers", config: { count: 0 } }, low };
    await Deno.writeTextFile(new URL(url), JSON.stringify({ ...header, steps }));
    await assert.rejects(loadRecipe(url), /step "bad" /);
    const step = await loadStep(url, { set: ["low.limit=3"] }, "low");
    assert.deepEqual(step!.config, { limit: 3 });
    await assert.rejects(loadStep(url, {}, "bad"), /step "bad" /);
    const fixed = { set: ["bad.count=1"] };
    assert.equal(await loadStep(url, fixed, "other"), undefined);
  });
});

Deno.test("a recipe in YAML is the one in JSON; a byte order mark is not part of it", async () => {
  const yaml = [
    "# A comment.",
    "name: test",
    'description: ""',
    "seed: 1",
    "stages: &stages",
    ...Object.entries(STAGES).map(([name, url]) => `  ${name}: "${url}"`),
    "steps:",
    "  few: {stage: numbers, config: {count: 3}}",
    "  clip:",
    "    stage: clip",
    "    config: {limit: 2}",
    "    inputs: {data: few.data}",
    "",
  ].join("\n");
  const loaded = (name: string, text: string) =>
    withFolder(async (folder) => {
      const path = join(folder, name);
      await Deno.writeTextFile(path, text);
      return await loadRecipe(pathToFileURL(path).href);
    });
  const json = JSON.stringify({
    name: "test",
    description: "",
    seed: 1,
    stages: STAGES,
    steps: {
      few: { stage: "numbers", config: { count: 3 } },
      clip: { stage: "clip", config: { limit: 2 }, inputs: { data: "few.data" } },
    },
  });
  const plain = ({ name, steps }: Recipe) =>
    JSON.stringify([name, steps.map(({ id, config }) => [id, config])]);
  const expected = plain(await load(json));
  assert.equal(plain(await loaded("recipe.yaml", yaml)), expected);
  assert.equal(plain(await loaded("recipe.YML", "\ufeff" + yaml)), expected);
  assert.equal(plain(await load("\ufeff" + json)), expected);
  await assert.rejects(
    loaded("a.yaml", "name: [1\nseed: 2"),
    /a\.yaml cannot be loaded: it is not valid YAML \(.* line 2/,
  );
  await assert.rejects(
    loaded("a.yaml", `${yaml}seed: 2\n`),
    /it is not valid YAML \(Map keys must be unique at line/,
  );
  await assert.rejects(
    loaded("a.toml", "name = 1"),
    /unknown file type; recipes are \.ts, \.js, \.json or \.yaml/,
  );
});

Deno.test("integers beyond 2^53 in recipes are exact among values of data, and refused elsewhere", () => {
  const json =
    '{"where": {"in": [9007199254740993, 9007199254740991, "a"]}, "seed": 9007199254740993}';
  const yaml = "where: {in: [9007199254740993, 9007199254740991, a]}\nseed: 9007199254740993\n";
  for (const { value, problems } of [parseJsonRecipe(json), parseYamlRecipe(yaml)]) {
    assert.deepEqual((value as { where: unknown }).where, {
      in: ["9007199254740993", 9007199254740991, "a"],
    });
    assert.deepEqual(problems, [
      "seed: 9007199254740993 is a number that would be rounded; if it is text, put it in quotes",
    ]);
  }
});
