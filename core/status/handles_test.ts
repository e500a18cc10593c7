import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { at, startEvents, withFolder, writeLog } from "./testdata/written_run.ts";

const LIMIT = 300;
const CHILD = fileURLToPath(new URL("testdata/crowded_server.ts", import.meta.url));

/** Starts the server in a process that may have few handles, and returns what its own work came to. */
async function withServer(out: string, use: (port: number) => Promise<void>) {
  const args = [Deno.execPath(), "run", "-A", "--no-check", CHILD, out, String(LIMIT)];
  const script = `ulimit -n ${LIMIT}; exec "$@"`;
  await using child = new Deno.Command("sh", {
    args: ["-c", script, "sh", ...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await use(Number((await lines.read()).value));
  await child.stdin.close();
  return JSON.parse((await lines.read()).value!);
}

const connect = (port: number) => Deno.connect({ hostname: "127.0.0.1", port });

async function send(port: number, head: string): Promise<Deno.TcpConn> {
  const tcp = await connect(port);
  await tcp.write(new TextEncoder().encode(`${head}\r\nHost: 127.0.0.1:${port}\r\n`));
  return tcp;
}

async function assertAnswers(port: number): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/status`);
    assert.equal(response.status, 200, response.status === 200 ? "" : await response.text());
    await response.text();
  }
}

Deno.test({
  name: "no client can take a file handle from training, or keep others from the server",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (out) => {
      const text = "x".repeat(1000);
      const lines = Array.from(
        { length: 1500 },
        () => ({ type: "log", step: "make", message: text } as const),
      );
      writeLog(out, "20260131T154500Z-long", [...startEvents("r", 1000), ...at(3000, lines)]);
      const result = await withServer(out, async (port) => {
        const idle = await Promise.all(Array.from({ length: 290 }, () => connect(port)));
        await assertAnswers(port);
        const slow = await Promise.all(
          Array.from({ length: 66 }, () =>
            send(port, "POST /session HTTP/1.1\r\nContent-Length: 20")),
        );
        for (const tcp of slow) {
          await tcp.write(new TextEncoder().encode("\r\n{")).catch(() => {});
        }
        await assertAnswers(port);
        for (let i = 0; i < 80; i += 20) {
          const streams = Array.from({ length: 20 }, async () => {
            const response = await fetch(`http://127.0.0.1:${port}/runs/latest/events`);
            assert.equal(
              response.status,
              200,
              response.status === 200 ? "" : await response.text(),
            );
            const reader = response.body!.getReader({ mode: "byob" });
            await reader.read(new Uint8Array(2000));
            await reader.cancel();
          });
          await Promise.all(streams);
        }
        await assertAnswers(port);
        for (const tcp of [...idle, ...slow]) {
          tcp.close();
        }
      });
      assert.equal(result.failed, "");
      assert.ok(result.opened > 0 && result.held > 100, JSON.stringify(result));
    }),
});
