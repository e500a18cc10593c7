import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { brokenRule, type Import, problemsOf, readImports } from "./check_imports.ts";

function site(from: string, to: string, kind: Import["kind"] = "import"): Import {
  return { from, to, line: 3, kind };
}

const FORBIDDEN: [from: string, to: string, rule: RegExp][] = [
  ["core/stage/ports.ts", "core/random/mod.ts", /core\/stage imports nothing/],
  ["core/stage/ports.ts", "datasets/brown.ts", /core imports only core/],
  ["core/runner/plan.ts", "stages/sft/mod.ts", /core imports only core/],
  ["core/runner/plan.ts", "plugins/report/mod.ts", /core imports only core/],
  ["core/runs/events.ts", "core/runner/mod.ts", /core\/runner is not below core\/runs/],
  ["core/generate/decoder.ts", "core/train/mod.ts", /core\/train is not below core\/generate/],
  ["core/runner/step_worker.ts", "core/remote/launch/mod.ts", /is not below core\/runner/],
  ["core/cli/run/pipeline.ts", "recipes/quickstart.ts", /only other recipes, benchmarks and tests/],
  ["core/train/loop.ts", "core/graph/ops.ts", /import core\/graph\/mod.ts/],
  ["core/train/loop_test.ts", "core/graph/ops.ts", /import core\/graph\/mod.ts/],
  ["recipes/quickstart.ts", "core/runner/plan.ts", /import core\/runner\/mod.ts/],
  ["stages/sft/stage.ts", "core/store/mod.ts", /may not import core\/store/],
  ["stages/sft/stage.ts", "core/runner/mod.ts", /may not import core\/runner/],
  ["plugins/report/stage.ts", "core/status/mod.ts", /may not import core\/status/],
  ["plugins/report/stage.ts", "core/remote/storage/mod.ts", /may not import core\/remote/],
  ["stages/sft/stage.ts", "stages/pretrain/mod.ts", /imports no other/],
  ["stages/sft/stage.ts", "stages/mod.ts", /imports no other/],
  ["stages/sft/stage.ts", "plugins/report/mod.ts", /imports no other/],
  ["plugins/report/stage.ts", "plugins/export/mod.ts", /imports no other/],
  ["plugins/report/stage.ts", "stages/cka/mod.ts", /imports no other/],
  ["datasets/brown.ts", "core/tokenizer/mod.ts", /datasets import only/],
  ["datasets/brown.ts", "stages/tokenize/mod.ts", /datasets import only/],
  ["core/graph/ops.ts", "tests/devices.ts", /only tests import tests/],
];

for (const [from, to, rule] of FORBIDDEN) {
  Deno.test(`${from} may not import ${to}`, () => {
    const problems = problemsOf([site(from, to)]);
    assert.equal(problems.length, 1);
    assert.match(problems[0], rule);
    assert.ok(problems[0].startsWith(`${from}:3 imports ${to}: `), problems[0]);
  });
}

Deno.test("packages with an owner are imported by it and by tests only", () => {
  const may = (from: string, name: string) => brokenRule(site(from, name, "package"));
  assert.match(may("core/train/loop.ts", "onnxruntime-node")!, /only core\/engine/);
  assert.match(may("core/readers/arrow.ts", "apache-arrow")!, /only core\/arrow/);
  assert.match(may("stages/tokenize/mod.ts", "oniguruma-to-es")!, /only core\/tokenizer/);
  assert.match(may("core/runner/run.ts", "hono")!, /only core\/status and core\/cli/);
  assert.equal(may("core/engine/ort/library.ts", "onnxruntime-node"), undefined);
  assert.equal(may("core/readers/fuzz_test.ts", "apache-arrow"), undefined);
  assert.equal(may("core/train/loop.ts", "onnxruntime"), undefined);
});

const ALLOWED: [from: string, to: string][] = [
  ["core/stage/stage.ts", "core/stage/ports.ts"],
  ["core/graph/ops_test.ts", "tests/devices.ts"],
  ["core/cli/run/pipeline.ts", "core/runner/mod.ts"],
  ["core/runner/step_worker.ts", "core/remote/mpi/mod.ts"],
  ["core/runner/run_test.ts", "core/status/mod.ts"],
  ["stages/sft/stage.ts", "core/train/mod.ts"],
  ["stages/tokenize/stage.ts", "datasets/mod.ts"],
  ["stages/mod.ts", "stages/sft/mod.ts"],
  ["stages/sft/sft_test.ts", "stages/pretrain/mod.ts"],
  ["datasets/mod.ts", "datasets/brown.ts"],
  ["datasets/brown.ts", "core/readers/mod.ts"],
  ["recipes/quickstart.ts", "stages/sft/mod.ts"],
  ["tests/conformance_test.ts", "stages/mod.ts"],
];

Deno.test("what the rules allow passes", () => {
  for (const [from, to] of ALLOWED) assert.deepEqual(problemsOf([site(from, to)]), []);
});

Deno.test("a module URL is held to the directions, not to mod.ts", () => {
  assert.equal(brokenRule(site("stages/sft/a.ts", "core/train/worker.ts", "url")), undefined);
  assert.match(brokenRule(site("core/runner/a.ts", "stages/sft/mod.ts", "url"))!, /only core/);
});

Deno.test("a circle of imports is a problem, types included", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => `core/train/${name}.ts`);
  assert.deepEqual(problemsOf([site(a, b), site(b, c)]), []);
  const [problem] = problemsOf([site(a, b), site(b, c), site(c, a)]);
  assert.equal(problem, `import circle: ${a} -> ${b} -> ${c} -> ${a}`);
});

Deno.test("the tree keeps the import directions, and has no circle", async () => {
  const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
  const imports = await readImports(root);
  const kinds = Map.groupBy(imports, ({ kind }) => kind);
  for (const [kind, least] of [["import", 1000], ["package", 150], ["url", 10]] as const) {
    assert.ok((kinds.get(kind)?.length ?? 0) > least, `only ${kinds.get(kind)?.length} ${kind}s`);
  }
  assert.deepEqual(problemsOf(imports), []);
});
