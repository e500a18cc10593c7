"""Makes tests/fixtures/tokenizer/parts.json: what Hugging Face's Rust tokenizers make of odd texts, part by part.

    pip install tokenizers==0.23.3 sentencepiece==0.2.1
    python tests/parity/make_tokenizer_parts_fixtures.py [FILE]

With a FILE it writes all texts there, among them every character of Unicode, for
`CAUSEWAY_TOKENIZER_PARTS=FILE deno test -P core/tokenizer/pipeline`; without one the smaller set that is committed.

texts       the texts
tokenizers  tokenizer.json of each by name; `model`: "bytes" stands for `bytes_model`, whose ids are the UTF-8 bytes of each
            word and of "</w>" after it, so that they show what a normalizer and a pre-tokenizer do
ids         for each tokenizer, 4 hexadecimal digits for each text: FNV-1a of its ids, see `digest`
decoders    tokenizer.json of each by name
decoded     for each decoder, the same of the UTF-8 of the text of each list in `id_lists`
"""
import base64
import itertools
import json
import pathlib
import random
import sys
import tempfile
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers as N, pre_tokenizers as P, trainers

HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "fixtures" / "tokenizer"

ODD = [
    "", " ", "  ", "\n", "\t\tx", "a  b   c\n\n\nd ", "trailing blanks   ", "\r\nwindows\r\nlines\r\n", "   leading",
    "I'll we've they'd it's don't I'M IT'S", "x''y 'twas 'tis", "3.14159 1,000,000 0xFF ½ ² ⅷ ٣ ௧ 三", "12345 ١٢٣٤٥ ²³¹",
    "def f(x: int) -> str:\n    return f'{x!r}'  # ok\n", "a+b=c $5 <x> ^_^ `q` |p| ~t~ ¬ × ÷ € ©", "___init__ now_here ‿x⁀y",
    "Größe naïve café e\u0301 Ångström", "Привет, мир! Как дела?", "你好,世界。日本語のテキスト 한국어", "ΟΔΥΣΣΕΥΣ ΣΑΣ Σ αΣ Σ.",
    "İstanbul I ı ǅ ﬁn ß ẞ Ω K Å", "שלום עולם مرحبا بالعالم", "नमस्ते दुनिया ไทย", "क्षत्रिय க்ஷ ក្ក", "한글 \u1112\u1161\u11ab",
    "🙂👩‍👩‍👧‍👦🇩🇪 ☃️ 𝒳𝓎 👍🏽", "nbsp\u00a0x\u2003em\u200bzero\ufeffbom\u0085nel\u2028ls\u3000ideo \ufeff \u0085 ",
    "\u0000\u0001\u007f", "a\u0000b\u0008c\u001bd", "soft\u00adhyphen \u200e\u200f\u202a", "\ue000 \U000f0000 \U0010ffff \ufffd \ufffe",
    "a<s>b", "<s><s> <s>\n", "<s", "x<m> y <m>z<m>", "  <m>  <m>  ", "a <m>\u3000\n b", "ab<m>cd", "AB<m>CD <M>", "e<m>\u0301", "<m><s><m>",
    "word word", "words word.", "sword word", "word_ _word", "\u0301word word\u0301", "éword", "wordé 1word word1", "Word WORD wOrd",
    "wordword word", "-word-", "東word京", "long", "longer", "longest longestword", "Ⅳword", "word\u200dx",
    "aaaaaaaaaaaaaaaa bbbbbbb abababab", "____ --- *** ... ?!?! ((()))", "supercalifragilisticexpialidocious " * 4, "A" * 300, "ab" * 400,
    "\ufeffbom first", "a\u00a0\u00a0b \u00a0c\u00a0 d", "x \u2028\u2029 y\u2028z", "\u3000\u3000全角\u3000", "\u0085\u0085 \u0085",
    "'s't're've'm'll'd 's 'll'x 'l 'r 'S'T 'ſ", "a\r\n\r\nb\r\n", "\t \t x\t\n \ny", " " * 24 + "x", "\n" + " " * 49 + "y ", "\n\n\n", "x\n",
    "e\u0301\u0323 o\u0323\u0302 \u212b \ufb01 \u0344", "\u0301 starts with a mark", "q\u0307\u0323 q\u0323\u0307",
    "ａｂｃ １２３ ｱｲｳ ﾞ ㍿ ㎏ ① ⅷ ﷺ", "ﬀﬁﬂ … ‥ ～ 〜", "\u2581x \u2581\u2581y ▁", "x▁ ▁y", "1a2b3 ١٢٣abc Ⅷ½x ²³", "a1b2c3d4", "12 34,567.89",
    "https://example.org/a?b=c&d=%20#e", "$& $1 $$ \\1 \\n", "do not can't isn't it 's he 'm we 've they 're a . b , c ! d ? x ' y",
    "<0x41><0x0A> <0x", "##a b##c ##", "</w> a</w>b", "Ġ Ċ Ã©", "|x||y| <pad>", "key: value\n- item\n\t* sub", "\\frac{a}{b} x_i^2",
    "\U0001f1e9\U0001f1ea" * 3 + "\U0001f1e9", "x" * 101, "東" * 60, "a\u0300\u0301\u0302\u0303\u0304", "क\u093c\u0958", "\u0f71\u0f72\u0f73",
]

