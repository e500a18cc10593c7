import assert from "node:assert/strict";
import { join } from "node:path";
import type { RunEventBody } from "../runs/mod.ts";
import { pastSeconds } from "./past_seconds.ts";

const plan = ["a", "b"].map((id) => {
  return { id, stage: "s", action: "run", reasons: [] } as const;
});

function writeRun(out: string, id: string, events: [number, RunEventBody][], recipe = "r") {
  Deno.mkdirSync(join(out, "runs", id), { recursive: true });
  const start = { type: "run_started", run: id, recipe, description: "", plan } as const;
  const lines = [[0, start] as const, ...events].map(([time, event]) =>
    JSON.stringify({ time: 1000 * time, ...event })
  );
  Deno.writeTextFileSync(join(out, "runs", id, "events.jsonl"), lines.join("\n") + "\n");
}

const started = (step: string, reasons: string[] = []): RunEventBody => {
  return { type: "step_started", step, key: "k", reasons };
};
const finished = (step: string): RunEventBody => ({ type: "step_finished", step, outputs: {} });

Deno.test("the newest run in which a step finished tells its time", async () => {
  const out = await Deno.makeTempDir();
  try {
    writeRun(out, "1", [[1, started("a")], [11, finished("a")], [11, started("b")], [
      14,
      finished("b"),
    ]]);
    writeRun(out, "2", [[1, started("a")], [21, finished("a")], [21, started("b")]]);
    writeRun(out, "3", [[1, started("b")], [99, finished("b")]], "another");
    assert.deepEqual(await pastSeconds(out, "r", ["a", "b"]), new Map([["a", 20], ["b", 3]]));
    assert.deepEqual(await pastSeconds(out, "r", ["b"]), new Map([["b", 3]]));
    assert.deepEqual(await pastSeconds(join(out, "none"), "r", ["a"]), new Map());
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("a step that went on from a checkpoint counts what was done before, at its pace", async () => {
  const out = await Deno.makeTempDir();
  try {
    const points = [[30, 12_000, {}], [40, 17_000, {}]] as const;
    writeRun(out, "1", [
      [10, started("a", ["interrupted, goes on from its checkpoint"])],
      [17, { type: "report", step: "a", total: 40, points }],
      [18, finished("a")],
    ]);
    // 8 s in this run, and 30 steps of half a second before.
    assert.deepEqual(await pastSeconds(out, "r", ["a"]), new Map([["a", 23]]));
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});
