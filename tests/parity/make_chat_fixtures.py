"""Makes tests/fixtures/chat/chat.json.gz: what transformers makes of conversations with the templates of six families.

    pip install transformers==5.23.0 tokenizers==0.23.3 jinja2==3.1.6
    python tests/parity/make_chat_fixtures.py          writes the fixture: tokenizers, and a few conversations
    python tests/parity/make_chat_fixtures.py COUNT    prints the results of as many conversations, with the tokenizers of
                                                       the fixture (core/tokenizer/chat/chat_test.ts)

families.NAME.tokenizer         tokenizer.json: trained here, small, with the parts that the family's tokenizers have
families.NAME.config            special tokens, for tokenizer_config.json
conversations                   lists of messages
results.NAME[i]                 of conversation i: `ids` and `spans` of apply_chat_template(return_assistant_tokens_mask=True),
                                `prompt`: text of the conversation before its last answer, with add_generation_prompt;
                                or `refused`: the template's message
"""
import gzip
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers as N, pre_tokenizers as P, processors, trainers
from transformers import PreTrainedTokenizerFast

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
OUT = FIXTURES / "chat" / "chat.json.gz"
NAMES = ["qwen", "llama2", "llama3", "mistral", "gemma", "zephyr"]

CORPUS = (FIXTURES / "tokenizer" / "corpus.txt").read_text()[:60_000]
# Of Qwen 2 and Llama 3: numbers of one digit, and of up to three.
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def special(*contents: str) -> list[AddedToken]:
    return [AddedToken(content, special=True, normalized=False) for content in contents]


def byte_level(pre_tokenizer, normalizer, first: list[str], size=500) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=first, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([CORPUS], trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def sentencepiece(normalizer, pre_tokenizer, decoder, size=500) -> Tokenizer:
    """BPE on characters with the bytes as a fallback, whose spaces are U+2581."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = P.Metaspace(prepend_scheme="never")
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=["<unk>"])
    trained.train_from_iterator([CORPUS], trainer)
    model = json.loads(trained.to_str())["model"]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    rest = [token for token in model["vocab"] if token != "<unk>"]
    vocab = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>", *bytes_, *rest])}
    tokenizer = Tokenizer(models.BPE(
        vocab, [tuple(merge) for merge in model["merges"]], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens(special("<unk>", "<s>", "</s>"))
    return tokenizer


def make_tokenizer(name: str) -> tuple[Tokenizer, dict]:
    llama = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    spaces = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if name == "qwen":
        split = P.Split(Regex(WORDS % ""), "isolated")
        tokenizer = byte_level(P.Sequence([split, P.ByteLevel(add_prefix_space=False, use_regex=False)]), N.NFC(), [])
        tokenizer.add_special_tokens(special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
        tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False)
        return tokenizer, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    if name == "llama2":
        normalizer = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
        return sentencepiece(normalizer, None, decoders.Sequence([*spaces, decoders.Strip(" ", 1, 0)])), llama
    if name == "llama3":
        split = P.Split(Regex(WORDS % "{1,3}"), "isolated")
        tokenizer = byte_level(P.Sequence([split, P.ByteLevel(add_prefix_space=False, use_regex=False)]), None, [])
        tokenizer.add_special_tokens(special(
            "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"))
        bos = tokenizer.token_to_id("<|begin_of_text|>")
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>", bos)]),
        ])
        return tokenizer, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
    if name == "mistral":
        metaspace = P.Metaspace(prepend_scheme="first", split=False)
        decoder = decoders.Sequence([*spaces, decoders.Strip(" ", 1, 0)])
        tokenizer = sentencepiece(None, metaspace, decoder)
        tokenizer.add_special_tokens(special("[INST]", "[/INST]"))
        return tokenizer, llama
    if name == "gemma":
        tokenizer = sentencepiece(N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous"), decoders.Sequence(spaces))
        tokenizer.add_special_tokens(special("<start_of_turn>", "<end_of_turn>"))
        return tokenizer, llama
    tokenizer = byte_level(P.ByteLevel(add_prefix_space=False), None, ["<|endoftext|>"])
    tokenizer.add_special_tokens(special("<|endoftext|>"))
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False)
    return tokenizer, {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}


PIECES = [
    "Hello", "What is 1 + 1?", "the answer is 42.", "def f(x):\n    return x", "Größe", "naïve café", "e\u0301", "日本語", "🙂👩‍👧", "\n\n",
    "  two blanks", "- a list\n- of things\n", "I'll we've", "3.14159", "\ttab", "it", "a", "[INST]x", "User:", "Assistant:", "<s", "|", ".", "…",
    "SELECT * FROM t;", "\\frac{a}{b}", "{{ x }}", "{% if %}", "http://example.org/?q=%20", "A" * 20, "Привет", " ", "end\n",
]


def conversation(rng: random.Random) -> list[dict]:
    def text() -> str:
        words = [rng.choice(PIECES) for _ in range(rng.randint(1, 12))]
        joined = rng.choice([" ", " ", ""]).join(words)
        # Without blanks at the start or end in half of the messages; never blank.
        joined = joined.strip() if rng.random() < 0.5 else joined
        return joined if joined.strip() else "x"

    messages = [{"role": "system", "content": text()}] if rng.random() < 0.3 else []
    for _ in range(rng.choice([1, 1, 2, 3, 5])):
        messages += [{"role": "user", "content": text()}, {"role": "assistant", "content": text()}]
    return messages


def spans_of(mask: list[int]) -> list[int]:
    edges = [i for i in range(len(mask) + 1) if (mask[i - 1] if i else 0) != (mask[i] if i < len(mask) else 0)]
    return edges


def result(tokenizer: PreTrainedTokenizerFast, messages: list[dict]) -> dict:
    try:
        out = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    except Exception as error:
        return {"refused": str(error)}
    prompt = tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
    return {"ids": out["input_ids"], "spans": spans_of(out["assistant_masks"]), "prompt": prompt}


def results(families: dict, conversations: list) -> dict:
    found = {}
    for name in NAMES:
        template = (OUT.parent / "templates" / f"{name}.jinja").read_text()
        backend = Tokenizer.from_str(families[name]["tokenizer"])
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=backend, chat_template=template, clean_up_tokenization_spaces=False, **families[name]["config"])
        found[name] = [result(tokenizer, messages) for messages in conversations]
    return found


def conversations(count: int, seed: int) -> list:
    rng = random.Random(seed)
    return [conversation(rng) for _ in range(count)]


def main() -> None:
    if len(sys.argv) > 1:
        fixture = json.loads(gzip.decompress(OUT.read_bytes()))
        chats = conversations(int(sys.argv[1]), 1)
        print(json.dumps({"conversations": chats, "results": results(fixture["families"], chats)}))
        return
    made = {name: make_tokenizer(name) for name in NAMES}
    families = {
        name: {"tokenizer": tokenizer.to_str(), "config": config} for name, (tokenizer, config) in made.items()
    }
    chats = conversations(12, 0)
    fixture = {"families": families, "conversations": chats, "results": results(families, chats)}
    text = json.dumps(fixture, ensure_ascii=False, separators=(",", ":"))
    OUT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


main()
