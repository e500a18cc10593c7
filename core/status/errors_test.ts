import assert from "node:assert/strict";
import { RunFolder } from "../runs/mod.ts";
import { statusApp } from "./app.ts";
import { withFolder, writeRun } from "./testdata/written_run.ts";

const HOST = { host: "127.0.0.1:7411" };
const appOf = (out: string) => statusApp({ runs: new RunFolder(out), out });

async function get(app: ReturnType<typeof statusApp>, path: string, headers = {}) {
  const response = await app.request(path, { headers: { ...HOST, ...headers } });
  const type = response.headers.get("content-type");
  return { status: response.status, type, body: await response.json() };
}

Deno.test("errors are problems with a sentence that explains them", () =>
  withFolder(async (out) => {
    const app = appOf(out);
    const id = await writeRun(out);
    const cases: [string, number, RegExp][] = [
      ["/nowhere", 404, /nothing at \/nowhere/],
      ["/runs/other", 404, /no run "other"; GET \/runs lists them/],
      ["/runs/..%2F..", 404, /no run/],
      [`/runs/%2e%2e/${id}`, 404, /nothing at/],
      [`/runs/${id}%00`, 404, /no run/],
      ["/runs/__proto__/metrics", 404, /no run/],
      [`/runs/${id}/metrics?task=x`, 404, /no task "x"; its tasks: make, use/],
      [`/runs/${id}/metrics?step=make`, 400, /query parameter step is now called task/],
      [`/runs/${id}/logs?step=make`, 400, /step is now called task/],
      [`/runs/${id}/samples?step=make`, 400, /step is now called task/],
      [`/runs/${id}/metrics?from=x`, 400, /from="x" is not a number/],
      [`/runs/${id}/metrics?to=`, 400, /to="" is not a number/],
      [`/runs/${id}/metrics?from=1&from=2`, 400, /from="1" and from="2" may be given only once/],
      [`/runs/${id}/metrics?points=100001`, 400, /points="100001" is not a whole number from 0 to/],
      [`/runs/${id}/metrics?points=-1`, 400, /whole number/],
      [`/runs/${id}/metrics?points=1e3`, 400, /whole number/],
      [`/runs/${id}/metrics?points=${"9".repeat(400)}`, 400, /whole number/],
      [`/runs/${id}/logs?limit=1.5`, 400, /limit="1.5"/],
      [`/runs/${id}/logs?task=x`, 404, /no task "x"/],
      ["/runs?state=odd", 400, /state="odd" is not one of running, finished, failed/],
      [`/runs/${id}/events?after=3`, 400, /"3" is not an event id of this log/],
      [
        `/runs/${id}/artifacts/make/none`,
        404,
        /no output "none"; its outputs: whole, parted, page/,
      ],
      [`/runs/${id}/artifacts/use/out`, 404, /it is failed and has none yet/],
      [`/runs/${id}/artifacts/make/__proto__`, 404, /no output/],
    ];
    for (const [path, status, detail] of cases) {
      const response = await get(app, path);
      assert.equal(response.status, status, path);
      assert.equal(response.type, "application/problem+json");
      assert.match(response.body.detail, detail);
      assert.equal(response.body.status, status);
    }
    const picky = await get(app, `/runs/${id}/metrics`, { accept: "image/png, text/html;q=0.5" });
    assert.equal((await get(app, "/status", { host: "evil.example:7411" })).status, 403);
    assert.equal(picky.status, 406);
    assert.match(picky.body.detail, /available as application\/json, text\/csv, application\/vnd/);
  }));

Deno.test("unsupported methods get 405 with the supported ones, and HEAD is GET without a body", () =>
  withFolder(async (out) => {
    const app = appOf(out);
    const id = await writeRun(out);
    for (
      const [method, path] of [["DELETE", `/runs/${id}`], ["DELETE", "/runs"], ["POST", "/status"]]
    ) {
      const response = await app.request(path, { method, headers: HOST });
      assert.equal(response.status, 405);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
      assert.match((await response.json()).detail, new RegExp(`does not support ${method}`));
    }
    for (const path of ["/status", `/runs/${id}/metrics`, `/runs/${id}/events`, "/openapi.json"]) {
      const [head, whole] = await Promise.all(["HEAD", "GET"].map((method) => {
        return app.request(path, { method, headers: HOST });
      }));
      assert.deepEqual([head.status, await head.text()], [200, ""], path);
      assert.equal(head.headers.get("etag"), whole.headers.get("etag"));
      assert.equal(head.headers.get("content-type"), whole.headers.get("content-type"));
      await whole.body!.cancel();
    }
  }));

Deno.test("unchanged answers are not sent again", () =>
  withFolder(async (out) => {
    const app = appOf(out);
    const id = await writeRun(out);
    const paths = ["", "/plan", "/stages", "/metrics", "/logs", "/samples", "/artifacts"];
    for (
      const path of [
        "/status",
        "/runs",
        "/stages",
        ...paths.map((path) => `/runs/${id}${path}`),
      ]
    ) {
      const first = await app.request(path, { headers: HOST });
      const etag = first.headers.get("etag")!;
      assert.match(etag, /^W\/".+"$/, path);
      assert.equal(first.headers.get("cache-control"), "no-cache");
      const headers = { ...HOST, "if-none-match": `"other", ${etag}` };
      const second = await app.request(path, { headers });
      assert.deepEqual([second.status, await second.text()], [304, ""], path);
      assert.equal(second.headers.get("etag"), etag);
    }
    const csv = { ...HOST, accept: "text/csv" };
    const etags = await Promise.all([HOST, csv].map(async (headers) => {
      return (await app.request(`/runs/${id}/metrics`, { headers })).headers.get("etag");
    }));
    assert.notEqual(etags[0], etags[1]);
  }));
