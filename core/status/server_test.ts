import assert from "node:assert/strict";
import { accessFor } from "./access.ts";
import type { Control } from "./routes/control.ts";
import { permissionsFor, serveStatus } from "./server.ts";
import { at, startEvents, withFolder, writeLog, writeRun } from "./testdata/written_run.ts";
import { lockFolder } from "../runs/mod.ts";

const TOKEN = "0123456789abcdef";
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

Deno.test("a taken port is an error; the default port falls back to a free one", () =>
  withFolder(async (out) => {
    const one = await serveStatus({ out, port: 0 });
    await assert.rejects(
      serveStatus({ out, port: one.port }),
      new RegExp(`^Error: port ${one.port} on 127.0.0.1 is taken; choose another with --port$`),
    );
    const two = await serveStatus({ out });
    const three = await serveStatus({ out });
    assert.notEqual(two.port, three.port);
    await Promise.all([one, two, three].map((server) => server.close()));
  }));

Deno.test("an address that Deno does not permit is an error, and one that others reach needs a token", () =>
  withFolder(async (out) => {
    const [host, access] = ["192.0.2.1", accessFor("192.0.2.1", { token: TOKEN })];
    const permit =
      /^Deno does not let this process listen on 192\.0\.2\.1:7411: add --allow-net=192\.0/;
    await assert.rejects(serveStatus({ out, host, access }), { message: permit });
    await assert.rejects(serveStatus({ out, host }), /can be reached from other machines/);
  }));

Deno.test("the server's thread may read results and code, listen on its address, and nothing else", async () => {
  const code = `
    const ask = (descriptor) => Deno.permissions.querySync(descriptor).state === "granted";
    onmessage = ({ data }) => postMessage(data.map(ask));`;
  const permissions = permissionsFor("/results", "127.0.0.1", [7411]);
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module", deno: { permissions } });
  const ask = async (descriptors: Deno.PermissionDescriptor[]) => {
    const { promise, resolve } = Promise.withResolvers<MessageEvent>();
    worker.onmessage = resolve;
    worker.postMessage(descriptors);
    return (await promise).data as boolean[];
  };
  const source = new URL("./server.ts", import.meta.url).pathname;
  const allowed = await ask([
    { name: "read", path: "/results/runs/a/events.jsonl" },
    { name: "read", path: source },
    { name: "net", host: "127.0.0.1:7411" },
  ]);
  assert.deepEqual(allowed, [true, true, true]);
  const refused = await ask([
    { name: "read" },
    { name: "read", path: "/" },
    { name: "read", path: "/results/../etc" },
    { name: "read", path: new URL("../../.git", import.meta.url).pathname },
    { name: "write", path: "/results" },
    { name: "net", host: "127.0.0.1:80" },
    { name: "net", host: "example.com" },
    { name: "env" },
    { name: "env", variable: "CAUSEWAY_STATUS_TOKEN" },
    { name: "run" },
    { name: "ffi" },
  ]);
  assert.deepEqual(refused, Array(11).fill(false));
  worker.terminate();
});

