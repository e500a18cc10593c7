/**
 * Writes a report to a stage's output.
 *
 * @module
 */
import type { FilesOutput } from "../stage/mod.ts";
import { filesOf, type PageHead, renderPage, type Section } from "./page.ts";

/** What a report consists of. */
export interface ReportContent {
  readonly head: PageHead;
  /** Makes the sections, in display order. */
  readonly sections: readonly (() => Section | Promise<Section>)[];
  /** Content of results.json. Numbers that were not measured become null, because JSON has no NaN. */
  readonly numbers: object;
  /** Content of summary.txt. */
  readonly summary: string;
}

/** The parts of a stage's context that writing a report needs. */
export interface ReportContext {
  readonly signal: AbortSignal;
  report(step: number, metrics: Record<string, number>, total: number): void;
  readonly to: FilesOutput;
}

/**
 * Makes the sections one at a time, reporting progress, and writes `report.html` (self-contained), `summary.txt`,
 * `results.json`, `figures/*.svg`, `tables/*.csv` and `tables/*.arrow`.
 */
export async function writeReport(
  { signal, report, to }: ReportContext,
  { head, sections: makers, numbers, summary }: ReportContent,
): Promise<void> {
  const sections: Section[] = [];
  for (const make of makers) {
    signal.throwIfAborted();
    sections.push(await make());
    report(sections.length, {}, makers.length);
  }
  for (const block of sections.flatMap(({ blocks }) => blocks)) {
    if ("svg" in block) await to.write(`figures/${block.name}.svg`, block.svg);
  }
  for (const { name, csv, arrow } of filesOf(sections)) {
    await to.write(`tables/${name}.csv`, csv);
    await to.write(`tables/${name}.arrow`, arrow);
  }
  await to.write("results.json", `${JSON.stringify(numbers, null, 1)}\n`);
  await to.write("summary.txt", summary);
  await to.write("report.html", renderPage(head, sections));
}
