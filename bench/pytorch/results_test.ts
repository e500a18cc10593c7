import assert from "node:assert/strict";
import {
  type Contest,
  mergeResults,
  readResults,
  type Results,
  type SizeResult,
} from "./results.ts";

const contest = (mode: Contest["mode"], seconds: number): Contest => ({
  mode,
  implementation: "hf",
  variant: "float32",
  repeated: 0,
  rounds: [{ ours_s: 1, theirs_s: seconds, ceiling: 1, idle_ours: 0, idle_theirs: 0, others: 0 }],
});

function run(sizes: Record<string, Contest[]>, machine = {}, passes_per_round = 3): Results {
  const size = (name: string, contests: Contest[]): SizeResult => ({
    size: name,
    parameters: 10,
    rows: 1,
    length: 8,
    passes: "step",
    flops_per_pass: 1,
    passes_per_round,
    ours: {},
    contests,
  });
  return {
    benchmark: "train",
    machine: { date: "2026-01-02", processor: "P", load_average_before: 0.1, ...machine },
    settings: { threads: 2 },
    sizes: Object.entries(sizes).map(([name, contests]) => size(name, contests)),
  };
}

Deno.test("runs are merged by model and mode; the later one counts", () => {
  const { sizes, machine } = mergeResults([
    run({ small: [contest("eager", 2)] }),
    run({ mini: [contest("eager", 3)] }, { date: "2026-01-03", load_average_before: 0.4 }),
    run({ small: [contest("compile", 4)] }),
    run({ small: [contest("eager", 5)] }),
  ]);
  const seconds = ({ size, contests }: SizeResult) => [
    size,
    ...contests.map(({ mode, rounds }) => `${mode} ${rounds[0].theirs_s}`),
  ];
  assert.deepEqual(sizes.map(seconds), [["mini", "eager 3"], ["small", "compile 4", "eager 5"]]);
  assert.deepEqual([machine.date, machine.load_average_before], ["2026-01-02, 2026-01-03", 0.4]);
});

Deno.test("runs under different conditions cannot be merged", () => {
  const first = run({ mini: [contest("eager", 2)] });
  const other_machine = run({ small: [contest("eager", 2)] }, { processor: "Q" });
  assert.throws(() => mergeResults([first, other_machine]), /differ in processor: P and Q/);
  const other_turns = run({ mini: [contest("eager", 2)] }, {}, 4);
  assert.throws(() => mergeResults([first, other_turns]), /passes per round at mini: 3 and 4/);
});

Deno.test("errors name a file that is not a results file", () => {
  const path = Deno.makeTempFileSync();
  const refuses = (content: string, message: RegExp) => {
    Deno.writeTextFileSync(path, content);
    assert.throws(() => readResults(path, "train"), message);
  };
  refuses("{", /--from .*JSON/);
  refuses('{"sizes": 1}', /is not a results file/);
  const evaluation = { ...run({ mini: [contest("eager", 2)] }), benchmark: "evaluate" };
  refuses(JSON.stringify(evaluation), /results of bench:evaluate/);
  const results = run({ mini: [contest("eager", 2)] });
  Deno.writeTextFileSync(path, JSON.stringify(results));
  assert.deepEqual(readResults(path, "train"), results);
  Deno.removeSync(path);
});
