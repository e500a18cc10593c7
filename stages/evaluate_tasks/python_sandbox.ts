/**
 * Runs untrusted Python programs and reports whether they pass their tests.
 *
 * A program runs in CPython compiled to WebAssembly (Pyodide), in a separate process without permissions: it cannot read or
 * write files, use the network or the environment, start programs, or load native code or modules. WebAssembly has no
 * access to anything outside; a program that reached JavaScript would have none either. Time and memory are limited.
 *
 * Verdicts assume honest programs: one that cheats, such as by returning an object that equals everything, passes its tests
 * here as elsewhere. It cannot affect the machine or the verdict on another program.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { grantedDeno } from "@causeway/core/config";
import { packageFolder } from "@causeway/core/readers";

/** An interpreter is not reused after a longer program that does not compile, which may leave traces in its memory. */
const MAX_REUSE_LENGTH = 16384;

/** A pool of fresh interpreters; each runs one program. */
export class PythonSandbox {
  readonly #options: SandboxOptions;
  readonly #snapshot: Uint8Array;
  readonly #ready: Promise<Interpreter>[] = [];
  #closed = false;

  private constructor(options: SandboxOptions, snapshot: Uint8Array) {
    this.#options = options;
    this.#snapshot = snapshot;
    for (let i = 0; i < options.processes; i++) this.#prepare();
  }

  /**
   * Starts an interpreter once and keeps a snapshot of its memory, from which others start quickly.
   *
   * @throws {Error} when the interpreter does not start.
   */
  static async create(options: SandboxOptions): Promise<PythonSandbox> {
    return new PythonSandbox(options, await memorySnapshot(options));
  }

  /**
   * Runs a program and then each test, in one namespace of a fresh interpreter.
   *
   * @param signal stops the program when aborted; the promise then rejects with its reason.
   */
  async run(program: string, tests: readonly string[], signal?: AbortSignal): Promise<Verdict> {
    signal?.throwIfAborted();
    const running = this.#ready.shift();
    if (running === undefined) {
      throw new Error(`cannot run more than ${this.#options.processes} programs at the same time`);
    }
    let fresh: Promise<Interpreter> | undefined;
    try {
      const process = await running;
      const verdict = await process.run(program, tests, this.#options.timeout_seconds, signal);
      // A program that did not compile has not run, so the interpreter is still fresh.
      if (verdict === "invalid" && program.length <= MAX_REUSE_LENGTH) fresh = running;
      return verdict;
    } finally {
      if (fresh && !this.#closed) this.#ready.push(fresh);
      else {
        await running.then((process) => process.end(), () => {});
        this.#prepare();
      }
    }
  }

  #prepare(): void {
    if (this.#closed) return;
    const starting = Interpreter.start(this.#snapshot, this.#options);
    starting.catch(() => {}); // reported where it is awaited
    this.#ready.push(starting);
  }

  /** Ends the idle processes; one that is running a program ends after it. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const starting of this.#ready.splice(0)) {
      await starting.then((process) => process.end(), () => {});
    }
  }
}

/** The npm package of Python for WebAssembly. */
export const PYODIDE = "pyodide@314.0.7";
const ENTRY = fileURLToPath(new URL("python_process.ts", import.meta.url));
const WORKER = fileURLToPath(new URL("python_worker.ts", import.meta.url));

const PAGE_BYTES = 65536;
/** Memory of the process besides Python's. */
const OWN_BYTES = 384 * 2 ** 20;
/** Time limit for starting an interpreter. */
const START_MS = 120_000;
/** An answer is a short line; more output is ignored. */
const MAX_OUTPUT_BYTES = 65536;

/**
 * - passed: the program and all its tests ran without an exception
 * - failed: one of them raised an exception, `SystemExit` included
 * - invalid: the program does not compile
 * - timeout, memory: it exceeded a limit
 * - crashed: it ended the process
 */
export type Verdict = "passed" | "failed" | "invalid" | "timeout" | "memory" | "crashed";

interface SandboxOptions {
  /** See {@linkcode denoCommand}. */
  readonly deno: string;
  /** Time limit of a program with its tests, excluding the start of the interpreter; wall-clock time. */
  readonly timeout_seconds: number;
  /** Memory limit of Python, in MiB. */
  readonly memory_megabytes: number;
  /** Number of interpreters in the pool, and so of programs that can run at the same time. */
  readonly processes: number;
}

/** Programs that run at the same time. */
export const processCount = () => Math.min(4, navigator.hardwareConcurrency);

/** Bytes that the interpreters may take together. */
export function interpreterMemory(
  { memory_megabytes }: Pick<SandboxOptions, "memory_megabytes">,
): number {
  return processCount() * (memory_megabytes * 2 ** 20 + OWN_BYTES);
}

/**
 * The command by which this process is allowed to start Deno: its executable, or `deno` on the path.
 *
 * @throws {Error} when it is allowed neither.
 */
export function denoCommand(): string {
  const granted = grantedDeno();
  if (granted !== undefined) return granted;
  throw new Error(
    "task mbpp needs permission to start the process it runs programs in: add --allow-run=deno to the flags of deno " +
      "run, or remove the task",
  );
}

/**
 * Arguments of `deno` that run a module without permissions, except to read some paths.
 *
 * @param reading paths it may read until it revokes this permission itself.
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
    // Requests for modules could leak data in their URLs.
    ...["--no-remote", "--no-npm", "--cached-only", "--deny-import"],
    ...["env", "ffi", "net", "run", "sys", "write"].map((kind) => `--deny-${kind}`),
    `--allow-read=${reading.join(",")}`,
    // No code generation: text cannot become JavaScript. Lazy compilation: few functions are ever called.
    `--v8-flags=--wasm-max-mem-pages=${pages},--wasm-lazy-compilation,--disallow-code-generation-from-strings`,
    entry,
  ];
}

/**
 * A memory snapshot of a freshly started interpreter.
 *
 * @throws {Error} when it does not start.
 */
async function memorySnapshot(options: SandboxOptions): Promise<Uint8Array> {
  const child = command(options).spawn();
  // An empty frame.
  const asked = new Blob([new Uint8Array(4)]).stream().pipeTo(child.stdin, {
    preventClose: true,
  });
  const [{ code, stdout }] = await Promise.all([child.output(), asked.catch(() => {})]);
  if (code !== 0 || stdout.length === 0) {
    throw new Error(`Python (${PYODIDE}) did not start in the sandbox: deno exited with ${code}`);
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

/** A Python interpreter in its own process. */
class Interpreter {
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
    throw new Error(`Python (${PYODIDE}) did not start in the sandbox: ${line ?? "it exited"}`);
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

  /** Writes a frame. Errors are ignored: they show as a missing answer. */
  async #send(bytes: Uint8Array): Promise<void> {
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, bytes.length, true);
    await this.#input.write(header).catch(() => {});
    await this.#input.write(bytes).catch(() => {});
  }

  /** The next line; undefined if the process ends without one. */
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
      // It has already exited.
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

/** Output lines of a process; stops when it writes too much. */
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
