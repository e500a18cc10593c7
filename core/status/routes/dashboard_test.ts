import assert from "node:assert/strict";
import { listFolder } from "../../store/mod.ts";
import { RunFolder } from "../../runs/mod.ts";
import { statusApp } from "../app.ts";

const app = statusApp({ runs: new RunFolder("nowhere") });
const get = (path: string, headers = {}) => {
  return app.request(path, { headers: { host: "localhost", ...headers } });
};

Deno.test("only the files of the dashboard and of uPlot are served", async () => {
  const folder = new URL("../dashboard/", import.meta.url).pathname;
  const own = listFolder(folder).filter((name) => /\.(css|html|js|svg)$/.test(name));
  const plot = ["vendor/uPlot.esm.js", "vendor/uPlot.iife.min.js", "vendor/uPlot.min.css"];
  for (const name of [...own, ...plot]) {
    const response = await get(`/dashboard/${name}`);
    assert.equal(response.status, 200, name);
    assert.match(response.headers.get("content-security-policy")!, /^default-src 'self';/);
    assert.doesNotMatch(response.headers.get("content-security-policy")!, /unsafe/);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    const types = { css: "text/css", html: "text/html", js: "text/javascript", svg: "image/svg" };
    const type = types[name.split(".").at(-1) as keyof typeof types];
    assert.ok(response.headers.get("content-type")!.startsWith(type), name);
    assert.ok((await response.text()).length > 0);
    // A 304 replaces the headers of the cached answer, the policy included.
    const again = await get(`/dashboard/${name}`, {
      "if-none-match": response.headers.get("etag")!,
    });
    assert.equal(again.status, 304);
    for (const header of ["content-security-policy", "etag", "cache-control"]) {
      assert.equal(again.headers.get(header), response.headers.get(header), `${name}: ${header}`);
    }
  }
  for (
    const name of ["app.ts", "..%2fapp.ts", "../app.ts", "vendor/package.json", "vendor/", "%00"]
  ) {
    assert.equal((await get(`/dashboard/${name}`)).status, 404, name);
  }
});
