/**
 * What reports are made of: charts, tables, and a page that holds them.
 *
 * @module
 */
export { tokenizersNote } from "./tokenizers.ts";
export {
  ckaFigures,
  datasetTable,
  mixtureTable,
  modelPairs,
  oncePerPair,
  probeLabel,
  similarityBlocks,
  similarityMatrix,
} from "./blocks.ts";
export { type Figure, renderFigure, renderSvg } from "./figure.ts";
export { type Cell, divergingMap, heatMap, lowIsDarkMap, scaleFrom } from "./heat_map.ts";
export {
  filesOf,
  leftOut,
  type MaybeFigures,
  type PageHead,
  present,
  renderPage,
  type SampleBlock,
  sampleBlocks,
  type Section,
  section,
  writeReport,
} from "./page.ts";
export {
  type Dot,
  dotChart,
  type DotPanel,
  FULL_WIDTH,
  linePanel,
  type LinePoint,
  thin,
} from "./panels.ts";
export { scatter, type ScatterAxes, type ScatterPoint } from "./scatter.ts";
export {
  COLOURS,
  MAX_WIDTH,
  panelTitle,
  POINT,
  pointChannels,
  REFERENCE,
  referenceStyle,
  type SeriesStyle,
  seriesStyles,
  withKey,
} from "./series.ts";
export {
  labelled,
  labelledFile,
  readInputs,
  type Row,
  type RowOf,
  rowsOf,
  type RowsOfInputs,
  type ShownCell,
  type ShownTable,
  shownTable,
  type TableFile,
  tableFile,
} from "./tables.ts";
export { count, decimals, fileName, interval, list, percent, signed } from "./text.ts";
