/**
 * The thread that runs Python: Pyodide, which is CPython in WebAssembly.
 *
 * Programs that do not compile leave the interpreter as it was; with the first that runs, it has served its time.
 *
 * @module
 */
/// <reference lib="deno.worker" />

/** What is used of Pyodide. */
interface Pyodide {
  runPython(source: string): unknown;
  pyimport(name: "builtins"): {
    compile(source: string, name: string, mode: "exec"): unknown;
    exec(code: unknown, namespace: unknown): void;
  };
  setStdout(options: Output): void;
  setStderr(options: Output): void;
  unregisterJsModule(name: string): void;
  makeMemorySnapshot(): Uint8Array<ArrayBuffer>;
}

/** Where text goes. */
interface Output {
  /** @returns bytes that were taken. */
  write(bytes: Uint8Array): number;
}

/** The first message. */
interface Start {
  /** Of the package. */
  readonly folder: string;
  /** Memory to begin with; nothing in it to be sent that of a fresh interpreter. */
  readonly snapshot: Uint8Array<ArrayBuffer>;
}

interface Request {
  readonly nonce: string;
  readonly program: string;
  readonly tests: readonly string[];
}

/** Part of every snapshot: modules that programs like to use, and no difference between one run and another. */
const PRELUDE = `
import collections, functools, heapq, itertools, math, random, re, sys, typing
random.seed(0)
sys.modules.pop("pyodide_js", None)
`;

async function loadInterpreter({ folder, snapshot }: Start): Promise<Pyodide> {
  const { loadPyodide } = await import(`file://${folder}/pyodide.mjs`);
  return await loadPyodide({
    indexURL: `${folder}/`,
    // What `import js` finds: nothing, not even a constructor.
    jsglobals: Object.create(null),
    stdin: () => null,
    env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" },
    ...(snapshot.length > 0 ? { _loadSnapshot: snapshot.buffer } : { _makeSnapshot: true }),
  });
}

function makeSnapshot(python: Pyodide): void {
  python.unregisterJsModule("pyodide_js");
  python.runPython(PRELUDE);
  self.postMessage(python.makeMemorySnapshot());
}

/** Answers requests. */
function serve(python: Pyodide): void {
  const nowhere: Output = { write: ({ length }) => length };
  python.setStdout(nowhere);
  python.setStderr(nowhere);
  const { compile, exec } = python.pyimport("builtins");
  self.onmessage = ({ data: { nonce, program, tests } }: MessageEvent<Request>) => {
    const verdict = judge([program, ...tests]);
    self.postMessage({ nonce, verdict });
  };
  const judge = (sources: readonly string[]) => {
    let codes: unknown[];
    try {
      // Before the program can get at anything.
      codes = sources.map((source) => compile(source, "<program>", "exec"));
    } catch {
      return "invalid";
    }
    const namespace = python.runPython(`{"__name__": "program"}`);
    try {
      for (const code of codes) exec(code, namespace);
      return "passed";
    } catch {
      return "failed";
    }
  };
}

self.onmessage = async ({ data }: MessageEvent<Start>) => {
  const python = await loadInterpreter(data);
  if (data.snapshot.length === 0) return makeSnapshot(python);
  serve(python);
  // Everything is loaded; what a program could find is less still.
  await Deno.permissions.revoke({ name: "read" });
  Reflect.deleteProperty(globalThis, "Deno");
  self.postMessage({ ready: true });
};
