// The dashboard: fetches the chosen run, draws what has changed, and follows its events.
import { getJson, pathOf, post, runPath, TokenNeeded } from "./api.js";
import {
  clearCharts,
  drawCurves,
  redrawCharts,
  resetZoom,
  shownTasks,
  trainingTasks,
} from "./curves.js";
import { bytes, duration, find, make, number, setText, show, SIGNS } from "./dom.js";
import { drawMatrices, matricesOf } from "./matrices.js";
import { artifactsPanel, comparison, planTable, samplesPanel, taskPanel } from "./panels.js";
import { PlanGraph } from "./plan.js";
import { applyTheme, remember, switchTheme, view } from "./state.js";

/** Time between two looks at a run: while it runs, and when it is over. */
const LIVE_MS = 1500, OVER_MS = 5000;
const MAX_LOG_LINES = 500;
const LOG_SIGNS = {
  running: SIGNS.running,
  finished: SIGNS.finished,
  failed: SIGNS.failed,
  stopped: "◼",
  lost: "✗",
};

let access, run, plan, stream, timer, looking = false, again = false;
let shown_run = "";

const graph = new PlanGraph(find("plan"), (id) => {
  remember({ task: view.task === id ? "" : id });
  drawPlan();
});

/** Fetches and draws everything once, and again if it was called in the meantime. */
async function look() {
  if (looking) return void (again = true);
  looking = true;
  clearTimeout(timer);
  try {
    await refresh();
    setText(find("connection"), "");
  } catch (error) {
    if (error instanceof TokenNeeded) find("login").hidden = false;
    else {
      console.warn(error);
      setText(find("connection"), `Disconnected: ${error.message}. Retrying …`);
    }
  }
  looking = false;
  const wait = again ? 0 : run?.state === "running" ? LIVE_MS : OVER_MS;
  again = false;
  timer = setTimeout(look, wait);
}

async function refresh() {
  access = await getJson("/access");
  if (access.token_needed && !access.authorized) throw new TokenNeeded("the token is needed");
  const { runs } = await getJson("/runs");
  find("login").hidden = true;
  drawRuns(runs);
  const wanted = runs.some(({ run }) => run === view.run) ? view.run : runs[0]?.run;
  if (wanted === undefined) return;
  [run, plan] = await Promise.all([getJson(runPath(wanted)), getJson(runPath(wanted, "/plan"))]);
  if (shown_run !== wanted) begin(wanted);
  drawSummary();
  drawPlan();
  drawTaskBoxes();
  await drawCurves(run);
  drawControls();
  await Promise.all([
    drawSamples(),
    drawArtifacts(),
    drawLogs(),
    drawComparison(runs),
    drawSystem(),
  ]);
}

/** Switches to another run. */
function begin(id) {
  shown_run = id;
  clearCharts();
  follow(id);
}

/** Looks again when server-sent events arrive; without them, when the timer fires. */
function follow(id) {
  stream?.close();
  if (run.state !== "running") return;
  stream = new EventSource(runPath(id, "/events?after=0"));
  let due;
  const soon = () => due ??= setTimeout(() => ((due = undefined), look()), 500);
  for (
    const type of [
      "step_started",
      "step_finished",
      "step_skipped",
      "step_failed",
      "sample",
      "log",
      "report",
      "run_paused",
      "run_resumed",
      "run_finished",
      "run_failed",
      "run_interrupted",
    ]
  ) {
    stream.addEventListener(type, soon);
  }
  stream.addEventListener("end", () => (stream.close(), look()));
}

function drawRuns(runs) {
  const select = find("runs");
  show(
    select,
    runs.map(({ run, state }) => run + state).join(),
    () =>
      runs.map(({ run, state }) => make("option", { value: run }, `${LOG_SIGNS[state]} ${run}`)),
  );
  const value = runs.some(({ run }) => run === view.run) ? view.run : runs[0]?.run ?? "";
  if (select.value !== value) select.value = value;
}

function drawSummary() {
  setText(find("run-heading"), `${run.recipe}: ${run.paused ? "paused" : run.state}`);
  find("run-heading").className = `${run.state}-text`;
  document.title = `${LOG_SIGNS[run.state]} ${run.recipe} – Causeway`;
  setText(find("description"), run.description);
  const failed = run.tasks.filter(({ state }) => state === "failed").map(({ task }) => task);
  const broke = run.state === "failed" || run.state === "lost";
  setText(
    find("alert"),
    broke ? `The run is ${run.state}: ${run.message ?? failed.join(", ")}` : "",
  );
  const end = run.ended_at ? Date.parse(run.ended_at) : run.state === "running" ? Date.now() : NaN;
  const first = run.tasks.find(({ state }) => state === "running");
  const tiles = [
    ["tasks done", `${run.finished_tasks} of ${run.total_tasks}`],
    [
      "time left",
      run.state === "running" ? duration(run.run_time_left_s ?? first?.time_left_s) : "–",
    ],
    ["elapsed", Number.isFinite(end) ? duration((end - Date.parse(run.started_at)) / 1000) : "–"],
    [
      "running",
      run.tasks.filter(({ state }) => state === "running").map(({ task }) => task).join(
        ", ",
      ) || "–",
    ],
    ["loss", number(first?.metrics.loss)],
    [
      "tokens per second",
      number(first?.metrics.tokens_per_second && Math.round(first.metrics.tokens_per_second)),
    ],
  ];
  show(
    find("tiles"),
    JSON.stringify(tiles),
    () =>
      tiles.map(([name, value]) =>
        make("div", { class: "tile" }, make("span", {}, name), make("b", {}, value))
      ),
  );
  // Running tasks count with the share of their steps.
  const parts = run.tasks.reduce(
    (sum, { state, step, total_steps }) =>
      sum + (state === "running" && total_steps ? Math.min(1, step / total_steps) : 0),
    run.finished_tasks,
  );
  const percent = run.total_tasks ? Math.round(100 * parts / run.total_tasks) : 0;
  find("progress").setAttribute("aria-valuenow", String(percent));
  find("progress").firstElementChild.style.width = `${percent}%`;
}

