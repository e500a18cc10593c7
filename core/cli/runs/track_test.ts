import assert from "node:assert/strict";
import { join } from "node:path";
import { loadRecipe } from "../../recipe/mod.ts";
import { run } from "../../runner/mod.ts";
import { findPython, runPython } from "../../../tests/shared/python.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { main as pipeline } from "../run/pipeline.ts";
import { main } from "./track.ts";

const RECIPE = new URL("../../recipe/testdata/toy_recipe.ts", import.meta.url);

const track = (...args: string[]) => runCommand(main, args);

/** Bytes of all files below a folder, by name. */
function filesBelow(folder: string, prefix = ""): Record<string, Uint8Array> {
  return Object.assign(
    {},
    ...[...Deno.readDirSync(folder)].map(({ name, isDirectory }) =>
      isDirectory
        ? filesBelow(join(folder, name), `${prefix}${name}/`)
        : { [prefix + name]: Deno.readFileSync(join(folder, name)) }
    ),
  );
}

Deno.test("a run is written for TensorBoard while it runs, and from its log afterwards, equally", () =>
  withFolder(async (out) => {
    const args = ["--recipe", RECIPE.pathname, "--out", out, "--port=0", "--quiet"];
    const { code, err } = await runCommand(pipeline, [...args, "--tracker", "tensorboard"]);
    assert.equal(code, 0, err);
    const [id] = [...Deno.readDirSync(join(out, "runs"))].map(({ name }) => name);
    const folder = join(out, "runs", id, "tensorboard");
    const live = filesBelow(folder);
    const names = Object.keys(live).map((name) => name.split("/")[0]).sort();
    assert.deepEqual(names, ["large", "small", "total"]);
    Deno.removeSync(folder, { recursive: true });
    assert.equal((await track("latest", "--tracker", "tensorboard", "--out", out)).code, 0);
    assert.deepEqual(filesBelow(folder), live);
  }));

/** Scalars and texts by TensorBoard's own reader. */
const READER = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0}).Reload()
print(json.dumps({
    "scalars": {tag: [[e.wall_time, e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]},
    "texts": {tag: [e.tensor_proto.string_val[0].decode() for e in events.Tensors(tag)] for tag in events.Tags()["tensors"]},
}))
`;

const python = findPython(["tensorboard"]);

Deno.test({
  name: "TensorBoard's own reader finds every value, its step and its time",
  ignore: python === undefined,
  fn: () =>
    withFolder(async (out) => {
      const { id, steps } = await run(await loadRecipe(RECIPE.href), { out });
      assert.equal((await track(id, "--tracker", "tensorboard", "--out", out)).code, 0);
      const folder = join(out, "runs", id, "tensorboard", "large");
      const { scalars, texts } = JSON.parse(await runPython(python!, READER, [folder]));
      const points = Deno.readTextFileSync(join(out, "runs", id, "events.jsonl")).trim().split("\n")
        .map((line) => JSON.parse(line))
        .filter(({ type, step }) => type === "report" && step === "large")
        .flatMap(({ points }) => points);
      const expected = points.map((
        [step, time, { loss }],
      ) => [time / 1000, step, Math.fround(loss)]);
      assert.deepEqual(scalars.loss, expected);
      assert.equal(steps.length, 4);
      assert.match(texts.config[0], /"count": 5000/);
      // A file that was cut off in the middle of a record still tells what stands before.
      const [name] = [...Deno.readDirSync(folder)].map(({ name }) => name);
      Deno.truncateSync(join(folder, name), Deno.statSync(join(folder, name)).size - 5);
      const cut = JSON.parse(await runPython(python!, READER, [folder]));
      assert.equal((cut.scalars.loss ?? []).length, expected.length - 1);
    }),
});

/** What MLflow's REST API does with what a tracker asks of it. */
function mlflowServer() {
  const runs = new Map<string, Record<string, unknown[]> & { status?: string }>();
  let failures = 1;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const path = new URL(request.url).pathname.replace("/api/2.0/mlflow/", "");
    // The first of all requests fails, as a busy server's do.
    if (failures-- > 0) return Response.json({ message: "busy" }, { status: 503 });
    const body = request.method === "POST" ? await request.json() : {};
    if (path === "experiments/get-by-name") {
      return Response.json({ message: "no such experiment" }, { status: 404 });
    }
    if (path === "experiments/create") return Response.json({ experiment_id: body.name });
    if (path === "runs/create") {
      runs.set("r1", { metrics: [], params: [], experiments: [body.experiment_id] });
      return Response.json({ run: { info: { run_id: "r1" } } });
    }
    const found = runs.get(body.run_id);
    if (!found) return Response.json({ message: "no such run" }, { status: 400 });
    if (path === "runs/log-batch") {
      const { metrics = [], params = [] } = body;
      if (metrics.length > 1000) return Response.json({ message: "too many" }, { status: 400 });
      found.metrics.push(...metrics);
      found.params.push(...params);
      return Response.json({});
    }
    if (path === "runs/update") {
      found.status = body.status;
      return Response.json({});
    }
    return Response.json({ message: `nothing at ${path}` }, { status: 404 });
  });
  return { runs, url: `http://127.0.0.1:${server.addr.port}`, close: () => server.shutdown() };
}

