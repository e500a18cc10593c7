// The charts of metric series.
import { getJson, pathOf, runPath } from "./api.js";
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
/** Tasks shown unless others are chosen. */
const MAX_TASKS = 8;

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

/** Removes the charts of another run. */
export function clearCharts() {
  charts.clear();
  for (const place of ["training", "validation", "mixture"]) find(place).replaceChildren();
}

const TRAINING_STAGES = ["pretrain", "midtrain", "sft"];
const isStored = ({ stage, state }) => TRAINING_STAGES.includes(stage) && state === "skipped";

/** Training tasks that have started, or were skipped. */
export const trainingTasks = ({ tasks }) =>
  tasks.filter((task) =>
    "loss" in task.metrics && "learning_rate" in task.metrics || isStored(task)
  );

/** The chosen training tasks; by default the newest. */
export function shownTasks(run) {
  const all = trainingTasks(run);
  const chosen = all.filter(({ task }) => view.tasks.includes(task));
  return chosen.length > 0 ? chosen : all.slice(-MAX_TASKS);
}

/** The step at which each task begins on the axis of its whole arm: where the task ended whose checkpoint it continues. */
function beginnings({ tasks }, stored) {
  const found = new Map();
  const lengths = new Map(
    tasks.map(({ task, step, total_steps }) => [task, total_steps ?? step ?? 0]),
  );
  for (const { task, name, steps } of stored) {
    if (name === "loss") lengths.set(task, steps.at(-1) ?? 0);
  }
  const begin = (id) => {
    if (found.has(id)) return found.get(id);
    found.set(id, 0); // ends the recursion if a task continues itself
    const from = tasks.find(({ task }) => task === id)?.inputs?.checkpoint;
    if (typeof from === "string") {
      const parent = from.slice(0, from.lastIndexOf("."));
      if (lengths.has(parent)) found.set(id, begin(parent) + lengths.get(parent));
    }
    return found.get(id);
  };
  for (const { task } of tasks) begin(task);
  return found;
}

/**
 * Curves of skipped tasks, from the tables of an earlier run. Their steps are counted over all phases; here, as in
 * reports, from the beginning of the phase.
 */
async function storedSeries(run, tasks) {
  if (tasks.length === 0) return [];
  const { artifacts } = await getJson(runPath(run.run, "/artifacts"));
  const found = [];
  for (const { task } of tasks) {
    const own = Object.fromEntries(
      artifacts.filter((one) => one.task === task).map(({ output, url }) => [output, url]),
    );
    if (!own.training || !own.validation) continue;
    const read = async (url) => columnsOf(await getJson(pathOf(url, { limit: 10000 })));
    const training = await read(own.training), first = (training.step[0] ?? 1) - 1;
    const relative = (rows) => rows.map((step) => step - first);
    for (const name of ["loss", "learning_rate", "grad_norm"]) {
      found.push({ task, name, steps: relative(training.step), values: training[name] });
    }
    const validation = await read(own.validation);
    for (const source of new Set(validation.source)) {
      const at = validation.source.flatMap((one, i) => one === source ? [i] : []);
      const values = at.map((i) => validation.loss[i]);
      const steps = relative(at.map((i) => validation.step[i]));
      found.push({ task, name: VALIDATION + source, steps, values });
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
  const tasks = shownTasks(run), ids = tasks.map(({ task }) => task);
  if (ids.length === 0) return;
  const stored = await storedSeries(run, tasks.filter(isStored));
  const logged = tasks.flatMap(({ metrics }) => Object.keys(metrics));
  const names = [...new Set([...logged, ...stored.map(({ name }) => name)])];
  const validation = names.filter((name) => name.startsWith(VALIDATION));
  const drawn = names.filter((name) => name.startsWith(DRAWN));
  const training = Object.keys(TRAINING).filter((name) => names.includes(name));
  const path = pathOf(runPath(run.run, "/metrics"), {
    task: ids,
    name: [...training, ...validation, ...drawn],
    points: POINTS,
  });
  const is_final = run.state !== "running";
  const reported = logged.length > 0 ? (await getJson(path, { is_final })).series : [];
  const series = [...reported, ...stored];
  const lines = (name, offset = () => 0) =>
    series.filter((one) => one.name === name && one.steps.length > 0).map((one) => ({
      label: one.task,
      x: one.steps.map((step) => step + offset(one.task)),
      y: one.values,
    }));
  const options = { logarithmic: view.log };
  for (const name of training) chart("training", name, TRAINING[name]).update(lines(name), options);
  const begin = beginnings(run, stored);
  find("validation-section").hidden = validation.length === 0;
  for (const name of validation) {
    chart("validation", name, name.slice(VALIDATION.length)).update(
      lines(name, (id) => begin.get(id)),
      options,
    );
  }
  find("mixture-section").hidden = drawn.length === 0;
  for (const id of ids) {
    drawMixture(id, series.filter((one) => one.task === id && one.name.startsWith(DRAWN)));
  }
}

/** Each source's share of the tokens that were sampled between reports. */
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
