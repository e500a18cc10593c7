/**
 * The page: one HTML file that opens from disk and needs no network and no script; and the files written with it.
 *
 * @module
 */
import { type FilesOutput, type ports, visible } from "../stage/mod.ts";
import type { Figure } from "./figure.ts";
import { STYLE } from "./style.ts";
import type { RowOf, ShownCell, ShownTable, TableFile } from "./tables.ts";
import { html, type Markup, raw } from "./text.ts";

/** One part of the page. */
export interface Section {
  id: string;
  heading: string;
  paragraphs: string[];
  /** Tables, figures and samples, in display order. */
  blocks: (ShownTable | Figure | SampleBlock)[];
  /** Data of figures and samples, for download. */
  files?: TableFile[];
}

/** Every table of some sections that can be downloaded. */
export function filesOf(sections: readonly Section[]): TableFile[] {
  return sections.flatMap(({ blocks, files = [] }) => [
    ...blocks.flatMap((block) => "columns" in block && block.file ? [block.file] : []),
    ...files,
  ]);
}

/** A section; parts that are not given are empty. */
export function section(id: string, heading: string, parts: Partial<Section>): Section {
  return { id, heading, paragraphs: [], blocks: [], ...parts };
}

/** A section with nothing to show, which says why. */
export function leftOut(id: string, heading: string, why: string): Section {
  return section(id, heading, { paragraphs: [`Left out: ${why}.`] });
}

/** Figures that may be missing because their data was not measured. */
export type MaybeFigures = Promise<Figure | readonly Figure[] | undefined>;

/** The figures that exist, in order. */
export async function present(...figures: MaybeFigures[]): Promise<Figure[]> {
  return (await Promise.all(figures)).flatMap((figure) => figure ?? []);
}

/** The head of the page. */
export interface PageHead {
  readonly title: string;
  readonly description: string;
}

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
  await to.write("summary.txt", visible(summary));
  await to.write("report.html", renderPage(head, sections));
}

/** Renders the page. All text is escaped, except the SVG of figures. */
export function renderPage(head: PageHead, sections: Section[]): string {
  const page = html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${head.title}</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <header>
    <h1>${head.title}</h1>
    ${head.description ? html`<p class="lead">${head.description}</p>` : ""}
    <nav aria-label="Contents"><ul>
    ${sections.map(({ id, heading }) => html`<li><a href="#${id}">${heading}</a></li>`)}
    </ul></nav>
        </header>
        <main>
    ${sections.map(renderSection)}
        </main>
        <footer>
          <p>Next to this page: <code>results.json</code> and <code>summary.txt</code> with the numbers,
    <code>tables/</code> with every table as CSV and Arrow, <code>figures/</code> with every figure as SVG.</p>
        </footer>
      </body>
    </html>
  `;
  return `${String(page).trim()}\n`;
}

function renderSection({ id, heading, paragraphs, blocks, files = [] }: Section): Markup {
  return html`
    <section aria-labelledby="${id}">
    <h2 id="${id}">${heading}</h2>
    ${paragraphs.map((text) => html`<p>${text}</p>`)}
    ${blocks.map(renderBlock)}
    ${files.map((file) => renderDownloads(file, `Data of this section, ${file.name}`))}
    </section>
  `;
}

function renderBlock(block: Section["blocks"][number]): Markup {
  if ("svg" in block) return renderFigureBlock(block);
  return "phase" in block ? renderSamples(block) : renderTable(block);
}

/** Supervised text is underlined, which shows without colour and in print. */
function renderSamples({ phase, rows }: SampleBlock): Markup {
  return html`
    <details class="samples">
    <summary>${phase}</summary>
    ${rows.map(({ head, runs }) =>
      html`
        <h3>${head}</h3>
        <pre>${runs.map(({ text, supervised, begins_document }) =>
          html`${begins_document ? raw("<hr>") : ""}<span class="${
            supervised ? "supervised" : "context"
          }">${text}</span>`
        )}</pre>
      `
    )}
    </details>
  `;
}

function renderFigureBlock({ name, title, caption, width, svg }: Figure): Markup {
  return html`
    <figure id="figure-${name}">
      <div class="wide card" role="region" aria-label="${title}" tabindex="0"
        style="--natural: ${width}px">${raw(svg)}</div>
      <figcaption>${caption}</figcaption>
    </figure>
  `;
}

/** Tables with more rows are folded. */
const LONGEST = 30;

