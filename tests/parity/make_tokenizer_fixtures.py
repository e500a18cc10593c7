"""Makes tests/fixtures/tokenizer/: what Hugging Face's Rust tokenizers learn and encode.

    pip install tokenizers==0.23.3
    python tests/parity/make_tokenizer_fixtures.py

corpus.txt          training texts, separated by two blank lines (committed; this script only reads it)
scripts.txt         the same in many scripts (committed; this script only reads it)
trained.json        vocabulary size and last merges of BpeTrainer on a corpus, for several settings
tokenizer.json      the tokenizer of the first setting, as the Rust library saves it
tokenizer_nfc.json  a small one like Pythia's: NFC, runs of spaces as added tokens, <|padding|>
encodings.json      ids of texts that are easy to get wrong, by both tokenizers
decodings.json      texts of ids that are invalid UTF-8, by both tokenizers
normalized.json     texts in NFC, including characters that Unicode versions normalize differently
ambiguous.json      ids by merges, several of which make the same token
"""
import itertools
import json
import pathlib
import random

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "fixtures" / "tokenizer"


def samples(corpus):
    return (OUT / corpus).read_bytes().decode("utf-8").split("\n\n\n")


SETTINGS = [
    {"corpus": "corpus.txt", "vocab_size": 1000, "min_frequency": 2},
    {"corpus": "corpus.txt", "vocab_size": 320, "min_frequency": 0},
    {"corpus": "corpus.txt", "vocab_size": 60000, "min_frequency": 0},  # until every pair is merged
    {"corpus": "scripts.txt", "vocab_size": 700, "min_frequency": 3},
    {"corpus": "scripts.txt", "vocab_size": 100000, "min_frequency": 0},
]
# Vocabulary size and last merges depend on all earlier merges.
MERGES_KEPT = 120

ODD = [
    "", " ", "  ", "\n", "\t\tx", "a  b   c\n\n\nd ", "trailing blanks   ", "\r\nwindows\r\nlines\r\n",
    "I'll we've they'd it's don't I'M IT'S", "x''y 'twas 'tis", "3.14159 1,000,000 0xFF ½ ² ⅷ ٣",
    "def f(x: int) -> str:\n    return f'{x!r}'  # ok\n", "#include <vector>\nint main() { return a[i]++ && !b; }",
    "Größe naïve café e\u0301 Ångström", "Привет, мир! Как дела?", "你好,世界。日本語のテキスト 한국어",
    "שלום עולם مرحبا بالعالم", "नमस्ते दुनिया ไทย", "🙂👩‍👩‍👧‍👦🇩🇪 ☃️ 𝒳𝓎", "nbsp\u00a0x\u2003em\u200bzero\ufeffbom\u0085nel\u2028ls\u3000ideo \ufeff \u0085 ",
    "\u0000\u0001\u007f", "a<|endoftext|>b", "<|endoftext|><|endoftext|> <|endoftext|>\n", "<|endofte", "aaaaaaaaaaaaaaaa bbbbbbb abababab",
    "____init____ --- *** ... ?!?! ((()))", "supercalifragilisticexpialidocious", "A" * 300,
    "\ufeffbom first", "a\u00a0\u00a0b \u00a0c\u00a0 d", "x \u2028\u2029 y\u2028z", "\u3000\u3000全角\u3000", "\u0085\u0085 \u0085",
    "'s't're've'm'll'd 's 'll'x 'l 'r", "a\r\n\r\nb\r\n", "\t \t x\t\n \ny", " " * 24 + "x", " " * 25, "\n" + " " * 49 + "y ",
    "a<|padding|>b <|padding|>", "<|padding|><|endoftext|><|padding", "<|endoftext|>\u0338 e<|endoftext|>\u0301",
    "e\u0301\u0323 o\u0323\u0302 \u1112\u1161\u11ab \u212b \ufb01 \u0344", "\u0301 starts with a mark", "q\u0307\u0323 q\u0323\u0307",
    "a\u0898\u0334 \u05d0\u05bc\u05b7 \U00011935\U00011930", "𐌰𐌹𐌸𐌸𐌰𐌿 \U0010ffff \ue000 \ufffd", "1a2b3 ١٢٣abc Ⅷ½x ²³",
    "ab" * 400, "=-" * 200 + " " * 100 + "=", "word " * 100, "\U0001f1e9\U0001f1ea" * 20 + "\U0001f1e9", "{\n\t\"a\": [1, 2.5e-10, null]\n}",
    r"\frac{a}{b} + \sum_{i=1}^n x_i^2 \leq \infty $$", "https://example.org/a?b=c&d=%20#e", "<div class=\"x\">&nbsp;</div>",
]

