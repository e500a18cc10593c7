// What the page shows, kept in its address: it survives a reload, and can be sent as a link.

const DEFAULTS = { run: "", task: "", tasks: [], log: false, compare: [], zoom: {} };

export const view = { ...DEFAULTS, ...read() };

function read() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const found = {};
  if (parameters.has("run")) found.run = parameters.get("run");
  if (parameters.has("task")) found.task = parameters.get("task");
  if (parameters.has("tasks")) found.tasks = parameters.getAll("tasks");
  if (parameters.has("compare")) found.compare = parameters.getAll("compare");
  found.log = parameters.get("log") === "1";
  found.zoom = Object.fromEntries(
    parameters.getAll("zoom").map((text) => {
      const [chart, from, to] = text.split("~");
      return [chart, [Number(from), Number(to)]];
    }).filter(([, range]) => range.every(Number.isFinite)),
  );
  return found;
}

/** Changes what is shown, and the address with it. */
export function remember(change) {
  Object.assign(view, change);
  const parameters = new URLSearchParams();
  if (view.run) parameters.set("run", view.run);
  if (view.task) parameters.set("task", view.task);
  for (const id of view.tasks) parameters.append("tasks", id);
  for (const id of view.compare) parameters.append("compare", id);
  if (view.log) parameters.set("log", "1");
  for (const [chart, [from, to]] of Object.entries(view.zoom)) {
    parameters.append("zoom", `${chart}~${from}~${to}`);
  }
  history.replaceState(null, "", `#${parameters}`);
}

/** Light or dark: as chosen here, otherwise as the system says. */
export function applyTheme(theme = localStorage.getItem("theme")) {
  const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

export function switchTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", theme);
  applyTheme(theme);
}