Deno.test("a run is written to an MLflow server: metrics, parameters, how it ended", () =>
  withFolder(async (out) => {
    const server = mlflowServer();
    try {
      const { id } = await run(await loadRecipe(RECIPE.href), { out });
      const { code, err } = await track(id, "--tracker", `mlflow:${server.url}`, "--out", out);
      assert.equal(code, 0, err);
      const { metrics, params, status, experiments } = server.runs.get("r1")!;
      assert.deepEqual([status, experiments], ["FINISHED", ["toy"]]);
      const small = (metrics as { key: string; value: number; step: number }[])
        .filter(({ key }) => key === "small/loss");
      // Reports in quick succession are one point, the newest.
      assert.deepEqual(small.map(({ value, step }) => [value, step]), [[1 / 3, 3]]);
      assert.ok(
        (params as { key: string; value: string }[]).some(({ key, value }) =>
          key === "large/count" && value === "5000"
        ),
      );
    } finally {
      await server.close();
    }
  }));

Deno.test("the answers of a server that is not MLflow's, or never end, are refused", () =>
  withFolder(async (out) => {
    const { id } = await run(await loadRecipe(RECIPE.href), { out });
    const endless = () =>
      new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1 << 16).fill(32)) });
    const said = JSON.stringify({ message: `\x1b[2J${"x".repeat(5000)}` });
    const answers: [() => Response, RegExp][] = [
      [
        () => new Response("null"),
        /answer of \S+ to experiments\/get-by-name.* is not that of MLflow/,
      ],
      [() => Response.json({ experiment: { experiment_id: {} } }), /is not that of MLflow/],
      [() => Response.json({}), /to experiments\/create is not that of MLflow/],
      [() => new Response(endless()), /to experiments\/create is not that of MLflow/],
      [() => new Response(said, { status: 400 }), /answered 400: \\u001b\[2Jx{496};/],
    ];
    let answer = answers[0][0];
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => answer());
    const url = `mlflow:http://127.0.0.1:${server.addr.port}`;
    for (const [make, expected] of answers) {
      answer = make;
      const { code, err } = await track(id, "--tracker", url, "--out", out);
      assert.equal(code, 1);
      assert.match(err, expected);
    }
    await server.shutdown();
  }));

Deno.test("a failing tracker does not end the run", () =>
  withFolder(async (out) => {
    const module = join(out, "tracker.ts");
    Deno.mkdirSync(out, { recursive: true });
    Deno.writeTextFileSync(
      module,
      `export default { interface: 1, name: "broken", description: "", open: () => ({
        points() { throw new Error("no room"); }, end() {} }) };`,
    );
    const args = ["--recipe", RECIPE.pathname, "--out", join(out, "out"), "--port=0", "--quiet"];
    const { code, err } = await runCommand(pipeline, [...args, "--tracker", module]);
    assert.equal(code, 0);
    assert.equal(err, "Warning: the tracker broken stopped: no room; the run continues without it");
    const unreachable = ["--tracker", "mlflow:http://127.0.0.1:9"];
    const log = await track("latest", ...unreachable, "--out", join(out, "out"));
    assert.equal(log.code, 1);
    assert.match(log.err, /the tracker mlflow stopped: /);
    const unknown = await track("latest", "--tracker", "neptune", "--out", join(out, "out"));
    assert.match(
      unknown.err,
      /no tracker "neptune"; the trackers are tensorboard, mlflow, or your/,
    );
  }));
