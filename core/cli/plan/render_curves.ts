/**
 * Curves for a terminal: a line in braille dots, shares as blocks.
 *
 * @module
 */

/** A value along an axis. */
export interface CurvePoint {
  readonly at: number;
  readonly value: number;
}

/** Bits of a braille character's dots, [column][row]. */
const DOTS = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const BLOCKS = " ▁▂▃▄▅▆▇█";

/**
 * A line from 0 to the largest value, `width` × `height` characters of 2 × 4 dots.
 *
 * @param points by `at`, ascending; at least one.
 * @returns lines, the top one first.
 */
export function renderLine(
  points: readonly CurvePoint[],
  { width, height }: { width: number; height: number },
): string[] {
  const [columns, rows] = [2 * width, 4 * height];
  const top = Math.max(...points.map(({ value }) => value));
  const cells = Array.from({ length: height }, () => new Uint8Array(width));
  let before: number | undefined;
  for (let x = 0; x < columns; x++) {
    const value = valueAt(points, columns === 1 ? 0 : x / (columns - 1));
    const y = top > 0 ? Math.round(value / top * (rows - 1)) : 0;
    // Steep parts are filled, so that the line has no gaps.
    const from = before === undefined ? y : Math.min(y, before + Math.sign(y - before));
    const to = before === undefined ? y : Math.max(y, before + Math.sign(y - before));
    for (let dot = from; dot <= to; dot++) {
      cells[height - 1 - (dot >> 2)][x >> 1] |= DOTS[x & 1][3 - (dot & 3)];
    }
    before = y;
  }
  return cells.map((line) =>
    Array.from(line, (bits) => String.fromCharCode(0x2800 + bits)).join("")
  );
}

/** Shares between 0 and 1 as blocks of their height; any share above 0 is visible. */
export function renderShares(points: readonly CurvePoint[], width: number): string {
  return Array.from({ length: width }, (_, x) => {
    const share = valueAt(points, width === 1 ? 0 : x / (width - 1), "step");
    if (share <= 0) return BLOCKS[0];
    return BLOCKS[Math.max(1, Math.min(8, Math.round(8 * share)))];
  }).join("");
}

/** The value at a fraction of the range: interpolated ("line"), or of the point before ("step"). */
function valueAt(points: readonly CurvePoint[], part: number, between = "line"): number {
  const [first, last] = [points[0].at, points[points.length - 1].at];
  const at = first + part * (last - first);
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle].at <= at) low = middle;
    else high = middle - 1;
  }
  const [a, b] = [points[low], points[low + 1]];
  if (!b || between === "step") return a.value;
  return a.value + (b.value - a.value) * (at - a.at) / (b.at - a.at);
}
