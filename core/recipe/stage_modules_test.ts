import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadStage } from "./stage_modules.ts";
import { numbers } from "./testdata/stages.ts";

const fails = (specifier: string, message: RegExp, from = import.meta.url) =>
  assert.rejects(loadStage(specifier, from), { name: /Error$/, message });

/** Calls with a folder that holds modules. */
async function withModules(
  modules: Record<string, string>,
  use: (from: string, folder: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(modules)) {
      await Deno.mkdir(join(folder, name, ".."), { recursive: true });
      await Deno.writeTextFile(join(folder, name), text);
    }
    await use(pathToFileURL(join(folder, "recipe.json")).href, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const STAGE = `{
  interface: 1, name: "mine", version: "1", description: "",
  config: { "~standard": { version: 1, vendor: "own", validate: (value) => ({ value }) } },
  inputs: {}, outputs: {}, run: async () => {},
}`;

Deno.test("a stage is a default or a named export, by a path from the recipe or the working directory", () =>
  withModules({
    "my stage.js": `export default ${STAGE};`,
    "sub/two.js": `export const other = 1; export const mine = ${STAGE};`,
  }, async (from, folder) => {
    assert.equal((await loadStage("./my stage.js", from)).name, "mine");
    assert.equal((await loadStage("./sub/two.js#mine", from)).name, "mine");
    assert.equal((await loadStage("../two.js#mine", new URL("sub/x/", from).href)).name, "mine");
    assert.equal((await loadStage(join(folder, "my stage.js"))).name, "mine");
    assert.equal(await loadStage("./core/recipe/testdata/stages.ts#numbers"), numbers);
  }));

Deno.test("what is not a stage is named, with the fix", () =>
  withModules({
    "named.js": `export const mine = ${STAGE}; export const more = 1;`,
    "old.js": `export default { ...${STAGE}, interface: 0 };`,
    "odd.js": "export default 7;",
    "bare.js": `export default { ...${STAGE}, version: undefined };`,
    "empty.js": "",
    "throws.js": "throw new Error('no\\nluck');",
    "syntax.js": "export default {",
    "lost.js": "import './not_there.js'; export default 1;",
  }, async (from) => {
    const start = (name: string) => `^the stage module "./${name}"`;
    const cases: Record<string, string> = {
      "named.js":
        `has no default export: its exports are mine, more; choose one as in "./named.js#mine"$`,
      "named.js#other": `has no export "other": its exports are mine, more; choose one as in .*$`,
      "empty.js": "has no default export: it has no exports$",
      "old.js":
        "is built for stage interface 0, this program has 1: use a version of it for interface 1$",
      "odd.js": ".*is not a valid stage: it is not an object; export what defineStage returns$",
      "bare.js": ".*is not a valid stage: it has no version$",
      "throws.js": "cannot be imported: no\\nluck; fix the module or what it imports$",
      "syntax.js": "cannot be imported: .*; fix the module",
      "lost.js": "cannot be imported: .*not_there.js.*; fix the module",
      "absent.js": "does not exist: no file .*absent.js$",
    };
    for (const [name, message] of Object.entries(cases)) {
      await fails(`./${name}`, new RegExp(`${start(name)} ${message}`, "s"), from);
    }
    await fails(
      "named.js",
      /neither a path nor a package; write "\.\/named\.js" for a file, "npm:named/,
    );
  }));

Deno.test("a package is imported by its specifier, and named when that fails", async () => {
  await fails(
    "npm:zod@4.6.7#nothing",
    /^the stage module "npm:zod@4\.6\.7#nothing" has no export "nothing": /,
  );
  await fails(
    "npm:zod@4.6.7#string",
    /^the stage module "npm:zod@4\.6\.7#string".* is not a valid stage: /,
  );
  await fails(
    "npm:zod@4.6.7/absent",
    /"npm:zod@4\.6\.7\/absent" cannot be imported: .*; check the name, version and/s,
  );
  await fails(
    "jsr:@scope/plugin@one two",
    /^the stage module "jsr:@scope\/plugin@one two" names no exact version; write jsr:@scope\/plugin@1\.2\.3$/,
  );
});

Deno.test("a stage of an npm package is loaded if it is in the lock file, not if it is only installed", () =>
  withModules({
    "deno.json": '{ "nodeModulesDir": "manual" }',
    "deno.lock": '{ "version": "5", "specifiers": { "npm:my-plugin@1.2.3": "1.2.3" } }',
    "package.json": '{ "dependencies": { "my-plugin": "^1.2.0", "other-plugin": "1.0.0" } }',
    "node_modules/other-plugin/package.json":
      '{ "name": "other-plugin", "version": "1.0.0", "type": "module", "exports": "./stage.js" }',
    "node_modules/other-plugin/stage.js": `console.log("loaded"); export default ${STAGE};`,
    "node_modules/my-plugin/package.json":
      '{ "name": "my-plugin", "version": "1.2.3", "type": "module", "exports": { "./stage": "./stage.js" } }',
    "node_modules/my-plugin/stage.js": `export default ${STAGE}; export const mine = ${STAGE};`,
    "main.ts": `import { loadStage } from ${
      JSON.stringify(import.meta.resolve("./stage_modules.ts"))
    };
      for (const name of ["npm:my-plugin@1.2.3/stage", "npm:my-plugin@1.2.3/stage#mine"]) {
        console.log((await loadStage(name)).name);
      }
      await loadStage("npm:other-plugin@1.0.0").catch(({ message }) => console.log(message));`,
  }, async (_, folder) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--no-lock", "--cached-only", "-A", "main.ts"],
      cwd: folder,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(
      new TextDecoder().decode(stdout),
      'mine\nmine\nthe stage module "npm:other-plugin@1.0.0" is not a package of this project, and ' +
        "nothing of it was loaded; if you trust it, run deno add --frozen=false npm:other-plugin@1.0.0\n",
    );
  }));
