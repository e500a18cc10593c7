import assert from "node:assert/strict";
import { mean, standardDeviation } from "@causeway/core/analysis";
import { readBatches } from "@causeway/core/arrow";
import { rowsOf } from "@causeway/core/report";
import {
  batchOf,
  type Columns,
  ports,
  study_ports,
  type TableInput,
  type TablePort,
} from "@causeway/core/stage";
import { conformance } from "../../tests/conformance/mod.ts";
import { fakeContext } from "../../tests/shared/fake_context.ts";
import { study_report_inputs, type StudyMeasurements, type StudyReportConfig } from "./inputs.ts";
import { study_report } from "./mod.ts";
import { bestArm, lossTable } from "./tables.ts";
import { STUDY_SAMPLE_CONFIG as CONFIG, studySample } from "./testdata/sample.ts";
import { trunkSample } from "./testdata/trunks.ts";

/** Measurements as inputs of the stage; empty parts are left unwired. */
function wire(all: StudyMeasurements): Record<string, never> {
  const wired: Record<string, unknown> = {};
  for (const [name, input] of Object.entries(study_report_inputs)) {
    const rows: object[] | Record<string, object[]> = all[
      name as keyof typeof study_report_inputs
    ];
    const batch = (some: object[]) => batchOf(input.port as TablePort, some as never[]);
    if (input.kind === "optional") {
      if (Array.isArray(rows) && rows.length > 0) wired[name] = batch(rows);
      continue;
    }
    const labelled = Array.isArray(rows) ? { all: rows } : rows;
    const filled = Object.entries(labelled).filter(([, some]) => some.length > 0);
    wired[name] = Object.fromEntries(filled.map(([label, some]) => [label, batch(some)]));
  }
  return wired as Record<string, never>;
}

conformance(study_report, [
  { name: "a whole study", config: CONFIG, inputs: wire(studySample()) },
  { name: "nothing measured", config: CONFIG, inputs: {} },
]);

const COMPARED = { ...CONFIG, compare_with: "paper_160m" as const };

async function written(
  all: StudyMeasurements,
  config: StudyReportConfig = CONFIG,
): Promise<Record<string, string>> {
  const fake = await fakeContext(study_report, { config, inputs: wire(all) });
  await study_report.run(fake.ctx);
  const files = [...fake.collected().report];
  return Object.fromEntries(files.map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]));
}

Deno.test("the page has every figure, and tables to download", async () => {
  const files = await written(studySample());
  const page = files["report.html"];
  const figures = Object.keys(files).filter((name) => name.startsWith("figures/"));
  assert.ok(figures.length >= 15, figures.join());
  for (const name of figures) {
    assert.ok(page.includes(`id="figure-${name.slice(8, -4)}"`), name);
  }
  const tables = Object.keys(files).filter((name) => name.endsWith(".csv"));
  assert.ok(tables.length >= 9, tables.join());
  for (const name of tables) {
    const csv = new TextEncoder().encode(files[name]).toBase64();
    assert.ok(page.includes(`data:text/csv;base64,${csv}`), name);
    assert.ok(files[name.replace(".csv", ".arrow")].startsWith("ARROW1"), name);
  }
  assert.ok(page.includes("&lt;made-up&gt; numbers &amp; nothing") && !page.includes("<made-up>"));
  assert.ok(!/src=|http-equiv|<script/.test(page));
  const summary = files["summary.txt"].split("\n");
  assert.ok(summary.length <= 60 && summary.every((line) => line.length <= 100));
  assert.ok(
    summary.some((line) => /^code 20% from 10% +1\.873 ± 0\.012\*/.test(line)),
    summary.join("\n"),
  );
  assert.ok(summary.some((line) => line.startsWith("undecided")));
});

