import assert from "node:assert/strict";
import { readCard } from "./dataset_card.ts";
import { shardsMissing, splitOfName } from "./file_names.ts";
import { formatOfName } from "./formats.ts";
import { selectFiles, type SelectOptions } from "./select_files.ts";

/** Selected files with their splits; others with the reason; remarks. */
function select(names: string[], options: Partial<SelectOptions> = {}) {
  const selection = selectFiles(names.sort(), {
    where: "set",
    formatOf: formatOfName,
    ...options,
  });
  return {
    files: selection.files.map(({ name, split }) => split ? `${name} ${split}` : name),
    passed: [...selection.passed_over].map(([name, why]) => `${name}: ${why}`),
    notes: selection.notes,
  };
}

Deno.test("split names: whole words in the first part of a path that has one", () => {
  const expected: Record<string, string | undefined> = {
    "train.jsonl": "train",
    "data/train-00000-of-00001.parquet": "train",
    "en/c4-train.00000-of-01024.json.gz": "train",
    "train_sft/data-00000-of-00001.arrow": "train",
    "train2.csv": "train",
    "test/train_of_thought.txt": "test",
    "squad_dev-v2.0.json": "validation",
    "Validation.JSONL": "validation",
    "eval.jsonl": "test",
    "trainer.jsonl": undefined,
    "contest.jsonl": undefined,
    "latest.jsonl": undefined,
    "devices.jsonl": undefined,
  };
  const found = Object.keys(expected).map((name) => [name, splitOfName(name)]);
  assert.deepEqual(Object.fromEntries(found), expected);
});

Deno.test("a repository: splits by name, test only where there is no validation, without cards", () => {
  const names = [
    "README.md",
    "LICENSE.txt",
    ".gitattributes",
    "dataset_infos.json",
    "data/train.jsonl",
  ];
  assert.deepEqual(select([...names, "data/test.jsonl", "data/validation.jsonl", "data/x.bin"]), {
    files: ["data/train.jsonl train", "data/validation.jsonl validation"],
    passed: [
      ".gitattributes: hidden",
      "LICENSE.txt: with documentation",
      "README.md: with documentation",
      "data/x.bin: of unknown type .bin",
      "dataset_infos.json: with documentation",
      "data/test.jsonl: of the test split",
    ],
    notes: [],
  });
  assert.deepEqual(select(["train.jsonl", "test.jsonl"]).files, [
    "train.jsonl train",
    "test.jsonl validation",
  ]);
  assert.deepEqual(select(["a.jsonl", "dev.jsonl"]).files, [
    "a.jsonl train",
    "dev.jsonl validation",
  ]);
  assert.deepEqual(select(["train.jsonl", "extra.jsonl"]).passed, [
    "extra.jsonl: outside the splits",
  ]);
});

Deno.test("without held-out files no file has a split; of one split only its files are read", () => {
  assert.deepEqual(select(["train-1.jsonl", "train-2.jsonl"]).files, [
    "train-1.jsonl",
    "train-2.jsonl",
  ]);
  assert.deepEqual(select(["a.jsonl", "b.jsonl"]).files, ["a.jsonl", "b.jsonl"]);
  const both = ["train.jsonl", "test.jsonl"];
  assert.deepEqual(select(both, { split: "train" }).files, ["train.jsonl train"]);
  assert.deepEqual(select(both, { split: "validation" }).files, ["test.jsonl validation"]);
  assert.deepEqual(select(["a.jsonl"], { split: "validation" }).files, ["a.jsonl validation"]);
  assert.throws(
    () => select(["train.jsonl"], { split: "validation" }),
    /^Error: set has no file of the validation split; it has train\.jsonl$/,
  );
});

Deno.test("splits of several names that are read as one are named", () => {
  const names = ["train_gen", "train_sft", "test_sft"]
    .map((split) => `data/${split}-00000-of-00001.parquet`);
  assert.deepEqual(select(names).notes, ["train combines train_gen, train_sft"]);
  assert.deepEqual(select(["train-1.jsonl", "train-2.jsonl.gz", "test/a.json"]).notes, []);
});

Deno.test("texts: names of splits count only if most have one, and one is named train", () => {
  assert.deepEqual(select(["a-test-of-time.txt", "b.txt"]).files, ["a-test-of-time.txt", "b.txt"]);
  assert.deepEqual(select(["train/pos/1.txt", "test/pos/1.txt"]).files, [
    "train/pos/1.txt train",
    "test/pos/1.txt validation",
  ]);
  const code = ["src/a.py", "src/b.py", "src/train.py", "test/a.py", "c.py"];
  assert.equal(select(code, { formatOf: () => "text" }).files.length, 5);
  assert.deepEqual(select(["a.jsonl", "notes.txt"]).passed, [
    "notes.txt: with text beside the records",
  ]);
  assert.deepEqual(select(["index.json", "1.txt", "2.txt"]).files, ["1.txt", "2.txt"]);
});

Deno.test("the same data in two formats is read once", () => {
  assert.deepEqual(select(["a.jsonl", "a.parquet", "b.jsonl.gz", "cache-0a1b.arrow"]), {
    files: ["a.parquet", "b.jsonl.gz"],
    passed: [
      "cache-0a1b.arrow: cached by Hugging Face datasets",
      "a.jsonl: also there in another format",
    ],
    notes: [],
  });
  assert.deepEqual(select(["a.jsonl", "a.jsonl.gz"]), {
    files: ["a.jsonl", "a.jsonl.gz"],
    passed: [],
    notes: ["a.jsonl and a.jsonl.gz may be the same data"],
  });
});

