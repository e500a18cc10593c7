import assert from "node:assert/strict";
import { join } from "node:path";
import { Store, StoredTableOutput } from "../../store/mod.ts";
import { ARROW_FILE, ARROW_STREAM, MAKE, withArtifacts } from "../testdata/written_artifacts.ts";
import { all_types, PAGE, ROWS } from "../testdata/written_run.ts";

Deno.test("artifacts are listed with their ports and URLs", () =>
  withArtifacts(async (get) => {
    const { artifacts } = await (await get("/runs/latest/artifacts")).json();
    assert.deepEqual(artifacts.map((one: { output: string }) => one.output), [
      "whole",
      "parted",
      "page",
    ]);
    const [whole, parted, page] = artifacts;
    assert.deepEqual([whole.task, whole.kind, whole.rows], ["make", "table", ROWS]);
    assert.deepEqual(whole.port.columns, all_types.columns);
    assert.equal(page.port.format, "report");
    for (const { url, digest } of [whole, parted, page]) {
      const response = await get(url);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("etag"), `"${digest}-json"`);
      assert.match(response.headers.get("cache-control")!, /immutable/);
      await response.body!.cancel();
    }
  }));

Deno.test("files are served by their listed names, in a sandbox", () =>
  withArtifacts(async (get) => {
    const { files } = await (await get(`${MAKE}/page`)).json();
    assert.deepEqual(files.map(({ name }: { name: string }) => name), [
      "figures/loss.svg",
      "index.html",
    ]);
    const page = await get(`${MAKE}/page/files/index.html`);
    assert.equal(await page.text(), PAGE);
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    const policy = page.headers.get("content-security-policy")!;
    assert.match(policy, /^sandbox .*script-src 'none'; connect-src 'none'/);
    // With both, a page could remove its own sandbox.
    assert.doesNotMatch(policy, /allow-scripts/);
    assert.equal(page.headers.get("cache-control"), "private, no-cache");
    const picture = await get(`${MAKE}/page/files/figures/loss.svg`, { range: "bytes=0-3" });
    assert.deepEqual([picture.status, await picture.text()], [206, "<svg"]);
    const named = await get(files[0].url);
    assert.match(named.headers.get("cache-control")!, /max-age=31536000, immutable/);
    assert.equal(named.headers.get("etag"), `"${files[0].digest}"`);
    await named.body!.cancel();
    const table = await get(`${MAKE}/whole/files/index.html`);
    assert.match((await table.json()).detail, /is a table and has no files/);
  }));

Deno.test("no file name leads out of the store", () =>
  withArtifacts(async (get, out) => {
    Deno.writeTextFileSync(join(out, "secret.txt"), "secret");
    const names = [
      "../../../../secret.txt",
      "..%2f..%2fsecret.txt",
      "%2e%2e/%2e%2e/secret.txt",
      "figures/../index.html/..%2f..%2f..%2fsecret.txt",
      `%2F${out}/secret.txt`,
      "index.html%00",
      "INDEX.HTML",
      "figures",
      "figures%5Closs.svg",
    ];
    for (const name of names) {
      const response = await get(`${MAKE}/page/files/${name}`);
      assert.equal(response.status, 404, name);
      assert.doesNotMatch(await response.text(), /"secret"/);
    }
    const digest = "?digest=../../../../secret.txt";
    assert.equal(await (await get(`${MAKE}/page/files/index.html${digest}`)).text(), PAGE);
  }));

Deno.test("invalid digests in a log, and links in the store, are not followed", () =>
  withArtifacts(async (get, out) => {
    const id = "20260201T000000Z-tricky";
    const secret = join(out, "secret.txt");
    Deno.writeTextFileSync(secret, "secret");
    const store = new Store(join(out, "store"));
    const linked = "ab".repeat(32);
    Deno.mkdirSync(join(store.objectPath(linked), ".."), { recursive: true });
    Deno.symlinkSync(secret, store.objectPath(linked));
    const plan = [{ id: "make", stage: "s", action: "run", reasons: [] }];
    const started = { time: 1, type: "run_started", run: id, recipe: "t", description: "", plan };
    const made = (digest: string) => ({ kind: "table", digest, rows: 1, bytes: 6 });
    const outputs = {
      up: made("../../secret.txt"),
      link: made(linked),
      gone: made("0".repeat(64)),
    };
    const finished = { time: 2, type: "step_finished", step: "make", outputs };
    Deno.mkdirSync(join(out, "runs", id));
    const log = [started, finished].map((event) => JSON.stringify(event) + "\n").join("");
    Deno.writeTextFileSync(join(out, "runs", id, "events.jsonl"), log);
    for (const output of ["up", "link", "gone"]) {
      for (const accept of [ARROW_FILE, ARROW_STREAM, "text/csv", "application/json"]) {
        const response = await get(`/runs/${id}/artifacts/make/${output}`, { accept });
        assert.equal(response.status, 404, `${output} as ${accept}`);
        assert.match((await response.json()).detail, /no longer in the store; run the recipe/);
      }
    }
  }));

Deno.test("artifacts of skipped tasks come from manifests; damaged objects give 500", () =>
  withArtifacts(async (get, out) => {
    const id = "20260201T000000Z-second";
    const store = new Store(join(out, "store"));
    const output = new StoredTableOutput(store, { x: "float64" });
    await output.write({ x: Float64Array.of(1, 2) });
    const data = await output.close();
    const key = "c".repeat(64);
    const who = { stage: "s", version: "1", config: {}, seed: 0, inputs: {} };
    store.writeManifest(key, { format: 1, ...who, outputs: { data } });
    const plan = [{ id: "a", stage: "s", action: "skip", reasons: [] }];
    const started = { time: 1, type: "run_started", run: id, recipe: "t", description: "", plan };
    const skipped = { time: 2, type: "step_skipped", step: "a", key, reasons: [] };
    Deno.mkdirSync(join(out, "runs", id));
    const log = [started, skipped].map((event) => JSON.stringify(event) + "\n").join("");
    Deno.writeTextFileSync(join(out, "runs", id, "events.jsonl"), log);
    const url = `/runs/${id}/artifacts/a/data`;
    const { rows } = await (await get(url)).json();
    assert.deepEqual(rows, [[1], [2]]);
    const path = store.objectPath(data.digest);
    Deno.chmodSync(path, 0o644);
    Deno.writeTextFileSync(path, "not arrow");
    for (const accept of ["application/json", "text/csv", ARROW_STREAM]) {
      const response = await get(url, { accept });
      assert.equal(response.status, 500);
      assert.match((await response.json()).detail, /an object of the store is damaged/);
    }
  }));
