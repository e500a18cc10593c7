/**
 * The report stage: the measurements of one experiment on a page that opens from disk.
 *
 * @module
 */
import { writeReport } from "@causeway/core/report";
import { defineStage, files } from "@causeway/core/stage";
import { readMeasurements, report_config, report_inputs } from "./inputs.ts";
import { computeResults } from "./results.ts";
import { SECTIONS } from "./sections.ts";
import { renderSummary } from "./summary.ts";

export { report_config, type ReportConfig } from "./inputs.ts";

/**
 * Draws the figures, writes tables and page, and puts the numbers into sentences.
 *
 * Output: `report.html` (self-contained), `summary.txt`, `results.json`, `figures/*.svg`, `tables/*.csv` and
 * `tables/*.arrow`. An input that is not wired leaves its section out, and the page says so.
 *
 * @throws {Error} when the config names a model, source or phase that the inputs do not have.
 */
export const report = defineStage({
  name: "report",
  version: "7",
  description: "Figures, tables and an HTML page of everything that was measured.",
  config: report_config,
  inputs: report_inputs,
  outputs: {
    report: files("report", "report.html, summary.txt, results.json, figures and tables"),
  },
  async run({ config, inputs, outputs, signal, report }) {
    signal.throwIfAborted();
    const all = await readMeasurements(inputs, config);
    const results = computeResults(config, all.evaluation);
    await writeReport({ signal, report, to: outputs.report }, {
      head: config,
      sections: SECTIONS.map((make) => () => make({ config, all, results })),
      numbers: { config, results: results ?? null, measurements: all },
      summary: renderSummary(config, results, all.tokenizers_note),
    });
  },
});
