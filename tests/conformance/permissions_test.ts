/**
 * A plugin can access only the store and code, unless the recipe grants more. Restricting a worker needs an unstable
 * option of Deno, so the tasks run in a process that has it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkRecipe, defineRecipe } from "@causeway/core/recipe";
import type { Permissions } from "@causeway/core/stage";
import { asking } from "./testdata/reaching_stages.ts";
import type { Reach } from "./testdata/run_restricted.ts";
import { withFolder } from "../shared/commands.ts";

const main = fileURLToPath(new URL("./testdata/run_restricted.ts", import.meta.url));

/** Results by task, in a process that has all permissions except for other machines. */
async function reach(folder: string, steps: Reach[]): Promise<Record<string, string>> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--unstable-worker-options",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      "--allow-sys",
      "--allow-ffi",
      "--allow-run",
      "--allow-net=127.0.0.1",
      main,
      folder,
      JSON.stringify(steps),
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("a plugin has no access outside, and its error says what to grant", () =>
  withFolder(async (folder) => {
    const secret = join(folder, "secret.txt");
    await Deno.writeTextFile(secret, "42");
    const program = Deno.execPath();
    const results = await reach(folder, [
      { id: "env", kind: "env", name: "HOME" },
      { id: "read", kind: "read", name: secret },
      { id: "write", kind: "write", name: secret },
      { id: "net", kind: "net", name: "http://127.0.0.1:8123/" },
      { id: "run", kind: "run", name: program },
      { id: "ffi", kind: "ffi", name: "libm.so.6" },
      { id: "sys", kind: "sys" },
    ]);
    const denied = (id: string, names: string) =>
      assert.match(
        results[id],
        new RegExp(
          `^step "${id}" \\(stage reaching\\b.*\\) failed: the stage has no ${id} permission.*; to grant it, ` +
            `add to the step in the recipe: permissions: \\{ ${id}: ${names} \\} ` +
            `\\(plugin .*reaching_stages\\.ts\\)$`,
        ),
      );
    denied("env", '\\["HOME"\\]');
    denied("read", `\\["${secret}"\\]`);
    denied("write", `\\["${secret}"\\]`);
    denied("net", '\\["127.0.0.1:8123"\\]');
    denied("run", `\\["${program}"\\]`);
    denied("ffi", '\\["libm.so.6"\\]');
    denied("sys", '\\["hostname"\\]');
    assert.equal(await Deno.readTextFile(secret), "42");
  }));

Deno.test("a plugin has the access that its recipe grants, and no more", () =>
  withFolder(async (folder) => {
    const [mine, other] = ["mine.txt", "other.txt"].map((name) => join(folder, name));
    for (const path of [mine, other]) await Deno.writeTextFile(path, "12345");
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
      return new Response("answered");
    });
    const host = `127.0.0.1:${server.addr.port}`;
    const results = await reach(folder, [
      { id: "read", kind: "read", name: mine, permissions: { read: [mine] } },
      { id: "other", kind: "read", name: other, permissions: { read: [mine] } },
      { id: "net", kind: "net", name: `http://${host}/`, permissions: { net: [host] } },
      { id: "env", kind: "env", name: "HOME", permissions: { env: true } },
      { id: "run", kind: "run", name: Deno.execPath(), permissions: { run: [Deno.execPath()] } },
    ]);
    await server.shutdown();
    assert.equal(results.read, "wrote 5");
    assert.match(results.other, /no read permission for ".*other.txt"/);
    assert.equal(results.net, "wrote 8");
    assert.match(results.env, /^wrote \d+$/);
    assert.match(results.run, /^wrote \d\d+$/);
  }));

Deno.test("a recipe that grants a plugin less than it declares is refused", async () => {
  const recipe = async (permissions?: Permissions) =>
    await checkRecipe(defineRecipe({ name: "grants", description: "", seed: 0 }, (recipe) => {
      recipe.step("half", asking, { permissions });
    }));
  await assert.rejects(
    recipe(),
    /\(stage asking\) needs .*add to the step: permissions: { net: \["example.org", "example.net:443"\] }$/,
  );
  await assert.rejects(
    recipe({ net: ["example.org"] }),
    /permissions: { net: \["example.net:443"\] }$/,
  );
  await recipe({ net: ["example.org", "example.net:443"] });
});

Deno.test("a plugin that needs more than the process has, or cannot be loaded alone, is refused before it starts", () =>
  withFolder(async (folder) => {
    const results = await reach(folder, [
      {
        id: "beyond",
        stage: "asking",
        permissions: { net: ["example.org", "example.net:443"] },
      },
      { id: "hidden", stage: "hidden" },
    ]);
    assert.match(
      results.beyond,
      /this process lacks net access to .*--allow-net=example.org,example.net:443/,
    );
    assert.match(results.hidden, /cannot be loaded by itself: export it/);
    for (const id of ["beyond", "hidden"]) {
      assert.deepEqual([...Deno.readDirSync(join(folder, id, "store/manifests"))], []);
    }
  }));
