import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { reported } from "../../../tests/faults/traces.ts";
import { storeOf } from "../../runner/mod.ts";
import { explain } from "../shared/console.ts";
import { parseCommand } from "../shared/command.ts";
import { main as serve } from "../runs/serve.ts";
import { command as pipeline, main } from "./pipeline.ts";

const recipePath = (name: string) =>
  fileURLToPath(new URL(`../../recipe/testdata/${name}.ts`, import.meta.url));

const command = (args: string[], run = main) => runCommand(run, args);
const parseOptions = (args: string[]) => parseCommand(pipeline, args).flags;

const isAbsent = (path: string) => assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);

Deno.test("a run prints steps, times, the summary and where the files are", () =>
  withFolder(async (folder) => {
    const args = ["--recipe", recipePath("toy_recipe"), "--out", join(folder, "out"), "--port=0"];
    const first = await command(args);
    assert.equal(first.code, 0, first.err);
    assert.match(first.err, /^Dashboard: http:\/\/127\.0\.0\.1:\d+\/$/m);
    assert.match(first.err, /✓ small {2}[\d.:]+( s)? {2}loss 0\.333/);
    assert.match(first.err, /total: 2 sums/);
    assert.match(first.out, /^large +numbers +[\d.:]+( s)? +0\.000 +100 +20\.5 kB$/m);
    assert.match(first.out, /\n\nsum\nlow 55\nsmall 6\n/);
    assert.match(first.out, /out\/toy\/summary\.txt$/);
    const second = await command([...args, "--quiet"]);
    assert.deepEqual([second.code, second.out, second.err], [0, "\nsum\nlow 55\nsmall 6", ""]);
    const store = storeOf(join(folder, "out"));
    const { outputs } = [...store.readManifests().values()].find(({ stage }) => stage === "clip")!;
    Deno.removeSync(store.objectPath(outputs.data.digest));
    Deno.writeTextFileSync(store.objectPath(outputs.data.digest), "x");
    const dry = await command([...args, "--dry-run", "--verify"]);
    assert.match(dry.out, /^low +clip +run +artifact damaged/m);
    assert.match(
      dry.err,
      /^verified 4 results: 4 hashed .*\nA dry run remembers nothing: run with/,
    );
  }));

Deno.test("with --json standard output holds events alone, and a summary last", () =>
  withFolder(async (folder) => {
    const args = ["--recipe", recipePath("toy_recipe"), "--out", join(folder, "out"), "--port=0"];
    const { code, out } = await command([...args, "--json", "--quiet"]);
    const lines = out.split("\n").map((line) => JSON.parse(line));
    assert.deepEqual([code, lines[0].type, lines.at(-2).type], [0, "run_started", "run_finished"]);
    const { type, state, steps, published } = lines.at(-1);
    assert.deepEqual([type, state, published], ["summary", "finished", ["toy/summary.txt"]]);
    assert.deepEqual(steps.map(({ step }: { step: string }) => step), [
      "small",
      "large",
      "low",
      "total",
    ]);
    assert.equal(steps[0].metrics.loss, 1 / 3);
  }));

Deno.test("a dry run prints the plan and writes nothing", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const args = ["--recipe", recipePath("toy_recipe"), "--out", out, "--dry-run"];
    const all = await command(args);
    assert.equal(all.code, 0, all.err);
    assert.match(all.out, /^total +sum +run +no earlier result$/m);
    assert.match(all.out, /4 of 4 steps would run/);
    assert.match((await command([...args, "--only", "low"])).out, /2 of 2 steps would run/);
    isAbsent(out);
  }));

