import assert from "node:assert/strict";
import { HubServer } from "../../tests/shared/hub_server.ts";
import { hubTest, LISTED } from "../../tests/shared/hub_tests.ts";
import { HubError, resolveSnapshot } from "./mod.ts";

const FILES = LISTED;
const REPO = "org/numbers";

const at = (pattern?: string, revision = "main", repo = REPO) => ({ repo, revision, pattern });

const setTest = (name: string, test: Parameters<typeof hubTest>[2]) =>
  hubTest(name, { [REPO]: FILES }, test);

setTest("offline, the error names what is not in the cache", async (hub, options) => {
  const offline = { ...options, offline: true };
  const reason = /org\/numbers@main is not in the cache .*; unset HF_HUB_OFFLINE and CAUSEWAY/;
  await assert.rejects(resolveSnapshot(at(), offline), reason);
  const commit = "0".repeat(40);
  await assert.rejects(
    resolveSnapshot(at("*", commit), offline),
    /numbers@0{40} is not in the cache/,
  );
  assert.equal(hub.requests.length, 0);
});

setTest("the error for a pattern without matches lists similar files", async (_, options) => {
  await assert.rejects(
    resolveSnapshot(at("data/train-*.json"), options),
    new HubError(
      "hf://org/numbers@main/data/train-*.json matches none of its 6 files; it has, for example, " +
        "data/train-0.jsonl, data/train-1.jsonl, data/train.parquet, data/test-0.jsonl, README.md",
    ),
  );
});

