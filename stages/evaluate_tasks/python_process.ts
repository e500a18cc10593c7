/**
 * The process in which Python programs run. This thread talks to the parent and watches memory while the program runs in
 * python_worker.ts. The process exits when its parent does.
 *
 *     deno run … python_process.ts FOLDER MAX_BYTES
 *
 * Input on stdin is framed: a length (uint32 little-endian), then as many bytes. The first frame is a memory snapshot of an
 * interpreter; if it is empty, the process writes the snapshot of a fresh one to stdout and exits. All other frames are
 * requests, JSON `{ nonce, program, tests }`, each answered by a line `{ nonce, verdict }`.
 *
 * @module
 */
const WATCH_MS = 10;

const [folder, max_bytes] = Deno.args;

async function readBytes(count: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(count);
  for (let read = 0; read < count;) {
    const more = await Deno.stdin.read(bytes.subarray(read));
    if (more === null) Deno.exit(0);
    read += more;
  }
  return bytes;
}

async function readFrame(): Promise<Uint8Array<ArrayBuffer>> {
  const header = await readBytes(4);
  return await readBytes(new DataView(header.buffer).getUint32(0, true));
}

function writeAll(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

const writeLine = (value: unknown) =>
  writeAll(new TextEncoder().encode(`${JSON.stringify(value)}\n`));

const worker = new Worker(import.meta.resolve("./python_worker.ts"), { type: "module" });
worker.onerror = (event) => {
  event.preventDefault();
  Deno.exit(1);
};
worker.onmessage = ({ data }) => {
  if (data instanceof Uint8Array) {
    writeAll(data);
    Deno.exit(0);
  }
  writeLine(data);
};

// WebAssembly memory has its own limit; this one is for memory that a program allocates outside of it.
setInterval(() => {
  if (Deno.memoryUsage().rss <= Number(max_bytes)) return;
  writeLine({ verdict: "memory" });
  Deno.exit(1);
}, WATCH_MS);

const snapshot = await readFrame();
worker.postMessage({ folder, snapshot }, [snapshot.buffer]);
while (true) {
  worker.postMessage(JSON.parse(new TextDecoder().decode(await readFrame())));
}
