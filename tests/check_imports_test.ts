import assert from "node:assert/strict";
import { checkImports, describe, findImports, readSources } from "./check_imports.ts";

const ROOT = `${import.meta.dirname}/..`;

/** What checkImports says about one file with one import. */
function verdict(file: string, specifier: string): string[] {
  return checkImports({ [file]: `import { x } from "${specifier}";\n` }).map(describe);
}

const FORBIDDEN: [file: string, specifier: string, rule: RegExp][] = [
  ["core/stage/ports.ts", "../random/mod.ts", /core\/stage imports nothing/],
  ["core/stage/ports.ts", "../../datasets/brown.ts", /core imports only core/],
  ["core/runner/plan.ts", "../../stages/sft/mod.ts", /core imports only core/],
  ["core/runner/plan.ts", "../../plugins/report/mod.ts", /core imports only core/],
  ["core/batches/mixture.ts", "../../datasets/mod.ts", /core imports only core/],
  ["core/cli/main.ts", "../../recipes/quickstart.ts", /only other recipes, benchmarks and tests/],
  ["core/train/loop.ts", "../graph/ops.ts", /import core\/graph\/mod.ts/],
  ["core/train/loop_test.ts", "../graph/ops.ts", /import core\/graph\/mod.ts/],
  ["recipes/quickstart.ts", "../core/runner/plan.ts", /import core\/runner\/mod.ts/],
  ["stages/sft/stage.ts", "../../core/store/mod.ts", /may not import core\/store/],
  ["stages/sft/stage.ts", "../../core/runner/mod.ts", /may not import core\/runner/],
  ["plugins/report/stage.ts", "../../core/status/mod.ts", /may not import core\/status/],
  ["plugins/report/stage.ts", "../../core/cli/mod.ts", /may not import core\/cli/],
  ["stages/sft/stage.ts", "../pretrain/mod.ts", /imports no other/],
  ["stages/sft/stage.ts", "../mod.ts", /imports no other/],
  ["stages/sft/stage.ts", "../../plugins/report/mod.ts", /imports no other/],
  ["plugins/report/stage.ts", "../export/mod.ts", /imports no other/],
  ["plugins/report/stage.ts", "../../stages/cka/mod.ts", /imports no other/],
  ["datasets/brown.ts", "../core/tokenizer/mod.ts", /datasets import only/],
  ["datasets/brown.ts", "../stages/tokenize/mod.ts", /datasets import only/],
  ["core/graph/ops.ts", "../../tests/helpers.ts", /only tests import tests/],
  ["core/train/worker.ts", "onnxruntime-node", /only core\/engine/],
  ["core/train/worker.ts", "npm:onnxruntime-node@1.30.0", /only core\/engine/],
  ["core/train/reader.ts", "apache-arrow", /only core\/arrow and core\/data/],
  ["stages/tokenize/stage.ts", "@huggingface/transformers", /only core\/tokenizer/],
  ["core/runner/run.ts", "hono/cors", /only core\/status and core\/cli/],
];

for (const [file, specifier, rule] of FORBIDDEN) {
  Deno.test(`${file} may not import ${specifier}`, () => {
    const lines = verdict(file, specifier);
    assert.equal(lines.length, 1);
    assert.match(lines[0], rule);
    assert.ok(lines[0].startsWith(`${file}:1 imports `), lines[0]);
  });
}

const ALLOWED: [file: string, specifier: string][] = [
  ["core/stage/stage.ts", "./ports.ts"],
  ["core/stage/stage.ts", "@standard-schema/spec"],
  ["core/graph/ops_test.ts", "./ops.ts"],
  ["core/graph/vjp/table.ts", "../ops.ts"],
  ["core/graph/ops_test.ts", "../../tests/helpers.ts"],
  ["core/cli/main.ts", "../runner/mod.ts"],
  ["core/cli/main.ts", "@std/cli/parse-args"],
  ["bench/speed.ts", "@std/cli/parse-args"],
  ["stages/sft/stage.ts", "../../core/train/mod.ts"],
  ["stages/tokenize/stage.ts", "../../datasets/mod.ts"],
  ["stages/mod.ts", "./sft/mod.ts"],
  ["plugins/lr_sweep_test.ts", "./lr_sweep.ts"],
  ["datasets/mod.ts", "./brown.ts"],
  ["datasets/brown.ts", "../core/batches/mod.ts"],
  ["recipes/quickstart.ts", "../stages/sft/mod.ts"],
  ["recipes/paper.ts", "./shared.ts"],
  ["tests/conformance_test.ts", "../stages/mod.ts"],
  ["core/engine/session.ts", "onnxruntime-node"],
  ["core/arrow/codec.ts", "apache-arrow"],
  ["core/tokenizer/load.ts", "@huggingface/transformers"],
  ["core/status/app.ts", "hono/cors"],
  ["core/graph/ops.ts", "onnxruntime"], // another package
];

