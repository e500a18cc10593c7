import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { has_s3, withS3 } from "../../../tests/shared/s3_server.ts";
import { loadRecipe, type Recipe } from "../../recipe/mod.ts";
import { run } from "../../runner/mod.ts";
import type { RunEvent } from "../../runs/mod.ts";
import { listFolder, parseManifest, Store } from "../../store/mod.ts";
import { openStorage } from "./open.ts";
import { Remote } from "./remote.ts";
import { folderStorage, type Storage } from "./storage.ts";
import { withFolder } from "../../../tests/shared/commands.ts";

const URL_OF_RECIPE = new URL("../../recipe/testdata/arms_recipe.ts", import.meta.url).href;
const recipe = await loadRecipe(URL_OF_RECIPE, {
  set: ["left.slice=0", "right.slice=0", "left.steps=30"],
});
const STEPS = recipe.steps.length;

/** One machine: an output folder of its own, and storage that it shares. */
class Machine {
  readonly warnings: string[] = [];
  readonly ran: string[] = [];
  readonly store: Store;

  constructor(readonly out: string, private readonly storage: Storage) {
    this.store = new Store(join(out, "store"));
  }

  async run(what: Recipe = recipe): Promise<void> {
    const shared = new Remote(this.store, this.storage, (message) => this.warnings.push(message));
    this.ran.length = 0;
    const onEvent = (event: RunEvent) => {
      if (event.type === "step_started") this.ran.push(event.step);
    };
    await run(what, { out: this.out, shared, onEvent });
  }

  /** All results, by name and content. */
  results(): Record<string, string> {
    const folder = join(this.store.root, "manifests");
    return Object.fromEntries(
      listFolder(folder).map((name) => [name, Deno.readTextFileSync(join(folder, name))]),
    );
  }
}

Deno.test("what one machine has computed, another does not compute again", () =>
  withFolder(async (folder) => {
    const storage = folderStorage(join(folder, "shared"));
    const first = new Machine(join(folder, "first"), storage);
    await first.run();
    assert.equal(first.ran.length, STEPS);
    const second = new Machine(join(folder, "second"), storage);
    await second.run();
    assert.deepEqual(second.ran, []);
    assert.deepEqual(second.results(), first.results());
    const summary = join("arms", "summary.txt");
    assert.equal(
      await Deno.readTextFile(join(second.out, summary)),
      await Deno.readTextFile(join(first.out, summary)),
    );
    assert.deepEqual([...first.warnings, ...second.warnings], []);
  }));

Deno.test("a result that another machine uploads during the run is used", () =>
  withFolder(async (folder) => {
    const storage = folderStorage(join(folder, "shared"));
    const other = new Machine(join(folder, "other"), storage);
    await other.run();
    // It sees nothing of the others while it plans.
    let planning = true;
    const late: Storage = {
      ...storage,
      read: async (name) => planning ? undefined : await storage.read(name),
    };
    const machine = new Machine(join(folder, "machine"), late);
    const shared = new Remote(machine.store, late, (message) => machine.warnings.push(message));
    const events: RunEvent[] = [];
    await run(recipe, {
      out: machine.out,
      shared,
      onEvent(event) {
        events.push(event);
        if (event.type === "step_started") planning = false;
      },
    });
    const started = events.flatMap((event) => event.type === "step_started" ? [event.step] : []);
    assert.deepEqual(started, ["raw"]);
    assert.deepEqual(machine.results(), other.results());
  }));

Deno.test("two machines at once end with the same results", () =>
  withFolder(async (folder) => {
    const storage = folderStorage(join(folder, "shared"));
    const machines = ["a", "b"].map((name) => new Machine(join(folder, name), storage));
    await Promise.all(machines.map((machine) => machine.run()));
    assert.deepEqual(machines[0].results(), machines[1].results());
    assert.deepEqual(machines.flatMap(({ warnings }) => warnings), []);
    assert.equal(listFolder(join(folder, "shared/manifests")).length, STEPS);
  }));

Deno.test("failed uploads are warnings, and the next run tries again", () =>
  withFolder(async (folder) => {
    const storage = folderStorage(join(folder, "shared"));
    let uploads = 0;
    const broken: Storage = {
      ...storage,
      upload: (...args) =>
        ++uploads > 2 ? Promise.reject(new Error("the line is dead")) : storage.upload(...args),
    };
    const first = new Machine(join(folder, "first"), broken);
    await first.run();
    assert.equal(first.ran.length, STEPS);
    assert.match(
      first.warnings[0],
      /^the line is dead; the result [0-9a-f]{12} was not shared, the next/,
    );
    // No manifest without all its objects.
    const before = listFolder(join(folder, "shared/manifests"));
    assert.ok(before.length < STEPS);
    for (const name of before) {
      const manifest = parseManifest(
        Deno.readTextFileSync(join(folder, "shared/manifests", name)),
      )!;
      for (const { digest } of Object.values(manifest.outputs)) {
        assert.ok(await storage.has(`objects/${digest.slice(0, 2)}/${digest}`));
      }
    }
    const again = new Machine(join(folder, "first"), storage);
    await again.run();
    assert.deepEqual(again.ran, []);
    assert.equal(listFolder(join(folder, "shared/manifests")).length, STEPS);
  }));

