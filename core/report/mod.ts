/**
 * What reports are made with: figures, tables, and a page that holds them all.
 *
 * @module
 */
export { count, decimals, list, NOT_MEASURED, percent, signed } from "./format.ts";
export { ARM_COLOURS, ARM_DASHES, type Figure, renderFigure, SHARED_COLOUR } from "./figure.ts";
export { type Cell, divergingMap, heatMap, scaleFrom } from "./heat_map.ts";
export { escapeText, html, Markup, raw } from "./markup.ts";
export { filesOf, leftOut, type PageHead, renderPage, type Section, section } from "./page.ts";
export { type Row, type RowOf, rowsByLabel, rowsOf } from "./rows.ts";
export { type SampleBlock, sampleBlocks, type ShownSample } from "./samples.ts";
export { type ShownCell, type ShownTable, shownTable } from "./shown_table.ts";
export { batchOf, type TableFile, tableFile } from "./table_file.ts";
