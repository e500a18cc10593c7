import assert from "node:assert/strict";
import { renderLine, renderShares } from "./render_plan.ts";

const points = (...values: number[]) => values.map((value, at) => ({ at, value }));

Deno.test("a line runs from the lower left to the upper right without a hole", () => {
  assert.deepEqual(renderLine(points(0, 1), { width: 2, height: 1 }), ["⡠⠊"]);
  const lines = renderLine(points(0, 7), { width: 4, height: 2 });
  assert.deepEqual(lines, ["⠀⠀⡠⠊", "⡠⠊⠀⠀"]);
});

Deno.test("a drop between two columns is drawn without a gap", () => {
  const [top, bottom] = renderLine(
    [{ at: 0, value: 1 }, { at: 1, value: 1 }, { at: 1.01, value: 0 }, { at: 2, value: 0 }],
    { width: 2, height: 2 },
  );
  const dots = [...top, ...bottom].reduce((sum, c) => {
    return sum + c.charCodeAt(0).toString(2).slice(6).replaceAll("0", "").length;
  }, 0);
  assert.ok(dots >= 4 + 6, `${top}\n${bottom}`); // four columns, and the six rows between
});

Deno.test("a curve of zeros, and of one point, is a line at the bottom or top", () => {
  assert.deepEqual(renderLine(points(0, 0, 0), { width: 2, height: 2 }), ["⠀⠀", "⣀⣀"]);
  assert.deepEqual(renderLine(points(5), { width: 2, height: 1 }), ["⠉⠉"]);
});

Deno.test("shares have the height of their part, stay until the next point, and never vanish", () => {
  assert.equal(renderShares(points(0, 1, 0.5, 0.01, 0), 5), " █▄▁ ");
  assert.equal(renderShares([{ at: 0, value: 0.25 }, { at: 4, value: 1 }], 5), "▂▂▂▂█");
  assert.equal(renderShares(points(1), 3), "███");
});
