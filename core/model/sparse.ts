/**
 * Sparse updates of tables, with the same bits every time.
 *
 * @module
 */
import {
  concat,
  div,
  equal,
  gemm,
  reshape,
  scatterAdd,
  split,
  sum,
  transpose,
  type Value,
} from "../graph/mod.ts";

/** Most bytes of a block of the matrix that tells which ids are equal. */
const BLOCK_BYTES = 64 << 20;

/**
 * The matrix `base` with row i of `updates` added to its row (axis 1: column) ids_i.
 *
 * A device adds slices of equal ids in whatever order its threads come, and float sums depend on the order. So each
 * update is first replaced by the mean over all updates of its id,
 *
 *     updates' = S updates,  S_ij = [ids_i = ids_j] / Σ_k [ids_i = ids_k],
 *
 * after which equal ids add equal numbers, and no order can be told from another.
 *
 * @param base [V, D], with axis 1 [D, V].
 * @param ids int32 [N].
 * @param updates float32 [N, D].
 */
export function addSlices(base: Value, ids: Value, updates: Value, axis: 0 | 1): Value {
  const [positions] = ids.shape;
  const row = reshape(ids, [1, positions]);
  const blocks = blockCount(positions);
  const means = (blocks === 1 ? [ids] : split(ids, 0, blocks)).map((some) => {
    const same = equal(reshape(some, [positions / blocks, 1]), row);
    return gemm(div(same, sum(same, { axes: [1], keep_dims: true })), updates);
  });
  const slices = blocks === 1 ? means[0] : concat(means, 0);
  return scatterAdd(base, ids, axis === 0 ? slices : transpose(slices, [1, 0]), axis);
}

/** The smallest divisor of `positions` that keeps a block [positions / n, positions] within bounds. */
function blockCount(positions: number): number {
  let blocks = Math.max(1, Math.ceil(4 * positions ** 2 / BLOCK_BYTES));
  while (positions % blocks !== 0) blocks++;
  return blocks;
}