POOLS = [
    "abcXYZ", "  \n\t\u00a0\u3000", "0123½²٣", ".,!?-_'\"", "éüñÅßİΣσς", "あアー漢字한글", "🙂👍🏽\u200d\ufe0f🇩🇪", "\u0301\u0308\u0323\u093c",
    "\u0000\u200b\ufeff\u00ad\u0085\u2028", "<>$+=^`|~", "ﬁ①ｶﾞ㍿½", "אבגעربहिन्दी", "▁▁ ", "ab<m>", "ab<s>", " word",
]


def batched(values, size):
    values = list(values)
    return [values[i:i + size] for i in range(0, len(values), size)]


def generated(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        pools = rng.sample(POOLS, rng.randint(1, 4))
        yield "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 40)))


def every_character():
    """Each character of Unicode 16 between letters, in texts of 300."""
    points = [c for c in map(chr, itertools.chain(range(0xd800), range(0xe000, 0x110000)))
              if not 0x33500 <= ord(c) <= 0xdfff0 and not 0xe0200 <= ord(c) <= 0x10fff0 and not 0xe200 <= ord(c) <= 0xf800]
    for group in batched(points, 300):
        yield "a" + "a".join(group) + "a"


def sampled_characters(count, seed):
    """A character of every category and block, newest ones left out."""
    rng = random.Random(seed)
    kinds = {}
    for point in itertools.chain(range(0xd800), range(0xe000, 0x30000)):
        c = chr(point)
        if unicodedata.ucd_3_2_0.category(c) != "Cn":
            kinds.setdefault((unicodedata.category(c), point >> 9), []).append(c)
    chosen = [rng.choice(group) for group in kinds.values()]
    rng.shuffle(chosen)
    size = -(-len(chosen) // count)
    return ["x".join(group) for group in batched(chosen, size)]


def bytes_model():
    return models.BPE({f"<0x{b:02X}>": b for b in range(256)}, [], byte_fallback=True, end_of_word_suffix="</w>")


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def charsmap():
    """SentencePiece's own map (nmt_nfkc_cf), and a small one."""
    import sentencepiece
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder, "rules.tsv")
        rules.write_text("".join(f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in RULES))
        maps = {}
        for name, more in {"nmt_nfkc_cf": {"normalization_rule_name": "nmt_nfkc_cf"},
                           "small": {"normalization_rule_tsv": str(rules)}}.items():
            prefix = str(pathlib.Path(folder, name))
            sentencepiece.SentencePieceTrainer.train(input=str(OUT / "corpus.txt"), model_prefix=prefix, vocab_size=400,
                                                     hard_vocab_limit=False, minloglevel=2, **more)
            model = pathlib.Path(prefix + ".model").read_bytes()
            from transformers.convert_slow_tokenizer import import_protobuf
            proto = import_protobuf().ModelProto()
            proto.ParseFromString(model)
            maps[name] = proto.normalizer_spec.precompiled_charsmap
    return maps


RULES = [("ﬁ", "fi"), ("①", "1"), ("e\u0301", "é"), ("\u0301", ""), ("\t", " "), ("　", " "), ("½", "1⁄2"), ("👍🏽", "+1"), ("ㅋ", "k"),
         ("א", "alef"), ("Å", "Å"), ("\u200b", ""), ("क\u093c", "\u0958"), ("🇩🇪", "DE"), ("ΣΣ", "ss"), ("a\u0300\u0301", "x")]


def normalizers_(all_maps):
    maps = charsmap()
    yield "normalizer BertNormalizer", N.BertNormalizer()
    for settings in [{"clean_text": False}, {"handle_chinese_chars": False}, {"lowercase": False}, {"strip_accents": False},
                     {"lowercase": False, "strip_accents": True}]:
        yield f"normalizer BertNormalizer {settings}", N.BertNormalizer(**settings)
    for name in ["ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "StripAccents"]:
        yield f"normalizer {name}", getattr(N, name)()
    yield "normalizer Precompiled small", N.Precompiled(maps["small"])
    if all_maps:
        yield "normalizer Precompiled nmt_nfkc_cf", N.Precompiled(maps["nmt_nfkc_cf"])
    yield "normalizer Prepend", N.Prepend("▁")
    yield "normalizer Replace String", N.Replace(" ", "▁")
    yield "normalizer Replace $", N.Replace("$", "$&")
    yield "normalizer Replace Regex", N.Replace(Regex(r"\p{P}+|\s{2,}"), ".")
    for left, right in [(True, True), (True, False), (False, True)]:
        yield f"normalizer Strip {left} {right}", N.Strip(left, right)
    yield "normalizer Llama 2", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    yield "normalizer ALBERT", N.Sequence([N.Replace("``", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(), N.Strip()])


def pre_tokenizers_():
    yield "pre_tokenizer BertPreTokenizer", P.BertPreTokenizer()
    for prefix, regex in itertools.product([True, False], repeat=2):
        yield f"pre_tokenizer ByteLevel {prefix} {regex}", P.ByteLevel(add_prefix_space=prefix, use_regex=regex)
    yield "pre_tokenizer CharDelimiterSplit", P.CharDelimiterSplit("-")
    yield "pre_tokenizer Digits", P.Digits()
    yield "pre_tokenizer Digits individual", P.Digits(individual_digits=True)
    yield "pre_tokenizer FixedLength", P.FixedLength(3)
    for scheme, split in itertools.product(["always", "first", "never"], [True, False]):
        yield f"pre_tokenizer Metaspace {scheme} {split}", P.Metaspace(prepend_scheme=scheme, split=split)
    yield "pre_tokenizer Metaspace _", P.Metaspace(replacement="_")
    for behavior in BEHAVIORS:
        yield f"pre_tokenizer Punctuation {behavior}", P.Punctuation(behavior)
    for behavior, invert in itertools.product(BEHAVIORS, [False, True]):
        yield f"pre_tokenizer Split word {behavior} {invert}", P.Split(Regex(r"\w+"), behavior, invert)
        yield f"pre_tokenizer Split blank {behavior} {invert}", P.Split(" ", behavior, invert)
    for name, regex in {"Llama 3": LLAMA3, "cl100k": CL100K, "o200k": O200K, "empty matches": r"\d*", "classes": r"[[:punct:]&&[^_]]|[[:space:]]+|\h{2}",
                        "boundaries": r"\b", "anchors": r"^\s*|\s*$", "back": r"(.)\1", "look": r"(?<=a)b|b(?=a)|(?<![xy ])\d",
                        "scripts": r"\p{Han}|\p{Hiragana}+|\p{Latin}+|[\u4E00-\u9FA5]", "case": r"(?i)word|σ+"}.items():
        yield f"pre_tokenizer Split {name}", P.Split(Regex(regex), "isolated")
    yield "pre_tokenizer Whitespace", P.Whitespace()
    yield "pre_tokenizer WhitespaceSplit", P.WhitespaceSplit()
    yield "pre_tokenizer Sequence", P.Sequence([P.WhitespaceSplit(), P.Punctuation(), P.Digits(individual_digits=True), P.Metaspace(prepend_scheme="first")])
    yield "pre_tokenizer Llama 3", P.Sequence([P.Split(Regex(LLAMA3), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])


def tokens_():
    """Added tokens, alone and with normalizers."""
    variants = {"plain": {}, "single_word": {"single_word": True}, "lstrip": {"lstrip": True}, "rstrip": {"rstrip": True}, "both": {"lstrip": True, "rstrip": True},
                "raw": {"normalized": False}, "raw single": {"normalized": False, "single_word": True}, "raw both": {"normalized": False, "lstrip": True, "rstrip": True}}
    for name, settings in variants.items():
        for normalizer in [None, N.Lowercase(), N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), N.NFC(), N.Strip()]:
            for first in [None, P.Metaspace(prepend_scheme="first")]:
                yield name, settings, normalizer, first


def trained(model, trainer, pre, normalizer=None):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    texts = ["".join(c for c in text if c < "\u0100") for text in (OUT / "corpus.txt").read_text("utf-8").split("\n\n\n")]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def changed(tokenizer, **settings):
    definition = json.loads(tokenizer.to_str())
    definition["model"].update(settings)
    return Tokenizer.from_str(json.dumps(definition))


def models_():
    space = P.WhitespaceSplit()
    plain = dict(vocab_size=200, show_progress=False, limit_alphabet=60)
    yield "model WordLevel", trained(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=120, show_progress=False, special_tokens=["<unk>", "</s>"]), P.Whitespace())
    yield "model WordPiece", trained(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(**plain, special_tokens=["[UNK]", "</s>"]), P.BertPreTokenizer(), N.BertNormalizer())
    piece = trained(models.WordPiece(unk_token="?"), trainers.WordPieceTrainer(**plain, special_tokens=["?"]), space)
    yield "model WordPiece short words", changed(piece, max_input_chars_per_word=7)
    bpe = trained(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(**plain, special_tokens=["<unk>", "</s>"]), space)
    yield "model BPE unk", bpe
    yield "model BPE fuse_unk", changed(bpe, fuse_unk=True)
    yield "model BPE no unk", changed(bpe, unk_token=None)
    yield "model BPE ignore_merges", changed(bpe, ignore_merges=True, merges=json.loads(bpe.to_str())["model"]["merges"][:20])
    yield "model BPE prefix", trained(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), trainers.BpeTrainer(**plain, continuing_subword_prefix="##", special_tokens=["<unk>"]), space)
    yield "model BPE suffix", trained(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), trainers.BpeTrainer(**plain, end_of_word_suffix="</w>", special_tokens=["<unk>"]), space, N.Lowercase())
    some_bytes = [f"<0x{b:02X}>" for b in range(128, 256) if b not in (0xe2, 0xf0)]
    partial = trained(models.BPE(unk_token="<unk>", byte_fallback=True), trainers.BpeTrainer(vocab_size=330, limit_alphabet=50, show_progress=False, special_tokens=["<unk>", "</s>"] + some_bytes), None or P.Metaspace())
    yield "model BPE byte_fallback", partial
    yield "model BPE byte_fallback fuse_unk", changed(partial, fuse_unk=True)
    unigram = trained(models.Unigram(), trainers.UnigramTrainer(vocab_size=260, show_progress=False, special_tokens=["<unk>", "</s>"], unk_token="<unk>"), P.Metaspace())
    yield "model Unigram", unigram
    definition = json.loads(unigram.to_str())["model"]
    yield "model Unigram byte_fallback", changed(unigram, byte_fallback=True, vocab=definition["vocab"] + [[f"<0x{b:02X}>", -20] for b in range(256)])
    yield "model Unigram some bytes", changed(unigram, byte_fallback=True, vocab=definition["vocab"] + [[b, -20] for b in some_bytes])
    whole = changed(unigram)
    whole.pre_tokenizer = P.Metaspace(split=False)
    yield "model Unigram whole texts", whole


