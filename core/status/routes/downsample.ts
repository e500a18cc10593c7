/**
 * Fewer points of a curve that still look like it.
 *
 * @module
 */

/**
 * Chooses points by largest triangle three buckets (Steinarsson, "Downsampling Time Series for Visual Representation",
 * 2013): between the first point and the last, one of each bucket, namely that which spans the largest triangle with
 * the point chosen before it and the mean of the next bucket. The least and the greatest value are always among them,
 * so that no spike is lost. NaN is chosen only where a bucket holds nothing else: a gap stays one.
 *
 * @param xs ascending.
 * @param limit points at most; 0 for all.
 * @returns indices, ascending.
 */
export function downsample(xs: Float64Array, ys: Float64Array, limit: number): Uint32Array {
  const length = xs.length;
  if (limit === 0 || length <= limit) return Uint32Array.from({ length }, (_, i) => i);
  if (limit < 3) return Uint32Array.from(limit === 1 ? [length - 1] : [0, length - 1]);
  const chosen = new Set(extremes(ys).slice(0, limit - 2));
  const triangles = largestTriangles(xs, ys, limit - chosen.size);
  for (const i of triangles) chosen.add(i);
  return Uint32Array.from(chosen).sort();
}

function extremes(ys: Float64Array): number[] {
  let [least, greatest] = [-1, -1];
  for (let i = 0; i < ys.length; i++) {
    if (least < 0 ? !Number.isNaN(ys[i]) : ys[i] < ys[least]) least = i;
    if (greatest < 0 ? !Number.isNaN(ys[i]) : ys[i] > ys[greatest]) greatest = i;
  }
  return least < 0 ? [] : [greatest, least];
}

function largestTriangles(xs: Float64Array, ys: Float64Array, limit: number): Uint32Array {
  const chosen = new Uint32Array(limit);
  const last = xs.length - 1;
  const buckets = limit - 2;
  // Bucket b holds the points from start(b) to start(b + 1), the last point being a bucket of its own.
  const start = (b: number) => b < buckets ? 1 + Math.floor(b * (last - 1) / buckets) : last;
  let [before_x, before_y] = [xs[0], ys[0]];
  for (let b = 0; b < buckets; b++) {
    const [from, to] = [start(b), start(b + 1)];
    const next = meanPoint(xs, ys, to, b + 1 < buckets ? start(b + 2) : last + 1);
    let [best, best_area] = [from, -1];
    for (let i = from; i < to; i++) {
      // Twice the area of the triangle (before, i, next); NaN is never greater.
      const area = Math.abs(
        (before_x - next.x) * (ys[i] - before_y) - (before_x - xs[i]) * (next.y - before_y),
      );
      if (area > best_area) [best, best_area] = [i, area];
      else if (Number.isNaN(ys[best]) && !Number.isNaN(ys[i])) best = i;
    }
    chosen[b + 1] = best;
    if (!Number.isNaN(ys[best])) [before_x, before_y] = [xs[best], ys[best]];
  }
  chosen[limit - 1] = last;
  return chosen;
}

/** The mean of the points that have a value; NaN where none has. */
function meanPoint(xs: Float64Array, ys: Float64Array, from: number, to: number) {
  let [x, y, count] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    if (Number.isNaN(ys[i])) continue;
    x += xs[i];
    y += ys[i];
    count++;
  }
  return { x: x / count, y: y / count };
}
