import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { defineRecipe } from "../../recipe/mod.ts";
import { run } from "../../runner/mod.ts";
import { batchOf, defineStage, study_ports } from "../../stage/mod.ts";
import { main } from "./recommend.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { z } from "zod";

const command = (args: string[]) => runCommand(main, args);

const WORDS = {
  general: "the river ran slowly past an old town where people met to talk of weather",
  code: "const value = function return ( x ) { y } ; import from array . map",
  sums: "add seven and four gives eleven ; subtract nine from twenty leaves eleven",
};

/** Writes texts that are made of the words of some kinds; returns the file. */
async function writeTexts(folder: string, name: string, count: number, ...kinds: string[]) {
  const words = kinds.flatMap((kind) => WORDS[kind as keyof typeof WORDS].split(" "));
  const text = (i: number) =>
    Array.from({ length: 30 }, (_, k) => words[(7 * i + k * k + i * k) % words.length]).join(" ");
  const rows = Array.from({ length: count }, (_, i) => ({ text: `${text(i)} ${i}`, id: i }));
  const path = join(folder, `${name}.jsonl`);
  await Deno.writeTextFile(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
}

/** Runs with general data, and candidates of code and of sums. */
async function withTexts(use: (args: string[], folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const write = (name: string, count: number, ...kinds: string[]) =>
      writeTexts(folder, name, count, ...kinds);
    const args = [
      "--target",
      await write("target", 40, "code"),
      "--general",
      await write("general", 120, "general"),
      "--candidate",
      `code=${await write("code", 60, "code", "general")}`,
      "--candidate",
      `sums=${await write("sums", 60, "sums")}`,
      "--out",
      join(folder, "out"),
      "--vocab-size",
      "300",
      "--bootstrap",
      "20",
    ];
    await use(args, folder);
  });
}

Deno.test("the candidate nearest to the target is first, with starts and weights that repeat nothing", () =>
  withTexts(async (args) => {
    const { code, out, err } = await command([...args, "--horizon-tokens", "2e4", "--json"]);
    assert.equal(code, 0, err);
    const { ranking, plans, holdings, rank_at } = JSON.parse(out);
    assert.deepEqual(
      ranking.candidates.map(({ source }: { source: string }) => source),
      ["code", "sums"],
    );
    assert.equal(rank_at, 0.2);
    const { mixtures, undecided } = ranking.candidates[0];
    assert.equal(undecided, false);
    assert.ok(mixtures[2].advantage.ci_low > 0);
    assert.equal(holdings.target.documents, 40);
    assert.ok(holdings.code.complete);
    assert.deepEqual(Object.keys(plans), ["code"]);
    for (const { start, weight = 0 } of plans.code) {
      assert.ok(weight * (1 - start) * 2e4 <= holdings.code.tokens + 1e-6);
    }
    // Tokenized data are taken over, and the same come out.
    const again = await command([...args, "--horizon-tokens", "2e4", "--json"]);
    assert.equal(again.out, out);
    assert.match(again.err, /data .*(skipped|there already|unchanged)/i);
  }));

