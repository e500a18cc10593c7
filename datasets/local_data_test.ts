import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { RECORD_SETS, resolveDataset } from "./mod.ts";

/** Real text beside the repository, for development; it may not be copied into it. */
const DATA_ROOT = fileURLToPath(new URL("../../shared/data", import.meta.url));
const MANIFEST = `${DATA_ROOT}/manifest.tsv`;
const is_there = existsSync(MANIFEST);

/** Examples whose answer is empty, which are left out. */
const EMPTY: Readonly<Record<string, number>> = { flan: 1400 };

/** What the first document of a set looks like, in form. */
const FORMS: Readonly<Record<string, RegExp>> = {
  aqua_rat: /^Question: .+\nOptions: A\).+ B\).+\nAnswer: \S/s,
  gsm8k: /^Question: .+\nAnswer: .+\n#### -?[\d.,]+$/s,
  lima: /^\S.+\n\n\S/s,
  math: /^Problem:\n.+\n\nSolution: .*\$/s,
  math_qa: /^Question: .+\nOptions: a \) .+\nAnswer: \S/s,
  mbpp: /^Write .+\n\n.*def \w+ *\(/s,
  sciq: /^Question: .+\nAnswer: .+$/,
  trivia_qa: /^Question: .+\nAnswer: .+$/s,
};

/** Rows by dataset and split. */
function readManifest(): Map<string, { train: number; validation: number }> {
  const sets = new Map<string, { train: number; validation: number }>();
  for (const line of Deno.readTextFileSync(MANIFEST).trim().split("\n").slice(1)) {
    const [file, rows] = line.split("\t");
    const [name, base] = file.split("/");
    const counts = sets.get(name) ?? { train: 0, validation: 0 };
    counts[base.startsWith("train") ? "train" : "validation"] += Number(rows);
    sets.set(name, counts);
  }
  return sets;
}

const manifest = is_there ? readManifest() : new Map();
if (!is_there) console.log(`Skipped: there are no files in ${DATA_ROOT} to read datasets from`);

for (const { name } of RECORD_SETS.filter(({ name }) => !is_there || manifest.has(name))) {
  Deno.test({
    name: `files of ${name}: each row is a document in its split, in the form of its template`,
    ignore: !is_there,
    async fn() {
      const expected = manifest.get(name)!;
      const ids = new Set<string>();
      const counts = { train: 0, validation: 0 };
      let masked = 0;
      let first = "";
      const own_split = expected.train > 0 && expected.validation > 0;
      for await (const document of resolveDataset(name, { data_root: DATA_ROOT }).documents()) {
        const { id, text, split, prompt_length_chars } = document;
        first ||= text;
        ids.add(id);
        if (own_split) assert.ok(split, id);
        counts[split ?? "train"]++;
        assert.ok(text.trim() !== "", id);
        if (prompt_length_chars === undefined) continue;
        masked++;
        assert.ok(prompt_length_chars > 0 && prompt_length_chars < text.length, id);
      }
      const train = expected.train - (EMPTY[name] ?? 0);
      assert.deepEqual(counts, { ...expected, train });
      assert.equal(ids.size, counts.train + counts.validation);
      assert.equal(masked, name === "gsm8k" ? ids.size : 0);
      // Only the form is asserted, so that a failure prints none of the text.
      const form = FORMS[name] ?? /\S/;
      assert.ok(form.test(first), `the first document of ${name} is not of the form ${form}`);
    },
  });
}

Deno.test({
  name: "files of c4: its own are held out, stand-ins are for training",
  ignore: !is_there,
  async fn() {
    const stand_ins = ["wikipedia", "newsgroups"];
    const card = resolveDataset("c4", { data_root: DATA_ROOT, stand_ins });
    const counts = new Map<string, number>();
    for await (const { id, split } of card.documents()) {
      const key = `${split} ${id.split("/")[0]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries(counts), {
      "train wikipedia": manifest.get("wikipedia")!.train,
      "train newsgroups": manifest.get("newsgroups")!.train,
      "validation c4": manifest.get("c4")!.validation,
    });
  },
});

Deno.test({
  name: "every folder of files has a card",
  ignore: !is_there,
  fn() {
    const known = new Set(RECORD_SETS.map(({ name }) => name));
    assert.deepEqual([...manifest.keys()].filter((name) => !known.has(name)), []);
  },
});
