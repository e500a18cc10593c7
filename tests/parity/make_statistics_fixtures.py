"""Writes tests/fixtures/statistics: paired differences, correlations and quantiles (golden.json), nested replication and
standard errors over clusters (nested.json), the t distributions and power (power.json), by SciPy and NumPy.

Versions used: Python 3.11, scipy==1.17.1, numpy==2.4.6.

    python3 tests/parity/make_statistics_fixtures.py [OUTPUT_FOLDER]
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy import optimize, stats

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "statistics"


def paired(x, y, confidence):
    """Mean of x - y with interval and p."""
    test = stats.ttest_rel(x, y)
    interval = test.confidence_interval(confidence)
    return {"difference": float(np.mean(x - y)), "p": float(test.pvalue),
            "ci_low": float(interval.low), "ci_high": float(interval.high)}


def correlation(x, y, confidence):
    test = stats.pearsonr(x, y)
    interval = test.confidence_interval(confidence)
    return {"r": float(test.statistic), "p": float(test.pvalue),
            "ci_low": float(interval.low), "ci_high": float(interval.high)}


def prediction(x, y, confidence, place):
    """The line through the points at `place`, with a prediction interval, from its matrix form."""
    matrix = np.column_stack([np.ones_like(x), x])
    coefficients, *_ = np.linalg.lstsq(matrix, y)
    residual = y - matrix @ coefficients
    row = np.array([1, place])
    spread = np.sqrt(residual @ residual / (len(x) - 2) * (1 + row @ np.linalg.inv(matrix.T @ matrix) @ row))
    value = float(row @ coefficients)
    low, high = stats.t.interval(confidence, len(x) - 2, value, spread)
    return {"place": place, "value": value, "ci_low": float(low), "ci_high": float(high)}


def components(trunks):
    """Variance components of a one-way random-effects analysis of variance, from the sums of squares."""
    k, sizes = len(trunks), np.array([len(trunk) for trunk in trunks])
    values, n = np.concatenate(trunks), sizes.sum()
    means = np.array([np.mean(trunk) for trunk in trunks])
    within = sum(np.sum((trunk - mean) ** 2) for trunk, mean in zip(trunks, means)) / (n - k)
    if k == 1:
        return {"sd_trunks": None, "sd_seeds": float(np.sqrt(within)), "floored": False}
    between = np.sum(sizes * (means - values.mean()) ** 2) / (k - 1)
    assert np.isclose(between / within, stats.f_oneway(*trunks).statistic, rtol=1e-10)
    variance = (between - within) / ((n - np.sum(sizes ** 2) / n) / (k - 1))
    return {"sd_trunks": float(np.sqrt(max(0, variance))), "sd_seeds": float(np.sqrt(within)),
            "floored": bool(variance < 0)}


def nested_case(name, rng, sizes, sd_trunks, sd_seeds):
    """Losses of an arm and its reference by trunk and seed, and their paired difference."""
    own, other = [], []
    for size in sizes:
        trunk, reference = rng.normal(scale=sd_trunks, size=2)
        shared = rng.normal(scale=sd_seeds, size=size)
        own.append(np.round(2.5 + trunk + shared + rng.normal(scale=sd_seeds, size=size), 6))
        other.append(np.round(2.6 + reference + shared + rng.normal(scale=sd_seeds, size=size), 6))
    over_trunks = len(sizes) > 1
    x, y = ([np.array([np.mean(trunk) for trunk in side]) if over_trunks else side[0] for side in (own, other)])
    return {"name": name, "own": [trunk.tolist() for trunk in own], "other": [trunk.tolist() for trunk in other],
            "components": components(own), "df": len(x) - 1, "error": float(stats.sem(x - y)),
            "relative_improvement": float(np.mean(y - x) / np.mean(y)), **paired(x, y, 0.95)}


def cluster_case(name, rng, documents):
    """Losses summed over the tokens of documents; the standard error of their ratio from matrix form."""
    tokens = rng.geometric(1 / 60, size=documents) + 1
    sums = np.round(tokens * (0.02 + rng.normal(scale=0.1, size=documents)), 6)
    residual = sums - tokens * sums.sum() / tokens.sum()
    error = np.sqrt(documents * np.var(residual, ddof=1)) / tokens.sum()
    return {"name": name, "sums": sums.tolist(), "tokens": tokens.tolist(), "error": float(error)}


def power(effect, degrees, alpha):
    critical = stats.t.isf(alpha / 2, degrees)
    # SciPy has NaN for some probabilities of the far side, which are 0 to many digits.
    far = np.nan_to_num(stats.nct.cdf(-critical, degrees, effect))
    return stats.nct.sf(critical, degrees, effect) + far


def nested():
    rng = np.random.default_rng(1)
    cases = [nested_case(*case) for case in [
        ("three_trunks", rng, [3, 3, 3], 0.03, 0.005), ("unbalanced", rng, [3, 1, 2, 5], 0.03, 0.02),
        ("negative", rng, [4, 4], 0, 0.05), ("one_trunk", rng, [5], 0.03, 0.005),
    ]]
    assert any(case["components"]["floored"] for case in cases)
    return {"cases": cases, "clusters": [cluster_case("few", rng, 3), cluster_case("many", rng, 200)]}


def powers():
    # Where SciPy has NaN (the far side of large noncentralities) there is nothing to compare with.
    degrees = [1, 1.3, 2, 3.7, 8, 30, 400.5]
    return {
        "quantiles": [{"p": p, "df": df, "t": float(stats.t.ppf(p, df))}
                      for df in degrees for p in [0.001, 0.3, 0.6, 0.975, 0.99999]],
        "noncentral": [{"t": t, "df": df, "delta": delta, "p": float(stats.nct.cdf(t, df, delta))}
                       for df in degrees for delta in [-1.5, 0, 0.7, 4, 17] for t in [-2.5, 0, 1, 3, 13]
                       if np.isfinite(stats.nct.cdf(t, df, delta))],
        "detectable": [{"df": df, "alpha": alpha, "power": wanted, "effect": float(
            optimize.brentq(lambda effect: power(effect, df, alpha) - wanted, 0.1, 1.7 * stats.t.isf(alpha / 2, df) + 2, xtol=1e-13))}
                       for df in degrees for alpha, wanted in [(0.05, 0.8), (0.01, 0.9)]],
    }


def rows(values):
    """One line for each."""
    return ",\n".join(map(json.dumps, values))


def main():
    rng = np.random.default_rng(0)
    cases = []
    for name, n, slope, noise, confidence in [
        ("two", 2, 0.5, 0.1, 0.95), ("three", 3, 0.5, 0.3, 0.95), ("five_seeds", 5, 1, 0.02, 0.95),
        ("five_at_99", 5, -1, 0.5, 0.99), ("twenty", 20, 0.8, 1, 0.95), ("strong", 40, 2, 0.01, 0.9),
        ("none", 100, 0, 1, 0.95),
    ]:
        x = np.round(rng.normal(size=n), 6)
        y = np.round(slope * x + noise * rng.normal(size=n) + 0.05, 6)
        rounded = np.round(x, 0)
        case = {"name": name, "confidence": confidence, "x": x.tolist(), "y": y.tolist(),
                "sd": float(np.std(x, ddof=1)), "paired": paired(x, y, confidence),
                "quantiles": np.quantile(x, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()}
        if n >= 3:
            case["pearson"] = correlation(x, y, confidence)
            case["prediction"] = prediction(x, y, confidence, 0.7)
            # Rounded, so that there are ties.
            if len(set(rounded)) > 1:
                spearman = stats.spearmanr(rounded, y)
                case["spearman"] = {"r": float(spearman.statistic), "p": float(spearman.pvalue)}
        cases.append(case)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "golden.json").write_text(json.dumps(cases, indent=1) + "\n")
    for name, content in [("nested", nested()), ("power", powers())]:
        lists = (f"{json.dumps(key)}: [\n{rows(values)}\n]" for key, values in content.items())
        (folder / f"{name}.json").write_text("{" + ",\n".join(lists) + "}\n")


main()
