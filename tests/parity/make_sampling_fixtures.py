"""Writes tests/fixtures/generate/sampling.json: probabilities of the next token after transformers' processors.

Versions used: Python 3.11.7, torch==2.13.0 (CPU), transformers==5.23.0.

    python3 tests/parity/make_sampling_fixtures.py [OUTPUT_FILE]

Processors run in the order of `generate`: repetition penalty, temperature, top-k, top-p, min-p. Logits are multiples of
1/8, so that they are exact in JSON.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import (LogitsProcessorList, MinPLogitsWarper, RepetitionPenaltyLogitsProcessor,
                          TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "generate" / "sampling.json"
OPTIONS = [
    dict(repetition_penalty=1.3),
    dict(repetition_penalty=0.7, temperature=0.6),
    dict(min_p=0.1),
    dict(min_p=0.3, temperature=1.7),
    dict(min_p=1.0),
    dict(min_p=0.02, temperature=0.8, top_k=9, top_p=0.9, repetition_penalty=1.1),
]


def probabilities(ids: torch.Tensor, logits: torch.Tensor, o: dict) -> list[float]:
    processors = LogitsProcessorList()
    if "repetition_penalty" in o:
        processors.append(RepetitionPenaltyLogitsProcessor(o["repetition_penalty"]))
    processors.append(TemperatureLogitsWarper(o.get("temperature", 1.0)))
    if "top_k" in o:
        processors.append(TopKLogitsWarper(o["top_k"]))
    if "top_p" in o:
        processors.append(TopPLogitsWarper(o["top_p"]))
    if "min_p" in o:
        processors.append(MinPLogitsWarper(o["min_p"]))
    return processors(ids[None], logits[None].clone()).softmax(-1)[0].tolist()


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    generator = torch.Generator().manual_seed(3)
    cases = []
    for options in OPTIONS:
        logits = (torch.randn(24, generator=generator) * 16).round() / 8
        ids = torch.randint(0, 24, (7,), generator=generator)
        cases.append({"options": options, "logits": logits.tolist(), "ids": ids.tolist(),
                      "probabilities": [round(p, 6) for p in probabilities(ids, logits, options)]})
    output.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
