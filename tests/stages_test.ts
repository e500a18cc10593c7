import assert from "node:assert/strict";
import { join } from "node:path";
import { ARRAYS } from "@causeway/core/arrow";
import {
  type AnyStage,
  assertStage,
  type Batch,
  type Columns,
  type ColumnType,
  nullableElement,
  type Port,
} from "@causeway/core/stage";
import { openTable, Store, StoredTableOutput } from "@causeway/core/store";
import { PLUGINS } from "@causeway/plugins";
import { STAGES } from "@causeway/stages";

const TRACKERS: Record<string, string> = JSON.parse(
  Deno.readTextFileSync(new URL("../recipes/trackers.json", import.meta.url)),
);

/** Folders of `stages/` or `plugins/` except those of trackers; each is a stage. */
async function folders(area: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(new URL(`../${area}/`, import.meta.url)));
  const names = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();
  return names.filter((name) => !Object.hasOwn(TRACKERS, name));
}

for (const [area, listed] of Object.entries({ stages: STAGES, plugins: PLUGINS })) {
  Deno.test(`every folder of ${area}/ is listed and has the name of its stage`, async () => {
    assert.deepEqual(listed.map(({ name }) => name).sort(), await folders(area));
  });

  Deno.test(`every stage of ${area}/ follows the contract and refuses unknown config fields`, async () => {
    for (const stage of listed) {
      assertStage(stage, stage.name);
      assert.ok(stage.description.length > 0 && Object.keys(stage.outputs).length > 0);
      const { issues } = await stage.config["~standard"].validate({ no_such_field: 1 });
      assert.match(JSON.stringify(issues), /no_such_field/, stage.name);
    }
  });
}

/** A column of one row: a text, a number, or null where that may be. */
function oneRow(type: ColumnType, value: number | null = null) {
  if (type === "utf8") return ["a"];
  if (nullableElement(type)) return [value];
  const array = (element: string) => {
    return new ARRAYS[element as keyof typeof ARRAYS](1).fill(value ?? 0);
  };
  const element = /^list<(\w+)/.exec(type)?.[1];
  return element ? { values: array(element), offsets: Int32Array.of(0, 1) } : array(type);
}

Deno.test("the tables of all stages keep nulls where these are declared, and refuse NaN everywhere", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = new Store(join(folder, "store"));
    store.open();
    let nullable = 0;
    for (const { name, outputs } of [...STAGES, ...PLUGINS] as AnyStage[]) {
      for (const [output, port] of Object.entries(outputs as Record<string, Port>)) {
        if (port.kind !== "table") continue;
        const columns: Columns = port.columns, where = `${output} of ${name}`;
        const types = Object.entries(columns);
        const row = Object.fromEntries(types.map(([column, type]) => [column, oneRow(type)]));
        const write = async (changed: object) => {
          const table = new StoredTableOutput(store, columns);
          await table.write({ ...row, ...changed } as Batch<Columns>);
          return await table.close();
        };
        const table = await openTable(store, await write({}), columns, where);
        for (const [column, type] of types) {
          const told = `"${column}" of ${where}`;
          if (nullableElement(type)) {
            assert.deepEqual(await table.column(column), [null], told);
            nullable++;
          } else if (type === "utf8") {
            await assert.rejects(write({ [column]: [null] }), new RegExp(`"${column}" has null`));
          }
          if (!type.includes("float")) continue;
          const wrong = write({ [column]: oneRow(type, NaN) });
          await assert.rejects(wrong, new RegExp(`column "${column}" has NaN in row 0; `), told);
        }
      }
    }
    assert.ok(nullable > 20, `${nullable} nullable columns`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
