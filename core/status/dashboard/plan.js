// The plan as a graph in columns from left to right: each task is to the right of those that it waits for.
import { makeSvg, SIGNS } from "./dom.js";

const WIDTH = 168, HEIGHT = 46, GAP_X = 44, GAP_Y = 12, MARGIN = 12;

/** Column and row of each task: the column is the length of the longest path to it, the row the mean row of its predecessors. */
function layout(nodes, edges) {
  const before = new Map(nodes.map(({ task }) => [task, []]));
  for (const { from, to } of edges) before.get(to)?.push(from);
  const column = new Map();
  for (const { task } of nodes) {
    // Tasks are listed after those that they wait for.
    column.set(task, Math.max(-1, ...before.get(task).map((id) => column.get(id) ?? -1)) + 1);
  }
  const columns = [];
  for (const { task } of nodes) (columns[column.get(task)] ??= []).push(task);
  const row = new Map();
  for (const ids of columns) {
    const wanted = (id) => {
      const rows = before.get(id).map((from) => row.get(from) ?? 0);
      return rows.length === 0 ? 0 : rows.reduce((a, b) => a + b) / rows.length;
    };
    const order = ids.map((id, i) => [id, wanted(id), i]).sort((a, b) =>
      a[1] - b[1] || a[2] - b[2]
    );
    order.forEach(([id], i) => row.set(id, i));
  }
  return { column, row, columns };
}

/** Leaves out edges that a longer path implies, which would cross everything in between (transitive reduction). */
function reduced(nodes, edges) {
  const after = new Map(nodes.map(({ task }) => [task, new Set()]));
  for (const { from, to } of edges) after.get(from)?.add(to);
  const reach = new Map();
  for (const { task } of nodes.toReversed()) {
    const found = new Set();
    for (const next of after.get(task)) {
      found.add(next);
      for (const far of reach.get(next) ?? []) found.add(far);
    }
    reach.set(task, found);
  }
  return edges.filter(({ from, to }) =>
    ![...after.get(from) ?? []].some((next) => next !== to && reach.get(next)?.has(to))
  );
}

/** Draws the plan once; `update` then changes only what is different. */
export class PlanGraph {
  #plan;
  #nodes = new Map();
  #edges = [];
  #place;

  /** @param onSelect called with the id of the chosen task. */
  constructor(element, onSelect) {
    this.element = element;
    this.onSelect = onSelect;
    element.addEventListener("keydown", (event) => this.#move(event));
  }

  update(plan, selected) {
    const shape = JSON.stringify([plan.run, plan.nodes.map(({ task }) => task), plan.edges]);
    if (shape !== this.#plan) this.#draw(plan, shape);
    for (const node of plan.nodes) this.#refresh(node, node.task === selected);
    const running = new Set(
      plan.nodes.filter(({ state }) => state === "running").map((n) => n.task),
    );
    for (const { path, to } of this.#edges) {
      path.setAttribute("class", running.has(to) ? "edge lit" : "edge");
    }
  }

  #draw(plan, shape) {
    this.#plan = shape;
    this.#nodes.clear();
    const { column, row, columns } = this.#place = layout(plan.nodes, plan.edges);
    const x = (id) => MARGIN + column.get(id) * (WIDTH + GAP_X);
    const y = (id) => MARGIN + row.get(id) * (HEIGHT + GAP_Y);
    const rows = Math.max(1, ...columns.map((ids) => ids.length));
    const width = 2 * MARGIN + columns.length * (WIDTH + GAP_X) - GAP_X;
    const height = 2 * MARGIN + rows * (HEIGHT + GAP_Y) - GAP_Y;
    this.#edges = reduced(plan.nodes, plan.edges).map(({ from, to }) => {
      const [x1, y1] = [x(from) + WIDTH, y(from) + HEIGHT / 2],
        [x2, y2] = [x(to), y(to) + HEIGHT / 2];
      const middle = x2 - GAP_X / 2;
      const path = makeSvg("path", {
        class: "edge",
        d: `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2},${y2}`,
      });
      return { path, to };
    });
    const nodes = plan.nodes.map(({ task }, i) => this.#node(task, x(task), y(task), i === 0));
    this.element.replaceChildren(makeSvg(
      "svg",
      {
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        role: "group",
        "aria-label": "Plan of the run",
      },
      ...this.#edges.map(({ path }) => path),
      ...nodes,
    ));
  }

  #node(id, x, y, is_first) {
    const parts = {
      done: makeSvg("rect", {
        class: "done",
        x: x + 2,
        y: y + HEIGHT - 6,
        width: 0,
        height: 4,
        rx: 2,
      }),
      name: makeSvg("text", { x: x + 8, y: y + 18 }),
      state: makeSvg("text", { class: "quiet", x: x + 8, y: y + 34 }),
    };
    const group = makeSvg(
      "g",
      {
        class: "node",
        role: "button",
        tabindex: is_first ? 0 : -1,
        "data-task": id,
        onclick: () => this.#select(id),
      },
      makeSvg("title"),
      makeSvg("rect", { class: "box", x, y, width: WIDTH, height: HEIGHT, rx: 6 }),
      parts.done,
      parts.name,
      parts.state,
    );
    this.#nodes.set(id, { group, ...parts });
    return group;
  }

  #refresh(node, is_selected) {
    const { group, done, name, state } = this.#nodes.get(node.task);
    const share = node.total_steps ? Math.min(1, (node.step ?? 0) / node.total_steps) : 0;
    const shown = node.state === "running" ? share : node.state === "finished" ? 1 : 0;
    const percent = node.state === "running" && node.total_steps
      ? ` ${Math.floor(100 * share)}%`
      : "";
    group.setAttribute("class", `node ${node.state}${is_selected ? " selected" : ""}`);
    group.setAttribute("aria-pressed", String(is_selected));
    group.setAttribute(
      "aria-label",
      `${node.task}, stage ${node.stage}, ${node.state}${percent}`,
    );
    group.firstChild.textContent = `${node.task}: ${node.reasons.join(", ")}`;
    done.setAttribute("width", String(shown * (WIDTH - 4)));
    name.textContent = `${SIGNS[node.state]} ${shorten(node.task, 22)}`;
    state.textContent = `${node.stage} · ${node.state}${percent}`;
  }

  #select(id) {
    this.#focusable(id);
    this.onSelect(id);
  }

  /** One node is reached by Tab; arrow keys move to the others. */
  #focusable(id) {
    for (const [other, { group }] of this.#nodes) {
      group.setAttribute("tabindex", other === id ? "0" : "-1");
    }
  }

  #move(event) {
    const id = event.target.dataset?.task;
    if (id === undefined) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return this.#select(id);
    }
    const { column, row, columns } = this.#place;
    const [dx, dy] =
      { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ??
        [0, 0];
    const ids = columns[column.get(id) + dx];
    const next = (dx || dy) && ids?.[Math.max(0, Math.min(ids.length - 1, row.get(id) + dy))];
    // A column's ids are in the order of the plan, its rows are not.
    const at = next &&
      ids.find((other) =>
        row.get(other) === Math.min(ids.length - 1, Math.max(0, row.get(id) + dy))
      );
    if (!at) return;
    event.preventDefault();
    this.#focusable(at);
    this.#nodes.get(at).group.focus();
  }
}

const shorten = (text, length) => text.length > length ? `${text.slice(0, length - 1)}…` : text;
