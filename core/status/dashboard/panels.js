// Panels of the page that are tables and texts.
import { download } from "./api.js";
import { bytes, duration, make, number, SIGNS, table } from "./dom.js";

const CSV = "text/csv", ARROW = "application/vnd.apache.arrow.file";

/** The details of one task. */
export function taskPanel(task) {
  const lines = [
    ["stage", task.stage],
    ["state", `${SIGNS[task.state]} ${task.state}`],
    ["why", task.reasons.join("; ")],
    ...(task.job
      ? [[
        "job",
        [task.job.launcher, task.job.id, task.job.detail, task.job.node]
          .filter(Boolean).join(" "),
      ]]
      : []),
    ["waits for", task.after.join(", ") || "nothing"],
    [
      "took",
      task.started_at && task.ended_at
        ? duration((Date.parse(task.ended_at) - Date.parse(task.started_at)) / 1000)
        : "–",
    ],
    ["last time", task.past_seconds === null ? "–" : duration(task.past_seconds)],
    ["seed", task.seed ?? "–"],
    [
      "latest values",
      Object.entries(task.metrics).map(([name, value]) => `${name} ${number(value)}`).join(", ") ||
      "–",
    ],
  ];
  return [
    make("h3", {}, task.task),
    table(["", ""], lines.map(([name, value]) => [name, String(value)])),
    ...(task.config
      ? [
        make(
          "details",
          {},
          make("summary", {}, "Config"),
          make("pre", {}, JSON.stringify(task.config, null, 2)),
        ),
      ]
      : []),
  ];
}

/** The plan as a table. */
export function planTable(nodes) {
  return table(
    ["task", "stage", "state", "progress", "time left", "why"],
    nodes.map(({ task, stage, state, step, total_steps, time_left_s, reasons }) => [
      task,
      stage,
      `${SIGNS[state]} ${state}`,
      step === null
        ? ""
        : `step ${number(step)}${total_steps === null ? "" : `/${number(total_steps)}`}`,
      time_left_s === null ? "" : duration(time_left_s),
      reasons.join("; "),
    ]),
  );
}

/** Samples by prompt, with a slider over the steps of training. */
export function samplesPanel(samples) {
  const prompts = [...new Set(samples.map(({ prompt }) => prompt))];
  return prompts.map((prompt, i) => {
    const own = samples.filter((sample) => sample.prompt === prompt);
    const where = make("span"), text = make("pre");
    const draw = (at) => {
      const { task, step, text: generated } = own[at];
      where.textContent = `${task}, step ${number(step)} (${at + 1} of ${own.length})`;
      text.replaceChildren(make("span", { class: "prompt" }, prompt), generated);
    };
    const slider = make("input", {
      type: "range",
      min: 0,
      max: own.length - 1,
      id: `sample-${i}`,
      oninput: () => draw(Number(slider.value)),
    });
    slider.value = String(own.length - 1);
    draw(own.length - 1);
    return make(
      "div",
      { class: "card" },
      make("label", { for: `sample-${i}` }, "During training "),
      slider,
      " ",
      where,
      text,
    );
  });
}

/** The outputs of tasks. */
export function artifactsPanel(artifacts, onError) {
  const rows = artifacts.map(({ task, output, kind, rows, bytes: size, url, files }) => {
    const name = `${task}.${output}`;
    const save = (label, type, extension) =>
      make("button", {
        type: "button",
        "aria-label": `${label} of ${name}`,
        onclick: () => download(url, type, `${name}.${extension}`).catch(onError),
      }, label);
    const links = kind === "table"
      ? [
        save("CSV", CSV, "csv"),
        " ",
        save("Arrow", ARROW, "arrow"),
        " ",
        make("a", { href: url }, "JSON"),
      ]
      : [make("a", { href: url }, "List"), ...(files ?? []).flatMap(fileLink)];
    return [task, output, kind, rows, bytes(size), make("span", {}, ...links)];
  });
  return table(["task", "output", "kind", "rows or files", "size", ""], rows);
}

/** A link to a page or picture among the files. */
function fileLink({ name, url }) {
  return /\.(html|svg|png|txt|md)$/.test(name)
    ? [" ", make("a", { href: url, target: "_blank", rel: "noopener" }, name)]
    : [];
}

/** Runs side by side: settings that differ, and the latest values of their metrics. */
export function comparison(runs) {
  const ids = [...new Set(runs.flatMap(({ tasks }) => tasks.map(({ task }) => task)))];
  const configs = [], metrics = [];
  for (const id of ids) {
    const found = runs.map((run) => run.tasks.find(({ task }) => task === id));
    const settings = found.map((task) => flatten(task?.config ?? {}));
    for (const field of new Set(settings.flatMap(Object.keys))) {
      const values = settings.map((one, i) =>
        found[i] ? JSON.stringify(one[field]) ?? "–" : "no such task"
      );
      if (new Set(values).size > 1) configs.push([`${id}: ${field}`, ...values]);
    }
    const names = new Set(found.flatMap((task) => Object.keys(task?.metrics ?? {})));
    for (const name of [...names].filter((name) => /loss|accuracy|match/.test(name))) {
      const values = found.map((task) => task?.metrics[name] ?? null);
      if (values.every((value) => value === null)) continue;
      const difference = values[0] === null || values[1] === null ? "" : values[1] - values[0];
      metrics.push([`${id}: ${name}`, ...values.map((value) => value ?? ""), difference]);
    }
  }
  const heads = runs.map(({ run }) => run);
  return [
    make("h3", {}, "Settings that differ"),
    configs.length > 0 ? table(["", ...heads], configs) : make("p", {}, "None."),
    make("h3", {}, "Latest values"),
    table(["", ...heads, "run 2 − run 1"], metrics),
  ];
}

/** { a: { b: 1 } } as { "a.b": 1 } */
function flatten(value, prefix = "") {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { [prefix]: value };
  }
  return Object.assign(
    {},
    ...Object.entries(value).map(([name, inner]) =>
      flatten(inner, prefix ? `${prefix}.${name}` : name)
    ),
  );
}