def decoders_():
    D = decoders
    yield "decoder none", None
    yield "decoder BPEDecoder", D.BPEDecoder()
    yield "decoder BPEDecoder _", D.BPEDecoder(suffix="▁")
    yield "decoder ByteFallback", D.ByteFallback()
    yield "decoder ByteLevel", D.ByteLevel()
    yield "decoder CTC", D.CTC()
    yield "decoder CTC no cleanup", D.CTC(cleanup=False)
    yield "decoder Fuse", D.Fuse()
    for scheme in ["always", "first", "never"]:
        yield f"decoder Metaspace {scheme}", D.Metaspace(prepend_scheme=scheme)
    yield "decoder Replace", D.Replace("▁", " ")
    yield "decoder Replace Regex", D.Replace(Regex(r"[a-c]+|\s"), "$1")
    yield "decoder Strip", D.Sequence([D.Fuse(), D.Strip(" ", 1, 0)])
    yield "decoder Strip a", D.Strip("a", 2, 0)
    yield "decoder Strip b", D.Strip("b", 0, 1)
    yield "decoder WordPiece", D.WordPiece()
    yield "decoder WordPiece no cleanup", D.WordPiece(cleanup=False)
    yield "decoder Llama 2", D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])


DECODED = ["<unk>", "</s>", "a", "ab", "aab", "▁the", "▁", "▁▁x", "##ing", "##", "x##y", "un</w>", "</w>", "Ġthe", "Ċ", "Ã", "©", "ï¿½", "é", "東", "🙂", " ", "  b", "n't",
           "'s", " .", ".", ",", "!", "do", "not", "'", "|", "<pad>", "a|b", "x", "bca"] + [f"<0x{b:02X}>" for b in (0x0a, 0x41, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xff)] + ["<0xZZ>", "<0x4>"]


