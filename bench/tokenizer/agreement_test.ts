import assert from "node:assert/strict";
import { compareIds, sameModel } from "./agreement.ts";

Deno.test("models are the same if vocabulary and order of merges are", () => {
  const model = (vocab: Record<string, number>, merges: [string, string][]) => ({
    model: { vocab, merges },
  });
  const one = model({ a: 0, b: 1, ab: 2 }, [["a", "b"], ["b", "a"]]);
  assert.ok(sameModel(one, model({ b: 1, a: 0, ab: 2 }, [["a", "b"], ["b", "a"]])));
  assert.ok(!sameModel(one, model({ a: 0, b: 1, ab: 2 }, [["b", "a"], ["a", "b"]])));
  assert.ok(!sameModel(one, model({ a: 0, b: 1, ba: 2 }, [["a", "b"], ["b", "a"]])));
});

Deno.test("ids are compared text by text", async () => {
  const folder = await Deno.makeTempDir();
  const write = (name: string, values: number[]) => {
    Deno.writeFileSync(`${folder}/${name}`, new Uint8Array(Uint32Array.from(values).buffer));
    return `${folder}/${name}`;
  };
  try {
    // Three texts of two, none and one token.
    const one = write("one", [2, 5, 6, 0, 1, 7]);
    const texts = ["first", "", "third"];
    assert.equal(compareIds(one, write("same", [2, 5, 6, 0, 1, 7]), texts).different, 0);
    const { different, example, tokens } = compareIds(one, write("id", [2, 5, 6, 0, 1, 8]), texts);
    assert.deepEqual([different, example, tokens], [1, '"third"', 3]);
    const longer = compareIds(one, write("longer", [3, 5, 6, 6, 0, 1, 7]), texts);
    assert.deepEqual([longer.different, longer.example], [1, '"first"']);
    assert.throws(() => compareIds(one, one, ["first"]), /more ids than texts/);
    assert.throws(() => compareIds(one, one, [...texts, "x"]), /more texts than ids/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
