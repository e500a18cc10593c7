/**
 * How arms are drawn: one colour and shape for each specialised source in every figure, grey for the control.
 *
 * @module
 */
import { referenceStyle, type SeriesStyle, seriesStyles } from "@causeway/core/report";
import type { ArmRow, StudyMeasurements } from "./inputs.ts";

/** Series of a figure that are no arms, such as probes: without colour. */
export function neutralStyles(labels: readonly string[]): SeriesStyle[] {
  const greys = ["#222222", "#888888", "#555555", "#AAAAAA"];
  return seriesStyles(labels).map((style, i) => ({ ...style, colour: greys[i % greys.length] }));
}

/** The look of an arm under a label: the colour of its source; open marks for continued pretraining. */
export function armStyle(
  all: StudyMeasurements,
  arm: ArmRow | undefined,
  label: string,
): SeriesStyle {
  if (!arm || arm.specialised === "") return referenceStyle(label);
  const sources = sourcesOf(all);
  const style = seriesStyles(sources)[sources.indexOf(arm.specialised)];
  return { ...style, label, ...(arm.kind === "continued" && { open: true }) };
}

/** Styles of several arms, by their labels. */
export function armStyles(all: StudyMeasurements, arms: readonly ArmRow[]): SeriesStyle[] {
  return arms.map((arm) => armStyle(all, arm, arm.label));
}

/** Specialised sources in the order of the arms, those of main arms first. */
function sourcesOf({ arms }: StudyMeasurements): string[] {
  const main = arms.filter(({ kind }) => kind === "midtrain");
  return [...new Set([...main, ...arms].map(({ specialised }) => specialised))]
    .filter((source) => source !== "");
}

/** Styles of several series of one arm: shades of its colour, from light to dark. */
export function shadeStyles(
  all: StudyMeasurements,
  arm: ArmRow | undefined,
  labels: readonly string[],
): SeriesStyle[] {
  const { colour } = armStyle(all, arm, "");
  const last = Math.max(1, labels.length - 1);
  return seriesStyles(labels).map((style, i) => ({
    ...style,
    colour: labels.length === 1 ? colour : shade(colour, i / last),
  }));
}

/** A colour mixed with white (place 0) or black (place 1); unmixed in the middle. */
function shade(colour: string, place: number): string {
  const [to, share] = place < 0.5 ? [255, 0.9 * (0.5 - place)] : [0, 0.9 * (place - 0.5)];
  const mixed = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16);
    return Math.round(value + share * (to - value)).toString(16).padStart(2, "0");
  });
  return `#${mixed.join("")}`;
}

/** The colour of pairs that are not compared with each other: grey. */
export const FADED = "#B5B5B5";
