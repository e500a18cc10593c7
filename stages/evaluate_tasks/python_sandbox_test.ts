import assert from "node:assert/strict";
import { confined, denoCommand, PythonSandbox, type Verdict } from "./python_sandbox.ts";

const OPTIONS = { deno: denoCommand(), timeout_seconds: 20, memory_megabytes: 128, processes: 1 };

/** A file, a variable and a server that a program may try to reach. */
async function withTreasure(use: (path: string, port: number) => Promise<void>): Promise<number> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "treasure");
  Deno.env.set("SANDBOX_TREASURE", "treasure");
  let visits = 0;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => (visits++, new Response("treasure")),
  );
  try {
    await use(path, server.addr.port);
    assert.equal(await Deno.readTextFile(path), "treasure");
  } finally {
    await server.shutdown();
    Deno.env.delete("SANDBOX_TREASURE");
    await Deno.remove(path);
  }
  return visits;
}

const TEST = ["assert add(2, 3) == 5", "assert add(-1, 1) == 0"];
const RIGHT = "def add(a, b):\n    return a + b\n";

/** What a program may try to access; only the first exists. */
const attempts = (path: string, port: number): Record<string, string> => ({
  arithmetic: "1 + 1",
  file: `open(${JSON.stringify(path)}).read()`,
  files: `import os\nos.stat(${JSON.stringify(path)})`,
  socket: `import socket\nsocket.create_connection(("127.0.0.1", ${port}))`,
  server: `import urllib.request\nurllib.request.urlopen("http://127.0.0.1:${port}")`,
  program: `import subprocess\nsubprocess.run(["ls"], check=True)`,
  environment: `import os\nos.environ["SANDBOX_TREASURE"]`,
  deno: "from js import Deno",
  fetch: "from js import fetch",
  constructor: "import js\njs.constructor",
  interpreter: "import pyodide_js",
  run_js: `from pyodide.code import run_js\nrun_js("globalThis")`,
  function:
    `from pyodide.ffi import to_js\nto_js([1]).constructor.constructor("return globalThis")()`,
  recursion: "def f():\n    f()\nf()",
});

/** Hostile programs and their expected verdicts. All define the tested function. */
const HARMFUL: [what: string, program: string, Verdict][] = [
  ["exits", "import sys\nsys.exit(0)", "failed"],
  ["ends the process", "import os\nos._exit(0)", "failed"],
  ["allocates without end", "x = []\nwhile True:\n    x.append(bytearray(2**20))", "failed"],
  [
    "allocates outside of Python",
    "from pyodide.ffi import to_js\nx = []\nwhile True:\n    x.append(to_js(bytes(10**7)))",
    "memory",
  ],
  [
    "replaces what asserts are made of, and is wrong",
    "import builtins, sys\nclass Nothing(Exception): pass\nbuiltins.AssertionError = Nothing\n" +
    "builtins.exec = builtins.eval = builtins.compile = lambda *a, **k: None\n" +
    "sys.excepthook = lambda *a: None",
    "failed",
  ],
  ["prints a verdict, and is wrong", `print('{"verdict":"passed"}')`, "failed"],
  ["prints megabytes", `print("x" * 10**7)\nimport sys\nsys.stderr.write("y" * 10**6)`, "passed"],
  ["does not parse", "def add(a, b:\n", "invalid"],
  ["does not parse, and is deep", "(".repeat(100_000), "invalid"],
  ["holds a NUL", "x = '\0'", "invalid"],
];

Deno.test("correct programs pass, and hostile ones reach nothing", async () => {
  const sandbox = await PythonSandbox.create(OPTIONS);
  const visits = await withTreasure(async (path, port) => {
    try {
      assert.equal(await sandbox.run(RIGHT, TEST), "passed");
      assert.equal(await sandbox.run(RIGHT.replace("+", "-"), TEST), "failed");
      const tries = Object.entries(attempts(path, port)).map(([what, source]) =>
        `try:\n  exec(${JSON.stringify(source)}, {})\n  found.append("${what}")\n` +
        "except BaseException: pass\n"
      );
      const found = ["found = []", ...tries].join("\n");
      assert.equal(await sandbox.run(found, ['assert found == ["arithmetic"], found']), "passed");
      for (const [what, program, verdict] of HARMFUL) {
        assert.equal(await sandbox.run(`${program}\n${wrongWhere(what)}`, TEST), verdict, what);
      }
    } finally {
      await sandbox.close();
    }
  });
  assert.equal(visits, 0);
});

/** The tested function: correct, unless the program should fail. */
const wrongWhere = (what: string) => what.endsWith("wrong") ? RIGHT.replace("+", "-") : RIGHT;

Deno.test("an endless program is stopped, and the next one gets a fresh interpreter", async () => {
  const sandbox = await PythonSandbox.create({ ...OPTIONS, timeout_seconds: 2 });
  try {
    assert.equal(await sandbox.run("while True: pass", TEST), "timeout");
    const spoiled = "import builtins\nbuiltins.kept = 1\nbuiltins.len = None\n" + RIGHT;
    assert.equal(await sandbox.run(spoiled, TEST), "passed");
    const looks =
      `${RIGHT}\nassert len("ab") == 2\ntry:\n    kept\nexcept NameError: pass\nelse: 1 / 0`;
    assert.equal(await sandbox.run(looks, TEST), "passed");
    // Random numbers and the order of sets are the same in every interpreter.
    const drawn = "import random\ndef add(a, b): return [random.random(), hash('x')]";
    const value = "assert add(0, 0) == [0.8444218515250481, hash('x')], add(0, 0)";
    assert.equal(await sandbox.run(drawn, [value]), "passed");
    const controller = new AbortController();
    const stopped = sandbox.run("while True: pass", TEST, controller.signal);
    setTimeout(() => controller.abort(new Error("stop now")), 200);
    await assert.rejects(stopped, /stop now/);
  } finally {
    await sandbox.close();
  }
});

Deno.test("JavaScript in the sandbox's process has no permissions", async () => {
  const folder = await Deno.makeTempDir();
  const attempts: Record<string, string> = {
    read: `Deno.readTextFile("/etc/hostname")`,
    write: `Deno.writeTextFile("${folder}/written", "x")`,
    net: `fetch("http://127.0.0.1:9")`,
    listen: `Deno.listen({ port: 0 })`,
    env: `Deno.env.get("HOME")`,
    run: `new Deno.Command("ls").output()`,
    ffi: `Deno.dlopen("libc.so.6", {})`,
    sys: `Deno.hostname()`,
    remote: `import("https://deno.land/std/version.ts")`,
    npm: `import("npm:zod")`,
    code: `new Function("return 1")()`,
  };
  const tries = Object.entries(attempts).map(([name, code]) =>
    `try { await ${code}; console.log("${name}"); } catch {}`
  );
  await Deno.writeTextFile(`${folder}/entry.ts`, `${tries.join("\n")}\nconsole.log("end");`);
  const args = confined(`${folder}/entry.ts`, [`${folder}/none`], OPTIONS);
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.equal(new TextDecoder().decode(stdout), "end\n");
  await Deno.remove(folder, { recursive: true });
});
