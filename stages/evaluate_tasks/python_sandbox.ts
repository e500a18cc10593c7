/**
 * Runs Python programs that nobody has read, and says whether they pass their tests.
 *
 * A program runs in CPython compiled to WebAssembly (Pyodide), in a process of its own that has no permission: not to
 * read or write files, not for the network or the environment, not to start programs or load native code or modules.
 * WebAssembly alone reaches nothing outside; should a program get at JavaScript, there is nothing to be had there
 * either. What is left are time and memory, which have limits.
 *
 * A verdict is about honest programs: one that sets out to, say by returning an object that equals everything, passes
 * its tests here as elsewhere. It cannot touch the machine or the verdict on another program.
 *
 * @module
 */
import {
  Interpreter,
  interpreterMemory,
  type SandboxOptions,
  type Verdict,
} from "./interpreter.ts";

/** A longer program that does not compile may leave traces in the interpreter's memory all the same. */
const MAX_REUSE_LENGTH = 16384;

/** Keeps fresh interpreters ready; each runs one program. */
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
   * Starts an interpreter once and keeps its memory, from which others start at once.
   *
   * @throws {Error} when the interpreter does not start.
   */
  static async create(options: SandboxOptions): Promise<PythonSandbox> {
    return new PythonSandbox(options, await interpreterMemory(options));
  }

  /**
   * Runs a program and then each test in one namespace of a fresh interpreter.
   *
   * @param signal ends the program; the promise rejects with its reason.
   */
  async run(program: string, tests: readonly string[], signal?: AbortSignal): Promise<Verdict> {
    signal?.throwIfAborted();
    const running = this.#ready.shift();
    if (running === undefined) {
      throw new Error("more programs at a time than the sandbox has processes");
    }
    let fresh: Promise<Interpreter> | undefined;
    try {
      const process = await running;
      const verdict = await process.run(program, tests, this.#options.timeout_seconds, signal);
      // A program that did not compile has not run: the interpreter is as it was.
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
    starting.catch(() => {}); // told to who takes it
    this.#ready.push(starting);
  }

  /** Ends all processes; those that still run a program end with it. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const starting of this.#ready.splice(0)) {
      await starting.then((process) => process.end(), () => {});
    }
  }
}
