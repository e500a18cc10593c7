// Line charts over steps, with uPlot.
import uPlot from "/dashboard/vendor/uPlot.esm.js";
import { make, number } from "./dom.js";

// Colours that colour-blind people can distinguish (Okabe and Ito), in both themes; dashes distinguish repeated ones.
const COLOURS = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#8a6d00",
  "#56b4e9",
  "#e69f00",
  "#777777",
];
const DASHES = [[], [6, 4], [2, 3]];
const HEIGHT = 220;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Puts lines on one axis, with null where a line has no point. */
function join(lines) {
  const xs = [...new Set(lines.flatMap(({ x }) => x))].sort((a, b) => a - b);
  const at = new Map(xs.map((x, i) => [x, i]));
  const columns = lines.map(({ x, y }) => {
    const column = new Array(xs.length).fill(null);
    x.forEach((value, i) => column[at.get(value)] = y[i]);
    return column;
  });
  return [xs, ...columns];
}

/** One chart; `update` redraws it, and keeps the zoom and the hidden lines. */
export class Chart {
  #plot;
  #shape;
  #zoom;
  #hidden = new Set();
  #last;

  /**
   * @param options.zoom range of steps that is shown at first.
   * @param options.onZoom called with the new range.
   * @param options.stacked whether lines are shares, stacked on top of each other.
   */
  constructor(title, { zoom, onZoom, stacked = false } = {}) {
    this.#zoom = zoom;
    this.onZoom = onZoom ?? (() => {});
    this.stacked = stacked;
    this.title = title;
    this.heading = make("h3", {}, title);
    this.body = make("div", { class: "chart", role: "img" });
    this.element = make("div", { class: "card" }, this.heading, this.body);
    new ResizeObserver(() => this.#plot?.setSize({ width: this.#width(), height: HEIGHT })).observe(
      this.body,
    );
  }

  /** @param lines [{ label, x, y }], x ascending; a log scale leaves out values that are not positive. */
  update(lines, { logarithmic = false } = {}) {
    this.#last = [lines, { logarithmic }];
    const positive = logarithmic && !this.stacked;
    const shown = this.stacked ? stack(lines) : lines;
    const data = join(shown.map(({ x, y, ...rest }) => {
      return { ...rest, x, y: y.map((value) => positive && !(value > 0) ? null : value) };
    }));
    const shape = JSON.stringify([
      shown.map(({ label }) => label),
      positive,
      document.documentElement.dataset.theme,
    ]);
    if (shape !== this.#shape) this.#create(shape, shown, data, positive);
    else this.#plot.setData(data, this.#zoom === undefined);
    const newest = lines.map(({ label, y }) => `${label} ${number(y.at(-1))}`).join("; ");
    this.body.setAttribute("aria-label", `${this.title}, latest values: ${newest || "none yet"}`);
  }

  /** Redraws in the colours of the theme. */
  redraw() {
    if (this.#last) this.update(...this.#last);
  }

  resetZoom() {
    this.#zoom = undefined;
    if (this.#last) {
      this.#shape = undefined;
      this.update(...this.#last);
    }
  }

  #width() {
    return Math.max(200, this.body.clientWidth);
  }

  #create(shape, lines, data, logarithmic) {
    this.#plot?.destroy();
    this.#shape = shape;
    const axis = {
      stroke: css("--quiet"),
      grid: { stroke: css("--line"), width: 0.5 },
      ticks: { stroke: css("--line") },
    };
    const series = lines.map(({ label }, i) => {
      const colour = COLOURS[i % COLOURS.length];
      const dash = DASHES[Math.floor(i / COLOURS.length) % DASHES.length];
      const fill = this.stacked ? colour : undefined;
      const value = (_, v, __, at) => this.stacked ? this.#share(i, at) : number(v);
      const show = !this.#hidden.has(label);
      return {
        label,
        stroke: colour,
        dash,
        width: 1.5,
        fill,
        spanGaps: true,
        show,
        value,
        points: { show: false },
      };
    });
    const options = {
      width: this.#width(),
      height: HEIGHT,
      scales: {
        x: { time: false },
        y: { distr: logarithmic ? 3 : 1, ...(this.stacked && { range: [0, 1] }) },
      },
      axes: [axis, {
        ...axis,
        size: 60,
        values: (_, ticks) => ticks.map((tick) => tick === null ? "" : number(tick)),
      }],
      series: [{ label: "step", value: (_, x) => number(x) }, ...series],
      cursor: { drag: { x: true, y: false } },
      hooks: {
        setSelect: [(plot) => {
          if (plot.select.width > 0) this.#zoomed(plot);
        }],
        setSeries: [(plot, i) => {
          if (i === null || i === 0) return;
          const { label, show } = plot.series[i];
          if (show) this.#hidden.delete(label);
          else this.#hidden.add(label);
        }],
      },
    };
    this.body.replaceChildren();
    this.#plot = new uPlot(options, data, this.body);
    if (this.#zoom) this.#plot.setScale("x", { min: this.#zoom[0], max: this.#zoom[1] });
  }

  #zoomed(plot) {
    const { left, width } = plot.select;
    this.#zoom = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    this.onZoom(this.#zoom);
  }

  /** The legend of stacked lines shows each share, not the sum. */
  #share(i, at) {
    const line = this.#last?.[0][this.#last[0].length - 1 - i];
    return at === null || at === undefined || !line
      ? "–"
      : `${(100 * (line.y[at] ?? 0)).toFixed(1)}%`;
  }
}

/** Stacks shares: the sum of all is drawn first, behind the others. */
function stack(lines) {
  const result = [];
  let below = lines[0]?.x.map(() => 0) ?? [];
  for (const { label, x, y } of lines) {
    below = y.map((value, i) => value + below[i]);
    result.unshift({ label, x, y: below });
  }
  return result;
}
