import assert from "node:assert/strict";
import { join } from "node:path";
import { listFolder, listFolders } from "@causeway/core/store";
import { digests } from "./traces.ts";
import { withFolder } from "../shared/commands.ts";
import { resultsOf, runSmall, runUntil } from "./small.ts";

/** Ways a file can be damaged. */
const DAMAGES: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  "emptied": () => new Uint8Array(),
  "cut in half": (bytes) => bytes.slice(0, bytes.length >> 1),
  "cut by two bytes": (bytes) => bytes.slice(0, -2), // the last byte may be an optional line break
  "zeroed": (bytes) => new Uint8Array(bytes.length),
  "a bit flipped": (bytes) => bytes.map((byte, i) => i === bytes.length >> 1 ? byte ^ 1 : byte),
};

function damage(path: string, how: (bytes: Uint8Array) => Uint8Array): void {
  Deno.chmodSync(path, 0o644);
  Deno.writeFileSync(path, how(Deno.readFileSync(path)));
}

const ALL_SKIPPED = "count skipped, add skipped, write skipped";

Deno.test("any damaged file is detected and restored", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    assert.equal((await runSmall(out)).error, undefined);
    const expected = await resultsOf(out);
    const paths = [...(await digests(out)).keys()].sort();
    for (const [name, how] of Object.entries(DAMAGES)) {
      for (const path of paths) {
        if (path === "lock.json" || path === "runner.lock") continue; // below
        damage(join(out, path), how);
        const { error, steps } = await runSmall(out);
        assert.equal(error, undefined, `${path} ${name}: ${error?.message}`);
        assert.deepEqual(await resultsOf(out), expected, `${path} ${name}: ${steps}`);
        const again = path.startsWith("store/") ? 1 : 0;
        assert.equal(steps.match(/finished/g)?.length ?? 0, again, `${path} ${name}: ${steps}`);
      }
    }
    assert.ok(listFolder(join(out, "store/damaged")).length > 0);
  }));

Deno.test("the error for a damaged lock.json says to delete it, and no results are lost", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    await runSmall(out);
    const expected = await resultsOf(out);
    for (const how of [DAMAGES["cut in half"], DAMAGES.emptied, DAMAGES.zeroed]) {
      damage(join(out, "lock.json"), how);
      const { error } = await runSmall(out);
      assert.match(error!.message, /lock\.json is damaged; delete it: no results are lost/);
      Deno.removeSync(join(out, "lock.json"));
      assert.equal((await runSmall(out)).steps, ALL_SKIPPED);
      assert.deepEqual(await resultsOf(out), expected);
    }
    Deno.writeTextFileSync(join(out, "runner.lock"), "\0\0not a number");
    assert.equal((await runSmall(out)).steps, ALL_SKIPPED);
  }));

Deno.test("a damaged checkpoint of an unfinished task is skipped with a message", () =>
  withFolder(async (folder) => {
    const whole = join(folder, "whole/out");
    await runSmall(whole);
    const expected = await resultsOf(whole);
    for (const [name, how] of Object.entries(DAMAGES)) {
      for (const file of ["state.json", "checkpoint.json"]) {
        const out = join(folder, `${name}_${file}`);
        assert.equal((await runUntil(out, "add")).error?.name, "Interrupted");
        const [key] = listFolders(join(out, "store/work"));
        const newest = listFolders(join(out, "store/work", key)).at(-1)!;
        damage(join(out, "store/work", key, newest, file), how);
        const { error, logs, steps } = await runSmall(out);
        assert.equal(error, undefined, `${file} ${name}: ${error?.message}`);
        assert.equal(steps, "count skipped, add finished, write finished");
        assert.match(logs.join("\n"), /checkpoint step-\d+ is damaged; it is not used/);
        assert.deepEqual(await resultsOf(out), expected);
      }
    }
  }));
