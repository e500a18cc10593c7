import assert from "node:assert/strict";
import { RecentAnswers } from "./requests.ts";

/** A server that numbers its answers, and a clock that moves only when set. */
function counting(respond: (count: number, request: Request) => Response | Promise<Response>) {
  let count = 0;
  const clock = { now: 0 };
  const recent = new RecentAnswers((request) => respond(++count, request), () => clock.now);
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await recent.answer(new Request(`http://127.0.0.1:7411${path}`, init));
    return [response.status, await response.text(), response.headers.get("etag")];
  };
  return { ask, clock };
}

const json = (count: number) => Response.json(count, { headers: { etag: `"${count}"` } });

Deno.test("an answer is reused for half a second, with its status and headers", async () => {
  const { ask, clock } = counting(json);
  assert.deepEqual(await ask("/status"), [200, "1", '"1"']);
  clock.now = 499;
  assert.deepEqual(await ask("/status"), [200, "1", '"1"']);
  assert.deepEqual(await ask("/status?x=1"), [200, "2", '"2"']);
  clock.now = 500;
  assert.deepEqual(await ask("/status"), [200, "3", '"3"']);
});

Deno.test("no client gets an answer that was made for another", async () => {
  const { ask } = counting(json);
  await ask("/status");
  const names = ["host", "origin", "authorization", "cookie", "accept", "if-none-match", "range"];
  for (const [i, name] of names.entries()) {
    const [, body] = await ask("/status", { headers: { [name]: "a" } });
    assert.equal(body, String(i + 2), name);
  }
  const [, body] = await ask("/status", { headers: { accept: "a" } });
  assert.equal(body, "6");
});

Deno.test("errors, streams, files and cookies are not kept", async () => {
  const made: (() => Response)[] = [
    () => Response.json({}, { status: 404 }),
    () => Response.json({}, { status: 503 }),
    () => new Response("x", { headers: { "content-type": "text/event-stream" } }),
    () => Response.json({}, { headers: { "accept-ranges": "bytes" } }),
    () => Response.json({}, { headers: { "set-cookie": "a=b" } }),
    () => Response.json("x".repeat(1 << 20)),
  ];
  for (const make of made) {
    let count = 0;
    const { ask } = counting(() => (count++, make()));
    const [first, second] = [await ask("/a"), await ask("/a")];
    assert.deepEqual([count, first], [2, second]);
  }
  let count = 0;
  const { ask } = counting(() => (count++, new Response(null, { status: 304 })));
  assert.deepEqual([await ask("/a"), await ask("/a")], [[304, "", null], [304, "", null]]);
  assert.equal(count, 1);
});

Deno.test("a change is seen at once, also by a request that was pending during it", async () => {
  const waiting = Promise.withResolvers<void>();
  const { ask } = counting(async (count, request) => {
    if (request.url.endsWith("/slow")) await waiting.promise;
    return json(count);
  });
  await ask("/status");
  const slow = ask("/slow");
  await ask("/stop", { method: "POST" });
  assert.deepEqual((await ask("/status"))[1], "4");
  waiting.resolve();
  assert.deepEqual((await slow)[1], "2");
  assert.deepEqual((await ask("/slow"))[1], "5");
  await ask("/status", { method: "HEAD" });
  assert.deepEqual((await ask("/status"))[1], "4");
});

Deno.test("the oldest of too many answers are dropped", async () => {
  const { ask } = counting(json);
  for (let i = 0; i < 65; i++) await ask(`/${i}`);
  assert.equal((await ask("/1"))[1], "2");
  assert.equal((await ask("/0"))[1], "66");
});
