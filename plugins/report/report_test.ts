import assert from "node:assert/strict";
import { batchOf, type Columns, ports, type TablePort } from "@causeway/core/stage";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { report } from "./mod.ts";
import type { Measurements } from "./inputs.ts";
import { SAMPLE_CONFIG, sampleMeasurements } from "./testdata/sample.ts";

type Written = Record<string, string>;

const EMPTY: Measurements = {
  evaluation: [],
  similarity: [],
  cka: [],
  training: {},
  validation: {},
  mixtures: {},
  samples: {},
  data: [],
};

/** Runs the stage; returns what it wrote, as text by file name. */
async function runReport(all: Measurements, config = SAMPLE_CONFIG): Promise<Written> {
  const fake = await fakeContext(report, { config, inputs: wire(all) });
  await report.run(fake.ctx);
  const written = [...fake.collected().report];
  return Object.fromEntries(
    written.map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]),
  );
}

/** Measurements as inputs of the stage; empty parts are left unwired. */
function wire(all: Measurements) {
  const wired = <C extends Columns>(port: TablePort<C>, tables: Record<string, object[]>) =>
    Object.fromEntries(
      Object.entries(tables).filter(([, rows]) => rows.length > 0)
        .map(([label, rows]) => [label, batchOf(port, rows as never[])]),
    );
  return {
    evaluation: wired(ports.evaluation, { all: all.evaluation }),
    cka: wired(ports.cka, { all: all.cka }),
    training: wired(ports.training_metrics, all.training),
    validation: wired(ports.validation_metrics, all.validation),
    mixtures: wired(ports.mixture_ledger, all.mixtures),
    samples: wired(ports.batch_samples, all.samples),
    similarity: wired(ports.similarity, { all: all.similarity }).all,
    data: wired(ports.dataset_summary, { all: all.data }).all,
  };
}

Deno.test("the report has every figure, table and number file", async () => {
  const written = await runReport(sampleMeasurements());
  const names = Object.keys(written).sort();
  assert.deepEqual(names.filter((name) => !name.endsWith(".arrow")), [
    "figures/cka_general.svg",
    "figures/cka_pycode.svg",
    "figures/fine_tuning_loss.svg",
    "figures/losses.svg",
    "figures/similarity.svg",
    "figures/training_loss.svg",
    "figures/validation_loss.svg",
    "report.html",
    "results.json",
    "summary.txt",
    "tables/cka.csv",
    "tables/data.csv",
    "tables/evaluation.csv",
    "tables/mixtures.csv",
    "tables/results.csv",
    "tables/samples.csv",
    "tables/similarity.csv",
    "tables/training.csv",
    "tables/validation.csv",
  ]);
  const tables = (ending: string) =>
    names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
  assert.deepEqual(tables(".arrow"), tables(".csv"));
  const { results } = JSON.parse(written["results.json"]);
  assert.equal(results.contrasts[0].target_after.toFixed(3), "-0.150");
  assert.match(written["tables/results.csv"], /^row,target_before,.*\nControl,3.9,2.8,/);
});

Deno.test("rows of batches mark supervised text, escaped", async () => {
  const page = (await runReport(sampleMeasurements()))["report.html"];
  assert.match(page, /<summary>midtrained_sft<\/summary>/);
  assert.match(page, /<h3>pycode: 8 tokens, 4 supervised<\/h3>/);
  assert.match(page, /<span class="context">def add\(a, b\):\n<\/span>/);
  assert.match(page, /<span class="supervised"> {4}return a &lt; b &amp; a\n<\/span>/);
});

Deno.test("equal inputs give equal bytes, in whatever order they are wired", async () => {
  const first = await runReport(sampleMeasurements());
  const again = sampleMeasurements();
  again.training = Object.fromEntries(Object.entries(again.training).reverse());
  again.mixtures = Object.fromEntries(Object.entries(again.mixtures).reverse());
  const second = await runReport(again);
  assert.deepEqual(Object.keys(second), Object.keys(first));
  const differing = Object.keys(first).filter((name) => first[name] !== second[name]);
  assert.deepEqual(differing, []);
});

