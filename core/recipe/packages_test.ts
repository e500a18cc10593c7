import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadRecipe } from "./load.ts";
import { explainFrozen, packageFault } from "./packages.ts";

async function inFolder(
  files: Readonly<Record<string, string>>,
  check: (folder: string) => Promise<void> | void,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(folder, name), text);
    }
    await check(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a package needs an exact version, and a place in the lock file", () =>
  inFolder({
    "deno.lock": JSON.stringify({ specifiers: { "npm:@a/b@1.2.3-rc.1": "1.2.3-rc.1" } }),
  }, (folder) => {
    const faultOf = (specifier: string) => packageFault(specifier, join(folder, "deno.lock"));
    assert.equal(faultOf("npm:@a/b@1.2.3-rc.1"), undefined);
    assert.equal(faultOf("npm:@a/b@1.2.3-rc.1/stage"), undefined);
    for (const version of ["", "@1", "@^1.2.3", "@1.2", "@latest", "@"]) {
      assert.equal(
        faultOf(`npm:@a/b${version}/stage`),
        "names no exact version; write npm:@a/b@1.2.3",
      );
    }
    assert.equal(
      faultOf("npm:@a/b@1.2.3/stage"),
      "is not a package of this project, and nothing of it was loaded; if you trust it, run " +
        "deno add --frozen=false npm:@a/b@1.2.3",
    );
    assert.match(faultOf("npm:")!, /is not a package; write npm:package@1\.2\.3/);
  }));

Deno.test("a recipe that asks for unknown packages loads nothing, tells all, and leaves the lock file", () =>
  inFolder({
    "own.js": "globalThis.OWN_WAS_LOADED = true; export default {};",
    "recipe.json": JSON.stringify({
      name: "r",
      description: "",
      seed: 0,
      stages: { own: "./own.js", one: "npm:of-nobody@1.0.0/stage", two: "npm:of-nobody-else#x" },
      steps: { a: { stage: "own" }, b: { stage: "one" }, c: { stage: "two" } },
    }),
  }, async (folder) => {
    const lock = await Deno.readTextFile("deno.lock");
    const error = await loadRecipe(pathToFileURL(join(folder, "recipe.json")).href)
      .then(() => undefined, (error) => error as Error);
    assert.match(error!.message, /stage "one": .*deno add --frozen=false npm:of-nobody@1\.0\.0/);
    assert.match(
      error!.message,
      /stage "two": .*names no exact version; write npm:of-nobody-else@/,
    );
    assert.equal("OWN_WAS_LOADED" in globalThis, false);
    assert.equal(await Deno.readTextFile("deno.lock"), lock);
  }));

Deno.test("no command may change the lock file unless asked to", async () => {
  const { lock } = JSON.parse(await Deno.readTextFile("deno.json"));
  assert.equal(lock.frozen, true);
});

Deno.test("Deno's message about a lock file that may not change names the packages of a module", () => {
  const message =
    "The lockfile is out of date. Run `deno install --frozen=false`, or …\nchanges:\n" +
    " 4\x1b[0m\x1b[38;5;245m |\x1b[0m \x1b[0m\x1b[1m\x1b[32m+\x1b[0m\x1b[0m\x1b[30m\x1b[42m    " +
    '"npm:ms@2.1.3": "2.1.3",\x1b[0m\n 8 | +    "ms@2.1.3": {\n 9 | + "integrity": "sha512-6FlA=="';
  assert.match(explainFrozen(message)!, /^npm:ms@2\.1\.3 is not a package of this project, and/);
  assert.match(explainFrozen(message)!, /deno add --frozen=false npm:ms@2\.1\.3$/);
  assert.equal(explainFrozen("Module not found"), undefined);
});
