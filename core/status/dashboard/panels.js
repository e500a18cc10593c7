// The parts of the page that are lists and texts.
import { download } from "./api.js";
import { bytes, duration, make, number, SIGNS, table } from "./dom.js";

const CSV = "text/csv", ARROW = "application/vnd.apache.arrow.file";

/** What there is to know of one step. */
export function stepPanel(step) {
  const lines = [
    ["stage", step.stage],
    ["state", `${SIGNS[step.state]} ${step.state}`],
    ["why", step.reasons.join("; ")],
    ...(step.job
      ? [[
        "job",
        [step.job.launcher, step.job.id, step.job.detail, step.job.node]
          .filter(Boolean).join(" "),
      ]]
      : []),
    ["waits for", step.after.join(", ") || "nothing"],
    [
      "took",
      step.started_at && step.ended_at
        ? duration((Date.parse(step.ended_at) - Date.parse(step.started_at)) / 1000)
        : "–",
    ],
    ["took last time", step.past_seconds === null ? "–" : duration(step.past_seconds)],
    ["seed", step.seed ?? "–"],
    [
      "newest values",
      Object.entries(step.metrics).map(([name, value]) => `${name} ${number(value)}`).join(", ") ||
      "–",
    ],
  ];
  return [
    make("h3", {}, step.task),
    table(["", ""], lines.map(([name, value]) => [name, String(value)])),
    ...(step.config
      ? [
        make(
          "details",
          {},
          make("summary", {}, "Config"),
          make("pre", {}, JSON.stringify(step.config, null, 2)),
        ),
      ]
      : []),
  ];
}

/** The plan as a table, for those who would rather read. */
export function planTable(nodes) {
  return table(
    ["step", "stage", "state", "progress", "time left", "why"],
    nodes.map(({ task, stage, state, step, total_steps, time_left_s, reasons }) => [
      task,
      stage,
      `${SIGNS[state]} ${state}`,
      step === null
        ? ""
        : `${number(step)}${total_steps === null ? "" : ` of ${number(total_steps)}`}`,
      time_left_s === null ? "" : duration(time_left_s),
      reasons.join("; "),
    ]),
  );
}

/** Samples by prompt, with a slider over training. */
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
      make("label", { for: `sample-${i}` }, "Through training "),
      slider,
      " ",
      where,
      text,
    );
  });
}

/** Tables and files that steps have made. */
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
      : [make("a", { href: url }, "files"), ...(files ?? []).flatMap(fileLink)];
    return [task, output, kind, rows, bytes(size), make("span", {}, ...links)];
  });
  return table(["step", "output", "kind", "rows or files", "size", ""], rows);
}

/** A page or a picture among the files. */
function fileLink({ name, url }) {
  return /\.(html|svg|png|txt|md)$/.test(name)
    ? [" ", make("a", { href: url, target: "_blank", rel: "noopener" }, name)]
    : [];
}

/** Runs side by side: what differs in their configs, and what they measured last. */
export function comparison(runs) {
  const ids = [...new Set(runs.flatMap(({ steps }) => steps.map(({ task }) => task)))];
  const of = (run, id) => run.steps.find(({ task }) => task === id);
  const configs = [], metrics = [];
  for (const id of ids) {
    const steps = runs.map((run) => of(run, id));
    const fields = [...new Set(steps.flatMap((step) => Object.keys(flatten(step?.config ?? {}))))];
    for (const field of fields) {
      const values = steps.map((step) =>
        step ? JSON.stringify(flatten(step.config ?? {})[field]) ?? "–" : "no such step"
      );
      if (new Set(values).size > 1) configs.push([`${id}: ${field}`, ...values]);
    }
    const names = [...new Set(steps.flatMap((step) => Object.keys(step?.metrics ?? {})))].filter((
      name,
    ) => /loss|accuracy|match/.test(name));
    for (const name of names) {
      const values = steps.map((step) => step?.metrics[name] ?? null);
      if (values.every((value) => value === null)) continue;
      const difference = values[0] === null || values[1] === null ? "" : values[1] - values[0];
      metrics.push([`${id}: ${name}`, ...values.map((value) => value ?? ""), difference]);
    }
  }
  const heads = runs.map(({ run }) => run);
  return [
    make("h3", {}, "Settings that differ"),
    configs.length > 0 ? table(["", ...heads], configs) : make("p", {}, "None."),
    make("h3", {}, "Last values"),
    table(["", ...heads, "second less first"], metrics),
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