Deno.test("the page is self-contained: no script, no outside host, unique ids, every picture described", async () => {
  const page = (await runReport(sampleMeasurements()))["report.html"];
  assert.match(page, /^<!DOCTYPE html>/);
  assert.doesNotMatch(page, /<script|<link|<img|<iframe|@import/);
  const namespaces = ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"];
  const hosts = [...page.matchAll(/https?:\/\/[^"'\s<]+/g)].map(([host]) => host);
  assert.deepEqual(hosts.filter((host) => !namespaces.includes(host)), []);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  const links = [...page.matchAll(/href="#([^"]+)"|url\(#([^)]+)\)/g)].map(([, a, b]) => a ?? b);
  assert.ok(links.length > 0);
  assert.deepEqual(links.filter((id) => !ids.includes(id)), []);
  const pictures = page.match(/<svg /g)!.length;
  assert.equal(pictures, 7);
  assert.equal(
    page.match(/<svg [^>]*role="img" aria-labelledby="[^>]*><title /g)?.length,
    pictures,
  );
});

Deno.test("text from the recipe and the data is escaped, on the page and in the pictures", async () => {
  const config = structuredClone(SAMPLE_CONFIG);
  config.title = "A <script>alert(1)</script> & more";
  config.arms[0].label = "<b>Control</b>";
  const written = await runReport(sampleMeasurements(), config);
  assert.doesNotMatch(written["report.html"], /<script|<b>Control/);
  assert.match(
    written["report.html"],
    /<h1>A &lt;script&gt;alert\(1\)&lt;\/script&gt; &amp; more<\/h1>/,
  );
  assert.doesNotMatch(written["figures/losses.svg"], /<b>Control/);
});

Deno.test("every row and column of the similarity map is labelled, long names too", async () => {
  const all = sampleMeasurements();
  const long = "general + 20% code";
  all.similarity = all.similarity.map((row) => ({
    ...row,
    a: row.a === "code" ? long : row.a,
    b: row.b === "code" ? long : row.b,
  }));
  const svg = (await runReport(all))["figures/similarity.svg"];
  for (const name of ["general", long, "pycode"]) {
    const shown = svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g).filter(([tag, text]) =>
      text === name && !/opacity="0"/.test(tag)
    );
    assert.equal([...shown].length, 2, name);
  }
});

Deno.test("the summary for the terminal is aligned and under 100 columns", async () => {
  const lines = (await runReport(sampleMeasurements()))["summary.txt"].split("\n");
  assert.ok(lines.every((line) => line.length < 100));
  const row = (start: string) => lines.find((line) => line.startsWith(start))!;
  assert.match(row("Control"), / 3\.900 +2\.800 +-1\.100 +4\.950 +5\.450 +\+0\.500$/);
  assert.match(row("Difference"), / -0\.500 +-0\.150 +\+0\.350 +\+0\.020 +-0\.050 +-0\.070$/);
  assert.equal(row("Control").length, row("Difference").length);
});

Deno.test("a report without inputs says what is left out", async () => {
  const written = await runReport(EMPTY);
  assert.deepEqual(Object.keys(written).sort(), ["report.html", "results.json", "summary.txt"]);
  assert.equal(written["report.html"].match(/left out/gi)?.length, 8);
  assert.match(written["summary.txt"], /No results: no model was evaluated/);
});

Deno.test("numbers that were not measured become dashes and null, and the text lists them", async () => {
  const all = sampleMeasurements();
  for (const row of all.evaluation) {
    row.bits_per_byte = null;
    if (row.model === "midtrained_sft" && row.source === "pycode") row.loss = Infinity;
  }
  all.training.control[5].loss = Infinity;
  all.cka[0].cka = Infinity;
  const written = await runReport(all);
  for (const [name, text] of Object.entries(written)) {
    if (!name.endsWith(".csv")) assert.doesNotMatch(text, /NaN|Infinity|undefined/, name);
  }
  assert.match(written["report.html"], /The loss of midtrained_sft on pycode was not finite/);
  assert.match(written["summary.txt"], /not comparable/);
  assert.doesNotMatch(written["summary.txt"], /bits per byte/);
});

Deno.test("a config that does not match the inputs is refused, with the fix", async () => {
  const wrong = (change: (config: typeof SAMPLE_CONFIG) => void) => {
    const config = structuredClone(SAMPLE_CONFIG);
    change(config);
    return runReport(sampleMeasurements(), config);
  };
  await assert.rejects(
    wrong((config) => config.arms[1].after_sft = "nobody"),
    /the loss of model "nobody" on source "pycode" was not evaluated.*correct the report's config/,
  );
  await assert.rejects(
    wrong((config) => config.arms[1].trained = ["trunk", "absent"]),
    /names the training phase "absent".*wired: trunk, control/,
  );
  await assert.rejects(
    wrong((config) => config.arms[1].name = "control"),
    /two arms have the same name/,
  );
});

Deno.test("an evaluation wired twice is refused", async () => {
  const all = sampleMeasurements();
  all.evaluation.push({ ...all.evaluation[0], loss: 1 });
  await assert.rejects(runReport(all), /model "base" was evaluated twice on source "pycode"/);
});

Deno.test("an aborted run stops", async () => {
  const fake = await fakeContext(report, { config: SAMPLE_CONFIG, inputs: wire(EMPTY) });
  fake.abort(new Error("stop"));
  await assert.rejects(report.run(fake.ctx), /stop/);
});
