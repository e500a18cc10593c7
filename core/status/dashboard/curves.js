// Which series make which charts.
import { getJson, pathOf } from "./api.js";
import { Chart } from "./charts.js";
import { find } from "./dom.js";
import { remember, view } from "./state.js";

const TRAINING = {
  loss: "Loss",
  learning_rate: "Learning rate",
  grad_norm: "Gradient norm",
  tokens_per_second: "Tokens per second",
};
const VALIDATION = "validation_loss/", DRAWN = "drawn_tokens/";
const POINTS = 300;
/** Steps shown unless others are chosen. */
const MAX_STEPS = 8;

const charts = new Map();

function chart(place, key, title, options = {}) {
  let found = charts.get(key);
  if (!found) {
    const onZoom = (range) => remember({ zoom: { ...view.zoom, [key]: range } });
    found = new Chart(title, { zoom: view.zoom[key], onZoom, ...options });
    charts.set(key, found);
    find(place).append(found.element);
  }
  return found;
}

export function redrawCharts() {
  for (const one of charts.values()) one.redraw();
}

export function resetZoom() {
  remember({ zoom: {} });
  for (const one of charts.values()) one.resetZoom();
}

/** Forgets the charts of another run. */
export function clearCharts() {
  charts.clear();
  for (const place of ["training", "validation", "mixture"]) find(place).replaceChildren();
}

const TRAINING_STAGES = ["pretrain", "midtrain", "sft"];
const isStored = ({ stage, state }) => TRAINING_STAGES.includes(stage) && state === "skipped";

/** Steps that train, as far as they have begun or were skipped. */
export const trainingSteps = ({ steps }) =>
  steps.filter((step) =>
    "loss" in step.metrics && "learning_rate" in step.metrics || isStored(step)
  );

/** Those that are shown: as chosen, or the running ones and the newest before them. */
export function shownSteps(run) {
  const all = trainingSteps(run);
  const chosen = all.filter(({ task }) => view.steps.includes(task));
  if (chosen.length > 0) return chosen;
  return all.length <= MAX_STEPS ? all : all.slice(-MAX_STEPS);
}

/** Where on the axis of a whole arm a step begins: behind the step whose checkpoint it goes on from. */
function beginnings({ steps }, stored) {
  const found = new Map();
  const lengths = new Map(
    steps.map(({ task, step, total_steps }) => [task, total_steps ?? step ?? 0]),
  );
  for (const { task, name, steps: at } of stored) {
    if (name === "loss") lengths.set(task, at.at(-1) ?? 0);
  }
  const begin = (id) => {
    if (found.has(id)) return found.get(id);
    found.set(id, 0); // a step does not go on from itself
    const step = steps.find(({ task }) => task === id);
    const from = step?.inputs?.checkpoint;
    if (typeof from === "string") {
      const parent = steps.find(({ task }) => task === from.slice(0, from.lastIndexOf(".")));
      if (parent) found.set(id, begin(parent.task) + (lengths.get(parent.task) ?? 0));
    }
    return found.get(id);
  };
  for (const { task } of steps) begin(task);
  return found;
}

/**
 * Curves of steps that this run skipped, from the tables that an earlier run left. Their steps are counted over all
 * phases; here, as in reports, from the beginning of the phase.
 */
async function storedSeries(run, steps) {
  const found = [];
  for (const { task } of steps) {
    const of = (output, limit = 10000) =>
      getJson(
        pathOf(
          `/runs/${encodeURIComponent(run.run)}/artifacts/${encodeURIComponent(task)}/${output}`,
          { limit },
        ),
      );
    const training = columnsOf(await of("training")), first = (training.step[0] ?? 1) - 1;
    const relative = (rows) => rows.map((step) => step - first);
    for (const name of ["loss", "learning_rate", "grad_norm"]) {
      found.push({ task, name, steps: relative(training.step), values: training[name] });
    }
    const held_out = columnsOf(await of("validation"));
    for (const source of new Set(held_out.source)) {
      const at = held_out.source.flatMap((one, i) => one === source ? [i] : []);
      const values = at.map((i) => held_out.loss[i]);
      found.push({
        task,
        name: VALIDATION + source,
        steps: relative(at.map((i) => held_out.step[i])),
        values,
      });
    }
  }
  return found;
}

/** { columns, rows } as arrays by name. */
function columnsOf({ columns, rows }) {
  return Object.fromEntries(columns.map(({ name }, i) => [name, rows.map((row) => row[i])]));
}

/** Fetches and draws the curves of a run. */
export async function drawCurves(run) {
  const steps = shownSteps(run), ids = steps.map(({ task }) => task);
  if (ids.length === 0) return;
  const stored = await storedSeries(run, steps.filter(isStored));
  const logged = steps.flatMap(({ metrics }) => Object.keys(metrics));
  const names = [...new Set([...logged, ...stored.map(({ name }) => name)])];
  const held_out = names.filter((name) => name.startsWith(VALIDATION));
  const drawn = names.filter((name) => name.startsWith(DRAWN));
  const wanted = [
    ...Object.keys(TRAINING).filter((name) => names.includes(name)),
    ...held_out,
    ...drawn,
  ];
  const path = pathOf(`/runs/${encodeURIComponent(run.run)}/metrics`, {
    task: ids,
    name: wanted,
    points: POINTS,
  });
  const reported = logged.length > 0 ? (await getJson(path)).series : [];
  const series = [...reported, ...stored];
  const lines = (name, offset = () => 0) =>
    series.filter((one) => one.name === name && one.steps.length > 0).map((one) => ({
      label: one.task,
      x: one.steps.map((step) => step + offset(one.task)),
      y: one.values,
    }));
  const options = { logarithmic: view.log };
  for (const [name, title] of Object.entries(TRAINING)) {
    if (names.includes(name)) chart("training", name, title).update(lines(name), options);
  }
  const begin = beginnings(run, stored);
  find("validation-section").hidden = held_out.length === 0;
  for (const name of held_out) {
    chart("validation", name, name.slice(VALIDATION.length)).update(
      lines(name, (id) => begin.get(id)),
      options,
    );
  }
  find("mixture-section").hidden = drawn.length === 0;
  for (const id of ids) {
    drawMixture(
      id,
      series.filter((one) => one.task === id && one.name.startsWith(DRAWN)),
    );
  }
}

/** Shares of what was drawn between one report and the next. */
function drawMixture(id, series) {
  if (series.length === 0) return;
  const x = [...new Set(series.flatMap(({ steps }) => steps))].sort((a, b) => a - b);
  const tokens = series.map(({ steps, values }) => {
    const at = new Map(steps.map((step, i) => [step, values[i]]));
    return x.map((step) => at.get(step) ?? 0);
  });
  const total = x.map((_, i) => tokens.reduce((sum, column) => sum + column[i], 0));
  const kept = x.map((_, i) => i).filter((i) => total[i] > 0);
  const lines = series.map(({ name }, source) => ({
    label: name.slice(DRAWN.length),
    x: kept.map((i) => x[i]),
    y: kept.map((i) => tokens[source][i] / total[i]),
  }));
  chart("mixture", `drawn-${id}`, `${id}: shares of tokens`, { stacked: true }).update(lines);
}