setTest("errors name what does not exist", async (_, options) => {
  const cases: [repo: string, revision: string, reason: RegExp][] = [
    ["org/none", "main", /the hub has no dataset org\/none \(404: Repository not found\)/],
    [REPO, "v9", /the dataset org\/numbers has no revision v9 \(404/],
    [REPO, "0".repeat(40), /the dataset org\/numbers has no revision 0{40}/],
  ];
  for (const [repo, revision, reason] of cases) {
    await assert.rejects(resolveSnapshot(at("*", revision, repo), options), (error: HubError) => {
      assert.equal(error.status, 404);
      assert.match(error.message, reason);
      return true;
    });
  }
});

setTest("a gated dataset needs a token", async (hub, options) => {
  hub.gates.set(REPO, "hf_right");
  await assert.rejects(
    resolveSnapshot(at(), options),
    /refuses access to the dataset org\/numbers \(401: .* restricted.*gated.*set HF_TOKEN to a token/,
  );
  await assert.rejects(
    resolveSnapshot(at(), { ...options, token: "hf_wrong" }),
    /\(403: .*the token sent has no access: request access on .*\/datasets\/org\/numbers/,
  );
  await resolveSnapshot(at(), { ...options, token: "hf_right" });
});

setTest("a token is not sent to a next page at another origin", async (hub, options) => {
  await using other = new HubServer({ [REPO]: FILES });
  hub.spoil = ({ path }) =>
    path.includes("/tree/")
      ? Response.json([], {
        headers: { link: `<${other.endpoint}${path}&stolen>; rel="next"` },
      })
      : undefined;
  other.spoil = () => Response.json([]);
  await assert.rejects(resolveSnapshot(at(), { ...options, token: "hf_a" }), /none of its 0 files/);
  assert.ok(hub.requests.every(({ authorization }) => authorization === "Bearer hf_a"));
  assert.deepEqual(other.requests.map(({ authorization }) => authorization), [null]);
});

setTest("a listing that never ends is refused, naming the page", async (hub, options) => {
  const listing = (next: (path: string) => string) => {
    hub.spoil = ({ path }) =>
      path.includes("/tree/")
        ? Response.json([], { headers: { link: `<${hub.endpoint}${next(path)}>; rel="next"` } })
        : undefined;
  };
  listing((path) => path);
  await assert.rejects(
    resolveSnapshot(at(), options),
    /the listing of org\/numbers does not end: it names a page that was read already .*\/tree\//,
  );
  assert.equal(hub.requested(/\/tree\//).length, 1);
  const two = ["/api/datasets/org/numbers/tree/a", "/api/datasets/org/numbers/tree/b"];
  listing((path) => two[1 - two.indexOf(path)] ?? two[0]);
  await assert.rejects(resolveSnapshot(at(), options), /does not end.*\/tree\/a\)/);
  let page = 0;
  listing(() => `/api/datasets/org/numbers/tree/${page++}`);
  await assert.rejects(resolveSnapshot(at(), options), /does not end: it has more than 2000 pages/);
});

setTest("the hub's requested waits are respected", async (hub, options, waits) => {
  const in_a_minute = new Date(Date.now() + 60_000).toUTCString();
  const asked: Record<string, string>[] = [
    { "retry-after": "7" },
    { "retry-after": "9999" },
    { "retry-after": in_a_minute },
    { "ratelimit": '"api";r=0;t=55' },
  ];
  hub.spoil = () => {
    const headers = asked.shift();
    return headers && new Response("Slow down", { status: 429, headers });
  };
  await resolveSnapshot(at(), options);
  const [seconds, bounded, date, window] = waits;
  assert.deepEqual([seconds, bounded, window, waits.length], [7000, 300_000, 56_000, 4]);
  assert.ok(date > 50_000 && date <= 60_000, `${date}`);
});

setTest(
  "server errors are retried with growing waits, a limited number of times",
  async (hub, options, waits) => {
    const messages: string[] = [];
    hub.spoil = () => new Response("<html>", { status: 503 });
    await assert.rejects(
      resolveSnapshot(at(), { ...options, log: (message) => messages.push(message) }),
      /listing org\/numbers failed 6 times in a row, last error: 127\.0\.0\.1:\d+ answered 503/,
    );
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000]);
    assert.match(messages[1], /listing org\/numbers: .* answered 503; trying again in 2 s/);
  },
);

setTest("an unreachable hub is an error with the number of attempts", async (hub, options) => {
  await hub[Symbol.asyncDispose]();
  await assert.rejects(
    resolveSnapshot(at(), { ...options, retries: 2 }),
    /listing org\/numbers failed 3 times in a row, last error: 127\.0\.0\.1:\d+: .*refused/i,
  );
});

setTest("the error for a host without permission names the option", async (_, options) => {
  const fetch = () => Promise.reject(new Deno.errors.NotCapable("Requires net access"));
  await assert.rejects(
    resolveSnapshot(at(), { ...options, endpoint: "https://hub.example", fetch }),
    /no permission to connect to hub\.example; add --allow-net=hub\.example:443/,
  );
  await assert.rejects(
    resolveSnapshot(at(), { ...options, endpoint: "https://cdn.xet.hf.co", fetch }),
    /no permission to connect to cdn\.xet\.hf\.co; add '--allow-net=\*\.hf\.co'/,
  );
});

setTest("an answer that is not a hub's is an error", async (hub, options) => {
  const answers: [kind: string, body: string][] = [
    ["revision", "<html>"],
    ["revision", '{"sha":"../../x"}'],
    ["revision", "null"],
    ["tree", '{"a":1}'],
    ["tree", '[{"type":"file","path":"a","oid":"x","size":1}]'],
    ["tree", `[{"type":"file","path":"a","oid":"${"0".repeat(40)}","size":-1}]`],
  ];
  for (const [kind, body] of answers) {
    hub.spoil = ({ path }) => path.includes(`/${kind}/`) ? new Response(body) : undefined;
    await assert.rejects(resolveSnapshot(at(), options), HubError, body);
  }
});

setTest("a file that would leave the cache is refused", async (hub, options) => {
  for (const path of ["../x", "/etc/x", "a/../../x", "a\\..\\x", "C:/x", "a//x", "./x"]) {
    const commit = hub.commit(REPO, { [path]: "x", "good.txt": "" });
    const all = resolveSnapshot(at("**", commit), options);
    await assert.rejects(
      all,
      /org\/numbers lists a file ".*x", whose path .* is not safe to store/,
    );
    const good = await resolveSnapshot(at("good.txt", commit), options);
    assert.equal(good.files.length, 1);
  }
});

/** An answer that would never end, and how much of it was taken. */
function endless(status: number): { response: Response; taken: { bytes: number } } {
  const taken = { bytes: 0 };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = new Uint8Array(1 << 20).fill(0x20);
      taken.bytes += chunk.length;
      if (taken.bytes > 2 ** 28) controller.close();
      else controller.enqueue(chunk);
    },
  });
  return { response: new Response(body, { status }), taken };
}

setTest(
  "endless answers are read up to a limit",
  async (_, options) => {
    for (
      const [status, reason, most] of [
        [400, /the hub answered 400 for org\/numbers/, 2 ** 22],
        [200, /has more than 67108864 bytes; check HF_ENDPOINT/, 2 ** 27],
      ] as const
    ) {
      const { response, taken } = endless(status);
      const fetch = () => Promise.resolve(response);
      await assert.rejects(resolveSnapshot(at(), { ...options, fetch }), reason);
      assert.ok(taken.bytes < most, `${taken.bytes}`);
    }
  },
);