Deno.test("damaged or missing shared objects and manifests are warnings, and recomputed", () =>
  withFolder(async (folder) => {
    const root = join(folder, "shared"), storage = folderStorage(root);
    const first = new Machine(join(folder, "first"), storage);
    await first.run();
    const results = first.results();
    const digests = Object.values(results).map((text) =>
      Object.values(parseManifest(text)!.outputs)[0].digest
    );
    const pathOf = (digest: string) => join(root, "objects", digest.slice(0, 2), digest);
    const manifest = join(root, "manifests", Object.keys(results)[0]);
    const cases: [RegExp, () => void][] = [
      [/does not match its digest; computing it here/, () => {
        for (const digest of digests) Deno.chmodSync(pathOf(digest), 0o644);
        for (const digest of digests) Deno.writeTextFileSync(pathOf(digest), "no table");
      }],
      [/its object [0-9a-f]{12} is missing/, () => {
        for (const digest of digests) Deno.removeSync(pathOf(digest));
      }],
      [/its manifest is damaged/, () => Deno.writeTextFileSync(manifest, "{}")],
    ];
    for (const [i, [message, damage]] of cases.entries()) {
      damage();
      const machine = new Machine(join(folder, `${i}`), storage);
      await machine.run();
      assert.match(machine.warnings.join("\n"), message);
      assert.deepEqual(machine.results(), results);
    }
  }));

Deno.test("a manifest under a wrong key is not used", () =>
  withFolder(async (folder) => {
    const root = join(folder, "shared"), storage = folderStorage(root);
    await new Machine(join(folder, "first"), storage).run();
    const [one, two] = listFolder(join(root, "manifests")).map((name) =>
      join(root, "manifests", name)
    );
    Deno.copyFileSync(one, two);
    const machine = new Machine(join(folder, "second"), storage);
    await machine.run();
    assert.match(machine.warnings[0], /its manifest is damaged/);
    assert.equal(machine.ran.length > 0, true);
  }));

Deno.test("a different result for the same step is a warning, and the first one stays", () =>
  withFolder(async (folder) => {
    const root = join(folder, "shared"), storage = folderStorage(root);
    const first = new Machine(join(folder, "first"), storage);
    await first.run();
    const [name] = listFolder(join(root, "manifests"));
    const manifest = parseManifest(Deno.readTextFileSync(join(root, "manifests", name)))!;
    const [output] = Object.keys(manifest.outputs);
    const other = new Store(join(folder, "other"));
    other.open();
    const { digest } = other.put(new TextEncoder().encode("other"));
    const outputs = { ...manifest.outputs, [output]: { ...manifest.outputs[output], digest } };
    const key = name.replace(".json", "");
    other.writeManifest(key, { ...manifest, outputs });
    const warnings: string[] = [];
    const remote = new Remote(other, storage, (message) => warnings.push(message));
    remote.push(key);
    await remote.settled();
    assert.match(
      warnings[0],
      new RegExp(`has another result for the same step .*outputs ${output}`),
    );
    assert.deepEqual(parseManifest(Deno.readTextFileSync(join(root, "manifests", name))), manifest);
  }));

Deno.test({
  name: `two folders share a bucket${has_s3 ? "" : " (not here: needs moto, from PyPI)"}`,
  ignore: !has_s3,
  fn: () =>
    withFolder((folder) =>
      withS3(async (server) => {
        const pipeline = fileURLToPath(new URL("../../cli/run/pipeline.ts", import.meta.url));
        const args = ["--recipe", fileURLToPath(URL_OF_RECIPE), "--port=0", "--json", "--quiet"];
        const command = async (out: string, ...more: string[]) => {
          const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
            args: [
              "run",
              "--no-check",
              "-A",
              pipeline,
              ...args,
              "--out",
              join(folder, out),
              ...more,
            ],
            env: server.env,
          }).output();
          assert.equal(code, 0, new TextDecoder().decode(stderr));
          return new TextDecoder().decode(stdout).match(/"type":"step_started"/g)?.length ?? 0;
        };
        assert.equal(await command("first", "--remote", "s3://bucket/lab"), STEPS);
        // A flipped bit on the way is found by the digest.
        let flipped = 0;
        server.fault = ({ method, url }) =>
          method === "GET" && url.includes("/objects/") && flipped++ === 0 ? "flip" : undefined;
        assert.equal(await command("second", "--remote", "s3://bucket/lab"), 0);
        assert.ok(flipped > 1);
        server.fault = () => undefined;
        assert.equal(await command("third", "--remote", "s3://bucket/lab"), 0);
        const storage = openStorage("s3://bucket/lab", undefined, (name) => server.env[name]);
        const [manifest] = listFolder(join(folder, "first/store/manifests"));
        assert.ok(await storage.has(`manifests/${manifest}`));
        assert.ok(server.requests.every((line) => line.includes("/bucket/lab/")));
      })
    ),
});
