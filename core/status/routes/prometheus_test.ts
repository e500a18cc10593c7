import assert from "node:assert/strict";
import { findPython, runPython } from "../../../tests/shared/python.ts";
import { foldEvents, type RunEvent, type RunSource } from "../../runs/mod.ts";
import { statusApp } from "../app.ts";
import { parsePrometheus } from "../testdata/parse_prometheus.ts";

/** Characters that the format must escape, and some that it must not. */
const ODD = 'a "b" \\n\nc\\ {d="e"},é';

function eventsOf(): RunEvent[] {
  const plan = ["train", ODD].map((id) => ({
    id,
    stage: "pretrain",
    action: "run" as const,
    reasons: [],
    task: { id, after: [], cores: 1, memory: 0 },
    past_seconds: 20,
  }));
  const budget = { jobs: 1, cores: 2, memory: 0 };
  const metrics = {
    loss: 2.5,
    learning_rate: 1e-9,
    tokens_per_second: 1e21,
    "validation_loss/web": 3,
    [`validation_loss/${ODD}`]: null,
    grad_norm: 0.5,
  };
  return [
    { time: 0, type: "run_started", run: "r", recipe: ODD, description: "", budget, plan },
    { time: 1000, type: "step_started", step: "train", key: "k", reasons: [] },
    { time: 2000, type: "report", step: "train", total: 8, points: [[1, 2000, { loss: 3 }]] },
    { time: 3000, type: "report", step: "train", total: 8, points: [[2, 3000, metrics]] },
  ];
}

async function scrape(events: RunEvent[], before: string[] = []) {
  const state = foldEvents(events);
  const ids = () => state ? ["r"] : [];
  const runs = { ids, get: () => Promise.resolve(state) } as unknown as RunSource;
  const app = statusApp({ runs, now: () => 4000 });
  for (const path of before) await app.request(path);
  const response = await app.request("/metrics");
  assert.match(
    response.headers.get("content-type")!,
    /^text\/plain; version=0\.0\.4; charset=utf-8/,
  );
  return await response.text();
}

Deno.test("metrics of a run are parsed back to their values", async () => {
  const samples = parsePrometheus(await scrape(eventsOf()));
  const value = (name: string, labels: Record<string, string>) => {
    const pairs = Object.entries(labels).map(([k, v]) => `${k}=${JSON.stringify(v)}`).sort();
    const key = `causeway_${name}{${pairs.join(",")}}`;
    assert.ok(samples.has(key), `${key} in ${[...samples.keys()].join("\n")}`);
    return samples.get(key);
  };
  const run = { run: "r", recipe: ODD };
  assert.equal(value("run_state", { ...run, state: "running" }), 1);
  assert.equal(value("run_state", { ...run, state: "failed" }), 0);
  assert.equal(value("run_paused", run), 0);
  assert.equal(value("run_time_left_seconds", run), 25);
  const [train, odd] = [{ run: "r", task: "train" }, { run: "r", task: ODD }];
  assert.equal(value("task_state", { ...train, stage: "pretrain", state: "running" }), 1);
  assert.equal(value("task_state", { ...odd, stage: "pretrain", state: "waiting" }), 1);
  assert.equal(value("task_step", train), 2);
  assert.equal(value("task_total_steps", train), 8);
  assert.equal(value("task_time_left_seconds", train), 5);
  assert.equal(value("task_loss", train), 2.5);
  assert.equal(value("task_learning_rate", train), 1e-9);
  assert.equal(value("task_tokens_per_second", train), 1e21);
  assert.equal(value("task_validation_loss", { ...train, source: "web" }), 3);
  assert.equal(value("task_validation_loss", { ...train, source: ODD }), NaN);
  assert.equal(value("task_metric", { ...train, metric: "grad_norm" }), 0.5);
  assert.ok(samples.get("process_resident_memory_bytes{}")! > 1e6);
  assert.ok(samples.get("process_cpu_seconds_total{}")! > 0);
});

Deno.test("requests are counted by route, not by path", async () => {
  const paths = ["/runs", "/runs", "/runs/r/plan", "/runs/other/plan", "/nowhere", "/no\nwhere"];
  const samples = parsePrometheus(await scrape(eventsOf(), paths));
  const counted = (route: string, status: number) => {
    const labels = `method="GET",route="${route}",status="${status}"`;
    return samples.get(`causeway_http_requests_total{${labels}}`);
  };
  assert.equal(counted("/runs", 200), 2);
  assert.equal(counted("/runs/:run/plan", 200), 2);
  assert.equal(counted("none", 404), 2);
  const seconds = "causeway_http_request_duration_seconds";
  assert.equal(samples.get(`${seconds}_count{method="GET",route="/runs"}`), 2);
  const infinite = `${seconds}_bucket{le="+Inf",method="GET",route="/runs"}`;
  assert.equal(samples.get(infinite), 2);
});

Deno.test("there are metrics without runs, and of a paused run", async () => {
  const none = parsePrometheus(await scrape([]));
  assert.ok(![...none.keys()].some((key) => key.startsWith("causeway_run")));
  const paused = await scrape([...eventsOf(), { time: 3500, type: "run_paused" }]);
  const value = [...parsePrometheus(paused)].find(([key]) => key.startsWith("causeway_run_paused"));
  assert.equal(value![1], 1);
});

const SCRIPT = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
samples = [(s.name, s.labels, repr(s.value)) for f in text_string_to_metric_families(sys.argv[1]) for s in f.samples]
print(json.dumps(samples))
`;

const python = findPython(["prometheus_client"]);

Deno.test({
  name: "Python's client library reads the same values",
  ignore: python === undefined,
  async fn() {
    const text = await scrape(eventsOf(), ["/runs"]);
    const read: [string, Record<string, string>, string][] = JSON.parse(
      await runPython(python!, SCRIPT, [text]),
    );
    const samples = parsePrometheus(text);
    assert.equal(read.length, samples.size);
    for (const [name, labels, value] of read) {
      const pairs = Object.entries(labels).map(([k, v]) => `${k}=${JSON.stringify(v)}`).sort();
      assert.equal(Number(value), samples.get(`${name}{${pairs.join(",")}}`), name);
    }
  },
});