Deno.test("what the rules allow passes", () => {
  for (const [file, specifier] of ALLOWED) assert.deepEqual(verdict(file, specifier), []);
});

Deno.test("a module URL is held to the directions, not to mod.ts", () => {
  const url = (target: string) => `new Worker(new URL("${target}", import.meta.url));`;
  assert.deepEqual(checkImports({ "stages/sft/a.ts": url("../../core/train/worker.ts") }), []);
  assert.deepEqual(checkImports({ "core/cli/a.ts": url("../../recipes/") }), []);
  assert.deepEqual(checkImports({ "core/cli/a.ts": url("../../docs/logo.svg") }), []);
  assert.equal(checkImports({ "core/runner/a.ts": url("../../stages/sft/mod.ts") }).length, 1);
  const resolve = 'import.meta.resolve("../../stages/sft/mod.ts");';
  assert.equal(checkImports({ "core/runner/a.ts": resolve }).length, 1);
});

Deno.test("every form of import is found, with the line of its specifier", () => {
  const text = [
    'import "./side_effect.ts";',
    "import fallback, {",
    "  one, // a comment with a ' quote",
    "  type two,",
    "} from './named.ts';",
    'import * as all from "./all.ts";',
    'import type { Three } from "./type.ts";',
    'import data from "./data.json" with { type: "json" };',
    'export * from "./star.ts";',
    'export { one as "uno" }; export { four } from "./re_export.ts";',
    'const lazy = await import("./lazy.ts");',
    'type Lazy = typeof import("./lazy_type.ts");',
    'const pattern = /["`]/, half = 4 / 2; const late = () => import("./late.ts");',
    'const text = `${lazy}`; await import("./later.ts");',
  ].join("\n");
  assert.deepEqual(findImports(text).map(({ specifier, line }) => `${line} ${specifier}`), [
    "1 ./side_effect.ts",
    "5 ./named.ts",
    "6 ./all.ts",
    "7 ./type.ts",
    "8 ./data.json",
    "9 ./star.ts",
    "10 ./re_export.ts",
    "11 ./lazy.ts",
    "12 ./lazy_type.ts",
    "13 ./late.ts",
    "14 ./later.ts",
  ]);
});

Deno.test("comments, strings, templates and ordinary exports are not imports", () => {
  const text = [
    '/** import { a } from "./doc.ts"; */',
    '// import "./line.ts"',
    "const text = 'import \"./string.ts\"';",
    'const code = `\nimport { a } from "./template.ts";\n${`import "./nested.ts"`}`;',
    'export const from = "./value.ts";',
    'recipe.import("./method.ts");',
    'export function load() { return Array.from("./call.ts"); }',
  ].join("\n");
  assert.deepEqual(findImports(text), []);
});

Deno.test("the tree keeps the import directions", async () => {
  const files = await readSources(ROOT);
  assert.ok(Object.keys(files).length > 5);
  assert.deepEqual(checkImports(files).map(describe), []);
});

Deno.test("over the whole tree, the same imports are found as by Deno's parser", async () => {
  const files = await readSources(ROOT);
  const folder = await Deno.makeTempDir();
  try {
    const root = new URL(`file://${await Deno.realPath(ROOT)}/`);
    const all = Object.keys(files).map((file) => `import "${new URL(file, root)}";\n`).join("");
    await Deno.writeTextFile(`${folder}/all.ts`, all);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-remote", "--config", `${ROOT}/deno.json`, `${folder}/all.ts`],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const graph: ModuleGraph = JSON.parse(new TextDecoder().decode(stdout));
    let compared = 0;
    for (const { specifier, dependencies = [] } of graph.modules) {
      const file = decodeURIComponent(specifier.slice(root.href.length));
      if (!specifier.startsWith(root.href) || !(file in files)) continue;
      const found = findImports(files[file]).filter(({ kind }) => kind === "import");
      assert.deepEqual(
        [...new Set(found.map((site) => site.specifier))].sort(),
        dependencies.map((dependency) => dependency.specifier).sort(),
        file,
      );
      compared++;
    }
    assert.equal(compared, Object.keys(files).length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The part of `deno info --json` that is read here. */
interface ModuleGraph {
  modules: { specifier: string; dependencies?: { specifier: string }[] }[];
}
