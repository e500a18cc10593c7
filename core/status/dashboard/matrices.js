// Tables that are shown as matrices: similarity, CKA, losses.
import { getJson, pathOf } from "./api.js";
import { make, table } from "./dom.js";

const MAX_ROWS = 10000;

/** Colours a cell by a value from 0 to 1: the higher, the darker; the text is white above 0.5. */
function shade(cell, value) {
  const share = Math.max(0, Math.min(1, value));
  cell.style.background = `rgb(${Math.round(247 - 216 * share)} ${Math.round(251 - 170 * share)} ${
    Math.round(255 - 100 * share)
  })`;
  cell.style.color = share > 0.5 ? "#ffffff" : "#111111";
}

/**
 * A matrix as a table with coloured cells.
 *
 * @param value function of row and column; undefined if there is no value.
 */
function heatMap(caption, rows, columns, value, range = [0, 1]) {
  const [low, high] = range;
  const cell = (row, column) => {
    const found = value(row, column);
    if (found === undefined || found === null) return make("td", {}, "");
    const td = make("td", { title: `${row} × ${column}: ${found}` }, found.toFixed(2));
    shade(td, high > low ? (found - low) / (high - low) : 1);
    return td;
  };
  return make(
    "div",
    { class: "scroll" },
    make(
      "table",
      { class: "heat" },
      make("caption", {}, caption),
      make(
        "thead",
        {},
        make("tr", {}, make("td"), columns.map((name) => make("th", { scope: "col" }, name))),
      ),
      make(
        "tbody",
        {},
        rows.map((row) =>
          make(
            "tr",
            {},
            make("th", { scope: "row" }, row),
            columns.map((column) => cell(row, column)),
          )
        ),
      ),
    ),
  );
}

const distinct = (values) => [...new Set(values)];

function similarityMap(task, rows) {
  const names = distinct(rows.flatMap(({ a, b }) => [a, b]));
  const found = new Map(
    rows.flatMap((
      { a, b, similarity },
    ) => [[`${a}\n${b}`, similarity], [`${b}\n${a}`, similarity]]),
  );
  const values = rows.filter(({ a, b }) => a !== b).map(({ similarity }) => similarity);
  const range = [Math.min(...values), Math.max(...values)];
  return heatMap(
    `Similarity of the data (${task})`,
    names,
    names,
    (a, b) => found.get(`${a}\n${b}`),
    range,
  );
}

/** CKA of two models on a probe, with a list to choose them. */
function ckaMap(task, rows) {
  const pairs = distinct(
    rows.map(({ probe, model_a, model_b }) => `${model_a} × ${model_b} on ${probe}`),
  );
  const place = make("div");
  const draw = (pair) => {
    const own = rows.filter(({ probe, model_a, model_b }) =>
      `${model_a} × ${model_b} on ${probe}` === pair
    );
    const found = new Map(own.map(({ layer_a, layer_b, cka }) => [`${layer_a} ${layer_b}`, cka]));
    const layers = (side) =>
      distinct(own.map((row) => row[side])).sort((a, b) => a - b).map(String);
    place.replaceChildren(
      heatMap(
        `CKA of layers (${task}): ${pair}`,
        layers("layer_a"),
        layers("layer_b"),
        (a, b) => found.get(`${a} ${b}`),
      ),
    );
  };
  const choice = make(
    "select",
    { onchange: () => draw(choice.value), "aria-label": "Models and probe" },
    pairs.map((pair) => make("option", {}, pair)),
  );
  // A comparison of two models says more than that of a model with itself.
  choice.value = pairs.find((pair) => new Set(pair.split(" on ")[0].split(" × ")).size > 1) ??
    pairs[0];
  draw(choice.value);
  return make("div", {}, choice, place);
}

function lossTable(task, rows) {
  const models = distinct(rows.map(({ model }) => model)),
    sources = distinct(rows.map(({ source }) => source));
  const found = new Map(rows.map(({ model, source, loss }) => [`${model}\n${source}`, loss]));
  const body = models.map((
    model,
  ) => [model, ...sources.map((source) => found.get(`${model}\n${source}`) ?? "")]);
  return make(
    "div",
    { class: "scroll" },
    make("h3", {}, `Held-out loss, nats per token (${task})`),
    table(["model", ...sources], body),
  );
}

/** How tables with these columns are shown. */
const KINDS = [
  { output: "similarity", columns: ["a", "b", "similarity"], show: similarityMap },
  {
    output: "cka",
    columns: ["probe", "model_a", "model_b", "layer_a", "layer_b", "cka"],
    show: ckaMap,
  },
  { output: "evaluation", columns: ["model", "source", "loss"], show: lossTable },
];

/** The artifacts that are shown as matrices. */
export function matricesOf(artifacts) {
  return artifacts.flatMap((artifact) => {
    const columns = artifact.port?.columns ? Object.keys(artifact.port.columns) : [];
    // Old logs have no columns; there the outputs are recognized by the names that the built-in stages give them.
    const kind = KINDS.find((kind) =>
      artifact.port
        ? kind.columns.every((name) => columns.includes(name))
        : kind.output === artifact.output
    );
    return kind ? [{ ...artifact, kind }] : [];
  });
}

/** Fetches and draws them. */
export async function drawMatrices(matrices) {
  const drawn = [];
  for (const { url, task, kind } of matrices) {
    const { columns, rows } = await getJson(
      pathOf(url, { limit: MAX_ROWS, columns: kind.columns.join(",") }),
    );
    const names = columns.map(({ name }) => name);
    const objects = rows.map((row) => Object.fromEntries(row.map((value, i) => [names[i], value])));
    if (objects.length > 0) drawn.push(make("div", { class: "card" }, kind.show(task, objects)));
  }
  return drawn;
}
