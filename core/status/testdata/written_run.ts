/**
 * Hand-written runs: a log, and a store with every kind of artifact.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { RunEvent, RunEventBody, StageInfo, StepInfo } from "../../runs/mod.ts";
import { type Batch, files, table } from "../../stage/mod.ts";
import { type Artifact, Store, StoredFilesOutput, StoredTableOutput } from "../../store/mod.ts";

/** Runs a test with the path of an output folder that does not exist yet. */
export async function withFolder(use: (out: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(join(folder, "out"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Every column type. */
export const all_types = table({
  yes: "bool",
  int: "int32",
  short: "uint16",
  single: "float32",
  double: "float64",
  maybe: "nullable<float64>",
  words: "utf8",
  tokens: "list<uint16|uint32>",
  vector: "list<float32>",
}, "a column of each type");

/** More than one record batch. */
export const ROWS = 5000;

export function allTypes(): Batch<typeof all_types.columns> {
  const rows = Array.from({ length: ROWS }, (_, i) => i);
  const offsets = (length: (i: number) => number) => {
    const ends = Int32Array.from([0, ...rows.map(length)]);
    for (let i = 1; i <= ROWS; i++) ends[i] += ends[i - 1];
    return ends;
  };
  const [tokens, vectors] = [offsets((i) => i % 4), offsets((i) => i % 2)];
  return {
    yes: Uint8Array.from(rows, (i) => Number(i % 3 === 0)),
    int: Int32Array.from(rows, (i) => -i),
    short: Uint16Array.from(rows),
    single: Float32Array.from(rows, (i) => i / 3),
    double: Float64Array.from(rows, (i) => [Infinity, -Infinity, i / 7, 1e-300][i % 4]),
    maybe: rows.map((i) => i % 3 === 0 ? null : i / 7),
    words: rows.map((i) => ["", "é,😀", 'say "so"', "two\r\nlines"][i % 4] + (i % 5)),
    tokens: {
      values: Uint32Array.from({ length: tokens[ROWS] }, (_, i) => i * 7),
      offsets: tokens,
    },
    vector: { values: new Float32Array(vectors[ROWS]).fill(0.5), offsets: vectors },
  };
}

export const PAGE =
  '<!doctype html><title>t</title><img src="figures/loss.svg"><script>fetch("/runs")</script>';

/** Stores a table in one file, the same table in several, and a page with a picture. */
export async function storeArtifacts(out: string) {
  const store = new Store(join(out, "store"));
  store.open();
  const tableOf = async (shard_bytes?: number): Promise<Artifact> => {
    const output = new StoredTableOutput(store, all_types.columns, { shard_bytes });
    await output.write(allTypes());
    return await output.close();
  };
  const page = new StoredFilesOutput(store);
  await page.write("index.html", PAGE);
  await page.write("figures/loss.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>");
  return { whole: await tableOf(), parted: await tableOf(1), page: await page.close() };
}

/** Writes the log of a run. */
export function writeLog(out: string, id: string, events: readonly RunEvent[]): string {
  const path = join(out, "runs", id, "events.jsonl");
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, events.map((event) => JSON.stringify(event) + "\n").join(""));
  return path;
}

const stage: StageInfo = {
  name: "maker",
  version: "3",
  description: "Makes things.",
  inputs: {},
  outputs: { whole: all_types, parted: all_types, page: files("report", "a page") },
};

/** Events of a run with two tasks; the second reads the first. */
export function startEvents(id: string, time: number): RunEvent[] {
  const step = (step_id: string, after: string[], inputs: StepInfo["inputs"]) => {
    const task = { id: step_id, after, cores: 1, memory: 100 };
    const planned = {
      id: step_id,
      stage: "maker",
      action: "run",
      reasons: ["no earlier result"],
    } as const;
    return { ...planned, config: { count: 3 }, seed: 7, inputs, task, past_seconds: 2 };
  };
  const reads = { data: "make.whole", parts: { a: "make.page" } };
  const plan = [step("make", [], {}), step("use", ["make"], reads)];
  const budget = { jobs: 1, cores: 2, memory: 1000 };
  const text = { run: id, recipe: "written", description: "By hand." };
  const started = { type: "run_started", ...text, budget, plan, stages: [stage] } as const;
  return at(time, [
    started,
    { type: "step_started", step: "make", key: "0".repeat(64), reasons: ["no earlier result"] },
  ]);
}

/** Events with times one second apart. */
export function at(time: number, bodies: readonly RunEventBody[]): RunEvent[] {
  return bodies.map((body, i) => ({ time: time + 1000 * i, ...body }));
}

/** Writes a run with the artifacts, some log lines, reports and a sample. */
export async function writeRun(out: string, id = "20260131T154500Z-written"): Promise<string> {
  const outputs = await storeArtifacts(out);
  const points = [[1, 3000, { loss: 3 }], [2, 4000, { loss: null, rate: 0.5 }], [
    3,
    5000,
    { loss: 1 },
  ]] as const;
  writeLog(out, id, [
    ...startEvents(id, 1000),
    ...at(3000, [
      { type: "log", step: "make", message: "making" },
      { type: "report", step: "make", total: 3, points },
      { type: "sample", step: "make", done: 2, prompt: "Once", text: "upon a time" },
      { type: "step_finished", step: "make", outputs },
      { type: "step_started", step: "use", key: "1".repeat(64), reasons: ["no earlier result"] },
      { type: "step_failed", step: "use", message: "it broke" },
      { type: "run_failed", message: "step use: it broke" },
    ]),
  ]);
  return id;
}