function renderTable(table: ShownTable): Markup {
  const { caption, rows, file } = table;
  const body = renderRows(table);
  return html`
    <figure>
      <figcaption>${caption}</figcaption>
    ${rows.length <= LONGEST
      ? body
      : html`<details class="long"><summary>${rows.length} rows</summary>${body}</details>`}
    ${file ? renderDownloads(file) : ""}
    </figure>
  `;
}

/** Wide tables scroll in their own box, which can be focused by keyboard. */
function renderRows({ caption, columns, rows }: ShownTable): Markup {
  const align = (
    i: number,
  ) => (columns[i].numeric ? "number" : columns[i].prose ? "text prose" : "text");
  return html`
    <div class="wide" role="region" aria-label="${caption}" tabindex="0">
      <table>
        <thead>
          <tr>${columns.map(({ header }, i) =>
            html`<th scope="col" class="${align(i)}">${header}</th>`
          )}</tr>
        </thead>
        <tbody>
    ${rows.map((row) =>
      html`
        <tr>${row.map((cell, i) =>
          i === 0
            ? html`<th scope="row" class="${align(i)}">${renderCell(cell)}</th>`
            : html`<td class="${align(i)}">${renderCell(cell)}</td>`
        )}</tr>
      `
    )}
        </tbody>
      </table>
    </div>
  `;
}

function renderCell(cell: ShownCell): Markup {
  if (typeof cell === "string") return html`${cell}`;
  const { text, strong, note } = cell;
  const shown = strong ? html`<strong>${text}</strong>` : html`${text}`;
  return note ? html`${shown}<span class="note">${note}</span>` : shown;
}

/** Largest table embedded in the page, in bytes of both formats together; more would make the page slow to open. */
const LARGEST = 1_000_000;

/** Links that contain the data; large tables are referred to by file name. */
function renderDownloads({ name, csv, arrow }: TableFile, what = "Download"): Markup {
  const link = (ending: string, type: string, bytes: Uint8Array) =>
    html`<a download="${name}.${ending}" href="data:${type};base64,${bytes.toBase64()}">${
      ending === "csv" ? "CSV" : "Arrow"
    }</a>`;
  if (csv.length + arrow.length > LARGEST) {
    return html`
      <p
        class="downloads">${what}: <code>tables/${name}.csv</code> and <code>.arrow</code> next to
          this page (too large to embed).</p>
    `;
  }
  return html`<p class="downloads">${what}: ${
    link("csv", "text/csv", new TextEncoder().encode(csv))
  }, ${link("arrow", "application/vnd.apache.arrow.file", arrow)}</p>`;
}

type SampleRow = RowOf<typeof ports.batch_samples>;

/** One row of a batch. */
export interface ShownSample {
  readonly head: string;
  readonly runs: readonly { text: string; supervised: boolean; begins_document: boolean }[];
}

/** Rows of the first batch of one phase. */
export interface SampleBlock {
  readonly phase: string;
  readonly rows: readonly ShownSample[];
}

/** Longer rows are cut on the page; the table has all of their text. */
const MAX_CHARS = 1200;

/** Groups runs of tokens by phase and row. */
export function sampleBlocks(samples: Record<string, SampleRow[]>): SampleBlock[] {
  return Object.entries(samples).filter(([, runs]) => runs.length > 0).map(([phase, runs]) => ({
    phase,
    rows: [...Map.groupBy(runs, ({ row }) => row).values()].map(shownSample),
  }));
}

function shownSample(runs: SampleRow[]): ShownSample {
  const count = (some: SampleRow[]) => some.reduce((sum, { tokens }) => sum + tokens, 0);
  const supervised = runs.filter(({ supervised }) => supervised);
  const spans = supervised.length > 1 ? ` in ${supervised.length} spans` : "";
  let room = MAX_CHARS;
  const shown = runs.map((run, i) => {
    const text = run.text.length <= room ? run.text : `${run.text.slice(0, room)} …`;
    room = Math.max(0, room - run.text.length);
    const begins_document = i > 0 && run.document !== runs[i - 1].document;
    return { text, supervised: Boolean(run.supervised), begins_document };
  });
  return {
    head: `${runs[0].source}: ${count(runs)} tokens, ${count(supervised)} supervised${spans}`,
    runs: shown.filter(({ text }, i) => i === 0 || text !== " …" || shown[i - 1].text !== " …"),
  };
}
