import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../../tests/shared/commands.ts";
import { foldersLeft } from "./gc.ts";
import { abandonedFolders, PartialFolder } from "./partial_folder.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("a folder is complete or absent, and one that fails leaves nothing", () =>
  withFolder((dir) => {
    const target = join(dir, "model");
    {
      using partial = new PartialFolder(target);
      Deno.writeTextFileSync(join(partial.path, "a"), "1");
      assert.deepEqual(abandonedFolders(dir), []);
      assert.ok(!names(dir).includes("model"));
      partial.commit();
    }
    assert.deepEqual([names(dir), names(target)], [["model"], ["a"]]);
    assert.throws(() => {
      using partial = new PartialFolder(target);
      Deno.writeTextFileSync(join(partial.path, "b"), "1");
      throw new Error("full");
    }, /full/);
    assert.deepEqual([names(dir), names(target)], [["model"], ["a"]]);
  }));

Deno.test("what a killed process left is found; what another one fills, and other folders, are not", () =>
  withFolder((dir) => {
    using filled = new PartialFolder(join(dir, "n".repeat(250)));
    const killed = join(dir, ".model-partialAb12"), other = join(dir, ".git-partialAb12");
    for (const folder of [killed, other, join(dir, ".model-Ab12")]) Deno.mkdirSync(folder);
    Deno.writeTextFileSync(join(killed, ".causeway-partial"), "");
    Deno.writeTextFileSync(join(killed, "model.safetensors"), "half");
    assert.deepEqual(abandonedFolders(dir), [killed]);
    const [{ kind, path, bytes }, ...more] = foldersLeft(dir);
    assert.deepEqual([kind, path, bytes, more], ["temporary", killed, 4, []]);
    assert.ok(names(filled.path).includes(".causeway-partial"));
    assert.deepEqual(abandonedFolders(join(dir, "nowhere")), []);
  }));

Deno.test("the lock of a killed process ends with it", () =>
  withFolder(async (dir) => {
    const module = new URL("./partial_folder.ts", import.meta.url).href;
    const code = `import { PartialFolder } from ${JSON.stringify(module)};
      new PartialFolder(${JSON.stringify(join(dir, "model"))});
      Deno.kill(Deno.pid, "SIGKILL");`;
    Deno.writeTextFileSync(join(dir, "main.ts"), code);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const args = ["run", "-A", "--no-check", "--config", config, join(dir, "main.ts")];
    const { signal, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    assert.equal(signal, "SIGKILL", new TextDecoder().decode(stderr));
    assert.equal(abandonedFolders(dir).length, 1);
  }));
