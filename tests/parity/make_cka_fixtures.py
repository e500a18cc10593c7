"""Writes tests/fixtures/cka/*.json: features of two models and their linear CKA by NumPy in float64.

Both estimators use n x n Gram matrices, independent of the feature-space forms in the code: the biased one as in
Kornblith et al. 2019, the unbiased one as in Song et al. 2012 (HSIC_1) and Nguyen et al. 2021. Intervals are from the
jackknife over groups. golden.json has more rows than features, few_rows.json fewer. pooled.json has hidden states of
texts of several lengths: one row per text is their mean over its positions, or over the padding too.
Versions used: numpy==2.4.6, scipy==1.17.1.

    python3 tests/parity/make_cka_fixtures.py [OUTPUT_FOLDER]
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy import stats

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "cka"


def biased_hsic(k, l):
    centre = np.eye(len(k)) - 1 / len(k)
    return ((centre @ k @ centre) * (centre @ l @ centre)).sum() / (len(k) - 1) ** 2


def unbiased_hsic(k, l):
    n, one = len(k), np.ones(len(k))
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    inner = np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)
    return inner / (n * (n - 3))


HSIC = {"biased": biased_hsic, "unbiased": unbiased_hsic}


def linear_cka(x, y, estimator):
    hsic, k, l = HSIC[estimator], x @ x.T, y @ y.T
    return float(hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l)))


def jackknife(x, y, groups, estimator):
    """95% interval; row i belongs to group i mod groups."""
    group = np.arange(len(x)) % groups
    deleted = np.array([linear_cka(x[group != g], y[group != g], estimator) for g in range(groups)])
    error = np.sqrt((groups - 1) / groups * ((deleted - deleted.mean()) ** 2).sum())
    half, value = stats.t.ppf(0.975, groups - 1) * error, linear_cka(x, y, estimator)
    return [float(value - half), float(value + half)]


def make_golden(rng, rows, widths, groups):
    common = rng.normal(size=(rows, 4))

    def layer(width, share):
        mixed = share * common @ rng.normal(size=(4, width)) + rng.normal(size=(rows, width))
        return (mixed + rng.normal(size=width) * 5).astype(np.float32)

    states = {name: [layer(widths[name], share) for share in shares]
              for name, shares in {"a": [0.3, 1, 3], "b": [1, 2]}.items()}
    exact = {name: [x.astype(np.float64) for x in layers] for name, layers in states.items()}

    def of_pairs(function):
        return [{"a": p, "b": q, "values": [function(x, y) for x in exact[p] for y in exact[q]]}
                for p in states for q in states]

    return {
        "rows": rows,
        "groups": groups,
        "states": {
            name: [{"width": x.shape[1], "values": [float(f"{v:.9g}") for v in x.ravel()]} for x in layers]
            for name, layers in states.items()
        },
        "cka": of_pairs(lambda x, y: linear_cka(x, y, "biased")),
        "unbiased": of_pairs(lambda x, y: linear_cka(x, y, "unbiased")),
        "intervals": of_pairs(lambda x, y: jackknife(x, y, groups, "biased")),
        "unbiased_intervals": of_pairs(lambda x, y: jackknife(x, y, groups, "unbiased")),
    }


def make_pooled(rng, texts=14, length=6):
    """Hidden states [texts, length, width] of two layers of two models; positions after a text's end are padding."""
    lengths = [int(n) for n in rng.integers(1, length + 1, texts)]
    topic = rng.normal(size=(texts, 1, 3))
    states = {
        name: [
            (topic @ rng.normal(size=(3, width)) + rng.normal(size=(texts, length, width)) + 20 * rng.normal(size=width))
            .astype(np.float32) for _ in range(2)
        ]
        for name, width in (("a", 4), ("b", 5))
    }

    def pooled(x, counted):
        return np.stack([text[:n].astype(np.float64).mean(axis=0) for text, n in zip(x, counted)])

    def cka(counted):
        return [linear_cka(pooled(x, counted), pooled(y, counted), "biased") for x in states["a"] for y in states["b"]]

    return {
        "lengths": lengths,
        "states": {
            name: [{"width": x.shape[2], "values": [float(f"{v:.9g}") for v in x.ravel()]} for x in layers]
            for name, layers in states.items()
        },
        "document_mean": cka(lengths),
        "padding_included": cka([length] * texts),
    }


def main():
    rng = np.random.default_rng(0)
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    output.mkdir(parents=True, exist_ok=True)
    for name, rows, widths, groups in (
        ("golden", 23, {"a": 5, "b": 7}, 5), ("few_rows", 12, {"a": 16, "b": 20}, 4),
    ):
        golden = make_golden(rng, rows, widths, groups)
        (output / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    (output / "pooled.json").write_text(json.dumps(make_pooled(rng), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
