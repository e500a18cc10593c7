import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withFolder } from "../../tests/shared/commands.ts";
import { errorText, fileErrorOf, openFile, openFileSync } from "./mod.ts";

/** The message of what a call throws. */
async function textOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    return errorText(error);
  }
  assert.fail("nothing was thrown");
}

Deno.test("every error of the file system says what failed, where and why", () =>
  withFolder(async (folder) => {
    const file = join(folder, "file"),
      none = join(folder, "none"),
      long = join(folder, "x".repeat(300));
    Deno.writeTextFileSync(file, "");
    const cases: [string, () => unknown][] = [
      [`cannot read ${folder}: it is a folder, not a file`, () => Deno.readTextFile(folder)],
      [`cannot write ${folder}: it is a folder, not a file`, () => Deno.writeTextFile(folder, "")],
      [`cannot read ${none}: there is no such file or folder`, () => Deno.statSync(none)],
      [
        `cannot read ${file}: part of the path is a file, not a folder`,
        () => [...Deno.readDirSync(file)],
      ],
      [`cannot create ${file}: a file of that name is in the way`, () => Deno.mkdirSync(file)],
      [
        `cannot rename ${none} to ${file}: there is no such file or folder`,
        () => Deno.renameSync(none, file),
      ],
      [
        `cannot read ${long}: a name in it is too long for the file system`,
        () => openFile(long),
      ],
      [`cannot read ${none}: there is no such file or folder`, () => openFile(none)],
      [
        `cannot write ${folder}: it is a folder, not a file`,
        () => openFileSync(folder, { write: true }),
      ],
      [
        `cannot write ${folder}: it is a folder, not a file`,
        () => openFile(folder, { append: true }),
      ],
      [`cannot read ${folder}: it is a folder, not a file`, async () => {
        using opened = await openFile(folder);
        await opened.read(new Uint8Array(1));
      }],
      [`cannot read ${folder}: it is a folder, not a file`, () => {
        using opened = openFileSync(folder);
        opened.readSync(new Uint8Array(1));
      }],
    ];
    for (const [expected, call] of cases) assert.equal(await textOf(call), expected);
    // node:fs names the call last.
    assert.match(
      await textOf(() => readFileSync(none)),
      /^cannot \w+ .*none: there is no such file/,
    );
  }));

Deno.test("an error inside another is found, and other errors keep their words", () =>
  withFolder((folder) => {
    let error: Error | undefined;
    try {
      Deno.readTextFileSync(folder);
    } catch (thrown) {
      error = thrown as Error;
    }
    const outer = Object.assign(new Error(`step "a" failed: ${error!.message}; retried`), {
      code: "EISDIR",
    });
    assert.equal(fileErrorOf(outer)?.path, folder);
    assert.equal(errorText(new Error("no data")), "no data");
    assert.equal(errorText("x"), "x");
    const spawn = Object.assign(new Error("Failed to spawn 'sbatch': entity not found"), {
      code: "ENOENT",
    });
    assert.equal(errorText(spawn), spawn.message);
  }));

Deno.test("files are opened by openFile only, so that no error comes without a path", async () => {
  const found: string[] = [];
  const visit = async (url: URL) => {
    for await (const { name, isDirectory } of Deno.readDir(url)) {
      if (isDirectory && name !== "testdata") await visit(new URL(`${name}/`, url));
      if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
      const text = await Deno.readTextFile(new URL(name, url));
      if (/Deno\.(open|create)(Sync)?\(/.test(text)) found.push(name);
    }
  };
  for (const room of ["core", "stages", "plugins", "datasets"]) {
    await visit(new URL(`../../${room}/`, import.meta.url));
  }
  assert.deepEqual(found, ["files.ts"]);
});
