/**
 * The forgetting_report stage: what fine-tuning gains on its target against what it forgets, and losses of every source
 * after every stage of a run.
 *
 * @module
 */
import { rowsOf, tokenizersNote, writeReport } from "@causeway/core/report";
import { defineStage, files, many, ports } from "@causeway/core/stage";
import { config } from "./config.ts";
import {
  Losses,
  retention_table,
  retentionBatch,
  retentionRows,
  runsOf,
  tradeoff_table,
  tradeoffBatch,
  tradeoffRows,
} from "./results.ts";
import { retentionSection, tradeoffSection } from "./sections.ts";

/**
 * Output: the page with its figures, and both tables.
 *
 * @throws {Error} when the config names a model or a source that was not evaluated.
 */
export const forgetting_report = defineStage({
  name: "forgetting_report",
  version: "1",
  description:
    "Draws the loss on a target against forgetting, and shows what a run forgets after each of its stages.",
  config,
  inputs: { evaluation: many(ports.evaluation) },
  outputs: {
    report: files("report", "report.html, summary.txt, results.json and figures"),
    tradeoff: tradeoff_table,
    retention: retention_table,
  },
  async run({ config, inputs, outputs, signal, report }) {
    signal.throwIfAborted();
    const labels = Object.keys(inputs.evaluation).sort();
    const tables = await Promise.all(labels.map((label) => rowsOf(inputs.evaluation[label])));
    const losses = new Losses(tables.flat());
    const tradeoffs = config.tradeoffs.map((of) => {
      const runs = runsOf(of, losses);
      return { of, runs, rows: tradeoffRows(of, runs) };
    });
    const chains = config.chains.map((of) => ({ of, rows: retentionRows(of, losses) }));
    const tradeoff = tradeoffs.flatMap(({ rows }) => rows);
    const retention = chains.flatMap(({ rows }) => rows);
    const note = tokenizersNote(inputs.evaluation);
    await writeReport({ signal, report, to: outputs.report }, {
      head: { ...config, description: [config.description, note].filter(Boolean).join(" ") },
      sections: [
        ...tradeoffs.map(({ of, runs, rows }, i) => () => tradeoffSection(of, runs, rows, i + 1)),
        ...chains.map(({ of, rows }, i) => () => retentionSection(of, rows, i + 1)),
      ],
      numbers: { config, tradeoff, retention },
      summary: summary(tradeoff, retention),
    });
    await outputs.tradeoff.write(tradeoffBatch(tradeoff));
    await outputs.retention.write(retentionBatch(retention));
  },
});

function summary(
  tradeoff: ReturnType<typeof tradeoffRows>,
  retention: ReturnType<typeof retentionRows>,
): string {
  const lines = [
    ...tradeoff.map(({ label, target, target_loss, forgetting, efficient }) =>
      `${label}: ${target} ${target_loss.toFixed(3)}, forgetting ${forgetting.toFixed(3)}${
        efficient ? " *" : ""
      }`
    ),
    ...retention.map(({ chain, stage, source, loss, forgotten }) =>
      `${chain}, ${stage}: ${source} ${loss.toFixed(3)}${
        forgotten > 0 ? `, ${forgotten.toFixed(3)} forgotten` : ""
      }`
    ),
  ];
  return lines.join("\n") + "\n";
}