Deno.test("errors are one sentence with an exit code, and leave nothing behind", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const toy = ["--out", out, "--recipe", recipePath("toy_recipe")];
    Deno.writeTextFileSync(join(folder, "file"), "");
    Deno.writeTextFileSync(join(folder, "broken.ts"), "export default {");
    Deno.writeTextFileSync(join(folder, "text.ts"), "throw 'no data';");
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const cases: [string[], number, RegExp][] = [
      [["--color", ...toy], 2, /^Error: unknown flag --color \(see deno task pipeline --help\)$/],
      [["--recipes", ...toy], 2, /^Error: unknown flag --recipes; did you mean --recipe\?/],
      [["--dead=2h", ...toy], 2, /^Error: unknown flag --dead; did you mean --deadline\?/],
      [[...toy, "--jobs", "0"], 2, /^Error: --jobs must be a number >= 1 or "auto", got "0"$/],
      [[...toy, "--jobs", "2.5"], 2, /^Error: --jobs must be a number >= 1 or "auto", got "2\.5"$/],
      [[...toy, "--memory", "12"], 2, /^Error: invalid --memory "12"; use e\.g\. 12GB$/],
      [
        [...toy, "--deadline", "soon"],
        2,
        /^Error: invalid --deadline "soon"; use e\.g\. 2h30m or /,
      ],
      [
        ["extra", ...toy],
        2,
        /^Error: two recipes are named, "extra" and --recipe .*; name one$/,
      ],
      [[...toy, "--only"], 2, /^Error: --only needs a value/],
      [[...toy, "--port="], 2, /^Error: --port needs a value/],
      [
        [...toy, "--port", "x"],
        2,
        /^Error: --port must be a whole number from 0 to 65535, got "x"$/,
      ],
      [[...toy, "--port", String(taken.addr.port)], 1, /port \d+ on 127\.0\.0\.1 is taken/],
      [[...toy, "--only", "nothing"], 1, /has no step or stage "nothing"; its steps: small/],
      [["--out", out, "--recipe", join(folder, "no.ts")], 1, /there is no recipe file .*no\.ts$/],
      [["--out", out, "--recipe", join(folder, "broken.ts")], 1, /broken\.ts cannot be loaded: /],
      [["--out", out, "--recipe", recipePath("stages")], 1, /no default export made by defineR/],
      [[...toy.slice(2), "--out", join(folder, "file")], 1, /cannot be written to .* in the way/],
      [["--out", out, "--recipe", join(folder, "text.ts")], 1, /cannot be loaded: no data$/],
      [
        [...toy.slice(2), "--out", join(folder, "file"), "--dry-run"],
        1,
        /^Error: results in .* cannot be read: .*is a file, not a folder/,
      ],
      [[...toy.slice(2), "--out", join(folder, "file/x")], 1, /is a file, not a folder/],
    ];
    for (const [args, code, message] of cases) {
      const result = await command([...args, "--quiet"]);
      assert.deepEqual([result.code, result.out], [code, ""], result.err);
      assert.match(result.err, message);
      assert.equal(result.err.trim().split("\n").length, 1, result.err);
    }
    taken.close();
    isAbsent(out);
  }));

Deno.test("a failing step is named on the last line", () =>
  withFolder(async (folder) => {
    const recipe = recipePath("faulty_recipe");
    const args = ["--recipe", recipe, "--out", join(folder, "out"), "--port=0", "--only", "throw"];
    const { code, err } = await command(args);
    assert.equal(code, 1);
    assert.match(err, /✗ throw\n\nError: step "throw" \(stage faulty\) failed: no data available$/);
  }));

Deno.test("steps at once and their memory are read from the flags", () => {
  const { jobs, memory } = parseOptions([]);
  assert.deepEqual([jobs, memory], [1, undefined]);
  assert.equal(parseOptions(["--jobs=3"]).jobs, 3);
  assert.equal(parseOptions(["--jobs", "auto"]).jobs, navigator.hardwareConcurrency);
  assert.equal(parseOptions(["--memory", "1.5GB"]).memory, 1.5e9);
  assert.equal(parseOptions(["--memory", "512MiB"]).memory, 2 ** 29);
});

Deno.test("help is printed", async () => {
  for (const flag of ["--help", "-h"]) {
    assert.match((await command([flag])).out, /Usage: deno task pipeline/);
    assert.match((await command([flag], serve)).out, /Usage: deno task serve/);
  }
});

Deno.test("serve needs a folder that exists", async () => {
  const empty = await command(["--port="], serve);
  assert.deepEqual([empty.code, empty.err], [2, "Error: --port needs a value"]);
  const { code, err } = await command(["--out", "nowhere/at/all"], serve);
  assert.deepEqual([code, /there is no folder nowhere\/at\/all/.test(err)], [2, true], err);
});

Deno.test("errors of the operating system become a sentence", () => {
  const full = Object.assign(new Error("No space left on device (os error 28)"), {
    code: "ENOSPC",
  });
  assert.match(explain(full, "results cannot be written to out"), /^results .* no space left on/);
  const step = Object.assign(new Error('step "a" (stage s) failed: No space'), { code: "ENOSPC" });
  assert.match(explain(step), /^step "a" \(stage s\): no space left on the disk/);
  assert.equal(explain(new Error("one\n  two")), "one two");
  const doing = "results cannot be written to out";
  const failing = (code: string, call: string) =>
    Object.assign(new Error(`It failed (os error 1): ${call}`), { code });
  assert.equal(
    explain(failing("EACCES", "readfile 'data/a.jsonl'"), doing),
    "cannot read data/a.jsonl: permission denied",
  );
  assert.equal(
    explain(failing("EROFS", "mkdir 'out/store'"), doing),
    "results cannot be written to out: out/store: the file system is read-only",
  );
  const nested = failing("EISDIR", "readfile 'a/config.json'");
  nested.message = `step "a" (stage s) failed: ${nested.message}`;
  assert.equal(
    explain(nested, doing),
    'step "a" (stage s): cannot read a/config.json: it is a folder, not a file',
  );
});

