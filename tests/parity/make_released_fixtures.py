"""Writes tests/fixtures/similarity/released.json: dataset similarity as the authors' script computes it, re-implemented
with NumPy and Hugging Face's tokenizers.

`pairs` are three pairs of token multisets, as counts by id, with results that were computed apart from this script: it
checks its own against them. `texts` says how the test makes its texts from tests/fixtures/tokenizer/corpus.txt, and what
the similarity of the sets is: 10,000 characters, then 512 tokens of each text, without special tokens; the mixture has
all special texts and min(int(n (1 - w) / w), number of general texts) general ones.

Versions used: numpy==2.4.6, tokenizers==0.23.3.

    python3 tests/parity/make_released_fixtures.py GOLDEN_JSON [OUTPUT_FOLDER]
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
EPSILON = 1e-10
MOST_FREQUENT = 50_000
CHARACTERS, TOKENS = 10_000, 512
LONGEST_DASH = 64


def compare(tokens_a, tokens_b):
    a, b = (dict(Counter(tokens).most_common(MOST_FREQUENT)) for tokens in (tokens_a, tokens_b))
    union, shared = sorted(set(a) | set(b)), set(a) & set(b)
    p, q = (np.array([side.get(token, 0) for token in union], float) for side in (a, b))
    p, q = p / (p.sum() + EPSILON), q / (q.sum() + EPSILON)
    cosine = p @ q / (np.linalg.norm(p) * np.linalg.norm(q) + EPSILON)
    m = (p + q) / 2
    kl = [float(np.sum(side * np.log(side / (m + EPSILON) + EPSILON))) for side in (p, q)]
    divergence = sum(kl) / 2
    jaccard = len(shared) / len(union)
    return {
        "cosine": float(cosine), "jaccard": jaccard, "overlap": len(shared) / min(len(a), len(b)),
        "jensen_shannon": divergence,
        "similarity": float(0.4 * cosine + 0.3 * jaccard + 0.3 / (1 + divergence)),
    }


def with_long_tokens(path):
    """The tokenizer of the fixtures, with tokens of 2, 4, … 64 dashes: 10,000 characters come before 512 tokens."""
    definition = json.loads(Path(path).read_text())
    model, length = definition["model"], 1
    while length < LONGEST_DASH:
        pair = ["-" * length, "-" * length]
        if "-" * 2 * length not in model["vocab"]:
            model["vocab"]["-" * 2 * length] = len(model["vocab"])
            joined = isinstance(model["merges"][0], str)
            model["merges"].append(" ".join(pair) if joined else pair)
        length *= 2
    return Tokenizer.from_str(json.dumps(definition))


def texts():
    """Sets of texts. The test makes the same ones from the same description."""
    # As bytes: reading text would change the ends of lines.
    corpus = (FIXTURES / "tokenizer" / "corpus.txt").read_bytes().decode()
    paragraphs = [text for text in corpus.split("\n\n") if len(text) > 40]
    cut_in_a_word = "-" * 9_995 + "characters that are left out"
    cut_after_emoji = "-" * 9_990 + "\U0001f600" * 20
    long = "\n".join(paragraphs[:20])
    assert len(long) > CHARACTERS
    return {
        "general": paragraphs[:24],
        "special": paragraphs[-12:] + ["-" * 12_000, cut_in_a_word, cut_after_emoji, long],
        "target": paragraphs[-30:-6],
    }


def main():
    golden = json.loads(Path(sys.argv[1]).read_text())
    names = {"cosine": "cosine", "vocab_jaccard": "jaccard", "overlap": "overlap",
             "js_divergence_nats": "jensen_shannon", "combined": "similarity"}
    pairs = []
    for pair in golden["pairs"]:
        expected = {ours: pair["expected"][theirs] for theirs, ours in names.items()}
        for name, value in compare(pair["a"], pair["b"]).items():
            assert abs(value - expected[name]) < 1e-10, (pair["name"], name)
        counts = {side: sorted(Counter(pair[side]).items()) for side in ("a", "b")}
        pairs.append({"name": pair["name"], **counts, **expected})

    tokenizer = with_long_tokens(FIXTURES / "tokenizer" / "tokenizer.json")
    sets = {
        name: [tokenizer.encode(text[:CHARACTERS], add_special_tokens=False).ids[:TOKENS] for text in of]
        for name, of in texts().items()
    }
    uncut = {name: [tokenizer.encode(text).ids[:TOKENS] for text in of] for name, of in texts().items()}
    assert sum(a != b for a, b in zip(sets["special"], uncut["special"])) == 3
    weight, n, available = 0.3, len(sets["special"]), len(sets["general"])
    sets["mixture"] = sets["special"] + sets["general"][:min(int(n * (1 - weight) / weight), available)]
    assert len(sets["mixture"]) == n + available
    flat = {name: [token for text in of for token in text] for name, of in sets.items()}
    similarities = [{"a": a, "b": b, **compare(flat[a], flat[b])} for a in flat for b in flat]

    output = Path(sys.argv[2]) if len(sys.argv) > 2 else FIXTURES / "similarity"
    content = {"pairs": pairs, "weight": weight, "similarities": similarities}
    (output / "released.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
