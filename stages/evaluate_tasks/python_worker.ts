/**
 * The thread that runs Python: Pyodide, which is CPython in WebAssembly.
 *
 * Programs that do not compile leave the interpreter unchanged, so that it can be reused; it runs only one that does.
 *
 * @module
 */
/// <reference lib="deno.worker" />

/** The part of Pyodide that is used here. */
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

/** A destination of text. */
interface Output {
  /** @returns the number of bytes written. */
  write(bytes: Uint8Array): number;
}

/** The first message. */
interface Start {
  /** The folder of the Pyodide package. */
  readonly folder: string;
  /** Memory snapshot to start from; if empty, the worker replies with that of a fresh interpreter. */
  readonly snapshot: Uint8Array<ArrayBuffer>;
}

interface Request {
  readonly nonce: string;
  readonly program: string;
  readonly tests: readonly string[];
}

/** Part of every snapshot: common modules, and a fixed seed so that runs do not differ. */
const PRELUDE = `
import collections, functools, heapq, itertools, math, random, re, sys, typing
random.seed(0)
sys.modules.pop("pyodide_js", None)
`;

async function loadInterpreter({ folder, snapshot }: Start): Promise<Pyodide> {
  const { loadPyodide } = await import(`file://${folder}/pyodide.mjs`);
  return await loadPyodide({
    indexURL: `${folder}/`,
    // `import js` finds nothing, not even a constructor.
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
      // Tests too are compiled before the program runs.
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
  // Everything is loaded: remove the last permission and the API.
  await Deno.permissions.revoke({ name: "read" });
  Reflect.deleteProperty(globalThis, "Deno");
  self.postMessage({ ready: true });
};
