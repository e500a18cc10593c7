/**
 * Similarity of the data, and proximity against improvement.
 *
 * @module
 */
import {
  decimals,
  leftOut,
  percent,
  type Section,
  section,
  shownTable,
  tableFile,
} from "../../../core/report/mod.ts";
import { ports, study_ports } from "../../../core/stage/mod.ts";
import { legsFigure, proximityFigure, similarityFigure } from "../charts/mod.ts";
import { labelOf, targetLabel } from "../effects.ts";
import { figures, type Material } from "./material.ts";

/** Figures 1 and 6 of the paper. */
export async function similaritySection(material: Material): Promise<Section> {
  const { similarity } = material.all;
  const heading = "Similarity of the data";
  if (similarity.length === 0) return leftOut("similarity", heading, "no similarities were given");
  const seen = new Set<string>();
  const once = similarity.filter(({ a, b }) => {
    const pair = JSON.stringify([a, b].sort());
    return a !== b && !seen.has(pair) && seen.add(pair);
  });
  const table = shownTable(
    "Similarity and its components (paper, Appendix C), each pair once; intervals by resampling documents.",
    once,
    {
      a: ({ a }) => a,
      b: ({ b }) => b,
      "#similarity": (row) => decimals(row.similarity),
      "#95%": ({ ci_low, ci_high }) =>
        Number.isFinite(ci_low) ? `[${decimals(ci_low)}, ${decimals(ci_high)}]` : "",
      "#cosine": (row) => decimals(row.cosine),
      "#Jaccard": (row) => decimals(row.jaccard),
      "#overlap": (row) => decimals(row.overlap),
      "#Jensen-Shannon": (row) => decimals(row.jensen_shannon),
    },
    tableFile("similarity", ports.similarity, similarity),
  );
  return section("similarity", heading, {
    paragraphs: ["Of sources, mixtures and targets (paper, Figures 1 and 6)."],
    blocks: [...await figures(material, similarityFigure), table],
  });
}

/** Figures 2 and 7 of the paper. */
export async function proximitySection(material: Material): Promise<Section> {
  const { config, all } = material;
  const heading = "Proximity and improvement";
  if (all.proximity.length === 0) return leftOut("proximity", heading, "no proximities were given");
  const points = shownTable(
    "Proximity advantage, the similarity of arm and target minus that of general data and target, and relative " +
      "improvement of the loss on the target over the control.",
    all.proximity,
    {
      arm: ({ arm }) => labelOf(all, arm),
      target: ({ target }) => targetLabel(config, target),
      "#arm and target": ({ similarity }) => decimals(similarity),
      "#general and target": ({ similarity_general }) => decimals(similarity_general),
      "#advantage": ({ advantage }) => decimals(advantage),
      "#improvement": ({ relative_improvement }) => percent(relative_improvement),
    },
    tableFile("proximity", study_ports.proximity, all.proximity),
  );
  const choices = shownTable(
    "Pearson's r of advantage and improvement under each choice that the paper's text leaves open. Points share arms and " +
      "targets, so p-values and intervals are nominal.",
    all.correlation,
    {
      choice: ({ choice }) => choice,
      "#n": ({ n }) => String(n),
      "#r": ({ r }) => decimals(r),
      "#95%": ({ ci_low, ci_high }) => `[${decimals(ci_low)}, ${decimals(ci_high)}]`,
      "#p": ({ p }) => decimals(p, 4),
    },
    tableFile("correlation", study_ports.proximity_correlation, all.correlation),
  );
  return section("proximity", heading, {
    paragraphs: [
      "Whether a mixture helps where it brings training closer to the target (paper, Figure 2), and the two legs of the " +
      "way there (Figure 7).",
    ],
    files: all.legs.length > 0 ? [tableFile("legs", study_ports.proximity_legs, all.legs)] : [],
    blocks: [
      ...await figures(material, proximityFigure),
      choices,
      ...await figures(material, legsFigure),
      points,
    ],
  });
}