Deno.test("the text names the first candidate, what is unknown and the limits of the evidence", () =>
  withTexts(async (args) => {
    const { code, out, err } = await command(args);
    assert.equal(code, 0, err);
    assert.match(out, /^target {3}.*target\.jsonl: 40 documents, [\d,]+ tokens$/m);
    assert.match(out, /^1 {2}code +\+0\.\d{3} +0\.\d{3} to 0\.\d{3}( +0\.\d{3}){5} +[\d,]+$/m);
    assert.match(out, /^First: code, ahead of sums by 0\.\d{3} \(/m);
    assert.match(out, /set --horizon-tokens/);
    assert.match(out, /^Limits of the evidence$/m);
    assert.match(out, /No study of your own was given/);
  }));

Deno.test("the target's own file among the candidates, and a target of few documents, decide nothing", () =>
  withTexts(async (args, folder) => {
    const target = args[1];
    const own = await command([...args, "--candidate", `own=${target}`]);
    assert.equal(own.code, 0, own.err);
    assert.match(own.out, /^overlap {2}own: 40 of the target's documents \(100%\) .*own data$/m);
    assert.match(own.out, /^Undecided: own has documents of the target/m);
    const [line] = (await Deno.readTextFile(target)).split("\n");
    const one = join(folder, "one.jsonl");
    await Deno.writeTextFile(one, line);
    const few = await command([args[0], one, ...args.slice(2)]);
    assert.equal(few.code, 0, few.err);
    assert.match(few.out, /^Undecided: the target has 1 document, and with fewer than 30/m);
  }));

Deno.test("sources of a recipe are candidates, and one of them can be the target", () =>
  withTexts(async (args, folder) => {
    const [target, general] = [args[1], args[3]];
    const records = (dataset: string, path: string) => [{ dataset, records: { path } }];
    const recipe = join(folder, "mine.json");
    await Deno.writeTextFile(
      recipe,
      JSON.stringify({
        name: "mine",
        description: "Sources of my own.",
        seed: 1,
        steps: {
          data: {
            stage: "tokenize",
            config: {
              sources: {
                web: records("web", general),
                tuning: records("tuning", target),
                sums: records("sums", join(folder, "sums.jsonl")),
              },
            },
          },
        },
      }),
    );
    const shared = args.slice(args.indexOf("--out"));
    const flags = ["--recipe", recipe, "--target", "tuning", "--json", ...shared];
    const { code, out, err } = await command([...flags, "--general", "web"]);
    assert.equal(code, 0, err);
    assert.deepEqual(Object.keys(JSON.parse(out).holdings).toSorted(), [
      "general",
      "sums",
      "target",
    ]);
    const lacking = await command(flags);
    assert.equal(lacking.code, 2);
    assert.match(lacking.err, /"mine" has no source "general"; name .*: sums, tuning, web/);
  }));

Deno.test("a tokenizer can be given", () =>
  withTexts(async (args, folder) => {
    const fixture = new URL("../../../tests/fixtures/tokenizer/tokenizer.json", import.meta.url);
    await Deno.copyFile(fileURLToPath(fixture), join(folder, "tokenizer.json"));
    const config = JSON.stringify({ eos_token: "<|endoftext|>" });
    await Deno.writeTextFile(join(folder, "tokenizer_config.json"), config);
    const { code, out, err } = await command([...args, "--tokenizer", folder, "--json"]);
    assert.equal(code, 0, err);
    const learned = await command([...args, "--json"]);
    assert.notEqual(
      JSON.parse(out).holdings.general.tokens,
      JSON.parse(learned.out).holdings.general.tokens,
    );
  }));

Deno.test("limits on what is read make the number of tokens a lower bound", () =>
  withTexts(async (args) => {
    const { code, out, err } = await command([...args, "--max-files", "1"]);
    assert.equal(code, 0, err);
    assert.match(out, /^1 {2}code .* ≥ [\d,]+$/m);
  }));

/** A study that found improvement to be twice the advantage, give or take. */
const PAIRS = [0.01, 0.02, 0.03, 0.05, 0.08].map((advantage, i) => ({
  advantage,
  relative_improvement: 2 * advantage + (i % 2 ? 0.002 : -0.002),
}));

Deno.test("an earlier study predicts the gain, or says that it cannot", () =>
  withTexts(async (args, folder) => {
    const file = join(folder, "proximity.jsonl");
    const write = (rows: object[]) =>
      Deno.writeTextFile(file, rows.map((row) => JSON.stringify(row)).join("\n"));
    await write([...PAIRS, { advantage: 0.4, relative_improvement: null }]);
    const found = await command([...args, "--evidence", file]);
    assert.match(
      found.out,
      /r = 1\.00 \(0\.\d\d to 1\.00\), p = .*, over 5 pairs\. Predicted red/,
    );
    assert.match(
      found.out,
      /Predicted reduction of the loss: code \d+\.\d% \(.* to .*, outside its range/,
    );
    const csv = join(folder, "proximity.csv");
    for (const unknown of ["", "NaN"]) {
      const rows = [...PAIRS.map((row) => Object.values(row)), [0.4, unknown]];
      await Deno.writeTextFile(csv, [Object.keys(PAIRS[0]), ...rows].join("\n"));
      assert.equal(
        (await command([...args, "--evidence", csv])).out.replaceAll(csv, file),
        found.out,
      );
    }
    await write(PAIRS.map((row, i) => ({ ...row, relative_improvement: [3, 1, 2, 1, 3][i] })));
    const none = await command([...args, "--evidence", file]);
    assert.match(none.out, /over 5 pairs\. The correlation may be zero, so no gain/);
    await write(PAIRS.slice(0, 2));
    const few = await command([...args, "--evidence", file]);
    assert.equal(few.code, 2);
    assert.match(few.err, /has 2 pairs of advantage and relative_improvement; a correlation needs/);
    await write([{ r: 1 }]);
    assert.match((await command([...args, "--evidence", file])).err, /:1 has no numbers advantage/);
  }));

/** Stands for the proximity stage: what counts is its name and its tables. */
const proximity = defineStage({
  name: "proximity",
  version: "1",
  description: "Pairs of a study.",
  config: z.strictObject({ resampled: z.number().nullable().default(null) }),
  inputs: {},
  outputs: {
    proximity: study_ports.proximity,
    correlation: study_ports.proximity_correlation,
  },
  async run({ config: { resampled }, outputs }) {
    const correlation = { r: 0.9, p: 0.01, ci_low: 0.8, ci_high: 1, n: 5, trunks: 3 };
    const intervals = { ci_resampled_low: resampled, ci_resampled_high: resampled && 1 };
    await outputs.correlation.write(batchOf(study_ports.proximity_correlation, [
      { ...correlation, ...intervals, choice: "other", is_default: 0, ci_resampled_low: -1 },
      { ...correlation, ...intervals, choice: "as configured", is_default: 1 },
    ]));
    const zeros = new Float64Array(PAIRS.length);
    await outputs.proximity.write({
      arm: PAIRS.map((_, i) => `arm ${i}`),
      target: PAIRS.map(() => "code"),
      similarity: zeros,
      similarity_general: zeros,
      advantage: Float64Array.from(PAIRS, ({ advantage }) => advantage),
      relative_improvement: PAIRS.map((row) => row.relative_improvement),
    });
  },
});

Deno.test("the study can be the output folder of a run", () =>
  withTexts(async (args, folder) => {
    const study = join(folder, "study");
    const runSteps = (...ids: string[]) =>
      run(
        defineRecipe({ name: "study", description: "A study.", seed: 1 }, (recipe) => {
          ids.forEach((id) => recipe.step(id, proximity, { config: {} }));
        }),
        { out: study },
      );
    const evidence = async (path: string) => await command([...args, "--evidence", path]);
    assert.match((await evidence(folder)).err, /has no result of a step of the proximity stage/);
    await runSteps("near");
    assert.match(
      (await evidence(study)).out,
      /Your study \(step "near" of recipe "study"\): r = 1\.00/,
    );
    await runSteps("near", "far");
    assert.match((await evidence(study)).err, /several results: far, near; choose one, .*#far/);
    assert.match(
      (await evidence(`${study}#far`)).out,
      /Your study \(step "far" of recipe "study"\)/,
    );
    assert.match(
      (await evidence(`${study}#gone`)).err,
      /no result of a step "gone" of the proximity/,
    );
  }));

Deno.test("a gain is predicted only if resampled arms and trunks agree that there is one", () =>
  withTexts(async (args, folder) => {
    const study = join(folder, "study");
    for (const resampled of [null, 0.3, -0.1]) {
      await run(
        defineRecipe({ name: "study", description: "A study.", seed: 1 }, (recipe) => {
          recipe.step("bridge", proximity, { config: { resampled } });
        }),
        { out: study },
      );
      const { out } = await command([...args, "--evidence", study]);
      const shown = / to 1\.00; resampling arms and trunks (-?\d\.\d\d) to 1\.00\), p = /.exec(out)
        ?.[1];
      assert.equal(shown, resampled?.toFixed(2));
      assert.equal(/Predicted reduction/.test(out), resampled !== -0.1, out);
    }
  }));

Deno.test("errors name the wrong flag", async () => {
  const refuses = async (args: string[], message: RegExp) => {
    const { code, err } = await command(args);
    assert.equal(code, 2, err);
    assert.match(err, message);
  };
  await refuses([], /--target is missing/);
  await refuses(["--target", "x", "--weights", "20"], /--weights must be shares between 0 and 1/);
  await refuses(["--target", "x", "--horizon-tokens", "many"], /--horizon-tokens must be a whole/);
  await refuses(
    ["--target", "x", "--candidate", "target=y"],
    /--candidate must be NAME .*, got "target=y"/,
  );
  await refuses(
    ["--target", "gsm8k", "--text", "answer"],
    /"gsm8k" is a dataset, which/,
  );
  await refuses(
    ["--target", "x", "--data-root", "not-there"],
    /--data-root not-there is not a fol/,
  );
  await refuses(["--targets", "x"], /unknown flag --targets; did you mean --target\?/);
  const { code, out } = await command(["--help"]);
  assert.equal(code, 0);
  assert.ok(out.split("\n").every((line) => line.length <= 100));
});

Deno.test("candidates that a data root lacks are left out, and listed", () =>
  withTexts(async (args, folder) => {
    const root = join(folder, "root");
    await Deno.mkdir(join(root, "flan"), { recursive: true });
    const row = JSON.stringify({ inputs: "add seven and four", targets: "eleven" });
    await Deno.writeTextFile(join(root, "flan", "train.jsonl"), `${row}\n${row}`);
    const before = Deno.env.get("CAUSEWAY_DATA_ROOT");
    try {
      const rest = args.filter((arg, i) => arg !== "--candidate" && args[i - 1] !== "--candidate");
      const { code, out, err } = await command([...rest, "--data-root", root]);
      assert.equal(code, 0, err);
      assert.match(out, /^left out dclm: dataset "dclm": no files named train…/m);
      assert.match(out, /^\d {2}flan /m);
      const asked = await command([...rest, "--data-root", root, "--candidate", "dclm"]);
      assert.equal(asked.code, 1);
      assert.match(asked.err, /dataset "dclm": no files named train…/);
    } finally {
      if (before === undefined) Deno.env.delete("CAUSEWAY_DATA_ROOT");
      else Deno.env.set("CAUSEWAY_DATA_ROOT", before);
    }
  }));
