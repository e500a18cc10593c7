// The dashboard: asks for the run that is shown, draws what has changed, and follows its events.
import { getJson, post, TokenNeeded } from "./api.js";
import {
  clearCharts,
  drawCurves,
  redrawCharts,
  resetZoom,
  shownSteps,
  trainingSteps,
} from "./curves.js";
import { bytes, duration, find, make, number, setText, show, SIGNS } from "./dom.js";
import { drawMatrices, matricesOf } from "./matrices.js";
import { artifactsPanel, comparison, planTable, samplesPanel, stepPanel } from "./panels.js";
import { PlanGraph } from "./plan.js";
import { applyTheme, remember, switchTheme, view } from "./state.js";

/** Between two looks at a run: while it goes on, and when it is over and only another could begin. */
const LIVE_MS = 1500, OVER_MS = 5000;
const MAX_LOG_LINES = 500;
const LOG_SIGNS = {
  running: SIGNS.running,
  finished: SIGNS.finished,
  failed: SIGNS.failed,
  interrupted: "◼",
  lost: "✗",
};

let access, run, plan, stream, timer, looking = false, again = false;
let lines = [], shown_run = "";

const graph = new PlanGraph(find("plan"), (id) => {
  remember({ step: view.step === id ? "" : id });
  drawPlan();
});

const runPath = (rest = "") => `/runs/${encodeURIComponent(run.run)}${rest}`;

/** Looks at everything once; a call meanwhile makes it look again. */
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
      setText(find("connection"), `Disconnected: ${error.message}. Trying again …`);
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
  const path = `/runs/${encodeURIComponent(wanted)}`;
  [run, plan] = await Promise.all([getJson(path), getJson(`${path}/plan`)]);
  if (shown_run !== wanted) begin(wanted);
  drawSummary();
  drawPlan();
  drawStepBoxes();
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

/** Another run is shown. */
function begin(id) {
  shown_run = id;
  lines = [];
  clearCharts();
  follow(id);
}

/** Server-sent events say when to look; without them the timer does. */
function follow(id) {
  stream?.close();
  if (run.state !== "running") return;
  stream = new EventSource(`/runs/${encodeURIComponent(id)}/events?after=0`);
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
  const failed = run.steps.filter(({ state }) => state === "failed").map(({ task }) => task);
  const broke = run.state === "failed" || run.state === "lost";
  setText(
    find("alert"),
    broke ? `The run is ${run.state}: ${run.message ?? failed.join(", ")}` : "",
  );
  const end = run.ended_at ? Date.parse(run.ended_at) : run.state === "running" ? Date.now() : NaN;
  const first = run.steps.find(({ state }) => state === "running");
  const tiles = [
    ["steps done", `${run.finished_tasks} of ${run.total_tasks}`],
    [
      "time left",
      run.state === "running" ? duration(run.run_time_left_s ?? first?.time_left_s) : "–",
    ],
    ["elapsed", Number.isFinite(end) ? duration((end - Date.parse(run.started_at)) / 1000) : "–"],
    [
      "running",
      run.steps.filter(({ state }) => state === "running").map(({ task }) => task).join(
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
  // Steps that run count by their share.
  const parts = run.steps.reduce(
    (sum, { state, step, total_steps }) =>
      sum + (state === "running" && total_steps ? Math.min(1, step / total_steps) : 0),
    run.finished_tasks,
  );
  const percent = run.total_tasks ? Math.round(100 * parts / run.total_tasks) : 0;
  find("progress").setAttribute("aria-valuenow", String(percent));
  find("progress").firstElementChild.style.width = `${percent}%`;
}

function drawPlan() {
  graph.update(plan, view.step);
  show(
    find("plan-table"),
    JSON.stringify(plan.nodes.map(({ time_left_s: _, ...node }) => node)),
    () => planTable(plan.nodes),
  );
  const step = run.steps.find(({ task }) => task === view.step);
  show(find("step"), JSON.stringify(step ?? null), () => step ? stepPanel(step) : []);
}

function drawStepBoxes() {
  const all = trainingSteps(run).map(({ task }) => task);
  const shown = shownSteps(run).map(({ task }) => task);
  show(find("step-boxes"), JSON.stringify([all, shown]), () =>
    all.map((id) => {
      const box = make("input", {
        type: "checkbox",
        checked: shown.includes(id),
        onchange: () => {
          const rest = shown.filter((other) => other !== id);
          remember({ steps: box.checked ? [...rest, id] : rest });
          look();
        },
      });
      return make("label", {}, box, ` ${id}`);
    }));
}

function drawControls() {
  const controls = find("controls");
  controls.hidden = !(access.control && access.authorized && run.state === "running");
  controls.querySelector('[data-action="pause"]').hidden = run.paused;
  controls.querySelector('[data-action="resume"]').hidden = !run.paused;
}

async function drawSamples() {
  const { samples } = await getJson(runPath("/samples"));
  find("samples-section").hidden = samples.length === 0;
  show(find("samples"), `${run.run} ${samples.length}`, () => samplesPanel(samples));
}

async function drawArtifacts() {
  const { artifacts } = await getJson(runPath("/artifacts"));
  const key = `${run.run} ${artifacts.map(({ digest }) => digest).join()}`;
  if (find("artifacts").dataset.key === key) return;
  await listPages(artifacts);
  show(find("artifacts"), key, () => artifactsPanel(artifacts, (error) => alert(error.message)));
  const matrices = matricesOf(artifacts);
  find("matrices-section").hidden = matrices.length === 0;
  find("matrices").replaceChildren(...await drawMatrices(matrices));
}

/** Of files that people look at, their names. */
async function listPages(artifacts) {
  const pages = artifacts.filter(({ kind, output }) =>
    kind === "files" && /report|figure|page/.test(output)
  );
  for (const artifact of pages) ({ files: artifact.files } = await getJson(artifact.url));
}

async function drawLogs() {
  ({ lines } = await getJson(`${runPath("/logs")}?limit=${MAX_LOG_LINES}`));
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
  show(
    find("compare-boxes"),
    JSON.stringify([runs.map(({ run }) => run), view.compare]),
    () =>
      runs.slice(0, 100).map(({ run: id }) => {
        const box = make("input", {
          type: "checkbox",
          checked: view.compare.includes(id),
          onchange: () => {
            const rest = view.compare.filter((other) => other !== id);
            remember({ compare: box.checked ? [...rest, id] : rest });
            look();
          },
        });
        return make("label", {}, box, ` ${id}`);
      }),
  );
  const chosen = view.compare.filter((id) => runs.some(({ run }) => run === id));
  const details = chosen.length < 2
    ? []
    : await Promise.all(chosen.map((id) => getJson(`/runs/${encodeURIComponent(id)}`)));
  const key = JSON.stringify(
    details.map(({ run, steps }) => [run, steps.map(({ metrics }) => metrics)]),
  );
  show(find("comparison"), key, () => details.length < 2 ? [] : comparison(details));
}

async function drawSystem() {
  const { cores, load, memory, process } = await getJson("/system");
  setText(
    find("system"),
    `Load ${load[0].toFixed(2)} on ${cores} cores, ${bytes(memory.available_bytes)} of ${
      bytes(memory.total_bytes)
    } memory ` +
      `available, this program ${bytes(process.rss_bytes)}`,
  );
}

find("runs").addEventListener("change", ({ target }) => {
  remember({ run: target.value, step: "", steps: [], zoom: {} });
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
    !action || action === "stop" && !confirm("Stop the run after the next checkpoint of its steps?")
  ) return;
  await post(runPath(`/${action}`)).catch((error) => alert(error.message));
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
