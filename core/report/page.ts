/**
 * The page: one HTML file, opened from disk, that needs no network and no script.
 *
 * @module
 */
import type { Figure } from "./figure.ts";
import { html, type Markup, raw } from "./markup.ts";
import type { SampleBlock } from "./samples.ts";
import { STYLE } from "./style.ts";
import type { ShownCell, ShownTable } from "./shown_table.ts";
import type { TableFile } from "./table_file.ts";

/** One part of the page. */
export interface Section {
  id: string;
  heading: string;
  paragraphs: string[];
  /** Tables and figures, in the order in which they are shown. */
  blocks: (ShownTable | Figure | SampleBlock)[];
  /** Tables that only figures show, to be taken along. */
  files?: TableFile[];
}

/** Everything of some sections that can be taken along. */
export function filesOf(sections: readonly Section[]): TableFile[] {
  return sections.flatMap(({ blocks, files = [] }) => [
    ...blocks.flatMap((block) => "columns" in block && block.file ? [block.file] : []),
    ...files,
  ]);
}

/** A section of which only some parts are there. */
export function section(id: string, heading: string, parts: Partial<Section>): Section {
  return { id, heading, paragraphs: [], blocks: [], ...parts };
}

/** A section for which there is nothing to show says so. */
export function leftOut(id: string, heading: string, what: string): Section {
  return section(id, heading, { paragraphs: [`Left out: ${what}.`] });
}

/** What stands above the sections. */
export interface PageHead {
  readonly title: string;
  readonly description: string;
}

/** Renders the page. All text is escaped; only the figures, made by us, go in as they are. */
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
          <p>Beside this page: <code>results.json</code> and <code>summary.txt</code> with the numbers,
    <code>tables/</code> with every table as ${filesOf(sections).length > 0
      ? "CSV and Arrow"
      : "CSV"}, <code>figures/</code> with every figure as SVG.</p>
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
    ${files.map((file) => renderDownloads(file, `Data of the figures, ${file.name}`))}
    </section>
  `;
}

function renderBlock(block: Section["blocks"][number]): Markup {
  if ("svg" in block) return renderFigureBlock(block);
  return "phase" in block ? renderSamples(block) : renderTable(block);
}

/** Underlining tells supervised text apart without colour, in print and to any eye. */
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

/** Rows that are seen without being asked for. */
const LONGEST = 30;

/** Long tables are folded. */
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

/** Wide tables scroll inside their own box, which the keyboard can reach. */
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
            ? html`<th scope="row">${renderCell(cell)}</th>`
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

/** Bytes of both formats that a page takes in: curves of long runs would make it slow to open. */
const LARGEST = 1_000_000;

/** The data themselves are in the links; those of large tables are beside the page. */
function renderDownloads({ name, csv, arrow }: TableFile, what = "Download"): Markup {
  const link = (ending: string, type: string, bytes: Uint8Array) =>
    html`<a download="${name}.${ending}" href="data:${type};base64,${bytes.toBase64()}">${
      ending === "csv" ? "CSV" : "Arrow"
    }</a>`;
  if (csv.length + arrow.length > LARGEST) {
    return html`<p class="downloads">${what}: <code>tables/${name}.csv</code> and <code>.arrow</code> beside
    this page, for their size.</p>`;
  }
  return html`<p class="downloads">${what}: ${
    link("csv", "text/csv", new TextEncoder().encode(csv))
  }, ${link("arrow", "application/vnd.apache.arrow.file", arrow)}</p>`;
}
