"""Writes tests/fixtures/cka/golden.json: features of two models and their linear CKA by NumPy in float64.

Linear CKA as Kornblith et al. 2019 define it, from n x n Gram matrices (HSIC form): an independent path to the
value that the feature-space form gives. Version used: numpy==2.4.6.

    python3 tests/parity/make_cka_fixtures.py [OUTPUT_FOLDER]
"""

import json
import sys
from pathlib import Path

import numpy as np

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "cka"
ROWS = 23


def linear_cka(x, y):
    centre = np.eye(len(x)) - 1 / len(x)
    k, l = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    return float((k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum()))


def main():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(ROWS, 4))

    def layer(width, share):
        mixed = share * common @ rng.normal(size=(4, width)) + rng.normal(size=(ROWS, width))
        return (mixed + rng.normal(size=width) * 5).astype(np.float32)

    states = {"a": [layer(5, 0.3), layer(5, 1), layer(5, 3)], "b": [layer(7, 1), layer(7, 2)]}
    pairs = [[p, q] for p in states for q in states]
    golden = {
        "rows": ROWS,
        "states": {
            name: [{"width": x.shape[1], "values": [float(f"{v:.9g}") for v in x.ravel()]} for x in layers]
            for name, layers in states.items()
        },
        "cka": [
            {"a": p, "b": q, "values": [
                linear_cka(x.astype(np.float64), y.astype(np.float64)) for x in states[p] for y in states[q]]}
            for p, q in pairs
        ],
    }
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    output.mkdir(parents=True, exist_ok=True)
    (output / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
