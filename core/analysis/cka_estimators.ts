/**
 * The two estimators of CKA, from sums over rows.
 *
 * @module
 */

/** "biased" is the plain estimator of Kornblith et al. 2019, "unbiased" that of Nguyen et al. 2021. */
export type CkaEstimator = "biased" | "unbiased";

/** Sums over rows of the columns of X [rows, widthX] and Y [rows, widthY]. */
export interface Moments {
  readonly rows: number;
  /** [widthX] Σ x */
  readonly x: Float64Array;
  /** [widthY] Σ y */
  readonly y: Float64Array;
  /** [widthX, widthY] XᵀY */
  readonly product: Float64Array;
}

interface EstimatorRules {
  /** Fewest rows that it is defined for. */
  readonly fewest_rows: number;
  /** Whether each row x is followed by a column of ‖x‖². */
  readonly with_norms: boolean;
  /** HSIC(X, Y), the covariance of the kernels, but for a factor that depends on the rows alone. */
  hsic(moments: Moments): number;
}

export const ESTIMATORS: Readonly<Record<CkaEstimator, EstimatorRules>> = {
  biased: { fewest_rows: 2, with_norms: false, hsic: biasedHsic },
  unbiased: { fewest_rows: 4, with_norms: true, hsic: unbiasedHsic },
};

/** HSIC(X, Y) / √(HSIC(X, X) HSIC(Y, Y)), where a representation without variance is like nothing, itself included. */
export function align(hsic: number, own_x: number, own_y: number): number {
  return own_x <= 0 || own_y <= 0 ? 0 : hsic / Math.sqrt(own_x * own_y);
}

/**
 * (n - 1)² HSIC₀ = ‖Xcᵀ Yc‖²_F, with columns centred over all rows: Xcᵀ Yc = XᵀY - (Σ x)(Σ y)ᵀ / n.
 */
function biasedHsic({ rows, x, y, product }: Moments): number {
  let squares = 0;
  for (let i = 0, at = 0; i < x.length; i++) {
    const mean = x[i] / rows;
    for (let j = 0; j < y.length; j++, at++) squares += (product[at] - mean * y[j]) ** 2;
  }
  return squares;
}

/**
 * n (n - 3) HSIC₁ of Song, Smola, Gretton, Bedo and Borgwardt, "Feature Selection via Dependence Maximization", JMLR
 * 2012, for K = XXᵀ and L = YYᵀ, where ~ takes the diagonal away and 1 is the vector of ones:
 *
 *     tr(K~ L~) + (1ᵀK~1)(1ᵀL~1) / ((n - 1)(n - 2)) - 2 / (n - 2) · 1ᵀK~L~1
 *
 * It is the same for shifted rows, so let columns be centred. Then K1 = L1 = 0, and with kᵢ = ‖xᵢ‖², lᵢ = ‖yᵢ‖²
 *
 *     tr(K~ L~) = ‖XᵀY‖²_F - Σ kᵢlᵢ,   1ᵀK~1 = -Σ kᵢ,   1ᵀL~1 = -Σ lᵢ,   1ᵀK~L~1 = Σ kᵢlᵢ
 *     n (n - 3) HSIC₁ = ‖XᵀY‖²_F - n / (n - 2) · Σ kᵢlᵢ + Σ kᵢ Σ lᵢ / ((n - 1)(n - 2))
 *
 * which needs no n x n matrix. The last column of X is k, and of Y is l, of rows that are not centred yet.
 */
function unbiasedHsic({ rows: n, x, y, product }: Moments): number {
  const a = centringOf(n, x), b = centringOf(n, y);
  const last_x = x.length - 1, last_y = y.length - 1;
  let squares = 0, norms = 0;
  for (let i = 0, at = 0; i <= last_x; i++) {
    const mean = x[i] / n;
    for (let j = 0; j <= last_y; j++, at++) {
      if (i < last_x && j < last_y) squares += (product[at] - mean * y[j]) ** 2;
      norms += a.weights[i] * b.weights[j] * product[at];
    }
  }
  // Σ (w·x + ‖m‖²)(v·y + ‖p‖²), where Σ w·x = Σ k - n ‖m‖²
  norms += b.square * a.norms + a.square * b.norms - n * a.square * b.square;
  return squares - n / (n - 2) * norms + a.norms * b.norms / ((n - 1) * (n - 2));
}

/**
 * What centring does to the norms of rows: ‖x - m‖² = ‖x‖² - 2 m·x + ‖m‖², with m the mean, is a weighted sum of a row's
 * columns, of which ‖x‖² is the last, and a constant.
 */
function centringOf(rows: number, sums: Float64Array) {
  const last = sums.length - 1;
  const weights = sums.map((sum, i) => i === last ? 1 : -2 * sum / rows);
  let square = 0;
  for (let i = 0; i < last; i++) square += (sums[i] / rows) ** 2;
  /** `square` is ‖m‖², `norms` the sum of the norms of centred rows, Σ ‖x‖² - n ‖m‖². */
  return { weights, square, norms: sums[last] - rows * square };
}
