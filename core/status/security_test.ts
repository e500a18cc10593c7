import assert from "node:assert/strict";
import type { RunSource } from "../runs/mod.ts";
import { type Access, accessFor } from "./access.ts";
import { statusApp } from "./app.ts";

const HOST = "127.0.0.1:7411";
const TOKEN = "correct horse battery".replaceAll(" ", "-");
const WITH_TOKEN = { authorization: `Bearer ${TOKEN}` };
const NO_RUNS = { ids: () => [] } as unknown as RunSource;

/** An app, and requests to it with a Host header. */
function serve(access: Access, { runs = NO_RUNS, now = Date.now } = {}) {
  const app = statusApp({ runs, access, now });
  const ask = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
    return app.request(path, { ...init, headers: { host: HOST, ...headers } });
  };
  const post = (path: string, body: string, headers: Record<string, string> = {}) => {
    const type = { "content-type": "application/json" };
    return ask(path, { ...type, ...headers }, { method: "POST", body });
  };
  const logIn = async () => {
    const response = await post("/session", JSON.stringify({ token: TOKEN }));
    assert.equal(response.status, 204, await response.text());
    return response.headers.get("set-cookie")!;
  };
  return { ask, post, logIn };
}

const local = () => accessFor("127.0.0.1");
const guarded = () => accessFor("127.0.0.1", { token: TOKEN });

Deno.test("unknown host names are refused (DNS rebinding)", async () => {
  const { ask } = serve(accessFor("127.0.0.1", { allow_hosts: ["Lab.Example"] }));
  const good = ["127.0.0.1:7411", "localhost", "LOCALHOST:80", "[::1]:7411", "lab.example:443"];
  for (const host of good) assert.equal((await ask("/healthz", { host })).status, 200, host);
  const bad = [
    "evil.example",
    "evil.example:7411",
    "127.0.0.1.evil.example",
    "localhost.",
    "x@y",
    "::1",
  ];
  for (const host of [...bad, "10.0.0.1:7411"]) {
    const response = await ask("/healthz", { host });
    assert.equal(response.status, 403, host);
    assert.match((await response.json()).detail, /does not answer to the name .*--allow-host/);
  }
});

Deno.test("pages of other origins are refused, the server's own are not", async () => {
  const { ask, post } = serve(guarded());
  for (const origin of [`http://${HOST}`, `https://${HOST}`]) {
    assert.equal((await ask("/healthz", { origin })).status, 200);
  }
  for (
    const origin of [
      "null",
      "http://evil.example",
      "http://127.0.0.1",
      "http://localhost:7411",
      "file://",
    ]
  ) {
    const got = await ask("/runs", { ...WITH_TOKEN, origin });
    assert.equal(got.status, 403, origin);
    assert.equal(got.headers.get("access-control-allow-origin"), null);
    const body = JSON.stringify({ token: TOKEN });
    assert.equal((await post("/session", body, { origin })).status, 403, origin);
    const preflight = { origin, "access-control-request-method": "POST" };
    const options = await ask("/runs/latest/stop", preflight, { method: "OPTIONS" });
    assert.equal(options.status, 403);
  }
});

