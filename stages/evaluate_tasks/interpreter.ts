/**
 * Interpreters of Python, each in a process of its own that has no permission.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { packageFolder } from "../../core/readers/mod.ts";

const PYODIDE = "pyodide@314.0.7";
const ENTRY = fileURLToPath(new URL("python_process.ts", import.meta.url));
const WORKER = fileURLToPath(new URL("python_worker.ts", import.meta.url));

const PAGE_BYTES = 65536;
/** What the process holds besides the memory of Python. */
const OWN_BYTES = 384 * 2 ** 20;
/** An interpreter that takes longer to start is given up. */
const START_MS = 120_000;
/** An answer is a short line; who writes more is not to be listened to. */
const MAX_OUTPUT_BYTES = 65536;

/**
 * - passed: the program and all its tests ran without an exception
 * - failed: one of them raised an exception, `SystemExit` included
 * - invalid: the program does not compile
 * - timeout, memory: it went beyond a limit
 * - crashed: it ended the process
 */
export type Verdict = "passed" | "failed" | "invalid" | "timeout" | "memory" | "crashed";

export interface SandboxOptions {
  /** See {@linkcode denoCommand}. */
  readonly deno: string;
  /** Wall-clock time of a program with its tests, without the start of the interpreter. */
  readonly timeout_seconds: number;
  /** Memory of Python. */
  readonly memory_megabytes: number;
  /** Interpreters that are kept ready, and so programs that may run at a time. */
  readonly processes: number;
}

/**
 * What this process may start Deno by: its own file, or the name `deno`, which `--allow-run=deno` looks up on the path.
 *
 * @throws {Error} when it may do neither.
 */
export function denoCommand(): string {
  const granted = [Deno.execPath(), "deno"].find((command) =>
    Deno.permissions.querySync({ name: "run", command }).state === "granted"
  );
  if (granted !== undefined) return granted;
  throw new Error(
    "task mbpp runs programs in a process without permissions, and may not start one: add --allow-run=deno to the " +
      "flags of deno run, or leave the task out",
  );
}

/**
 * Arguments of `deno` that leave a module no permission but to read some paths.
 *
 * @param reading what it may read until it gives that up.
 */
export function confined(
  entry: string,
  reading: readonly string[],
  { memory_megabytes }: Pick<SandboxOptions, "memory_megabytes">,
): string[] {
  const pages = Math.ceil(memory_megabytes * 2 ** 20 / PAGE_BYTES);
  return [
    "run",
    ...["--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-check"],
    // Modules could carry data out by the addresses they are asked for at.
    ...["--no-remote", "--no-npm", "--cached-only", "--deny-import"],
    ...["env", "ffi", "net", "run", "sys", "write"].map((kind) => `--deny-${kind}`),
    `--allow-read=${reading.join(",")}`,
    // Without code generation no text becomes JavaScript. Lazy compilation: few of the functions are ever called.
    `--v8-flags=--wasm-max-mem-pages=${pages},--wasm-lazy-compilation,--disallow-code-generation-from-strings`,
    entry,
  ];
}

/**
 * The memory of an interpreter that has just started, from which others start at once.
 *
 * @throws {Error} when it does not start.
 */
export async function interpreterMemory(options: SandboxOptions): Promise<Uint8Array> {
  const child = command(options).spawn();
  // A frame of no bytes.
  const asked = new Blob([new Uint8Array(4)]).stream().pipeTo(child.stdin, {
    preventClose: true,
  });
  const [{ code, stdout }] = await Promise.all([child.output(), asked.catch(() => {})]);
  if (code !== 0 || stdout.length === 0) {
    throw new Error(`Python (${PYODIDE}) did not start in its sandbox: deno ended with ${code}`);
  }
  return stdout;
}

function command(options: SandboxOptions): Deno.Command {
  const folder = packageFolder(PYODIDE);
  const max_bytes = options.memory_megabytes * 2 ** 20 + OWN_BYTES;
  return new Deno.Command(options.deno, {
    args: [...confined(ENTRY, [folder, WORKER], options), folder, String(max_bytes)],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  });
}

/** One interpreter. */
export class Interpreter {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncGenerator<string, void>;
  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#answers = lines(child.stdout);
  }

  static async start(snapshot: Uint8Array, options: SandboxOptions): Promise<Interpreter> {
    const process = new Interpreter(command(options).spawn());
    await process.#send(snapshot);
    const line = await process.#answer(START_MS);
    if (line !== undefined && line !== "timeout" && JSON.parse(line).ready) return process;
    await process.end();
    throw new Error(`Python (${PYODIDE}) did not start in its sandbox: ${line ?? "it ended"}`);
  }

  async run(
    program: string,
    tests: readonly string[],
    timeout_seconds: number,
    signal?: AbortSignal,
  ): Promise<Verdict> {
    const nonce = crypto.randomUUID();
    const kill = () => void this.end();
    signal?.addEventListener("abort", kill);
    try {
      await this.#send(new TextEncoder().encode(JSON.stringify({ nonce, program, tests })));
      const line = await this.#answer(1000 * timeout_seconds);
      signal?.throwIfAborted();
      if (line === "timeout") return "timeout";
      return line === undefined ? "crashed" : verdictOf(line, nonce);
    } finally {
      signal?.removeEventListener("abort", kill);
    }
  }

  /** Writes a frame; one that the process does not take is found out about by the missing answer. */
  async #send(bytes: Uint8Array): Promise<void> {
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, bytes.length, true);
    await this.#input.write(header).catch(() => {});
    await this.#input.write(bytes).catch(() => {});
  }

  /** The next line; undefined when the process ends without one. */
  async #answer(timeout_ms: number): Promise<string | undefined | "timeout"> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"timeout">((resolve) => {
      timer = setTimeout(() => resolve("timeout"), timeout_ms);
    });
    const line = this.#answers.next().then(({ value }) => value as string | undefined);
    const first = await Promise.race([line, late]);
    clearTimeout(timer);
    if (first === "timeout") await this.end();
    return first;
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#input.abort().catch(() => {});
    await this.#answers.return();
    await this.#child.status;
  }
}

const VERDICTS: readonly string[] = ["passed", "failed", "invalid"];

function verdictOf(line: string, nonce: string): Verdict {
  try {
    const answer = JSON.parse(line);
    if (answer.verdict === "memory") return "memory";
    if (answer.nonce === nonce && VERDICTS.includes(answer.verdict)) return answer.verdict;
  } catch {
    // Not an answer.
  }
  return "crashed";
}

/** Lines of a process; ends where it writes too much. */
async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "", bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > MAX_OUTPUT_BYTES) return;
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}