Deno.test("three trunks: intervals over them, both kinds, components; beside the paper's numbers", async () => {
  const files = await written(trunkSample(), COMPARED);
  const page = files["report.html"];
  assert.match(page, /3 trunks were pretrained with seeds of their own/);
  assert.doesNotMatch(page, /nothing is known about training noise/);
  assert.match(page, /-0\.144 \[-0\.186, -0\.102\]\nwith documents \[-0\.188, -0\.100\]/);
  assert.match(page, /Variance components/);
  const [head, first] = files["tables/variance.csv"].split("\n");
  assert.equal(head, "target,source,trunks,seeds,documents");
  assert.match(first, /^pycode,pycode,0\.0\d+,0\.00\d+,0\.004/);
  assert.match(page, /Beside the paper(&#39;|')s numbers \(160M\)/);
  assert.match(page, /have the paper(&#39;|')s sign in 10 of 19/);
  const summary = files["summary.txt"].split("\n");
  assert.ok(summary.every((line) => line.length <= 100), summary.join("\n"));
  assert.ok(
    summary.some((line) => /^Signs as in the paper \(160M\): 10 of 19 in domain, /.test(line)),
  );
  const verdicts = files["tables/verdicts.csv"].split("\n");
  assert.ok(
    verdicts.some((row) =>
      row.startsWith("own_mixture_is_best,math,v1,") && row.includes(",undecided,not supported,")
    ),
  );
  const { findings, measurements } = JSON.parse(files["results.json"]);
  assert.equal(findings[0].unit, "nats");
  assert.ok(!("tuning" in measurements) && "training" in measurements);
});

Deno.test("one trunk: the page and the summary say that nothing is known about training noise", async () => {
  const files = await written(studySample());
  for (const name of ["report.html", "summary.txt"]) {
    assert.match(files[name], /nothing is known about\s+training noise/, name);
  }
  assert.match(files["report.html"], /Left out: compare_with is not set/);
});

Deno.test("downloads contain what was measured", async () => {
  const all = studySample();
  const page = (await written(all))["report.html"];
  const taken = (name: string) => {
    const links = [...page.matchAll(/<a download="([^"]+)" href="data:[^,]+;base64,([^"]+)"/g)];
    const found = links.filter(([, file]) => file === name).map(([, , bytes]) => bytes);
    assert.equal(found.length, 1, name);
    return Uint8Array.fromBase64(found[0]);
  };
  const rows = async <const C extends Columns>(name: string, columns: C) => {
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeFile(path, taken(name));
      const table: Pick<TableInput<C>, "batches"> = { batches: () => readBatches(path, columns) };
      return await rowsOf(table as TableInput<C>);
    } finally {
      await Deno.remove(path);
    }
  };
  assert.deepEqual(
    await rows("comparison.arrow", study_ports.study_comparison.columns),
    all.comparison,
  );
  assert.deepEqual(await rows("runs.arrow", study_ports.study_runs.columns), all.runs);
  const phases = Object.entries(all.mixtures).sort(([a], [b]) => a < b ? -1 : 1);
  const ledger = phases.flatMap(([phase, rows]) => rows.map((row) => ({ phase, ...row })));
  assert.deepEqual(
    await rows("mixtures.arrow", { phase: "utf8", ...ports.mixture_ledger.columns }),
    ledger,
  );
  const csv = new TextDecoder().decode(taken("mixtures.csv")).trim().split("\n");
  assert.deepEqual(csv.map((line) => line.split(",").slice(0, 4)), [
    ["phase", "from_token", "to_token", "source"],
    ...ledger.map(({ phase, from_token, to_token, source }) => {
      return [phase, `${from_token}`, `${to_token}`, source];
    }),
  ]);
  const against = await rows("against_continued.arrow", {
    midtraining: "utf8",
    continued: "utf8",
    target: "utf8",
    source: "utf8",
    difference: "float64",
  });
  assert.equal(against.length, 8);
  const of_arm = (arm: string, { target, source }: { target: string; source: string }) =>
    mean(
      all.runs.filter((run) => run.arm === arm && run.target === target && run.source === source)
        .map(({ loss_after }) => loss_after),
    );
  for (const row of against) {
    const difference = of_arm(row.midtraining, row) - of_arm(row.continued, row);
    assert.ok(Math.abs(row.difference - difference) < 1e-12);
  }
});

Deno.test("missing inputs are listed, and the rest is shown", async () => {
  const all = studySample();
  const page =
    (await written({ ...all, cka: {}, shift: {}, proximity: [], correlation: [] }))["report.html"];
  assert.ok(page.includes("Left out: no CKA table is wired to the report."));
  assert.ok(page.includes("Left out: no proximity table is wired to the report."));
  assert.ok(page.includes("not measured"));
});

Deno.test("the best is bold if it has a deviation, and starred only if it differs from the second", () => {
  const all = studySample();
  const arms = all.arms.slice(0, 2);
  const [control, code] = arms;
  /** The two arms with these losses on pycode by seed. */
  const table = (first: number[], second: number[]) => {
    const measured = [first, second].map((losses, i) => ({ losses, arm: arms[i].arm }));
    const row = { target: "pycode", source: "pycode" };
    const made: StudyMeasurements = {
      ...all,
      comparison: measured.map(({ losses, arm }) => ({
        ...all.comparison[0],
        ...row,
        arm,
        loss_after: mean(losses),
        sd_after: standardDeviation(losses),
      })),
      runs: measured.flatMap(({ losses, arm }) =>
        losses.map((loss_after, seed) => ({ ...all.runs[0], ...row, arm, seed, loss_after }))
      ),
    };
    const { rows } = lossTable("", CONFIG, made, arms, (target) => target);
    return { best: bestArm(made, arms, "pycode", "pycode")!, cells: rows.map(([, cell]) => cell) };
  };
  const clear = table([1, 1.1, 1.2], [2, 2.11, 2.2]);
  assert.equal(clear.best.arm, control.arm);
  assert.equal(clear.best.separable, true);
  assert.deepEqual(clear.cells, [
    { text: "1.100 ± 0.100 *", strong: true, note: "" },
    { text: "2.103 ± 0.100", strong: false, note: "" },
    { text: "separable *", note: "-1.003 [-1.018, -0.989]" },
  ]);
  const noisy = table([2, 1.2, 3.1], [1, 2, 3]);
  assert.equal(noisy.best.arm, code.arm);
  assert.equal(noisy.best.separable, false);
  assert.deepEqual((noisy.cells[1] as { text: string }).text, "2.000 ± 1.000");
  assert.equal((noisy.cells[2] as { text: string }).text, "not separable");
  // One seed: the lowest is not bold.
  const single = table([1], [2]);
  assert.deepEqual(single.cells, [
    { text: "1.000", strong: false, note: "" },
    { text: "2.000", strong: false, note: "" },
    { text: "not separable", note: "-1.000" },
  ]);
});
