/** Deno's test runner fails a test that leaves a worker behind. */
import assert from "node:assert/strict";
import { add, Graph, graphData, graphOf, mul, sum } from "../../graph/mod.ts";
import { computeOptions, SessionCache, sharedFloats, workerCount } from "../mod.ts";
import { RemoteThread } from "./remote_thread.ts";
import { SessionPool } from "./session_pool.ts";

/** y = a x + 1, and total = Σ y. */
function line(): Graph {
  const graph = new Graph();
  const a = graph.input("a", "float32", [3]), x = graph.input("x", "float32", [3]);
  const y = add(mul(a, x), 1);
  graph.output("y", y);
  graph.output("total", sum(y));
  return graph;
}

/** A pool whose members wait until a test lets them finish an item. */
function idlePool(size: number): SessionPool {
  return new SessionPool(Array.from({ length: size }, () => new SessionCache({})), true);
}

Deno.test("a graph of plain data computes the same nodes", () => {
  const graph = line();
  const copy = graphOf(structuredClone(graphData(graph)));
  assert.deepEqual(copy.nodes.map(({ op }) => op), graph.nodes.map(({ op }) => op));
  assert.deepEqual([...copy.outputs.keys()], ["y", "total"]);
  assert.deepEqual(copy.outputs.get("total")!.dims, graph.outputs.get("total")!.dims);
});

Deno.test("a session in a worker shares memory, copies the rest, and reports errors", async () => {
  const thread = new RemoteThread("worker 0");
  const session = await thread.compile(line(), { threads: 1 });
  const a = sharedFloats(3), y = sharedFloats(3);
  a.set([1, 2, 3]);
  const whole = Float32Array.of(0, 1, 1, 1, 0);
  for (const factor of [1, 10]) {
    a.fill(factor);
    const results = await session.run({ a, x: whole.subarray(1, 4) }, { y });
    assert.equal(results.y, y);
    assert.deepEqual([...y], [factor + 1, factor + 1, factor + 1]);
    assert.deepEqual([...results.total], [3 * factor + 3]);
  }
  const own = new Float32Array(3);
  await session.run({ a, x: whole.subarray(1, 4) }, { y: own });
  assert.deepEqual([...own], [11, 11, 11]);
  await assert.rejects(session.run({ a, x: new Float32Array(2) }), /"x" must be float32 of shape/);
  await session.release();
  thread.close();
});

Deno.test("a worker that ends fails what it was asked, by name, and can be released", async () => {
  const url = new URL("testdata/dying_worker.ts", import.meta.url);
  const thread = new RemoteThread("worker 3", url);
  const session = await thread.compile(line(), {});
  const x = new Float32Array(3);
  await assert.rejects(session.run({ a: x, x }), /worker 3 ended: .*out of luck/);
  await assert.rejects(session.run({ a: x, x }), /worker 3 ended/);
  await session.release();
  thread.close();
});

Deno.test("a worker lacks the permissions that computing does not need", async () => {
  const url = new URL("testdata/permissions_worker.ts", import.meta.url);
  const thread = new RemoteThread("worker 0", url);
  const session = await thread.compile(line(), {});
  const states = Object.entries(await session.run({})) as unknown as [string, string][];
  const granted = states.filter(([, state]) => state === "granted").map(([name]) => name);
  assert.deepEqual(granted, ["read", "env", "ffi"]);
  thread.close();
});

Deno.test("results are taken in order, whichever is ready first, and a slow member stops no other", async () => {
  const pool = idlePool(2);
  const items = [0, 1, 2, 3, 4];
  const computing = items.map(() => Promise.withResolvers<string>());
  const begun: number[] = [], taken: string[] = [];
  const all = pool.each(items, {
    compute: (item) => {
      begun.push(item);
      return computing[item].promise;
    },
    take: (result) => taken.push(result),
  });
  computing[1].resolve("one");
  while (begun.length < 3) await Promise.resolve();
  computing[2].resolve("two");
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(begun, [0, 1, 2]); // item 0 is still computed: one result may wait for it, not more
  assert.deepEqual(taken, []);
  for (const [i, name] of ["zero", "", "", "three", "four"].entries()) computing[i].resolve(name);
  await all;
  assert.deepEqual(taken, ["zero", "one", "two", "three", "four"]);
});

Deno.test("after a failure or an abort no item begins, and what has begun ends first", async () => {
  for (const how of ["failure", "abort"] as const) {
    const pool = idlePool(2), controller = new AbortController();
    const slow = Promise.withResolvers<void>();
    const begun: number[] = [];
    let ended = false;
    const all = pool.each([0, 1, 2, 3], {
      compute: async (item) => {
        begun.push(item);
        if (item === 0) await slow.promise;
        else if (how === "failure") throw new Error(`item ${item} failed`);
        else controller.abort(new Error("asked to stop"));
      },
      take: () => {},
      signal: controller.signal,
    });
    all.catch(() => {}).finally(() => ended = true);
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual([begun, ended], [[0, 1], false]);
    slow.resolve();
    await assert.rejects(all, how === "failure" ? /item 1 failed/ : /asked to stop/);
  }
});

Deno.test("models of some size get a worker for each thread, unless the config says otherwise", () => {
  const count = (config: Parameters<typeof computeOptions>[0], parameters: number) =>
    workerCount(computeOptions(config), parameters);
  assert.equal(count({ threads: 3 }, 2e6), 3);
  assert.equal(count({ threads: 1 }, 2e6), 0);
  assert.equal(count({ threads: 3 }, 14e3), 0);
  assert.equal(count({ threads: 3 }, 70e6), 0);
  assert.equal(count({ threads: 3, device: "webgpu" }, 2e6), 0);
  assert.equal(count({ threads: 3, workers: 0 }, 2e6), 0);
  assert.equal(count({ threads: 1, workers: 2 }, 70e6), 2);
  assert.throws(() => computeOptions({ device: "cuda", workers: 2 }), /workers need device "cpu"/);
});
