"""Writes tests/fixtures/generate: greedy texts of Hugging Face's GPTNeoX `generate` for prompts of different lengths.

Versions used: Python 3.11.7, torch==2.13.0 (CPU), transformers==5.23.0.

    python3 tests/parity/make_generate_fixtures.py [OUTPUT_FILE]

There is a case for each model of tests/fixtures/gpt_neox. Prompts are padded on the left, as in the library, and must
continue like each does alone. Prompts whose two best logits are close at any step are left out, because rounding decides
there. Log-likelihoods are sums over the last tokens of each sequence, in float64.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import GPTNeoXForCausalLM

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
DEFAULT_OUTPUT = FIXTURES / "generate" / "golden.json"
MODELS = ["pythia_like", "odd_shapes", "sequential_residual", "tied_gelu_new", "unbiased_yarn"]
LENGTHS = [1, 2, 3, 5, 8, 13, 21, 31, 32, 33, 40]
NEW_TOKENS = 20
SMALLEST_GAP = 1e-2  # between the two best logits; hundreds of times the rounding error of float32


def alone(model, prompt: torch.Tensor) -> list[int]:
    output = model.generate(prompt[None], attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                            max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0, eos_token_id=0)
    return output[0, len(prompt):].tolist()


def together(model, prompts: list[torch.Tensor]) -> list[list[int]]:
    longest = max(map(len, prompts))
    ids = torch.stack([torch.nn.functional.pad(prompt, (longest - len(prompt), 0)) for prompt in prompts])
    mask = torch.stack([torch.cat([torch.zeros(longest - len(p)), torch.ones(len(p))]) for p in prompts]).long()
    output = model.generate(ids, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False,
                            pad_token_id=0, eos_token_id=0)
    rows = []
    for row in output[:, longest:].tolist():
        end = row.index(0) + 1 if 0 in row else len(row)
        rows.append(row[:end])
    return rows


def smallest_gap(model, prompt: torch.Tensor, tokens: list[int]) -> float:
    ids = torch.cat([prompt, torch.tensor(tokens)])
    with torch.no_grad():
        logits = model(ids[None]).logits[0, len(prompt) - 1:-1]
    best = logits.topk(2).values
    return (best[:, 0] - best[:, 1]).min().item()


def log_likelihood(twin, prompt: torch.Tensor, tokens: list[int]) -> float:
    ids = torch.cat([prompt, torch.tensor(tokens)])
    with torch.no_grad():
        logs = twin(ids[None]).logits[0, len(prompt) - 1:-1].log_softmax(-1)
    return logs[torch.arange(len(tokens)), torch.tensor(tokens)].sum().item()


def write_case(name: str, folder: Path, kind=GPTNeoXForCausalLM) -> dict:
    model = kind.from_pretrained(folder, attn_implementation="eager").eval()
    twin = kind.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(7)
    kept = []
    for length in LENGTHS * 3:
        prompt = torch.randint(1, model.config.vocab_size, (length,), generator=generator)
        tokens = alone(model, prompt)
        if smallest_gap(model, prompt, tokens) > SMALLEST_GAP:
            kept.append((prompt, tokens))
    assert len(kept) >= 8, f"{name}: only {len(kept)} prompts are decided"
    assert together(model, [prompt for prompt, _ in kept]) == [tokens for _, tokens in kept], name
    measured = []
    for length in [1, 4, 31, 50]:
        prompt = torch.randint(1, model.config.vocab_size, (length,), generator=generator)
        tokens = torch.randint(1, model.config.vocab_size, (min(9, length),), generator=generator).tolist()
        measured.append({"prompt": prompt.tolist(), "tokens": tokens,
                         "log_likelihood": log_likelihood(twin, prompt, tokens)})
    ended = sum(tokens[-1] == 0 for _, tokens in kept)
    print(f"{name}: {len(kept)} prompts, {ended} ended by the end-of-text token")
    return {"model": name, "max_new_tokens": NEW_TOKENS, "end_of_text": 0, "measured": measured,
            "greedy": [{"prompt": p.tolist(), "tokens": t} for p, t in kept]}


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    torch.set_num_threads(1)
    output.parent.mkdir(parents=True, exist_ok=True)
    cases = [write_case(name, FIXTURES / "gpt_neox" / name) for name in MODELS]
    output.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
