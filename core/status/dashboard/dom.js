// Helpers for elements and numbers.

const SVG = "http://www.w3.org/2000/svg";

/** Creates an element: attributes by name, listeners as "on…", children as nodes or text. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return element;
}

export const find = (id) => document.getElementById(id);

/** Replaces the content of an element if its key has changed; otherwise focus and selection are kept. */
export function show(element, key, build) {
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...[build()].flat());
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const SIGNS = { finished: "✓", running: "▶", waiting: "○", skipped: "–", failed: "✗" };

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "unknown";
  const whole = Math.round(seconds), h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
  const two = (value) => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return size >= 0.01 ? value.toFixed(3) : value.toExponential(2);
}

export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) [value, at] = [value / 1000, at + 1];
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`;
}

/** Rows of cells; numbers are aligned to the right. */
export function table(head, rows, attributes = {}) {
  const cell = (value) =>
    value instanceof Node ? make("td", {}, value) : make(
      "td",
      { class: typeof value === "number" && "number" },
      typeof value === "number" ? number(value) : value,
    );
  return make(
    "table",
    attributes,
    make("thead", {}, make("tr", {}, head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, rows.map((row) => make("tr", {}, row.map(cell)))),
  );
}