function drawPlan() {
  graph.update(plan, view.task);
  show(
    find("plan-table"),
    JSON.stringify(plan.nodes.map(({ time_left_s: _, ...node }) => node)),
    () => planTable(plan.nodes),
  );
  const task = run.tasks.find(({ task }) => task === view.task);
  show(find("task"), JSON.stringify(task ?? null), () => task ? taskPanel(task) : []);
}

/** Check boxes that choose among ids. */
function drawBoxes(element, all, chosen, onChoose) {
  show(element, JSON.stringify([all, chosen]), () =>
    all.map((id) => {
      const onchange = () => {
        const rest = chosen.filter((other) => other !== id);
        onChoose(box.checked ? [...rest, id] : rest);
        look();
      };
      const box = make("input", { type: "checkbox", checked: chosen.includes(id), onchange });
      return make("label", {}, box, ` ${id}`);
    }));
}

function drawTaskBoxes() {
  const ids = (tasks) => tasks.map(({ task }) => task);
  const onChoose = (tasks) => remember({ tasks });
  drawBoxes(find("task-boxes"), ids(trainingTasks(run)), ids(shownTasks(run)), onChoose);
}

function drawControls() {
  const controls = find("controls");
  controls.hidden = !(access.control && access.authorized && run.state === "running");
  controls.querySelector('[data-action="pause"]').hidden = run.paused;
  controls.querySelector('[data-action="resume"]').hidden = !run.paused;
}

async function drawSamples() {
  const { samples } = await getJson(runPath(run.run, "/samples"));
  find("samples-section").hidden = samples.length === 0;
  show(find("samples"), `${run.run} ${samples.length}`, () => samplesPanel(samples));
}

async function drawArtifacts() {
  const { artifacts } = await getJson(runPath(run.run, "/artifacts"));
  const key = `${run.run} ${artifacts.map(({ digest }) => digest).join()}`;
  if (find("artifacts").dataset.key === key) return;
  await listPages(artifacts);
  show(find("artifacts"), key, () => artifactsPanel(artifacts, (error) => alert(error.message)));
  const matrices = matricesOf(artifacts);
  find("matrices-section").hidden = matrices.length === 0;
  find("matrices").replaceChildren(...await drawMatrices(matrices));
}

/** Adds the names of files that people look at. */
async function listPages(artifacts) {
  const pages = artifacts.filter(({ kind, output }) =>
    kind === "files" && /report|figure|page/.test(output)
  );
  for (const artifact of pages) ({ files: artifact.files } = await getJson(artifact.url));
}

async function drawLogs() {
  const { lines } = await getJson(pathOf(runPath(run.run, "/logs"), { limit: MAX_LOG_LINES }));
  const wanted = find("log-filter").value.toLowerCase();
  const shown = lines.filter(({ task, message }) =>
    `${task} ${message}`.toLowerCase().includes(wanted)
  );
  const log = find("logs"), at_end = log.scrollTop + log.clientHeight >= log.scrollHeight - 20;
  show(
    log,
    JSON.stringify([run.run, wanted, shown.length, shown.at(-1)]),
    () =>
      shown.map(({ time, task, message }) =>
        make("div", {}, `${time.slice(11, 19)} ${task ?? ""}: ${message}`)
      ),
  );
  if (at_end) log.scrollTop = log.scrollHeight;
}

async function drawComparison(runs) {
  const ids = runs.slice(0, 100).map(({ run }) => run);
  drawBoxes(find("compare-boxes"), ids, view.compare, (compare) => remember({ compare }));
  const chosen = view.compare.filter((id) => runs.some(({ run }) => run === id));
  const details = chosen.length < 2
    ? []
    : await Promise.all(chosen.map((id) => getJson(runPath(id))));
  const key = JSON.stringify(
    details.map(({ run, tasks }) => [run, tasks.map(({ metrics }) => metrics)]),
  );
  show(find("comparison"), key, () => details.length < 2 ? [] : comparison(details));
}

async function drawSystem() {
  const { cores, load, memory, process } = await getJson("/system");
  setText(
    find("system"),
    `${load ? `Load ${load[0].toFixed(2)}, ` : ""}${cores} cores, ` +
      `${bytes(memory.available_bytes)} of ${bytes(memory.total_bytes)} memory available, ` +
      `this process uses ${bytes(process.rss_bytes)}`,
  );
}

find("runs").addEventListener("change", ({ target }) => {
  remember({ run: target.value, task: "", tasks: [], zoom: {} });
  look();
});
find("log-scale").checked = view.log;
find("log-scale").addEventListener(
  "change",
  ({ target }) => (remember({ log: target.checked }), look()),
);
find("reset-zoom").addEventListener("click", resetZoom);
find("log-filter").addEventListener("input", () => run && drawLogs());
find("theme").addEventListener("click", () => (switchTheme(), redrawCharts()));
find("controls").addEventListener("click", async ({ target }) => {
  const { action } = target.dataset;
  if (
    !action || action === "stop" && !confirm("Stop the run at the next checkpoint of its tasks?")
  ) return;
  await post(runPath(run.run, `/${action}`)).catch((error) => alert(error.message));
  look();
});
find("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { token } = event.target.elements;
  try {
    await post("/session", { token: token.value });
    setText(find("login-error"), "");
    look();
  } catch (error) {
    setText(find("login-error"), error.message);
  }
});

applyTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener(
  "change",
  () => (applyTheme(), redrawCharts()),
);
look();
