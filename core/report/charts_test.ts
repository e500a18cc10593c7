import assert from "node:assert/strict";
import { lowIsDarkMap } from "./heat_map.ts";
import { placeLabels, scatter } from "./scatter.ts";
import { placeEntries, seriesStyles } from "./series.ts";

Deno.test("labels cover neither points nor each other", () => {
  const points = Array.from({ length: 20 }, (_, i) => ({
    x: 300 + 9 * (i % 5),
    y: 200 + 8 * Math.floor(i / 5),
    text: "knowledge_qa",
  }));
  const options = { width: 650, height: 400, font_size: 11, radius: 6 };
  const boxes = placeLabels(points, options).map(({ x, y }) => ({ x, y, width: 12 * 0.62 * 11 }));
  boxes.forEach((a, i) => {
    for (const b of boxes.slice(i + 1)) {
      const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || Math.abs(a.y - b.y) >= 11;
      assert.ok(apart, `${a.x}, ${a.y} and ${b.x}, ${b.y}`);
    }
    for (const { x, y } of points) {
      const covered = x + 6 > a.x && x - 6 < a.x + a.width && Math.abs(y - a.y) < 11;
      assert.ok(!covered, `label at ${a.x}, ${a.y} covers the point ${x}, ${y}`);
    }
  });
});

Deno.test("labels keep clear of larger points", () => {
  const options = { width: 650, height: 400, font_size: 11, radius: 6 };
  const [small, large] = [undefined, 20].map((radius) => {
    return placeLabels([{ x: 100, y: 100, text: "GSM8K", radius }], options)[0].x - 100;
  });
  assert.ok(small > 6 && small < 20 && large > 20, `${small}, ${large}`);
});

Deno.test("a scatter plot draws faded points first, and open ones without fill", () => {
  const at = { series: "a", text: "", x: 1, y: 1 };
  const points = [at, { ...at, faded: true }, { ...at, open: true, area: 400 }];
  const styles = seriesStyles(["a"]);
  const { layer } = scatter({ points, styles, x: "x", y: "y", under: () => [] }) as {
    layer: { mark: { type: string; fill?: string }; data: { values: { area?: number }[] } }[];
  };
  const marks = layer.filter(({ mark }) => mark.type === "point");
  assert.deepEqual(marks.map(({ mark }) => mark.fill), ["#BBBBBB", "white", undefined]);
  assert.deepEqual(marks.map(({ data }) => data.values.map(({ area }) => area)), [[90], [400], [
    90,
  ]]);
});

Deno.test("in a map of losses the lowest is darkest, with white numbers", () => {
  const cells = [{ x: 1, y: 1, value: 2 }, { x: 2, y: 1, value: 3 }];
  const axes = { x: "start", y: "weight", columns: [1, 2], rows: [1] };
  const { data, layer: [colours, numbers] } = lowIsDarkMap(cells, axes);
  assert.deepEqual(data.values.map(({ text }) => text), ["2.000", "3.000"]);
  const { scale } = (colours.encoding as unknown as { color: { scale: object } }).color;
  assert.deepEqual(scale, { domain: [2, 3], range: ["#0072B2", "#F7F7F7"] });
  assert.match(JSON.stringify(numbers.encoding), /datum\.value < 2\.3/);
});

Deno.test("a dozen series differ in colour, shape or dash", () => {
  const styles = seriesStyles(Array.from({ length: 12 }, (_, i) => `${i}`));
  const looks = new Set(styles.map(({ colour, shape, dash }) => `${colour} ${shape} ${dash}`));
  assert.equal(looks.size, 12);
});

Deno.test("the key of a figure wraps where it would be too wide", () => {
  const styles = seriesStyles(["one", "another that is long", "third"]);
  assert.deepEqual(placeEntries(styles, 12, 1000).map(({ row }) => row), [0, 0, 0]);
  const narrow = placeEntries(styles, 12, 230);
  assert.deepEqual(narrow.map(({ row, x }) => [row, x > 0]), [[0, false], [1, false], [2, false]]);
});