def id_lists():
    rng = random.Random(5)
    size = len(DECODED)
    yield []
    yield [size + 3, 2]
    for i in range(size):
        yield [i]
    for _ in range(200):
        yield [rng.choice([rng.randrange(size), rng.randrange(30, size)]) for _ in range(rng.randint(2, 9))]


def digest(values):
    result = 0x811c9dc5
    for value in values:
        for byte in int(value).to_bytes(4, "little"):
            result = (result ^ byte) * 0x01000193 & 0xffffffff
    return f"{result >> 16 ^ result & 0xffff:04x}"


def main():
    complete = len(sys.argv) > 1
    texts = ODD + list(generated(600 if complete else 130, 3)) + (list(every_character()) if complete else sampled_characters(40, 4))
    tokenizers = {}
    for name, part in itertools.chain(normalizers_(complete), pre_tokenizers_()):
        tokenizer = Tokenizer(bytes_model())
        setattr(tokenizer, name.split()[0], part)
        tokenizers[name] = tokenizer
    for i, (name, settings, normalizer, first) in enumerate(tokens_()):
        tokenizer = Tokenizer(bytes_model())
        if normalizer:
            tokenizer.normalizer = normalizer
        if first:
            tokenizer.pre_tokenizer = first
        tokenizer.add_tokens([AddedToken(content, special=False, **settings) for content in ["<m>", "word", "long", "longest", "é", " x"]])
        tokenizer.add_special_tokens([AddedToken("<s>", normalized=False)])
        tokenizers[f"added tokens {name} {i}"] = tokenizer
    tokenizers |= dict(models_())
    ids = {name: "".join(digest(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts) for name, tokenizer in tokenizers.items()}
    lists = list(id_lists())
    decoding, decoded = {}, {}
    for name, part in decoders_():
        tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(DECODED)}, unk_token="<unk>"))
        if part:
            tokenizer.decoder = part
        decoding[name] = json.loads(tokenizer.to_str())["decoder"]
        decoded[name] = "".join(digest(tokenizer.decode(ids, skip_special_tokens=False).encode()) for ids in lists)
    definitions = {name: json.loads(tokenizer.to_str()) for name, tokenizer in tokenizers.items()}
    model = json.loads(Tokenizer(bytes_model()).to_str())["model"]
    keys = ["added_tokens", "normalizer", "pre_tokenizer", "model"]
    for definition in definitions.values():
        for key in list(definition):
            if key not in keys or definition[key] in (None, []):
                del definition[key]
        if definition["model"] == model:
            definition["model"] = "bytes"
    result = {"texts": texts, "bytes_model": model, "tokenizers": definitions, "ids": ids,
              "decoded_tokens": DECODED, "decoders": decoding, "id_lists": lists, "decoded": decoded}
    target = pathlib.Path(sys.argv[1]) if complete else OUT / "parts.json"
    lines = ",\n".join(f"{json.dumps(key)}: " + ("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=True, separators=(',', ':'))}" for k, v in value.items()) + "}"
                       if isinstance(value, dict) else json.dumps(value, separators=(",", ":"))) for key, value in result.items())
    target.write_text("{\n" + lines + "\n}\n")
    print(len(texts), "texts", len(tokenizers), "tokenizers", target.stat().st_size, "bytes")


main()
