"""Hugging Face's Rust tokenizers: a process that trains and encodes on request (json_lines.py)."""

import struct
import sys
import time
from array import array
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

sys.path.append(str(Path(__file__).parents[1] / "shared"))
from json_lines import serve_requests  # noqa: E402

END_OF_TEXT = "<|endoftext|>"

texts, odd, tokenizer, task = [], [], None, None


def read_texts(file):
    content = Path(file).read_bytes()
    found, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at)
        found.append(content[at + 4 : at + 4 + length].decode("utf-8"))
        at += 4 + length
    return found


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def prepare(threads, **files):
    global texts, odd
    texts, odd = read_texts(files["texts"]), read_texts(files["odd"])
    return dict(version=tokenizers.__version__)


def train(vocab_size, min_frequency):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        show_progress=False,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator(texts, trainer)
    return made


def save(file, **setting):
    """Trains and writes tokenizer.json."""
    train(**setting).save(file, pretty=False)
    return {}


def load(file, config):
    global tokenizer
    tokenizer = Tokenizer.from_file(file)
    return {}


def ids(file):
    """Writes the ids: for each text their number, then the ids, all uint32."""
    out = array("I")
    for encoding in tokenizer.encode_batch(texts + odd, add_special_tokens=False):
        out.append(len(encoding.ids))
        out.extend(encoding.ids)
    if sys.byteorder == "big":
        out.byteswap()
    Path(file).write_bytes(out.tobytes())
    return {}


def first():
    """Times the first pass with a new tokenizer, which has no cached words, and chooses the faster call."""
    global task
    seconds = {}
    for name in ("encode_batch", "encode_batch_fast"):
        fresh = Tokenizer.from_str(tokenizer.to_str())
        if hasattr(fresh, name):
            seconds[name] = timed(lambda: getattr(fresh, name)(texts, add_special_tokens=False))
    best = min(seconds, key=seconds.get)
    task = lambda: getattr(tokenizer, best)(texts, add_special_tokens=False)  # noqa: E731
    return dict(call=best, seconds=seconds[best], trials=seconds)


def choose_train(**setting):
    global task
    task = lambda: train(**setting)  # noqa: E731
    return {}


def passes(count):
    return dict(seconds=[timed(task) for _ in range(count)])


serve_requests(
    dict(prepare=prepare, save=save, load=load, ids=ids, first=first, choose_train=choose_train, passes=passes)
)