NORMALIZED = [
    "e\u0301", "\u1e69", "s\u0307\u0323", "\u212b", "\u0344", "\u1112\u1161\u11ab", "a\u0315\u0300", "\u09c7\u09be", "\u0958",
    # Marks and compositions after Unicode 9.0
    "a\u0898\u0334", "a\u1dfa\u0301\u0334", "\U00011935\U00011930", "\U000105d2\u0307", "\U0001611e\U0001611e", "\u0c15\u0c3c\u0334",
    "e\u0301\u07fd\u0334 e\u0301",
]


def byte_level(model):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def train(corpus, vocab_size, min_frequency):
    tokenizer = byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=min_frequency, show_progress=False,
        special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(samples(corpus), trainer)
    return tokenizer


def pythia_like():
    tokenizer = train("corpus.txt", 400, 2)
    tokenizer.normalizer = normalizers.NFC()
    blanks = [AddedToken(" " * length, normalized=True) for length in range(24, 1, -1)]
    tokenizer.add_tokens(blanks)
    tokenizer.add_special_tokens(["<|padding|>"])
    return tokenizer


def make_trained():
    trained = []
    for setting in SETTINGS:
        model = json.loads(train(**setting).to_str())["model"]
        trained.append({**setting, "size": len(model["vocab"]), "merges": model["merges"][-MERGES_KEPT:]})
    write("trained.json", trained)


def make_encodings(tokenizer, nfc):
    texts = ODD + [sample[:600] for sample in samples("corpus.txt")] + [s[:80] for s in samples("scripts.txt")]
    write("encodings.json", [{"text": t, "ids": tokenizer.encode(t).ids, "nfc_ids": nfc.encode(t).ids} for t in texts])


def make_decodings(tokenizer, nfc):
    chance = random.Random(0)
    decodings = []
    for _ in range(20):
        # The lowest ids are single bytes; 400 on are added tokens of the second.
        ids = [chance.choice([chance.randrange(257), chance.randrange(424)]) for _ in range(12)]
        texts = [t.decode(ids, skip_special_tokens=False) for t in (tokenizer, nfc)]
        decodings.append({"ids": ids, "text": texts[0], "nfc_text": texts[1]})
    write("decodings.json", decodings)


def make_ambiguous():
    """Ids by merges in random order: all merges that make the words of a, b and c up to four letters."""
    chance = random.Random(0)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["".join(w) for n in range(1, 5) for w in itertools.product("abc", repeat=n)]
    made = chance.sample([w for w in words if len(w) > 1], 60)
    known = set("abc")
    vocab = {token: i for i, token in enumerate(alphabet)}
    merges = []
    for word in sorted(made, key=len):
        splits = [(word[:i], word[i:]) for i in range(1, len(word)) if word[:i] in known and word[i:] in known]
        if splits:
            known.add(word)
            vocab[word] = len(vocab)
            merges += splits
    chance.shuffle(merges)
    tokenizer = byte_level(models.BPE(vocab=vocab, merges=merges))
    texts = ["".join(chance.choices("abc", k=chance.randrange(1, 40))) for _ in range(200)]
    ids = [[i for i in tokenizer.encode(text).ids] for text in texts]
    write("ambiguous.json", {"vocab": vocab, "merges": merges, "texts": texts, "ids": ids})


def main():
    make_trained()
    tokenizer = train(**SETTINGS[0])
    tokenizer.save(str(OUT / "tokenizer.json"), pretty=False)
    nfc = pythia_like()
    nfc.save(str(OUT / "tokenizer_nfc.json"), pretty=False)
    make_encodings(tokenizer, nfc)
    make_decodings(tokenizer, nfc)
    write("normalized.json", [[t, normalizers.NFC().normalize_str(t)] for t in NORMALIZED])
    make_ambiguous()


def write(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
