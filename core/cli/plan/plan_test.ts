import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { loadRecipe, recipeUrl } from "../../recipe/mod.ts";
import { run } from "../../runner/mod.ts";
import { main } from "./plan.ts";

const RECIPE = fileURLToPath(new URL("./testdata/forecast_recipe.ts", import.meta.url));

const command = (args: string[]) => runCommand(main, args);

Deno.test("a plan shows every step, the tree of branches and totals, and writes nothing", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const { code, out: text, err } = await command(["--recipe", RECIPE, "--out", out]);
    // What would fail is said below the plan.
    assert.equal(code, 1);
    assert.match(
      err,
      /^Error: recipe "forecast" would not finish: step "faulty": there is nothing/,
    );
    assert.match(text, /^forecast: A trunk and its branches\.$/m);
    assert.match(text, /^left {2}train, to run: no earlier result$/m);
    assert.match(text, /^ {2}steps {4}40 to 100, 60,000 tokens$/m);
    assert.match(text, /^ {2}model {4}1,234 parameters$/m);
    assert.match(text, /^ {2}keeps {4}all$/m);
    assert.match(
      text,
      /^ {2}sources {2}general: 60,000 tokens after 40,000 in earlier phases; not/m,
    );
    assert.match(text, /^ {2}compute {2}6\.00e\+10 FLOPs$/m);
    assert.match(text, /^ {2}memory {3}12\.0 kB: weights 4\.0 kB, moments 8\.0 kB$/m);
    assert.match(text, /^ {2}disk {5}5\.0 kB: weights 5\.0 kB; 700 B more while running$/m);
    assert.match(text, /at least [\d.:]+( s)?, matrix products alone, at [\d.]+ GFLOP\/s measured/);
    assert.match(text, /^ {2}time {5}unknown here: oneDNN has no float16 on the CPU$/m);
    assert.match(text, /^ {2}note {5}would fail: there is nothing to train$/m);
    assert.match(
      text,
      /^twig {2}silent, to run: no earlier result\n {2}forecast none from this stage$/m,
    );
    const tree = text.slice(text.indexOf("Lineage\n"), text.indexOf("\n\nTotal"));
    assert.deepEqual(tree.split("\n"), [
      "Lineage",
      "  trunk  train 0 to 40",
      "  ├─ left  train 40 to 100: all",
      "  │  └─ twig  silent",
      "  ├─ right  train 40 to 60: all",
      "  └─ faulty  train steps unknown",
    ]);
    // The source is needed once, by the branch that goes furthest.
    assert.match(text, /^ {2}needed {3}general: 100,000 tokens$/m);
    assert.match(text, /^ {2}disk {5}215\.7 kB: results 15\.0 kB, 700 B more .* make 200\.0 kB$/m);
    assert.match(text, / to run\n {11}unknown for 3 of 5 tasks: nothing like them has run here$/m);
    assert.throws(() => Deno.statSync(out), Deno.errors.NotFound);
  }));

Deno.test("a branch is drawn over its whole run, and marked where it begins", () =>
  withFolder(async (folder) => {
    const { out } = await command(["--recipe", RECIPE, "--out", folder]);
    const left = out.slice(out.indexOf("\nleft "), out.indexOf("\nright ")).split("\n");
    const axis = left.find((line) => line.includes("↑"))!.trim();
    assert.match(axis, /^0 +↑40 +100$/);
    const code = left.find((line) => line.includes(" code "))!;
    assert.match(code, / code {22,}▄{36,37} 50%$/);
  }));

Deno.test("a step that has run shows its time and size, and its speed serves others", () =>
  withFolder(async (folder) => {
    const recipe = await loadRecipe(recipeUrl(RECIPE));
    await run(recipe, { out: folder, only: new Set(["trunk"]) });
    const { out } = await command(["--recipe", RECIPE, "--out", folder]);
    assert.match(out, /^trunk {2}train, done: up to date$/m);
    assert.match(out, /^ {2}written {2}7 B$/m);
    assert.match(out, /^ {2}time {5}[\d.]+ s, as in its last run$/m);
    assert.match(out, /^ {2}time {5}[\d.]+ s, at the speed of trunk in its last run$/m);
    assert.match(out, /├─ left {2}train 40 to 100: all, of checkpoint [0-9a-f]{12}$/m);
    assert.doesNotMatch(out, /measured just now on cpu/);
    assert.match(out, /4 of 5 to run/);
  }));

Deno.test("errors are one sentence, with an exit code", async () => {
  const cases: [string[], number, RegExp][] = [
    [["--color"], 2, /^Error: unknown flag --color \(see deno task plan --help\)$/],
    [["--out="], 2, /^Error: --out needs a value/],
    [["--recipe", "no.ts"], 1, /^Error: there is no recipe file .*no\.ts$/],
    [["--data-root", "no_folder"], 2, /^Error: --data-root no_folder is not a folder$/],
  ];
  for (const [args, code, message] of cases) {
    const result = await command(args);
    assert.deepEqual([result.code, result.out], [code, ""], result.err);
    assert.match(result.err, message);
  }
  assert.match((await command(["--help"])).out, /Usage: deno task plan/);
});

const CLUSTER = {
  name: "two nodes",
  basis: "made up",
  devices: [2, 4],
  devices_per_node: 2,
  device: { name: "box", flops_per_second: 1e6, memory_bytes: 1e4, price_per_hour: 36 },
  links: {
    within_node: { bytes_per_second: 1e6 },
    between_nodes: { bytes_per_second: 1e5, latency_s: 1e-3 },
  },
  storage: { bytes_per_second: 1e6 },
};

Deno.test("for a cluster a plan shows time, network, memory and cost, and what does not fit", () =>
  withFolder(async (folder) => {
    const file = join(folder, "cluster.json"), out = join(folder, "out");
    await Deno.writeTextFile(file, JSON.stringify(CLUSTER));
    const args = ["--recipe", RECIPE, "--out", out, "--cluster", file];
    const { code, out: text, err } = await command(args);
    assert.equal(code, 0, err);
    assert.match(text, /^two nodes: 2 x box a node\nNumbers: made up\n\nOne run, 100,000 tokens/);
    assert.match(
      text,
      /1 task with fewer sequences in a batch than devices \(left: 3\): training on/,
    );
    assert.match(text, /12\.0 kB do not fit into box's 10\.0 kB: lower micro_batch_size\./);
    const { out: json } = await command([...args, "--json"]);
    const plan = JSON.parse(json);
    assert.deepEqual(plan.line, ["trunk", "left"]);
    assert.deepEqual(plan.totals.map(({ devices }: { devices: number }) => devices), [2, 4]);
    const [one, two] = plan.line_totals;
    assert.ok(one.efficiency > two.efficiency && two.all_reduce_share > one.all_reduce_share);
    assert.ok(Math.abs(one.cost - one.seconds * 2 / 100) < 1e-9);
    assert.equal((await command(["--cluster", join(folder, "none")])).code, 2);
    assert.match((await command(["--json"])).err, /--json needs --cluster/);
  }));
