import assert from "node:assert/strict";
import { agreement, comparedRows } from "./agreement.ts";

const CSV = (scale: number, shift: number) =>
  [
    "arm,target,source,reference,loss_after,difference",
    ...[["control", 2, ""], ["code", 1.5, -0.5], ["math", 2.25, 0.25], ["flan", 2, 0]].map(
      ([arm, loss, difference]) =>
        `${arm},pycode,pycode,control,${Number(loss) + shift},${
          difference === "" ? "" : Number(difference) * scale
        }`,
    ),
  ].join("\n");

Deno.test("two studies agree as far as the losses and differences of the arms that both have", () => {
  const [cosines, decays] = [comparedRows(CSV(1, 0)), comparedRows(CSV(0.5, 0.1))];
  assert.equal(cosines[0].difference, null);
  const { rows, loss_difference, r, gap, same_sign, differences } = agreement(decays, cosines);
  assert.deepEqual([rows, differences, same_sign], [4, 3, 3]);
  assert.ok(Math.abs(loss_difference - 0.1) < 1e-12);
  assert.ok(Math.abs(r! - 1) < 1e-12); // half as large, in the same order
  assert.ok(Math.abs(gap - (0.25 + 0.125) / 3) < 1e-12);
  assert.equal(agreement(decays.slice(0, 2), cosines).rows, 2);
  assert.throws(() => agreement(decays, []), /no arm in common/);
});
