"""Writes tests/fixtures/statistics/golden.json: paired differences, correlations and quantiles by SciPy and NumPy.

Versions used: Python 3.11, scipy==1.17.1, numpy==2.4.6.

    python3 tests/parity/make_statistics_fixtures.py [OUTPUT_FOLDER]
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy import stats

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


main()