Deno.test("the server answers while the thread that started it is busy", () =>
  withFolder(async (out) => {
    const id = await writeRun(out);
    const server = await serveStatus({ out, port: 0 });
    const answered = new Int32Array(new SharedArrayBuffer(4));
    const client = `onmessage = async ({ data }) => {
      const { run } = await (await fetch("${server.url}/status")).json();
      Atomics.store(data, 0, 1);
      Atomics.notify(data, 0);
      postMessage(run);
    }`;
    const url = URL.createObjectURL(new Blob([client], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module" });
    const answer = new Promise<MessageEvent>((resolve) => worker.onmessage = resolve);
    worker.postMessage(answered);
    // This thread does nothing else until the answer is there.
    assert.notEqual(Atomics.wait(answered, 0, 0, 60_000), "timed-out");
    assert.equal((await answer).data, id);
    worker.terminate();
    await server.close();
  }));

Deno.test("control requests reach the thread that started the server, and its errors come back", () =>
  withFolder(async (out) => {
    const id = "20260131T154500Z-written";
    writeLog(out, id, startEvents(id, 1000));
    const lock = await lockFolder(out);
    lock.setRun(id);
    const asked: string[] = [];
    const control: Control = {
      pause: (run) => Promise.resolve(void asked.push(`pause ${run}`)),
      resume: (run) => Promise.resolve(void asked.push(`resume ${run}`)),
      stop: () => Promise.reject(new Error("it will not stop")),
    };
    const access = accessFor("127.0.0.1", { token: TOKEN });
    const server = await serveStatus({ out, port: 0, access, control });
    try {
      const post = async (path: string, headers = {}) => {
        const response = await fetch(`${server.url}${path}`, { method: "POST", headers });
        return [response.status, await response.json()] as const;
      };
      const told = await (await fetch(`${server.url}/access`)).json();
      assert.deepEqual(told, { token_needed: true, control: true, authorized: false });
      assert.equal((await post(`/runs/${id}/pause`))[0], 401);
      assert.equal((await post(`/runs/${id}/pause`, { authorization: "Bearer wrong" }))[0], 401);
      const [status, body] = await post(`/runs/${id}/pause`, AUTHORIZED);
      assert.deepEqual([status, body], [202, { run: id, state: "running", paused: true }]);
      assert.equal((await post("/runs/latest/resume", AUTHORIZED))[1].paused, false);
      assert.deepEqual(asked, [`pause ${id}`, `resume ${id}`]);
      const [refused, problem] = await post(`/runs/${id}/stop`, AUTHORIZED);
      assert.deepEqual([refused, problem.detail], [409, "it will not stop"]);
      assert.equal((await post("/runs/other/stop", AUTHORIZED))[0], 404);
      const own = { ...AUTHORIZED, origin: "http://evil.example" };
      assert.equal((await post(`/runs/${id}/pause`, own))[0], 403);
      assert.equal(asked.length, 2);
    } finally {
      await server.close();
      lock.unlock();
    }
  }));

Deno.test("without a token, or after the run is over, control requests are refused", () =>
  withFolder(async (out) => {
    const id = await writeRun(out);
    const never = () => Promise.reject(new Error("asked"));
    const control: Control = { pause: never, resume: never, stop: never };
    const open = await serveStatus({ out, port: 0, control });
    const guarded = await serveStatus({
      out,
      port: 0,
      control,
      access: accessFor("127.0.0.1", { token: TOKEN }),
    });
    try {
      const post = async (url: string, headers = {}) => {
        const response = await fetch(`${url}/runs/${id}/stop`, { method: "POST", headers });
        return [response.status, (await response.json()).detail];
      };
      assert.deepEqual(await post(open.url), [
        403,
        "start the server with a token to pause, resume and stop runs here",
      ]);
      assert.deepEqual(await post(guarded.url, AUTHORIZED), [
        409,
        `run ${id} is over: it is failed`,
      ]);
    } finally {
      await Promise.all([open.close(), guarded.close()]);
    }
  }));

Deno.test("TRACE, which no Request may have, is refused like other methods without a route", () =>
  withFolder(async (out) => {
    const server = await serveStatus({ out, port: 0 });
    const tcp = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const request = `TRACE /runs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
    await tcp.write(new TextEncoder().encode(request));
    const answer = await new Response(tcp.readable).text();
    assert.match(answer, /^HTTP\/1\.1 405 [^]*allow: GET, HEAD/i);
    await server.close();
  }));

Deno.test("the server closes quickly, even with an open event stream", () =>
  withFolder(async (out) => {
    const id = "20260131T154500Z-written";
    const path = writeLog(out, id, startEvents(id, 1000));
    const lock = await lockFolder(out);
    lock.setRun(id);
    const server = await serveStatus({ out, port: 0 });
    const streams = await Promise.all([1, 2].map(() => fetch(`${server.url}/runs/${id}/events`)));
    const [first, second] = streams.map(({ body }) => body!.getReader());
    await Promise.all([first.read(), second.read()]);
    await server.close(); // the streams would never end by themselves
    await assert.rejects(fetch(`${server.url}/healthz`));
    await Promise.allSettled([first.cancel(), second.cancel()]);
    // If a run ends before its server does, the stream reports the end.
    const again = await serveStatus({ out, port: 0 });
    const stream = await fetch(`${again.url}/runs/${id}/events`);
    const text = stream.text();
    const [end] = at(9000, [{ type: "run_finished", published: [] }]);
    Deno.writeTextFileSync(path, JSON.stringify(end) + "\n", { append: true });
    lock.unlock();
    await again.close();
    assert.match(await text, /event: run_finished[^]*event: end/);
  }));

Deno.test("answers from the cache are counted, and none outlives its session", () =>
  withFolder(async (out) => {
    await writeRun(out);
    const access = accessFor("127.0.0.1", { token: TOKEN });
    const server = await serveStatus({ out, port: 0, access });
    try {
      const ask = async (path: string, headers: Record<string, string>) => {
        const response = await fetch(server.url + path, { headers });
        return [response.status, await response.text()] as const;
      };
      const body = JSON.stringify({ token: TOKEN });
      const headers = { "content-type": "application/json" };
      const begun = await fetch(`${server.url}/session`, { method: "POST", headers, body });
      const [cookie] = begun.headers.get("set-cookie")!.split(";");
      const answers = [];
      for (let i = 0; i < 5; i++) answers.push(await ask("/status", { cookie }));
      assert.deepEqual(answers.map(([status]) => status), Array(5).fill(200));
      const [, metrics] = await ask("/metrics", AUTHORIZED);
      assert.match(metrics, /requests_total\{method="GET",route="\/status",status="200"\} 5\n/);
      await fetch(`${server.url}/session`, { method: "DELETE", headers: { cookie } });
      assert.equal((await ask("/status", { cookie }))[0], 401);
      assert.equal((await ask("/status", {}))[0], 401);
    } finally {
      await server.close();
    }
  }));
