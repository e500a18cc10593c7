/**
 * The report stage: everything that was measured, in one page that opens from disk.
 *
 * @module
 */
import { renderPage, type Section } from "../../core/report/mod.ts";
import { defineStage, files } from "../../core/stage/mod.ts";
import { phaseOrder, report_config } from "./config.ts";
import { readMeasurements, report_inputs } from "./read.ts";
import { computeResults } from "./results.ts";
import { SECTIONS } from "./sections.ts";
import { renderSummary } from "./summary.ts";
import { csvFiles } from "./tables.ts";

export { report_config, type ReportConfig } from "./config.ts";

/**
 * Draws the figures, writes the tables and the page, and says in words what the numbers say.
 *
 * Output: `report.html` (self-contained), `summary.txt`, `results.json`, `figures/*.svg`, `tables/*.csv`.
 * Inputs that are not wired leave their section out, with a line saying so.
 *
 * @throws {Error} when the config names a model, source or phase that the wired inputs do not hold.
 */
export const report = defineStage({
  name: "report",
  version: "4",
  description: "Figures, tables and one HTML page from everything that was measured.",
  config: report_config,
  inputs: report_inputs,
  outputs: {
    report: files("report", "report.html, summary.txt, results.json, figures and tables"),
  },
  async run({ config, inputs, outputs, signal, report }) {
    const all = await readMeasurements(inputs, phaseOrder(config));
    const results = computeResults(config, all.evaluation);
    const sections: Section[] = [];
    for (const make of SECTIONS) {
      signal.throwIfAborted();
      sections.push(await make({ config, all, results }));
      report(sections.length, {}, SECTIONS.length);
    }
    for (const block of sections.flatMap((section) => section.blocks)) {
      if ("svg" in block) await outputs.report.write(`figures/${block.name}.svg`, block.svg);
    }
    for (const [name, text] of Object.entries(csvFiles(all, results))) {
      await outputs.report.write(name, text);
    }
    // JSON has no NaN: JSON.stringify writes null for what was not measured.
    const numbers = JSON.stringify(
      { config, results: results ?? null, measurements: all },
      null,
      1,
    );
    await outputs.report.write("results.json", `${numbers}\n`);
    await outputs.report.write("summary.txt", renderSummary(config, results));
    await outputs.report.write("report.html", renderPage(config, sections));
  },
});