Deno.test("several configurations are refused by their names; one is chosen", () => {
  const names = ["en/train.jsonl", "en/test.jsonl", "data/fr/train.jsonl", "data/fr/test.jsonl"];
  assert.throws(
    () => select(names),
    /^Error: set has several configurations: fr, en; set config to one of them$/,
  );
  assert.deepEqual(select(names, { config: "fr" }), {
    files: ["data/fr/train.jsonl train", "data/fr/test.jsonl validation"],
    passed: ["en/test.jsonl: of another configuration", "en/train.jsonl: of another configuration"],
    notes: [],
  });
  assert.throws(() => select(names, { config: "de" }), /no configuration "de"; it has fr, en/);
  assert.deepEqual(select(["train.jsonl", "old/train.jsonl", "test.jsonl"]), {
    files: ["train.jsonl train", "test.jsonl validation"],
    passed: ["old/train.jsonl: of another configuration"],
    notes: [],
  });
});

Deno.test("splits in folders of their own are one configuration", () => {
  assert.deepEqual(select(["sub/train/a.jsonl", "test.jsonl"]).files, [
    "sub/train/a.jsonl train",
    "test.jsonl validation",
  ]);
  assert.deepEqual(select(["en/train.jsonl", "en/dev.jsonl", "fr/dev.jsonl"]), {
    files: ["en/train.jsonl train", "en/dev.jsonl validation"],
    passed: ["fr/dev.jsonl: of another configuration"],
    notes: [],
  });
});

Deno.test("configurations of the card: patterns by split, a default, a folder", () => {
  const card = readCard(
    [
      "---",
      "license: mit",
      "configs:",
      "- config_name: en",
      "  data_files:",
      "  - split: train",
      "    path: en/part-*.jsonl",
      "  - split: test",
      "    path: [en/held.jsonl]",
      "- config_name: fr",
      "  data_dir: fr",
      "---",
      "# Title",
    ].join("\r\n"),
    "README.md",
  );
  const names = ["README.md", "en/part-1.jsonl", "en/held.jsonl", "fr/train.jsonl", "fr/dev.jsonl"];
  assert.throws(() => select(names, { card }), /several configurations: en, fr; set config/);
  assert.deepEqual(select(names, { card, config: "en" }), {
    files: ["en/part-1.jsonl train", "en/held.jsonl validation"],
    passed: [
      "README.md: with documentation",
      "fr/dev.jsonl: not in the configuration",
      "fr/train.jsonl: not in the configuration",
    ],
    notes: ['configuration "en" of en, fr'],
  });
  assert.deepEqual(select(names, { card, config: "fr" }).files, [
    "fr/train.jsonl train",
    "fr/dev.jsonl validation",
  ]);
  assert.deepEqual(select(["en/part-1.jsonl"], { card, config: "en" }).notes, [
    'configuration "en" of en, fr',
    "nothing matches en/held.jsonl of README.md",
  ]);
  const [first, second] = card;
  assert.deepEqual(
    select(names, { card: [first, { ...second, is_default: true }] }).notes,
    ['configuration "fr" of en, fr'],
  );
  assert.deepEqual(readCard("# No header", "README.md"), []);
  assert.throws(() => readCard("---\nconfigs: [\n---\n", "README.md"), /README\.md: the header is/);
});

Deno.test("missing shards are named; not those that a pattern leaves out", () => {
  const shard = (i: number, of = 3) => `train-0000${i}-of-0000${of}.parquet`;
  assert.deepEqual(select([shard(0), shard(2)]).notes, [`missing ${shard(1)}`]);
  assert.deepEqual(select([shard(1), shard(2), shard(3)]).notes, []);
  assert.deepEqual(select([shard(0)], { glob: "*-00000-of-*.parquet", explicit: true }).notes, []);
  assert.deepEqual(select([shard(0)], { glob: "*.parquet", explicit: true }).notes, [
    `missing ${shard(1)}, ${shard(2)}`,
  ]);
  assert.deepEqual(shardsMissing(["x-0-of-9"], () => true), [
    "missing x-1-of-9, x-2-of-9, x-3-of-9 and 5 more",
  ]);
  assert.match(
    shardsMissing([shard(0, 1), shard(0, 2), shard(1, 2)], () => true).join(),
    /^train-….parquet exists in shards of 1 and of 2: one set may be out of date$/,
  );
});

Deno.test("data in a compression that cannot be read is refused by name", () => {
  assert.throws(
    () => select(["a.jsonl", "b.jsonl.bz2"]),
    /^Error: set: b\.jsonl\.bz2 has a compression that is not supported; run bunzip2 first$/,
  );
  assert.deepEqual(select(["a.jsonl", "b.jsonl.gzip", "c.jsonl.zstd", "d.tar.xz"]), {
    files: ["a.jsonl", "b.jsonl.gzip", "c.jsonl.zstd"],
    passed: ["d.tar.xz: in an archive that cannot be read"],
    notes: [],
  });
});
