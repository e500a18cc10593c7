import assert from "node:assert/strict";
import { placeLabels } from "./scatter.ts";
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
