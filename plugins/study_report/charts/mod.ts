/**
 * The figures of the study report, in the paper's order. Each is undefined where its data were not measured.
 *
 * @module
 */
export { alongRunFigure } from "./along_run.ts";
export { ckaFigures, pairLabel, shiftFigure, stateLabel } from "./cka.ts";
export { curvesFigure } from "./curves.ts";
export { continuedFigure } from "./differences.ts";
export { gridFigures } from "./grid.ts";
export { forgettingFigure, mixturesFigure } from "./losses.ts";
export { legsFigure, proximityFigure } from "./proximity.ts";
export { ratesFigure, rateText } from "./rates.ts";
export { similarityFigure } from "./similarity.ts";
export { modelLabel, tasksFigure } from "./tasks.ts";
