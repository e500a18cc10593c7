/**
 * JSON lines: how the benchmark talks with its child processes.
 *
 * @module
 */

/** Cuts a byte stream into lines; the last one may lack its line feed. */
export async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
  if (rest !== "") yield rest;
}

// deno-lint-ignore no-explicit-any -- each side knows what the other sends
type Message = any;

/**
 * The child's side: says that it is ready, then answers each request `{do: NAME, …}` with what the handler
 * of that name returns, until standard input ends.
 */
export async function serveRequests(
  handlers: Readonly<Record<string, (request: Message) => object | Promise<object>>>,
): Promise<void> {
  const say = (message: object) =>
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(message) + "\n"));
  say({ ready: true });
  for await (const line of lines(Deno.stdin.readable)) {
    const request = JSON.parse(line);
    try {
      say(await handlers[request.do](request));
    } catch (error) {
      say({ error: (error as Error).message });
    }
  }
}
