/**
 * What a row of features is for CKA: every position of a sequence, or the mean over the positions of a text.
 *
 * @module
 */

/** Features, row-major. In float64 they are shifted before anything is rounded to float32. */
export type Rows = Float32Array | Float64Array;

/**
 * One row per text: the mean of its hidden states over its positions, as pooled CKA compares them. Padding does not count.
 *
 * @param states [texts · length, width]; a text has the first of its `length` positions, the others are padding.
 * @param lengths positions of each text, at least 1.
 * @returns [texts, width], summed in float64.
 */
export function meanRows(
  states: Float32Array,
  lengths: readonly number[],
  width: number,
): Float64Array {
  const length = states.length / width / lengths.length;
  const means = new Float64Array(lengths.length * width);
  lengths.forEach((positions, text) => {
    const to = text * width;
    for (let position = 0; position < positions; position++) {
      const from = (text * length + position) * width;
      for (let j = 0; j < width; j++) means[to + j] += states[from + j];
    }
    for (let j = 0; j < width; j++) means[to + j] /= positions;
  });
  return means;
}
