import assert from "node:assert/strict";
import { dirname } from "node:path";
import { openFiles } from "../../../tests/shared/open_files.ts";
import { foldEvents, type RunEvent, RunFolder, type RunSource } from "../../runs/mod.ts";
import { statusApp } from "../app.ts";
import { at, startEvents, withFolder, writeLog, writeRun } from "../testdata/written_run.ts";

const HOST = { host: "127.0.0.1:7411" };

interface Sent {
  readonly event: string;
  readonly data: string;
  readonly id: number;
}

/** The events in a piece of a stream, without comments and `retry`. */
function parse(text: string): Sent[] {
  return text.split("\n\n").filter((block) => block.startsWith("event:")).map((block) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)![1];
    return { event: field("event"), data: field("data"), id: Number(field("id")) };
  });
}

/** A source with one run that is running until `live.over` is set. */
function liveSource(path: string, events: readonly RunEvent[]) {
  const live = { over: false };
  const state = foldEvents(events)!;
  const runs: RunSource = {
    ids: () => [state.id],
    get: () => Promise.resolve(live.over ? { ...state, state: "finished" } : state),
    index: () => Promise.resolve(undefined),
    logPath: () => path,
  };
  return { app: statusApp({ runs }), live };
}

Deno.test("all events of a finished run are sent, then the end", () =>
  withFolder(async (out) => {
    const id = await writeRun(out);
    const runs = new RunFolder(out);
    const app = statusApp({ runs, out });
    const log = Deno.readTextFileSync(runs.logPath(id));
    const response = await app.request("/runs/latest/events", { headers: HOST });
    assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
    const sent = parse(await response.text());
    assert.equal(sent.slice(0, -1).map(({ data }) => data + "\n").join(""), log);
    for (const { event, data } of sent.slice(0, -1)) assert.equal(JSON.parse(data).type, event);
    assert.deepEqual(sent.at(-1), { event: "end", data: "{}", id: log.length });
    const headers = { ...HOST, accept: "application/x-ndjson" };
    const lines = await app.request(`/runs/${id}/events`, { headers });
    assert.equal(lines.headers.get("content-type"), "application/x-ndjson");
    assert.equal(await lines.text(), log);
  }));

Deno.test("a stream continues at any event without gap or repeat", () =>
  withFolder(async (out) => {
    const id = await writeRun(out);
    const path = new RunFolder(out).logPath(id);
    // A line that a crash cut off, and letters of more than one byte.
    Deno.writeTextFileSync(path, '{"time":9,"ty\n', { append: true });
    const [odd] = at(9000, [{ type: "log", step: "make", message: "é 😀\r\u2028" }]);
    Deno.writeTextFileSync(path, JSON.stringify(odd) + "\n", { append: true });
    const app = statusApp({ runs: new RunFolder(out), out });
    const read = async (headers = {}, query = "") => {
      const url = `/runs/${id}/events${query}`;
      return parse(await (await app.request(url, { headers: { ...HOST, ...headers } })).text());
    };
    const all = await read();
    assert.equal(all.length, 11);
    for (const [i, { id }] of all.entries()) {
      const rest: Sent[] = i + 1 < all.length ? all.slice(i + 1) : all.slice(-1);
      assert.deepEqual(await read({ "last-event-id": String(id) }), rest);
      assert.deepEqual(await read({}, `?after=${id}`), rest);
    }
    assert.deepEqual(await read({ "last-event-id": "0" }), all);
    for (
      const bad of ["7", "-1", "x", "1e99", String(2 ** 50), String(Deno.statSync(path).size + 1)]
    ) {
      const headers = { ...HOST, "last-event-id": bad };
      const response = await app.request(`/runs/${id}/events`, { headers });
      assert.equal(response.status, 400, bad);
      await response.body!.cancel();
    }
  }));

Deno.test("events are sent as they are logged, a partial line once it is complete", () =>
  withFolder(async (out) => {
    const events = startEvents("r", 1000);
    const path = writeLog(out, "r", events);
    const { app, live } = liveSource(path, events);
    const response = await app.request("/runs/r/events", { headers: HOST });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (count: number) => {
      while (parse(text).length < count) text += (await reader.read()).value;
      return parse(text).map(({ event }) => event);
    };
    assert.deepEqual(await until(2), ["run_started", "step_started"]);
    const [log] = at(5000, [{ type: "log", step: "make", message: "later" }]);
    const line = JSON.stringify(log) + "\n";
    Deno.writeTextFileSync(path, line.slice(0, 20), { append: true });
    const third = until(3);
    setTimeout(() => Deno.writeTextFileSync(path, line.slice(20), { append: true }), 300);
    assert.deepEqual((await third).at(-1), "log");
    live.over = true;
    assert.deepEqual((await until(4)).at(-1), "end");
    assert.equal((await reader.read()).done, true);
    assert.equal(parse(text).at(-1)!.id, Deno.statSync(path).size);
  }));

Deno.test("the number of streams is limited; a cancelled one makes room", () =>
  withFolder(async (out) => {
    const events = startEvents("r", 1000);
    const { app } = liveSource(writeLog(out, "r", events), events);
    const open = async () => await app.request("/runs/r/events", { headers: HOST });
    const streams = await Promise.all(Array.from({ length: 32 }, open));
    assert.ok(streams.every(({ status }) => status === 200));
    const refused = await open();
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
    assert.match((await refused.json()).detail, /32 streams are open/);
    await streams[0].body!.cancel();
    const head = await app.request("/runs/r/events", { method: "HEAD", headers: HOST });
    assert.equal(head.status, 200);
    const next = await open();
    assert.equal(next.status, 200);
    for (const { body } of [...streams.slice(1), next]) await body!.cancel();
  }));

Deno.test({
  name: "a stream that its client leaves, or takes no more from, has no file open",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (out) => {
      const lines = Array.from({ length: 5000 }, () => {
        return { type: "log", step: "make", message: "x".repeat(200) } as const;
      });
      const path = writeLog(out, "r", [...startEvents("r", 1000), ...at(3000, lines)]);
      const app = statusApp({ runs: new RunFolder(out), out });
      for (const accept of ["text/event-stream", "application/x-ndjson"]) {
        const response = await app.request("/runs/r/events", { headers: { ...HOST, accept } });
        const reader = response.body!.getReader();
        while ((await reader.read()).value!.length < 2000);
        assert.deepEqual(openFiles(dirname(path)), [], accept);
        await reader.cancel();
        assert.deepEqual(openFiles(dirname(path)), [], accept);
      }
    }),
});
