import assert from "node:assert/strict";
import { join } from "node:path";
import { parquetReadObjects } from "hyparquet";
import { cutAfter } from "../../tests/shared/hub_server.ts";
import {
  downloadTest,
  FILES,
  JSONL,
  NUMBERS,
  PARQUET,
  REPO,
} from "../../tests/shared/hub_tests.ts";
import { downloadFile } from "./mod.ts";
import type { Job } from "./testdata/download_worker.ts";

async function isWhole(path: string) {
  assert.deepEqual(await Deno.readFile(path), PARQUET);
}

downloadTest(
  "files are stored in the layout of Python's cache",
  async (setting) => {
    const { options, snapshot, empty, small, large, blob } = setting;
    const folder = join(options.cache, "datasets--org--numbers", "snapshots", snapshot.commit);
    assert.equal(await downloadFile(snapshot, small, options), join(folder, "data/a.jsonl"));
    assert.equal(await Deno.readTextFile(join(folder, "data/a.jsonl")), JSONL);
    const path = await downloadFile(snapshot, large, options);
    const file = (await Deno.readFile(path)).buffer;
    assert.deepEqual((await parquetReadObjects({ file })).map(({ n }) => n), NUMBERS);
    assert.equal(await Deno.readLink(path), join("../../../blobs", large.digest.split(":")[1]));
    assert.equal(await Deno.realPath(path), await Deno.realPath(blob));
    assert.equal(await Deno.readTextFile(await downloadFile(snapshot, empty, options)), "");
  },
);

downloadTest("the access token is sent to the hub only", async (setting) => {
  const { hub, options, snapshot, large } = setting;
  await downloadFile(snapshot, large, options);
  for (const { origin, authorization } of hub.requests) {
    assert.equal(authorization, origin === "hub" ? "Bearer hf_a" : null);
  }
  assert.equal(setting.ranges().length, 1);
});

downloadTest(
  "files in the cache are not downloaded, unless their size is wrong",
  async (setting) => {
    const { hub, options, snapshot, large, blob } = setting;
    const path = await downloadFile(snapshot, large, options);
    const requests = hub.requests.length;
    assert.equal(await downloadFile(snapshot, large, { ...options, offline: true }), path);
    const next = hub.commit(REPO, { "moved.parquet": PARQUET });
    const moved = await downloadFile({ repo: REPO, commit: next }, {
      ...large,
      path: "moved.parquet",
    }, {
      ...options,
      offline: true,
    });
    await isWhole(moved);
    assert.equal(hub.requests.length, requests);

    await Deno.truncate(blob, 100);
    await assert.rejects(
      downloadFile(snapshot, large, { ...options, offline: true }),
      /a\.parquet of org\/numbers@.* is not in the cache/,
    );
    await isWhole(await downloadFile(snapshot, large, options));
  },
);

downloadTest(
  "an interrupted download continues where it was, any number of times",
  async (setting) => {
    const { hub, options, snapshot, large } = setting;
    let left = 8;
    hub.spoil = ({ origin }, usual) =>
      origin === "cdn" && left-- > 0 ? cutAfter(5000, usual()) : undefined;
    const progress: number[] = [];
    const path = await downloadFile(snapshot, large, {
      ...options,
      retries: 1,
      onProgress: (done_bytes, total_bytes, file) => {
        assert.equal(total_bytes, PARQUET.length);
        assert.equal(file, large);
        progress.push(done_bytes);
      },
    });
    await isWhole(path);
    const starts = [null, ...Array.from({ length: 8 }, (_, i) => `bytes=${5000 * (i + 1)}-`)];
    assert.deepEqual(setting.ranges(), starts);
    assert.deepEqual(progress, progress.toSorted((a, b) => a - b));
    assert.deepEqual([progress[0], progress.at(-1)], [0, PARQUET.length]);
  },
);

downloadTest("a download continues what another process left", async (setting) => {
  const { options, snapshot, large, blob } = setting;
  await Deno.mkdir(join(blob, ".."), { recursive: true });
  await Deno.writeFile(`${blob}.incomplete`, PARQUET.subarray(0, 777));
  await isWhole(await downloadFile(snapshot, large, options));
  assert.deepEqual(setting.ranges(), ["bytes=777-"]);
  await assert.rejects(Deno.stat(`${blob}.incomplete`), Deno.errors.NotFound);
});

downloadTest("an aborted download ends at once and keeps what it has", async (setting) => {
  const { hub, options, snapshot, large, blob } = setting;
  const never = new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(PARQUET.slice(0, 6000)) });
  hub.spoil = ({ origin }) => origin === "cdn" ? new Response(never) : undefined;
  const stop = new AbortController();
  await assert.rejects(
    downloadFile(snapshot, large, {
      ...options,
      signal: stop.signal,
      onProgress: (done_bytes) => done_bytes > 0 && stop.abort(new Error("enough")),
    }),
    /^Error: enough$/,
  );
  assert.equal((await Deno.stat(`${blob}.incomplete`)).size, 6000);
  hub.spoil = undefined;
  await isWhole(await downloadFile(snapshot, large, options));
  assert.equal(setting.ranges().at(-1), "bytes=6000-");
});

downloadTest("several calls for the same file download it once", async (setting) => {
  const { options, snapshot, large } = setting;
  const asked = Array.from({ length: 5 }, () => downloadFile(snapshot, large, options));
  for (const path of await Promise.all(asked)) await isWhole(path);
  assert.equal(setting.ranges().length, 1);
});

downloadTest("two workers download the same file once", async (setting) => {
  const { hub, large } = setting;
  hub.spoil = ({ origin }, usual) => origin === "cdn" ? cutAfter(50_000, usual()) : undefined;
  hub.commit(REPO, FILES, "other"); // not in the cache, so that each worker loads the library
  const { endpoint, cache } = setting.options;
  const job: Job = { repo: REPO, file: large, options: { endpoint, cache, offline: false } };
  const url = new URL("./testdata/download_worker.ts", import.meta.url);
  const workers = [0, 1].map(() => new Worker(url, { type: "module" }));
  try {
    const paths = workers.map((worker) =>
      new Promise<string>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(event.message));
        };
        worker.postMessage(job);
      })
    );
    for (const path of await Promise.all(paths)) await isWhole(path);
    assert.deepEqual(setting.ranges(), [null, "bytes=50000-"]);
  } finally {
    for (const worker of workers) worker.terminate();
  }
});