Deno.test("flags of the server are read, and a server that others reach needs a token", async () => {
  const { host, port, token_file, allow_host } = parseOptions([]);
  assert.deepEqual([host, port, token_file, allow_host], ["127.0.0.1", undefined, undefined, []]);
  const hosts = ["--allow-host", "a.example", "--allow-host=b.example"];
  const given = parseOptions(["--host=::1", "--port=1", "--token-file", "t", ...hosts]);
  assert.deepEqual([given.host, given.port, given.token_file], ["::1", 1, "t"]);
  assert.deepEqual(given.allow_host, ["a.example", "b.example"]);
  for (const run of [main, serve]) {
    const { code, err } = await command(["--allow-host="], run);
    assert.deepEqual([code, err], [2, "Error: --allow-host needs a value"]);
  }
  await withFolder(async (folder) => {
    const args = ["--out", folder, "--host", "0.0.0.0"];
    const toy = ["--recipe", recipePath("toy_recipe")];
    for (const [run, more] of [[main, toy], [serve, []]] as const) {
      const { code, err } = await command([...args, ...more], run);
      assert.equal(code, 1);
      assert.match(
        err,
        /^Error: a server on 0\.0\.0\.0 can be reached from other machines: give it/,
      );
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});

const TOKEN = "0123456789abcdef";

/** Starts a command in a process of its own; `seen` waits until it has written something to standard error. */
function start(script: string, args: readonly string[], env: Record<string, string> = {}) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "-A", path, ...args],
    env,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const text = child.stderr.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  let err = "";
  const seen = async (pattern: RegExp) => {
    while (!pattern.test(err)) {
      const { value, done } = await text.next();
      assert.ok(!done, `${pattern} in ${err}`);
      err += value;
    }
    return pattern.exec(err)!;
  };
  return { child, seen };
}

/** A client of a server, with the token. */
async function clientOf({ seen }: ReturnType<typeof start>) {
  const [, url] = await seen(/(http:\/\/127\.0\.0\.1:\d+)\//);
  return async (method: string, path: string) => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const response = await fetch(url + path, { method, headers });
    return { status: response.status, body: await response.json() };
  };
}

Deno.test("a run is paused, resumed and stopped over HTTP, by its own process only", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const token = join(folder, "token");
    Deno.writeTextFileSync(token, TOKEN);
    const recipe = ["--recipe", recipePath("slow_recipe")];
    const pipeline = start("./pipeline.ts", [...recipe, "--out", out, "--port=0"], {
      CAUSEWAY_STATUS_TOKEN: TOKEN,
    });
    const ask = await clientOf(pipeline);
    const reached = async (step: number) => {
      while (!((await ask("GET", "/status")).body.step >= step)) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await reached(1);
    const { body: { run } } = await ask("GET", "/status");
    // Paused first: the run must not be over when the other server has started, however long that takes.
    assert.deepEqual(await ask("POST", `/runs/${run}/pause`), {
      status: 202,
      body: { run, state: "running", paused: true },
    });
    const server = start("../runs/serve.ts", ["--out", out, "--port=0", "--token-file", token]);
    const other = await clientOf(server);
    const refused = await other("POST", "/runs/latest/pause");
    assert.equal(refused.status, 409);
    assert.equal(
      refused.body.detail,
      `another process runs ${run}; use the server of that process`,
    );
    await new Promise((resolve) => setTimeout(resolve, 600));
    const first = (await ask("GET", "/status")).body;
    await new Promise((resolve) => setTimeout(resolve, 900));
    const second = (await ask("GET", "/status")).body;
    assert.deepEqual([first.paused, second.paused, second.step], [true, true, first.step]);
    assert.equal(second.time_left_s, first.time_left_s);
    assert.equal((await other("GET", "/status")).body.paused, true);
    assert.equal((await ask("POST", "/runs/latest/resume")).status, 202);
    await reached(first.step + 1);
    await ask("POST", "/runs/latest/pause");
    assert.equal((await ask("POST", "/runs/latest/stop")).status, 202);
    await pipeline.seen(
      /Stopped by request\. Run the same command again to continue from here\.\n$/,
    );
    assert.equal((await pipeline.child.status).code, 130);
    assert.equal((await other("GET", "/status")).body.state, "stopped");
    assert.match(
      (await other("POST", "/runs/latest/resume")).body.detail,
      /is over: it is stopped/,
    );
    server.child.kill("SIGTERM");
    assert.equal((await server.child.status).code, 0);
    await Promise.all([pipeline, server].map(({ seen }) => seen(/\n$/)));
  }));

if (Deno.build.os !== "windows") {
  Deno.test("Ctrl-C stops cleanly with code 130, and the next run continues", () =>
    withFolder(async (folder) => {
      const hold = join(folder, "hold");
      Deno.writeTextFileSync(hold, "");
      const args = [
        ...["--recipe", recipePath("spin_recipe"), "--set", `busy.hold=${hold}`],
        ...["--out", join(folder, "out"), "--port=0"],
      ];
      const script = fileURLToPath(new URL("./pipeline.ts", import.meta.url));
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "--no-prompt", "-A", script, ...args],
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const printed = new Response(child.stderr).text();
      await reported(join(folder, "out"), ["busy"], child.status);
      // One press of Ctrl-C can arrive several times: from the terminal, and passed on by `deno task`.
      [1, 2, 3].forEach(() => child.kill("SIGINT"));
      const err = await printed;
      assert.equal((await child.status).code, 130, err);
      assert.match(err, /Stopped\. Run the same command again to continue from here\.\n$/);
      const plan = await command([...args, "--dry-run"]);
      assert.match(plan.out, /resumes from its checkpoint/);
    }));
}
