"""Writes tests/fixtures/similarity/golden.json: token distributions and their similarities by SciPy and scikit-learn.

Versions used: Python 3.11, scipy==1.17.1, scikit-learn==1.9.1, numpy==2.4.6.

    python3 tests/parity/make_similarity_fixtures.py [OUTPUT_FOLDER]
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import jaccard_score
from sklearn.metrics.pairwise import cosine_similarity

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "similarity"
VOCABULARY = 40


def zipf_counts(rng, missing):
    """Counts of a skewed distribution in random order, with some tokens never seen."""
    weights = 1 / np.arange(1, VOCABULARY + 1) ** 1.1
    counts = rng.multinomial(2000, weights / weights.sum())[rng.permutation(VOCABULARY)]
    counts[rng.choice(VOCABULARY, missing, replace=False)] = 0
    return counts


def main():
    rng = np.random.default_rng(0)
    a, b, c = zipf_counts(rng, 5), zipf_counts(rng, 12), zipf_counts(rng, 0)
    left, right = np.zeros(VOCABULARY, int), np.zeros(VOCABULARY, int)
    left[:10], right[10:] = 3, 7
    near = c.copy()
    near[0] += 1
    cases = []
    for name, x, y in [("a_b", a, b), ("a_c", a, c), ("b_c", b, c), ("same", a, a),
                       ("disjoint", left, right), ("near", c, near), ("subset", left, c)]:
        distance = {base: float(jensenshannon(x, y, base=base)) for base in (2.0, np.e)}
        shared = int(((x > 0) & (y > 0)).sum())
        cases.append({
            "name": name, "x": x.tolist(), "y": y.tolist(),
            "cosine": float(cosine_similarity([x], [y])[0, 0]),
            "jaccard": float(jaccard_score(x > 0, y > 0)),
            "overlap": shared / int(min((x > 0).sum(), (y > 0).sum())),
            "distance_base_2": distance[2.0], "distance_base_e": distance[np.e],
        })
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    output.mkdir(parents=True, exist_ok=True)
    (output / "golden.json").write_text(json.dumps(cases, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
