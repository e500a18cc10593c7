"""Writes to tests/fixtures/similarity: golden.json, token distributions and their similarities by SciPy and
scikit-learn; documents.json, the same for real texts (paragraphs of tests/fixtures/tokenizer/corpus.txt) and for
mixtures of them.

Versions used: Python 3.11, scipy==1.17.1, scikit-learn==1.9.1, numpy==2.4.6, tokenizers==0.23.3.

    python3 tests/parity/make_similarity_fixtures.py [OUTPUT_FOLDER]
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import jaccard_score
from sklearn.metrics.pairwise import cosine_similarity
from tokenizers import Tokenizer

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
DEFAULT_OUTPUT = FIXTURES / "similarity"
VOCABULARY = 40


def zipf_counts(rng, missing):
    """Counts of a skewed distribution in random order, with some tokens missing."""
    weights = 1 / np.arange(1, VOCABULARY + 1) ** 1.1
    counts = rng.multinomial(2000, weights / weights.sum())[rng.permutation(VOCABULARY)]
    counts[rng.choice(VOCABULARY, missing, replace=False)] = 0
    return counts


def compare(x, y):
    distance = {base: float(jensenshannon(x, y, base=base)) for base in (2.0, np.e)}
    shared = int(((x > 0) & (y > 0)).sum())
    return {
        "cosine": float(cosine_similarity([x], [y])[0, 0]),
        "jaccard": float(jaccard_score(x > 0, y > 0)),
        "overlap": shared / int(min((x > 0).sum(), (y > 0).sum())),
        "distance_base_2": distance[2.0], "distance_base_e": distance[np.e],
    }


def real_texts():
    """Token ids of paragraphs in two sets, their similarity, and that of the first to mixtures of both."""
    tokenizer = Tokenizer.from_file(str(FIXTURES / "tokenizer" / "tokenizer.json"))
    paragraphs = (FIXTURES / "tokenizer" / "corpus.txt").read_text().split("\n\n")
    ids = [tokenizer.encode(text).ids for text in paragraphs if len(text) > 40]
    one, two = ids[:24], ids[-36:]
    counts = [np.array([np.bincount(text, minlength=tokenizer.get_vocab_size()) for text in side]).sum(axis=0)
              for side in (one, two)]
    share = [side / side.sum() for side in counts]
    # 20% of tokens, and 20% of documents: those of `one` pooled with four times as many of `two`.
    by_tokens = 0.2 * share[0] + 0.8 * share[1]
    pooled = 0.2 * counts[0] / len(one) + 0.8 * counts[1] / len(two)
    return {"one": one, "two": two, "one_two": compare(*share), "one_by_tokens": compare(share[0], by_tokens),
            "one_by_documents": compare(share[0], pooled / pooled.sum())}


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
        cases.append({"name": name, "x": x.tolist(), "y": y.tolist(), **compare(x, y)})
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    output.mkdir(parents=True, exist_ok=True)
    for name, content in [("golden", cases), ("documents", real_texts())]:
        (output / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
