"""Writes tests/fixtures/rope.json: the rotary frequencies that transformers reads from random spellings of a config.json.

Versions used: Python 3.11.7, torch==2.13.0 (CPU), transformers==5.23.0.

    python3 tests/parity/make_rope_fixtures.py [OUTPUT_FILE]

Each case has a configuration and what transformers makes of it: inverse frequencies and the factor of cos and sin, or null
where it raises. Many configurations contradict themselves on purpose.
"""

import copy
import json
import random
import sys
from pathlib import Path

import transformers
from transformers import GPTNeoXConfig, LlamaConfig
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "rope.json"
CASES = 250
YARN = dict(attention_factor=[1.0, 0.5, 1.3], beta_fast=[32, 16.0, 4], beta_slow=[1, 2.0, 0.1], mscale=[1.0, 0.7, 0],
            mscale_all_dim=[1.0, 0.3, 0], truncate=[True, False])


def rope(r: random.Random) -> dict:
    kind = r.choice([None, "default", "linear", "llama3", "yarn", "dynamic"])
    settings = {r.choice(["type", "rope_type"]): kind} if kind else {}
    if kind in ("linear", "llama3", "yarn", "dynamic") or r.random() < 0.1:
        settings["factor"] = r.choice([2, 4.0, 1.0, 8])
    if kind == "llama3":
        settings.update(low_freq_factor=r.choice([1.0, 0.5]), high_freq_factor=r.choice([4.0, 2, 8]))
    if kind in ("llama3", "yarn") and r.random() < 0.7:
        settings["original_max_position_embeddings"] = r.choice([16, 64, 256, 2048])
    if kind == "yarn":
        settings.update({key: r.choice(values) for key, values in YARN.items() if r.random() < 0.3})
    if r.random() < 0.4:
        settings["rope_theta"] = r.choice([10000, 10000.0, 500000.0, 100])
    if r.random() < 0.15:
        settings["partial_rotary_factor"] = r.choice([1.0, 0.5, 0.25])
    return settings


def sample(r: random.Random) -> dict:
    family = r.choice(["llama", "gpt_neox"])
    config = dict(model_type=family, vocab_size=50, hidden_size=32, num_hidden_layers=1,
                  num_attention_heads=r.choice([1, 2, 4]), intermediate_size=32,
                  max_position_embeddings=r.choice([64, 2048, 8192]))
    if r.random() < 0.6:
        config["rope_parameters"] = rope(r)
    if r.random() < 0.3:
        config["rope_scaling"] = r.choice([None, rope(r)])
    if r.random() < 0.3:
        config["rope_theta"] = r.choice([10000, 500000.0, 100.0])
    if family == "gpt_neox" and r.random() < 0.3:
        config["rotary_emb_base"] = r.choice([10000, 500, 100])
    if family == "gpt_neox" and r.random() < 0.3:
        config["rotary_pct"] = r.choice([0.25, 0.5, 1.0])
    if r.random() < 0.05:
        config["original_max_position_embeddings"] = r.choice([16, 64])
    return config


def reference(config: dict) -> dict | None:
    kinds = dict(llama=(LlamaConfig, LlamaRotaryEmbedding), gpt_neox=(GPTNeoXConfig, GPTNeoXRotaryEmbedding))
    settings = copy.deepcopy(config)
    kind, embedding = kinds[settings.pop("model_type")]
    try:
        made = embedding(kind(**settings))
    except Exception:
        return None
    return {"inv_freq": [float(f"{x:.8g}") for x in made.inv_freq.tolist()], "scale": made.attention_scaling}


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    transformers.logging.set_verbosity_error()
    configs = [sample(random.Random(i)) for i in range(CASES)]
    cases = [{"config": config, "expected": reference(config)} for config in configs]
    output.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
