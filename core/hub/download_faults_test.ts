import assert from "node:assert/strict";
import { join } from "node:path";
import { cutAfter } from "../../tests/shared/hub_server.ts";
import { downloadTest, JSONL, PARQUET, REPO } from "../../tests/shared/hub_tests.ts";
import { downloadFile } from "./mod.ts";

async function isWhole(path: string) {
  assert.deepEqual(await Deno.readFile(path), PARQUET);
}

downloadTest(
  "a partial file that is complete, too long or has other content is handled",
  async (setting) => {
    const { options, snapshot, large, blob } = setting;
    await Deno.mkdir(join(blob, ".."), { recursive: true });
    const cases: [left: Uint8Array, ranges: (string | null)[]][] = [
      [PARQUET, []],
      [new Uint8Array(PARQUET.length + 1), [null]],
      [new Uint8Array(100), ["bytes=100-", null]], // the digest tells, and it starts over
    ];
    for (const [left, ranges] of cases) {
      const before = setting.ranges().length;
      await Deno.writeFile(`${blob}.incomplete`, left);
      await isWhole(await downloadFile(snapshot, large, options));
      assert.deepEqual(setting.ranges().slice(before), ranges);
      await Deno.remove(blob);
    }
  },
);

downloadTest(
  "a server that ignores ranges makes it start over",
  async (setting) => {
    const { hub, options, snapshot, large } = setting;
    let tries = 0;
    const whole = () => new Response(PARQUET);
    hub.spoil = ({ origin }) => {
      if (origin === "hub") return undefined;
      return tries++ === 0 ? cutAfter(9000, whole()) : whole();
    };
    await isWhole(await downloadFile(snapshot, large, options));
    assert.deepEqual(setting.ranges(), [null, "bytes=9000-"]);
  },
);

downloadTest(
  "ranges that were not requested and files of unlisted sizes are errors",
  async (setting) => {
    const { hub, options, snapshot, large } = setting;
    const range = (text: string) => ({ status: 206, headers: { "content-range": text } });
    const answers: [answer: () => Response, reason: RegExp][] = [
      [() => new Response(PARQUET.subarray(0, 9000)), /received 9000 of \d+ bytes/],
      [() => new Response(PARQUET, range(`bytes 1-2/${PARQUET.length}`)), /sent another range/],
      [() => new Response(PARQUET, range(`bytes 50-99/100`)), /sent another range/],
      [
        () => new Response(new Uint8Array(PARQUET.length + 1)),
        /received more than the listed/,
      ],
      [
        () => new Response(null, { status: 416 }),
        /a\.parquet of .* is shorter on 127.* than the hub lists/,
      ],
    ];
    for (const [answer, reason] of answers) {
      let tries = 0;
      hub.spoil = ({ origin }, usual) => {
        if (origin === "hub") return undefined;
        return tries++ === 0 ? cutAfter(50, usual()) : answer();
      };
      const wrong = downloadFile(snapshot, large, { ...options, retries: 3 });
      await assert.rejects(wrong, new RegExp("4 times in a row, last error: .*" + reason.source));
      hub.spoil = undefined;
    }
    await isWhole(await downloadFile(snapshot, large, options));
  },
);

downloadTest("wrong content is downloaded again, then refused", async (setting) => {
  const { hub, options, snapshot, large, small, blob } = setting;
  const wrong = PARQUET.toReversed();
  let tries = 0;
  hub.spoil = ({ origin }) => origin === "cdn" && tries++ < 1 ? new Response(wrong) : undefined;
  await isWhole(await downloadFile(snapshot, large, options));
  await Deno.remove(blob);

  hub.spoil = ({ origin }) => origin === "cdn" ? new Response(wrong) : undefined;
  await assert.rejects(
    downloadFile(snapshot, large, options),
    /a\.parquet of org\/numbers@.* with digest sha256:.* lists sha256:.*, twice; the hub or a proxy/,
  );
  for (const path of [blob, `${blob}.incomplete`]) {
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  }
  hub.spoil = () => new Response(JSONL.replaceAll("1", "2"));
  await assert.rejects(downloadFile(snapshot, small, options), /with digest git:/);
});

downloadTest("a stored file whose link has expired is requested again", async (setting) => {
  const { hub, options, snapshot, large } = setting;
  let tries = 0;
  hub.spoil = ({ origin }) =>
    origin === "cdn" && tries++ === 0 ? new Response("Expired", { status: 403 }) : undefined;
  await isWhole(await downloadFile(snapshot, large, options));
  assert.equal(hub.requested(/\/resolve\//).length, 2);
});

downloadTest("errors of the hub say what to do, without signed URLs", async (setting) => {
  const { hub, options, snapshot, large } = setting;
  const absent = { ...large, path: "data/b.parquet", digest: `sha256:${"0".repeat(64)}` };
  await assert.rejects(
    downloadFile(snapshot, absent, options),
    /the dataset org\/numbers has no file data\/b\.parquet at revision [0-9a-f]{40} \(404/,
  );
  hub.gates.set(REPO, "hf_right");
  await assert.rejects(downloadFile(snapshot, large, options), /refuses access .*HF_TOKEN/);
  hub.gates.clear();
  hub.spoil = ({ origin }) =>
    origin === "hub" ? Response.redirect("http://127.0.0.1:9/x?Signature=secret") : undefined;
  await assert.rejects(
    downloadFile(snapshot, large, { ...options, retries: 0 }),
    (error: Error) => {
      assert.match(error.message, /downloading data\/a\.parquet of .* failed: 127\.0\.0\.1:9: /);
      return !error.message.includes("secret");
    },
  );
  hub.spoil = () =>
    new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } });
  await assert.rejects(downloadFile(snapshot, large, options), /redirects .* to "file:\/\/\/etc/);
  hub.spoil = () => new Response(null, { status: 302, headers: { location: "/again" } });
  await assert.rejects(downloadFile(snapshot, large, options), /redirected more than 10 times/);
});

downloadTest("a connection without data is closed and retried", async (setting) => {
  const { hub, options, snapshot, large } = setting;
  hub.spoil = ({ origin, range }) => {
    if (origin === "hub" || range) return undefined;
    return new Response(new ReadableStream({ start: (c) => c.enqueue(PARQUET.slice(0, 6000)) }));
  };
  const messages: string[] = [];
  const log = (message: string) => messages.push(message);
  await isWhole(await downloadFile(snapshot, large, { ...options, stall_ms: 200, log }));
  // On a busy machine good answers may be late, too.
  assert.deepEqual(new Set(setting.ranges()), new Set([null, "bytes=6000-"]));
  assert.match(messages.join(), /no data for 0\.2 s/);
});

downloadTest(
  "a hand-made snapshot cannot write outside the cache",
  async (setting) => {
    const { options, snapshot, small } = setting;
    for (const path of ["../x", "/x", "a/../../x"]) {
      await assert.rejects(
        downloadFile(snapshot, { ...small, path }, options),
        /the path ".*x" in org/,
      );
    }
    for (const digest of ["sha256:../../x", "git:", `md5:${"0".repeat(32)}`]) {
      await assert.rejects(
        downloadFile(snapshot, { ...small, digest }, options),
        /is not a digest of/,
      );
    }
  },
);
