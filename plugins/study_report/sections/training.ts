/**
 * How the models were trained: curves, and losses before fine-tuning.
 *
 * @module
 */
import {
  decimals,
  type Figure,
  FULL_WIDTH,
  labelledFile,
  leftOut,
  linePanel,
  type LinePoint,
  present,
  referenceStyle,
  renderFigure,
  type Section,
  section,
  type ShownCell,
  shownTable,
  tableFile,
  thin,
  withKey,
} from "@causeway/core/report";
import { ports } from "@causeway/core/stage";
import type { ArmRow, StudyMeasurements, StudyReportConfig } from "../inputs.ts";
import { armStyle } from "../styles.ts";

/** Curves of the main arms, and the losses of every arm before fine-tuning. */
export async function trainingSection(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Section> {
  const { arms, evaluation, training, validation, tokenizers_note } = all;
  const heading = "Training";
  const drawn = await present(curvesFigure(config, all));
  if (drawn.length + evaluation.length === 0) {
    return leftOut("training", heading, "no losses are wired to the report");
  }
  const sources = [...new Set(evaluation.map(({ source }) => source))];
  const at = (model: string, source: string) =>
    evaluation.find((row) => row.model === model && row.source === source);
  const cell = (model: string, source: string): ShownCell => {
    const { loss = null, bits_per_byte = null } = at(model, source) ?? {};
    const note = bits_per_byte === null ? "" : `${decimals(bits_per_byte)} bits/byte`;
    return { text: decimals(loss), note };
  };
  const columns = sources.map((source) => [`#${source}`, (model: string) => cell(model, source)]);
  const table = shownTable(
    "Held-out loss before fine-tuning, in nats per token; below it, bits per byte where loss is taken on all of the text.",
    [...new Set(evaluation.map(({ model }) => model))],
    {
      model: (model) => arms.find(({ arm }) => arm === model)?.label ?? model,
      ...Object.fromEntries(columns),
    },
    tableFile("evaluation", ports.evaluation, evaluation),
  );
  const curves = [
    labelledFile("training", "phase", ports.training_metrics, training),
    labelledFile("validation", "phase", ports.validation_metrics, validation),
  ];
  return section("training", heading, {
    paragraphs: tokenizers_note ? [tokenizers_note] : [],
    blocks: [...drawn, ...(evaluation.length > 0 ? [table] : [])],
    files: drawn.length > 0 ? curves : [],
  });
}

/** Most points drawn of the control's run. */
const POINTS = 120;

/** Points of the three panels. The trunk is drawn once, as part of the control. */
export interface Curves {
  readonly training: readonly LinePoint[];
  readonly general: readonly LinePoint[];
  /** General loss − the control's at the same step. */
  readonly difference: readonly LinePoint[];
}

const CONTROL = "control and shared trunk";

/** Curves of the main arms; each begins where it branches off the trunk. */
export function curvesOf({ general }: StudyReportConfig, all: StudyMeasurements): Curves {
  const training = armPaths(all.arms, all.training);
  const size = Math.max(1, Math.ceil(training.trunk.length / POINTS));
  const thinned = (rows: readonly Measured[]) => thin<keyof Measured>(rows, ["step", "loss"], size);
  const on_general = Object.fromEntries(
    Object.entries(all.validation).map(([phase, rows]) => {
      return [phase, rows.filter((row) => row.source === general && Number.isFinite(row.loss))];
    }),
  );
  const held_out = armPaths(all.arms, on_general);
  const control = new Map(held_out.trunk.map(({ step, loss }) => [step, loss]));
  return {
    training: [
      ...named(CONTROL, thinned(training.trunk)),
      ...training.own.flatMap(({ label, branch, rows }) =>
        named(label, joined(thinned(training.trunk), thinned(rows), branch))
      ),
    ],
    general: [
      ...named(CONTROL, held_out.trunk),
      ...held_out.own.flatMap(({ label, branch, rows }) =>
        named(label, joined(held_out.trunk, rows, branch))
      ),
    ],
    difference: held_out.own.flatMap(({ label, branch, rows }) =>
      named(label, joined(held_out.trunk, rows, branch)).flatMap((point) => {
        const other = control.get(point.x);
        return other === undefined ? [] : [{ ...point, y: point.y - other }];
      })
    ),
  };
}

type Measured = { readonly step: number; readonly loss: number };

function named(series: string, rows: readonly Measured[]): LinePoint[] {
  return rows.map(({ step, loss }) => ({ series, x: step, y: loss }));
}

/** An arm's own rows, after the last row of the trunk before its branch point. */
function joined(
  trunk: readonly Measured[],
  own: readonly Measured[],
  branch: number,
): Measured[] {
  const before = trunk.filter(({ step }) => step <= branch && step < (own[0]?.step ?? 0));
  return [...before.slice(-1), ...own];
}

/** Range of the loss axis: the steep beginning, where arms do not differ yet, is cut off. */
function frame(points: readonly LinePoint[], last: number): [number, number] {
  const seen = points.filter(({ x }) => x >= BEGINNING * last).map(({ y }) => y);
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  const margin = 0.05 * (high - low || 1);
  return [low - margin, high + margin];
}

/** Share of the run that may be above the frame. */
const BEGINNING = 0.1;

/** Training loss, general held-out loss, and its difference from the control, by step. */
async function curvesFigure(
  config: StudyReportConfig,
  all: StudyMeasurements,
): Promise<Figure | undefined> {
  const { training, general, difference } = curvesOf(config, all);
  if (training.length === 0 && general.length === 0) return undefined;
  const labels = new Set([...training, ...general].map(({ series }) => series));
  labels.delete(CONTROL);
  const styles = [
    referenceStyle(CONTROL, [1, 0]),
    ...[...labels].map((label) =>
      armStyle(all, all.arms.find((arm) => arm.label === label), label)
    ),
  ];
  const last = Math.max(...[...training, ...general].map(({ x }) => x));
  const shared = {
    styles,
    width: FULL_WIDTH,
    x_scale: { domain: [0, last], nice: false, padding: 8 },
  };
  const panels = [
    {
      title: "Training loss, each arm on its own mixture",
      points: training,
      y: LOSS,
      marked: false,
    },
    { title: `Held-out loss on ${config.general}`, points: general, y: LOSS },
    {
      title: `Held-out loss on ${config.general}, difference from the control`,
      points: difference,
      y: "difference (nats/token)",
      reference: 0,
    },
  ].filter(({ points }) => points.length > 0);
  return await renderFigure({
    name: "curves",
    title: "Training of the main arms",
    caption:
      "Loss in nats per token by pretraining step; one run per arm, of the first trunk, so there are no intervals. Arms branch off the trunk " +
      "where their mixture begins. Training loss is on each arm's own mixture and does not compare arms; at most " +
      `${POINTS} points per curve, each the mean of neighbouring steps. The steep beginning may be above the frame. ` +
      `Held-out loss is on the same text of ${config.general} for every arm.`,
    chart: withKey(styles, {
      spacing: 20,
      vconcat: panels.map((panel, i) =>
        linePanel({
          ...shared,
          ...panel,
          ...(panel.y === LOSS && { y_scale: { domain: frame(panel.points, last), nice: false } }),
          clip: true,
          x: i === panels.length - 1 ? "step" : null,
          height: 170,
        })
      ),
    }, { lines: true }),
  });
}

const LOSS = "loss (nats/token)";

/** Measurements of the trunk, which all arms share, and of each main arm after its branch point. */
export interface Paths<R> {
  /** The control's whole run. */
  readonly trunk: readonly R[];
  readonly own: readonly {
    readonly label: string;
    /** The step after which its mixture begins. */
    readonly branch: number;
    readonly rows: readonly R[];
  }[];
}

/**
 * Joins phases by the names that the study recipe gives them: `trunk_to_200` is part of the trunk, `code_to_400` and
 * `code` belong to the arm `code`. Other phases are ignored.
 *
 * @returns rows by ascending step; of a step that was measured twice the later row; main arms only.
 */
export function armPaths<R extends { step: number }>(
  arms: readonly ArmRow[],
  phases: Readonly<Record<string, readonly R[]>>,
): Paths<R> {
  const of_arm = Map.groupBy(Object.keys(phases), (phase) => ownerOf(arms, phase));
  const rowsOf = (arm: string) => ordered((of_arm.get(arm) ?? []).map((phase) => phases[phase]));
  const control = arms.find(({ kind }) => kind === "control")?.arm;
  const trunk = [rowsOf(TRUNK), ...control === undefined ? [] : [rowsOf(control)]];
  const whole = ordered(trunk);
  const horizon = whole.at(-1)?.step ?? 0;
  return {
    trunk: whole,
    own: arms.filter(({ kind }) => kind === "midtrain")
      .map(({ arm, label, start }) => {
        return { label, branch: Math.round(start * horizon), rows: rowsOf(arm) };
      })
      .filter(({ rows }) => rows.length > 0),
  };
}

const TRUNK = "trunk";

/** The arm with the longest matching name, so that `code_10_from_33` does not belong to `code`. */
function ownerOf(arms: readonly ArmRow[], phase: string): string | undefined {
  return [TRUNK, ...arms.map(({ arm }) => arm)]
    .filter((arm) =>
      phase === arm || /^_to_\d+$/.test(phase.slice(arm.length)) && phase.startsWith(arm)
    )
    .sort((a, b) => b.length - a.length)[0];
}

function ordered<R extends { step: number }>(stretches: readonly (readonly R[])[]): R[] {
  const by_step = new Map<number, R>();
  const starts = stretches.filter((rows) => rows.length > 0)
    .toSorted((a, b) => a[0].step - b[0].step);
  for (const row of starts.flat()) by_step.set(row.step, row);
  return [...by_step.values()].sort((a, b) => a.step - b.step);
}
