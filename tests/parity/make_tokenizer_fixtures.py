"""Makes tests/fixtures/tokenizer/: what Hugging Face's Rust tokenizers learn and encode.

    pip install tokenizers==0.23.3
    python tests/parity/make_tokenizer_fixtures.py

corpus.txt      training texts, two blank lines between (committed; this script only reads it)
trained.json    vocabulary size and last merges of BpeTrainer on it, for three settings
tokenizer.json  the tokenizer of the first setting, as the Rust library saves it
encodings.json  ids of texts that are easy to get wrong
"""
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "fixtures" / "tokenizer"
CORPUS = (OUT / "corpus.txt").read_bytes().decode("utf-8")
SAMPLES = CORPUS.split("\n\n\n")

SETTINGS = [
    {"vocab_size": 1000, "min_frequency": 2},
    {"vocab_size": 320, "min_frequency": 0},
    {"vocab_size": 60000, "min_frequency": 0},  # to the end: every pair merged
]

ODD = [
    "", " ", "  ", "\n", "\t\tx", "a  b   c\n\n\nd ", "trailing blanks   ", "\r\nwindows\r\nlines\r\n",
    "I'll we've they'd it's don't I'M IT'S", "x''y 'twas 'tis", "3.14159 1,000,000 0xFF ½ ² ⅷ ٣",
    "def f(x: int) -> str:\n    return f'{x!r}'  # ok\n", "#include <vector>\nint main() { return a[i]++ && !b; }",
    "Größe naïve café e\u0301 Ångström", "Привет, мир! Как дела?", "你好,世界。日本語のテキスト 한국어",
    "שלום עולם مرحبا بالعالم", "नमस्ते दुनिया ไทย", "🙂👩‍👩‍👧‍👦🇩🇪 ☃️ 𝒳𝓎", "nbsp\u00a0x\u2003em\u200bzero\ufeffbom\u0085nel\u2028ls\u3000ideo \ufeff \u0085 ",
    "\u0000\u0001\u007f", "a<|endoftext|>b", "<|endoftext|><|endoftext|> <|endoftext|>\n", "<|endofte", "aaaaaaaaaaaaaaaa bbbbbbb abababab",
    "____init____ --- *** ... ?!?! ((()))", "supercalifragilisticexpialidocious", "A" * 300,
]


def train(vocab_size, min_frequency):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=min_frequency, show_progress=False,
        special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(SAMPLES, trainer)
    return tokenizer


def main():
    trained = []
    for setting in SETTINGS:
        tokenizer = train(**setting)
        model = json.loads(tokenizer.to_str())["model"]
        vocabulary = sorted(model["vocab"], key=model["vocab"].get)
        # Size and last merges tell of all that went before; the first setting is saved whole.
        trained.append({**setting, "size": len(vocabulary), "merges": model["merges"][-200:]})
        if setting is SETTINGS[0]:
            tokenizer.save(str(OUT / "tokenizer.json"), pretty=False)
            texts = ODD + [sample[:1200] for sample in SAMPLES]
            encodings = [{"text": t, "ids": tokenizer.encode(t).ids} for t in texts]
            write("encodings.json", encodings)
    write("trained.json", trained)


def write(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
