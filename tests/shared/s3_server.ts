/**
 * An S3 server (moto, from PyPI) behind a proxy that can inject faults.
 *
 * @module
 */
import { findPython } from "./python.ts";

const PYTHON = findPython(["moto.server"]);

/** Whether the server can be started here. */
export const has_s3 = PYTHON !== undefined;

/**
 * What the proxy does to a request: a response answers it; "cut" breaks the answer off in the middle; "flip" flips a
 * bit of it; "lose" executes the request but loses the answer; undefined forwards it.
 */
export type Fault = (
  request: Request,
) => Response | Promise<Response> | undefined | "cut" | "flip" | "lose";

export interface S3Server {
  /** URL of the proxy. */
  readonly endpoint: string;
  /** Environment variables for clients. */
  readonly env: Readonly<Record<string, string>>;
  /** Chooses the fault of each request from now on. */
  fault: Fault;
  /** Requests so far, as "PUT /bucket/name". */
  readonly requests: string[];
  /** Changes an object without the proxy. */
  replace(name: string, content: string): Promise<void>;
}

/** Starts a server with an empty bucket "bucket", then stops it. */
export async function withS3(use: (server: S3Server) => Promise<void>): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const moto = new Deno.Command(PYTHON!, {
    args: ["-m", "moto.server", "-H", "127.0.0.1", "-p", `${port}`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const direct = `http://127.0.0.1:${port}`;
  const server: { -readonly [K in keyof S3Server]: S3Server[K] } = {
    endpoint: "",
    env: {},
    fault: () => undefined,
    requests: [],
    async replace(name, content) {
      const response = await fetch(`${direct}/bucket/${name}`, { method: "PUT", body: content });
      await response.body?.cancel();
    },
  };
  const proxy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => forward(request, direct, server),
  );
  server.endpoint = `http://127.0.0.1:${proxy.addr.port}`;
  server.env = {
    AWS_ENDPOINT_URL: server.endpoint,
    AWS_ACCESS_KEY_ID: "key",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_REGION: "us-east-1",
  };
  try {
    await started(direct);
    const made = await fetch(`${direct}/bucket`, { method: "PUT" });
    await made.body?.cancel();
    await use(server);
  } finally {
    await proxy.shutdown();
    moto.kill("SIGKILL");
    await moto.status;
  }
}

async function started(url: string): Promise<void> {
  for (let i = 0; i < 300; i++) {
    try {
      return await (await fetch(url)).body?.cancel();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error("moto did not start");
}

async function forward(request: Request, direct: string, server: S3Server): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  server.requests.push(`${request.method} ${pathname}${search}`);
  const fault = server.fault(request);
  if (fault !== undefined && typeof fault !== "string") {
    await request.body?.cancel();
    return await fault;
  }
  const { method, headers } = request;
  const body = method === "GET" || method === "HEAD" ? undefined : await request.bytes();
  const response = await fetch(`${direct}${pathname}${search}`, { method, headers, body });
  if (fault === "lose") {
    await response.body?.cancel();
    return new Response("", { status: 502 });
  }
  if (fault === undefined || !response.body) return response;
  const content = await response.bytes();
  if (fault === "flip") {
    content[content.length >> 1] ^= 1;
    return new Response(content, response);
  }
  // Half of the body, then the connection breaks.
  const half = new ReadableStream({
    async start(controller) {
      controller.enqueue(content.subarray(0, content.length >> 1));
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.error(new Error("cut"));
    },
  });
  return new Response(half, response);
}
