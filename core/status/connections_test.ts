import assert from "node:assert/strict";
import { type HttpServer, serveHttp } from "./http_server.ts";
import { MAX_CONNECTIONS, PATIENCE_MS } from "./connections.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** A server with a clock that stands still until it is set. */
async function withServer(
  handler: Handler,
  use: (server: HttpServer, clock: { now: number }) => Promise<void>,
) {
  const clock = { now: 0 };
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = serveHttp(listener, handler, () => clock.now);
  try {
    await use(server, clock);
  } finally {
    await server.close();
  }
}

const HEAD = "Host: 127.0.0.1\r\n";
const sayPath: Handler = ({ url, headers }) => new Response(`${headers.get("host")} ${url}`);

class Client {
  #text = "";
  private constructor(readonly tcp: Deno.TcpConn) {}

  static async to({ port }: HttpServer, text = ""): Promise<Client> {
    const client = new Client(await Deno.connect({ hostname: "127.0.0.1", port }));
    await client.send(text);
    return client;
  }

  async send(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await this.tcp.write(bytes.subarray(at));
  }

  /** What arrived, up to an expression, or until the server has closed the connection. */
  async read(until?: RegExp): Promise<string> {
    const bytes = new Uint8Array(1 << 16);
    while (!until?.test(this.#text)) {
      const count = await this.tcp.read(bytes).catch(() => null);
      if (count === null) break;
      this.#text += new TextDecoder().decode(bytes.subarray(0, count));
    }
    const text = this.#text;
    this.#text = "";
    return text;
  }

  close(): void {
    this.tcp.close();
  }
}

Deno.test("a client that sends nothing, half a head or half a body is cut off, however slowly it sends", () =>
  withServer(async (request) => new Response(await request.text()), async (server, clock) => {
    const body = `POST / HTTP/1.1\r\n${HEAD}Content-Length: 9\r\n\r\n1234`;
    const begun = ["", "GET / HTTP/1.1\r\nHo", body];
    const clients = await Promise.all(begun.map((text) => Client.to(server, text)));
    const good = await Client.to(server, body);
    await settled();
    clock.now = PATIENCE_MS - 1;
    server.sweep();
    await good.send("56789");
    assert.match(await good.read(/123456789/), /200 OK/);
    clock.now = PATIENCE_MS + 100;
    server.sweep();
    for (const client of clients) assert.equal(await client.read(), "");
    // The answered one has its time from the answer on.
    await good.send(`GET /x HTTP/1.1\r\n${HEAD}\r\n`);
    assert.match(await good.read(/\r\n\r\n/), /200 OK/);
    for (const client of [...clients, good]) client.close();
  }));

Deno.test("a client that waits for the server may wait, one that takes no answer may not", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const piece = new Uint8Array(1 << 20);
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(piece),
    cancel: () => void (cancelled = true),
  });
  await withServer(
    (request) => request.url.endsWith("/slow") ? promise : new Response(endless),
    async (server, clock) => {
      const slow = await Client.to(server, `GET /slow HTTP/1.1\r\n${HEAD}\r\n`);
      const deaf = await Client.to(server, `GET /big HTTP/1.1\r\n${HEAD}\r\n`);
      await settled();
      clock.now = PATIENCE_MS - 1;
      server.sweep();
      await settled();
      assert.equal(cancelled, false);
      clock.now = PATIENCE_MS + 1;
      server.sweep();
      while (!cancelled) await settled();
      resolve(new Response("done"));
      assert.match(await slow.read(/done/), /200 OK/);
      for (const client of [slow, deaf]) client.close();
    },
  );
});

Deno.test("beyond the limit the connection that was idle longest makes room, never one that is answered", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const handler: Handler = async ({ url }) => {
    if (url.endsWith("/wait")) await promise;
    return new Response("answer");
  };
  await withServer(handler, async (server, clock) => {
    const ask = (path: string) => `GET ${path} HTTP/1.1\r\n${HEAD}\r\n`;
    const owed = await Client.to(server, ask("/wait"));
    await settled();
    const idle: Client[] = [];
    for (let i = 1; i < MAX_CONNECTIONS; i++) {
      clock.now = 10 * i;
      idle.push(await Client.to(server, ask("/")));
      await idle[i - 1].read(/answer/);
    }
    const next = await Client.to(server, ask("/"));
    assert.match(await next.read(/answer/), /200 OK/);
    assert.equal(await idle[0].read(), "");
    await idle[1].send(ask("/"));
    assert.match(await idle[1].read(/answer/), /200 OK/);
    resolve();
    assert.match(await owed.read(/answer/), /200 OK/);
    for (const client of [owed, next, ...idle]) client.close();
  });
});

Deno.test("where all clients wait for the server, the next one waits for a place", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await withServer(() => promise.then(() => new Response("answer")), async (server, clock) => {
    const ask = `GET / HTTP/1.1\r\n${HEAD}\r\n`;
    const clients = await Promise.all(
      Array.from({ length: MAX_CONNECTIONS + 20 }, () => Client.to(server, ask)),
    );
    await settled();
    resolve();
    await settled();
    clock.now = 1000;
    for (const client of clients) assert.match(await client.read(/answer/), /200 OK/);
    for (const client of clients) client.close();
  });
});

Deno.test("a request needs one Host; a target that is a URL replaces it", () =>
  withServer(sayPath, async (server) => {
    const ask = async (text: string) => {
      const client = await Client.to(server, text);
      const answer = await client.read(/\r\n\r\n[^]+/);
      client.close();
      return [answer.slice(9, 12), answer.split("\r\n\r\n")[1].replace(/^[0-9a-f]+\r\n/, "")];
    };
    const is = async (text: string, status: string, body: RegExp) => {
      const [got, said] = await ask(`${text}\r\n\r\n`);
      assert.equal(got, status, text);
      assert.match(said, body, text);
    };
    await is("GET / HTTP/1.1", "400", /needs one Host header.*this one has 0/);
    await is("GET / HTTP/1.1\r\nHost: a\r\nHost: b", "400", /this one has 2/);
    await is("GET /x HTTP/1.1\r\nHost: a:1", "200", /^a:1 http:\/\/a:1\/x/);
    await is("GET /x HTTP/1.0", "200", /^127\.0\.0\.1:\d+ http/);
    await is(
      "GET http://evil.example/x?y HTTP/1.1\r\nHost: a",
      "200",
      /^evil\.example http:\/\/evil\.example\/x\?y/,
    );
    await is(
      "GET HTTP://evil.example HTTP/1.1\r\nHost: a",
      "200",
      /^evil\.example http:\/\/evil\.example\/$/,
    );
    await is("GET http://evil.example/ HTTP/1.1", "400", /this one has 0/);
    await is("OPTIONS * HTTP/1.1\r\nHost: a", "400", /a path or an http URL/);
  }));

/** Lets what is under way on both sides arrive. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 50));