Deno.test("with a token all routes need it, except those that a browser starts with", async () => {
  const { ask } = serve(guarded());
  const open = ["/healthz", "/access", "/", "/dashboard/nothing.js"];
  for (const path of open) assert.notEqual((await ask(path)).status, 401, path);
  const closed = [
    "/runs",
    "/metrics",
    "/system",
    "/openapi.json",
    "/nowhere",
    "/dashboard",
    "/healthz/x",
  ];
  for (
    const path of [...closed, "/runs/latest/artifacts/a/b/files/dashboard/x", "//", "/session/x"]
  ) {
    const refused = await ask(path);
    assert.equal(refused.status, 401, path);
    assert.match(refused.headers.get("www-authenticate")!, /^Bearer/);
    assert.match((await refused.json()).detail, /Authorization: Bearer TOKEN/);
    assert.notEqual((await ask(path, WITH_TOKEN)).status, 401, path);
  }
  const wrong = [
    "",
    "Bearer",
    "Bearer ",
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN} x`,
    TOKEN,
  ];
  for (const authorization of [...wrong, `Bearer ${TOKEN.slice(1)}`]) {
    assert.equal((await ask("/runs", { authorization })).status, 401, authorization);
  }
  assert.equal((await ask("/runs", { authorization: `bearer ${TOKEN}` })).status, 200);
  const without = serve(local());
  assert.equal((await without.ask("/runs")).status, 200);
});

Deno.test("everyone may ask what they may do", async () => {
  const { ask } = serve(guarded());
  const told = async (headers = {}) => await (await ask("/access", headers)).json();
  assert.deepEqual(await told(), { token_needed: true, control: false, authorized: false });
  assert.deepEqual(await told(WITH_TOKEN), {
    token_needed: true,
    control: false,
    authorized: true,
  });
  const open = await serve(local()).ask("/access");
  assert.deepEqual(await open.json(), { token_needed: false, control: false, authorized: true });
});

Deno.test("a session replaces the token until it ends or expires", async () => {
  let now = 0;
  const { ask, post, logIn } = serve(guarded(), { now: () => now });
  const cookie = await logIn();
  assert.match(
    cookie,
    /^causeway_session_7411=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/,
  );
  const [pair] = cookie.split(";");
  const asked = async (cookie: string) => (await ask("/runs", { cookie })).status;
  assert.equal(await asked(`theme=dark; ${pair}`), 200);
  assert.equal(await asked(pair + "x"), 401);
  assert.equal(await asked("causeway_session_7411="), 401);
  // A session does not make up for a wrong token.
  assert.equal((await ask("/runs", { cookie: pair, authorization: "Bearer x" })).status, 401);
  assert.notEqual(await logIn(), cookie);
  const gone = await ask("/session", { cookie: pair }, { method: "DELETE" });
  assert.match(gone.headers.get("set-cookie")!, /^causeway_session_7411=; Max-Age=0; Path=\/$/);
  assert.deepEqual([gone.status, await asked(pair)], [204, 401]);
  const [other] = (await logIn()).split(";");
  now = 12 * 3_600_000 - 1;
  assert.equal(await asked(other), 200);
  now += 1;
  assert.equal(await asked(other), 401);
  for (const body of ['{"token":"wrong"}', '{"token":""}', `{"token":"${TOKEN}x"}`]) {
    const refused = await post("/session", body);
    assert.deepEqual([refused.status, refused.headers.get("set-cookie")], [401, null]);
    assert.match(refused.headers.get("www-authenticate")!, /^Bearer realm=.*error="invalid_token"/);
  }
  for (const body of ["", "{", "[]", "{}", '{"token":1}']) {
    assert.equal((await post("/session", body)).status, 400, body);
  }
  const needless = await serve(local()).post("/session", '{"token":"x"}');
  assert.equal(needless.status, 400);
  assert.match((await needless.json()).detail, /has no token/);
});

Deno.test("servers on two ports of a host keep their sessions apart", async () => {
  const { ask, logIn } = serve(guarded());
  const [pair] = (await logIn()).split(";");
  const elsewhere = { cookie: pair, host: "127.0.0.1:7412" };
  assert.equal((await ask("/runs", elsewhere)).status, 401);
  assert.equal((await ask("/runs", { cookie: pair })).status, 200);
});

Deno.test("a request without the token is refused before its body arrives, and a slow body takes no place", async () => {
  const { ask, post } = serve(guarded());
  const slow = (path: string) => {
    const body = new ReadableStream({ pull: () => new Promise<void>(() => {}) });
    return ask(path, {}, { method: "POST", body, duplex: "half" } as RequestInit);
  };
  assert.equal((await slow("/runs/latest/stop")).status, 401);
  for (let i = 0; i < 100; i++) slow("/session");
  assert.equal((await post("/session", JSON.stringify({ token: TOKEN }))).status, 204);
  assert.equal((await ask("/runs", WITH_TOKEN)).status, 200);
});

Deno.test("the number of sessions is limited, and the oldest is dropped", async () => {
  const { ask, logIn } = serve(guarded());
  const [first] = (await logIn()).split(";");
  const [second] = (await logIn()).split(";");
  for (let i = 0; i < 63; i++) await logIn();
  assert.equal((await ask("/runs", { cookie: first })).status, 401);
  assert.equal((await ask("/runs", { cookie: second })).status, 200);
});

Deno.test("long URLs and bodies are refused", async () => {
  const { ask, post } = serve(local());
  const long = await ask(`/runs?recipe=${"x".repeat(5000)}`);
  assert.equal(long.status, 400);
  assert.match((await long.json()).detail, /URL is longer than 4096/);
  const body = JSON.stringify({ token: "x".repeat(2000) });
  const large = await post("/session", body);
  assert.equal(large.status, 413);
  assert.match((await large.json()).detail, /must not exceed 1024 bytes/);
  // Without a length, and endless.
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(body)),
  });
  const init = { method: "POST", body: stream, duplex: "half" } as RequestInit;
  const endless = await ask("/session", { "content-type": "application/json" }, init);
  assert.equal(endless.status, 413);
});

Deno.test("methods without routes are refused", async () => {
  const { ask } = serve(local());
  for (const method of ["PUT", "PATCH", "OPTIONS"]) {
    const refused = await ask("/runs", {}, { method });
    assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET, HEAD"], method);
  }
});

Deno.test("too many requests at once get 503 with Retry-After", async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const runs = { ids: () => ["r"], get: () => promise } as unknown as RunSource;
  const { ask } = serve(local(), { runs });
  const waiting = Array.from({ length: 64 }, () => ask("/status"));
  const refused = await ask("/healthz");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  resolve(undefined);
  for (const response of await Promise.all(waiting)) assert.equal(response.status, 404);
  assert.equal((await ask("/healthz")).status, 200);
});

Deno.test("every answer forbids browsers to sniff types, frame and cache", async () => {
  const { ask } = serve(guarded());
  for (const path of ["/access", "/runs", "/nowhere"]) {
    const { headers } = await ask(path);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.match(headers.get("content-security-policy")!, /frame-ancestors 'none'/);
  }
  const page = await ask("/");
  assert.match(page.headers.get("content-security-policy")!, /default-src 'self'.*frame-ancestors/);
});
