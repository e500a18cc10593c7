import { Validator } from "@seriousme/openapi-schema-validator";
import type { Hono } from "hono";
import assert from "node:assert/strict";
import { RunFolder } from "@causeway/core/runs";
import { statusApp } from "@causeway/core/status";
import { Checker, documentOf, HOST } from "./check_answers.ts";
import { withFolder, writeRun } from "../../core/status/testdata/written_run.ts";

/** Answers that other tests cover: the page, damaged objects, too many streams. */
const ELSEWHERE = [
  "GET / 200",
  "GET / 304",
  "GET /runs/{run}/artifacts/{task}/{output} 500",
  "GET /runs/{run}/events 503",
];

Deno.test("the document is valid OpenAPI 3.1 and lists every route with a summary", async () => {
  const app = statusApp({ runs: new RunFolder("nowhere") });
  const document = await documentOf(app);
  assert.match(document.openapi, /^3\.1/);
  const result = await new Validator().validate({ ...structuredClone(document) });
  assert.deepEqual(result.errors ?? [], []);
  assert.equal(result.valid, true);
  const documented = Object.entries(document.paths).flatMap(([path, methods]) => {
    for (const operation of Object.values(methods)) assert.ok(operation.summary, path);
    return Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`);
  });
  const routes = app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => {
    return `${method} ${path.replace(/:(\w+)(\{\.\+\})?/g, "{$1}")}`;
  });
  assert.deepEqual([...new Set(routes)].sort(), documented.sort());
});

Deno.test("every answer, errors included, matches the document", () =>
  withFolder(async (out) => {
    const id = await writeRun(out);
    const app = statusApp({ runs: new RunFolder(out), out });
    const document = await documentOf(app);
    const checker = new Checker(document);
    const make = `/runs/${id}/artifacts/make`;
    const file = "application/vnd.apache.arrow.file";
    const expected: [path: string, status: number, headers?: HeadersInit][] = [
      ["/healthz", 200],
      ["/status", 200],
      ["/runs", 200],
      ["/runs?state=odd", 400],
      [`/runs/${id}`, 200],
      ["/runs/none", 404],
      ["/runs/latest/plan", 200],
      ["/runs/none/plan", 404],
      ["/runs/latest/stages", 200],
      ["/runs/none/stages", 404],
      ["/stages", 200],
      ["/runs/latest/metrics", 200],
      ["/runs/latest/metrics", 200, { accept: "text/csv" }],
      ["/runs/latest/metrics", 200, { accept: "application/vnd.apache.arrow.stream" }],
      ["/runs/latest/metrics?points=x", 400],
      ["/runs/latest/metrics?task=x", 404],
      ["/runs/latest/metrics", 406, { accept: "image/png" }],
      ["/runs/latest/events", 200],
      ["/runs/latest/events", 200, { accept: "application/x-ndjson" }],
      ["/runs/latest/events?after=5", 400],
      ["/runs/none/events", 404],
      ["/runs/latest/events", 406, { accept: "image/png" }],
      ["/runs/latest/logs", 200],
      ["/runs/latest/logs", 200, { accept: "text/plain" }],
      ["/runs/latest/logs?limit=x", 400],
      ["/runs/latest/logs?task=x", 404],
      ["/runs/latest/logs", 406, { accept: "image/png" }],
      ["/runs/latest/samples", 200],
      ["/runs/latest/samples?limit=x", 400],
      ["/runs/none/samples", 404],
      ["/runs/latest/artifacts", 200],
      ["/runs/none/artifacts", 404],
      [`${make}/whole`, 200],
      [`${make}/whole`, 200, { accept: "text/csv" }],
      [`${make}/whole`, 200, { accept: file }],
      [`${make}/whole`, 206, { accept: file, range: "bytes=0-9" }],
      [`${make}/whole`, 416, { accept: file, range: "bytes=999999999-" }],
      [`${make}/whole?limit=x`, 400],
      [`${make}/none`, 404],
      [`${make}/parted`, 406, { accept: file }],
      [`${make}/page`, 200],
      [`${make}/page/files/index.html`, 200],
      [`${make}/page/files/figures/loss.svg`, 206, { range: "bytes=0-1" }],
      [`${make}/page/files/index.html`, 416, { range: "bytes=999-" }],
      [`${make}/page/files/none`, 404],
      ["/access", 200],
      ["/system", 200],
      ["/metrics", 200],
      ["/dashboard/vendor/uPlot.min.css", 200],
      ["/dashboard/none.js", 404],
      ["/openapi.json", 200],
    ];
    for (const [path, status, headers] of expected) {
      assert.equal(await checker.check(app, "GET", path, headers), status, path);
      if (status !== 200 || /healthz|events|access|system|^\/metrics/.test(path)) continue;
      const { headers: told } = await app.request(path, { headers: { ...HOST, ...headers } });
      const again = { ...headers, "if-none-match": told.get("etag")! };
      assert.equal(await checker.check(app, "GET", path, again), 304, path);
    }
    const empty = statusApp({ runs: new RunFolder(`${out}/none`) });
    assert.equal(await checker.check(empty, "GET", "/status"), 404);
    const closed = statusApp({
      runs: new RunFolder(out),
      access: { hosts: ["127.0.0.1"], token: "a-token-of-some-length" },
    });
    for (const path of Object.keys(document.paths).filter((path) => document.paths[path].get)) {
      const open = /^\/(healthz|access|dashboard\/.*)?$/.test(path);
      if (!open) assert.equal(await checker.check(closed, "GET", path), 401, path);
      assert.equal(await checker.check(app, "GET", path, { host: "evil.example" }), 403, path);
    }
    const missing = Object.entries(document.paths).flatMap(([path, { get }]) => {
      return Object.keys(get?.responses ?? {}).map((status) => `GET ${path} ${status}`);
    }).filter((one) => !checker.seen.has(one));
    assert.deepEqual(missing.sort(), ELSEWHERE);
  }));

Deno.test("answers to requests that change something match the document", () =>
  withFolder(async (out) => {
    const id = await writeRun(out);
    const token = "a-token-of-some-length";
    const access = { hosts: ["127.0.0.1"], token };
    const running = { ...(await new RunFolder(out).get(id))!, state: "running" as const };
    const runs = Object.assign(new RunFolder(out), { get: () => Promise.resolve(running) });
    const done = () => Promise.resolve();
    const control = { pause: done, resume: done, stop: done };
    const app = statusApp({ runs, access, control });
    const over = statusApp({ runs: new RunFolder(out), access });
    const checker = new Checker(await documentOf(statusApp({ runs })));
    const known = { authorization: `Bearer ${token}` };
    for (const action of ["pause", "resume", "stop"]) {
      const path = `/runs/${id}/${action}`;
      assert.equal(await checker.check(app, "POST", path, known), 202);
      assert.equal(await checker.check(app, "POST", path), 401);
      assert.equal(await checker.check(statusApp({ runs, control }), "POST", path), 403);
      assert.equal(await checker.check(over, "POST", path, known), 409);
      assert.equal(await checker.check(over, "POST", `/runs/none/${action}`, known), 404);
    }
    const json = { "content-type": "application/json" };
    const login = async (app: Hono, body: string) => {
      return await checker.check(app, "POST", "/session", json, body);
    };
    assert.equal(await login(app, JSON.stringify({ token })), 204);
    assert.equal(await login(app, JSON.stringify({ token: "another" })), 401);
    assert.equal(await login(app, "{}"), 400);
    assert.equal(await login(app, "{"), 400);
    assert.equal(await checker.check(app, "DELETE", "/session"), 204);
  }));

Deno.test("the check against the document notices mismatches", () =>
  withFolder(async (out) => {
    await writeRun(out);
    const app = statusApp({ runs: new RunFolder(out), out });
    const document = await documentOf(app);
    (document.components.schemas.Run as { required: string[] }).required.push("no_such_field");
    const checker = new Checker(document);
    await assert.rejects(checker.check(app, "GET", "/runs"), /no_such_field/);
    const narrow = await documentOf(app);
    delete (narrow.components.schemas.Task as { properties: Record<string, object> }).properties
      .seed;
    await assert.rejects(new Checker(narrow).check(app, "GET", "/runs/latest"), /unevaluated/);
  }));
