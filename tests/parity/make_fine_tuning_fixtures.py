"""Writes tests/fixtures/fine_tuning/losses.json: losses and gradients of examples under three averages, and a short
fine-tuning as PyTorch's defaults have it, on the model of tests/fixtures/gpt_neox/pythia_like.

Versions used: torch==2.13.0 (CPU), transformers==5.23.0.

    python3 tests/parity/make_fine_tuning_fixtures.py
"""

import json
import math
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import GPTNeoXForCausalLM

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
IGNORED = -100
GROUP = 2  # examples of a micro-batch
STEPS = 6
PEAK = 3e-3
EMA = 0.8

torch.set_num_threads(1)
generator = torch.Generator().manual_seed(7)
# (length, prompt): a short answer, a long one, no prompt; 5 examples leave a smaller last micro-batch.
SHAPES = [(5, 3), (23, 4), (12, 0), (17, 14), (9, 2)]
EXAMPLES = [(torch.randint(0, 97, (n,), generator=generator), prompt) for n, prompt in SHAPES]


def load() -> GPTNeoXForCausalLM:
    return GPTNeoXForCausalLM.from_pretrained(FIXTURES / "gpt_neox" / "pythia_like").float().eval()


def token_losses(model, tokens, prompt):
    """Losses of the labels of one example."""
    logits = model(tokens[None, :-1]).logits[0]
    labels = tokens[1:].clone()
    labels[: max(0, prompt - 1)] = IGNORED
    losses = cross_entropy(logits, labels, ignore_index=IGNORED, reduction="none")
    return losses[labels != IGNORED]


def average(model, kind: str) -> torch.Tensor:
    losses = [token_losses(model, *example) for example in EXAMPLES]
    if kind == "token":
        return torch.cat(losses).mean()
    if kind == "example":
        return torch.stack([each.mean() for each in losses]).mean()
    groups = [torch.cat(losses[i : i + GROUP]) for i in range(0, len(losses), GROUP)]
    return torch.stack([group.mean() for group in groups]).mean()


def gradients(kind: str) -> dict:
    model = load()
    loss = average(model, kind)
    loss.backward()
    norms = {name: p.grad.norm().item() for name, p in model.named_parameters()}
    return {"loss": loss.item(), "norms": norms}


def trajectory() -> dict:
    """AdamW(lr) with every other argument left out, no clipping, cosine to 0 after a warm-up of 1 step."""
    model = load()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK)
    losses = []
    for step in range(STEPS):
        rate = PEAK * (1 + math.cos(math.pi * step / (STEPS - 1))) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = average(model, "micro_batch")
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        after = average(model, "micro_batch").item()
    norms = {name: p.detach().double().norm().item() for name, p in model.named_parameters()}
    return {"peak_lr": PEAK, "losses": losses, "after": after, "norms": norms}


def regularized(frozen: tuple[str, ...], decay: float) -> dict:
    """Steps with frozen parameters and L2-SP as a decoupled decay; EMA and the mean of points as torch averages them."""
    model = load()
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    for name, p in model.named_parameters():
        p.requires_grad_(not name.startswith(frozen))
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=PEAK)
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(EMA))
    ema.update_parameters(model)  # the first call copies
    last = AveragedModel(model)
    losses, grad_norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = average(model, "token")
        loss.backward()
        with torch.no_grad():
            grad_norms.append(math.sqrt(sum(p.grad.norm().item() ** 2 for p in trained.values())))
            for name, p in trained.items():
                p -= PEAK * decay * (p - start[name])
        optimizer.step()
        ema.update_parameters(model)
        if step % 2 == 1:
            last.update_parameters(model)
        losses.append(loss.item())
    norms = lambda m: {name: p.detach().double().norm().item() for name, p in m.named_parameters()}
    moved = {name: (p.detach() - start[name]).double().norm().item() for name, p in trained.items()}
    return {"frozen": [n for n in start if n not in trained], "decay": decay, "losses": losses,
            "grad_norms": grad_norms, "moved": moved, "norms": norms(model),
            "ema": norms(ema.module), "last": norms(last.module)}


examples = [{"tokens": tokens.tolist(), "prompt": prompt} for tokens, prompt in EXAMPLES]
averages = {kind: gradients(kind) for kind in ["token", "example", "micro_batch"]}
out = FIXTURES / "fine_tuning"
out.mkdir(exist_ok=True)
content = {"group": GROUP, "examples": examples, "averages": averages, "trajectory": trajectory(),
           "ema_decay": EMA,
           "regularized": [regularized(("no parameter",), 20.0),
                           regularized(("gpt_neox.embed_in.", "gpt_neox.layers.0."), 20.0)]}
(out / "losses.json").write_text(json.dumps(content, indent=1) + "\n")
print({kind: value["loss"] for kind, value in averages.items()}, content["trajectory"]["losses"])
