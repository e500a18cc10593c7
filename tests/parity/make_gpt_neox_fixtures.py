"""Writes the golden GPT-NeoX fixtures in tests/fixtures/gpt_neox (documented in the README there).

Versions used: Python 3.11.7, torch==2.13.0 (CPU), transformers==5.23.0, safetensors==0.8.0, numpy==2.4.6.

    pip install torch==2.13.0 transformers==5.23.0 safetensors==0.8.0 numpy==2.4.6
    python3 tests/parity/make_gpt_neox_fixtures.py [OUTPUT_FOLDER]

Everything is seeded and runs on one thread, so a second run on the same machine gives the same bytes. Other
processors may round the last bit of a float differently.
"""

import copy
import json
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "gpt_neox"
IGNORED = -100  # Hugging Face's label of an unsupervised position

CASES = {
    "pythia_like": dict(
        seed=1, batch=2, length=16, masked=False,
        shape=dict(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                   intermediate_size=128, rotary_pct=0.25, rotary_emb_base=10000),
    ),
    "odd_shapes": dict(
        seed=2, batch=3, length=11, masked=True,
        shape=dict(vocab_size=61, hidden_size=24, num_hidden_layers=3, num_attention_heads=3,
                   intermediate_size=40, rotary_pct=0.5, rotary_emb_base=500),
    ),
    "sequential_residual": dict(
        seed=3, batch=1, length=7, masked=False,
        shape=dict(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=1,
                   intermediate_size=64, rotary_pct=1.0, rotary_emb_base=10000,
                   use_parallel_residual=False, layer_norm_eps=1e-3),
    ),
    "tied_gelu_new": dict(
        seed=5, batch=2, length=9, masked=False,
        shape=dict(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=32, rotary_pct=0.5, rotary_emb_base=10000,
                   tie_word_embeddings=True, hidden_act="gelu_new"),
    ),
    "unbiased_yarn": dict(
        seed=6, batch=2, length=9, masked=False,
        shape=dict(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=1,
                   intermediate_size=32, attention_bias=False, hidden_act="gelu_fast",
                   rope_parameters=dict(rope_type="yarn", rope_theta=100, partial_rotary_factor=0.75, factor=4.0,
                                        mscale=1.0, mscale_all_dim=0.5, truncate=False,
                                        original_max_position_embeddings=16)),
    ),
}

TRAJECTORY = dict(
    seed=4, steps=50, warmup_steps=5, micro_batches=2, micro_batch_size=2, length=16,
    peak_learning_rate=5e-3, min_learning_rate=5e-5, betas=[0.9, 0.95], eps=1e-8,
    weight_decay=0.1, max_grad_norm=1.0,
)


def build_model(shape: dict, seed: int) -> GPTNeoXForCausalLM:
    """A model whose every parameter is random, biases and layer norms too: a 0 or a 1 would hide errors."""
    shape = {"hidden_act": "gelu", "tie_word_embeddings": False, **shape}
    config = GPTNeoXConfig(max_position_embeddings=64, bos_token_id=0, eos_token_id=0,
                           attention_dropout=0.0, hidden_dropout=0.0, **shape)
    model = GPTNeoXForCausalLM._from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if "layernorm" in name or "layer_norm" in name:
                parameter.copy_((1.0 if name.endswith("weight") else 0.0) + 0.3 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.2 * noise)
            elif name.endswith("embed_in.weight"):
                parameter.copy_(0.7 * noise)
            else:
                # Twice the variance-preserving scale: attention is then far from uniform.
                parameter.copy_(2.0 / math.sqrt(parameter.shape[1]) * noise)
    return model


def double_twin(model: GPTNeoXForCausalLM) -> GPTNeoXForCausalLM:
    """The same model in float64. Eager attention computes its softmax in float32 for any dtype; SDPA does not."""
    twin = copy.deepcopy(model).double()
    twin.set_attn_implementation("sdpa")
    return twin


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """max|a - e| / max|e| over one tensor."""
    return ((actual.double() - expected.double()).abs().max() / expected.double().abs().max()).item()


def sample_batch(case: dict, vocab_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids [B, T] with many repeated ids, and their labels [B, T] (IGNORED where not supervised)."""
    generator = torch.Generator().manual_seed(100 + case["seed"])
    shape = (case["batch"], case["length"])
    # A third of the positions share five ids, so that the embedding gradient adds up over repeated indices.
    ids = torch.randint(0, vocab_size, shape, generator=generator)
    common = torch.randint(0, 5, shape, generator=generator)
    ids = torch.where(torch.rand(shape, generator=generator) < 0.35, common, ids)
    ids[0, 0], ids[0, 1], ids[0, 2] = 3, 3, vocab_size - 1
    labels = ids.clone()
    if case["masked"]:
        # Each row has another prompt length, a gap and a padded end: rows differ in supervised tokens.
        for row, prompt_length in enumerate([4, 1, 7]):
            labels[row, :prompt_length] = IGNORED
        labels[1, 5] = IGNORED
        labels[2, -2:] = IGNORED
    return ids, labels


def shift(labels: torch.Tensor) -> torch.Tensor:
    """targets[b, t] = labels[b, t + 1]; the last position has no target."""
    return torch.nn.functional.pad(labels, (0, 1), value=IGNORED)[:, 1:].contiguous()


def forward_backward(model, ids, labels):
    """HF outputs, last layer's output before the final norm, and the gradient of every parameter."""
    captured = []
    hook = model.gpt_neox.final_layer_norm.register_forward_pre_hook(lambda _, args: captured.append(args[0]))
    model.zero_grad(set_to_none=True)
    outputs = model(input_ids=ids, labels=labels, output_hidden_states=True, use_cache=False)
    outputs.loss.backward()
    hook.remove()
    return outputs, captured[0], {name: p.grad.clone() for name, p in model.named_parameters()}


def key_bias_without_gradient(config: GPTNeoXConfig, bias: torch.Tensor) -> torch.Tensor:
    """The part of a query_key_value bias (laid out [heads, 3, head_dim]) that no loss depends on.

    A key bias outside the rotary dims adds the same q.b to every score of a query, and softmax ignores that. Its
    gradient is rounding noise, which Adam scales up to full steps: such entries of trained weights mean nothing.
    """
    heads = config.num_attention_heads
    head_dim = config.hidden_size // heads
    rotary_dim = int(head_dim * config.rope_parameters["partial_rotary_factor"])
    return bias.view(heads, 3, head_dim)[:, 1, rotary_dim:]


def check_case(model, ids, labels, outputs, last_layer, gradients) -> None:
    """Refuses fixtures that are not finite, test nothing, or differ from the README."""
    hidden, targets = outputs.hidden_states, shift(labels)
    assert model.config._attn_implementation == "eager" and not model.training
    assert len(hidden) == model.config.num_hidden_layers + 1
    assert torch.equal(hidden[0], model.gpt_neox.embed_in(ids))
    assert torch.equal(hidden[-1], model.gpt_neox.final_layer_norm(last_layer))
    mean = cross_entropy(outputs.logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    assert torch.equal(outputs.loss, mean)
    assert len(ids.unique()) < ids.numel(), "no id repeats: the embedding gradient would not accumulate"
    for name, tensor in [("logits", outputs.logits), ("loss", outputs.loss), *gradients.items()]:
        assert torch.isfinite(tensor).all(), f"{name} is not finite"
    for name, gradient in gradients.items():
        assert gradient.abs().max() > 1e-5, f"the gradient of {name} vanishes"
        if name.endswith("query_key_value.bias"):
            noise = key_bias_without_gradient(model.config, gradient)
            assert (noise.abs() < 1e-5 * gradient.abs().max()).all(), f"{name} is not laid out as the README says"
    twin_outputs, _, twin_gradients = forward_backward(double_twin(model), ids, labels)
    errors = {name: relative_error(gradients[name], twin_gradients[name]) for name in gradients}
    worst = max(errors, key=errors.get)
    logit_error = (outputs.logits - twin_outputs.logits).abs().max().item()
    assert errors[worst] < 2e-5 and logit_error < 2e-5, (worst, errors[worst], logit_error)
    print(f"  loss {outputs.loss.item():.6f}; against float64: logits {logit_error:.1e} absolute, "
          f"gradients {errors[worst]:.1e} relative ({worst})")


def old_scaling(rope: dict) -> dict | None:
    """`rope_scaling` of transformers 4, with `type` for `rope_type`."""
    if rope["rope_type"] == "default":
        return None
    kept = {k: v for k, v in rope.items() if k not in ("rope_type", "rope_theta", "partial_rotary_factor")}
    return {"type": rope["rope_type"], **kept}


def write_config(config: GPTNeoXConfig, folder: Path) -> None:
    """config.json as this version saves it, and the same model in the keys of the published Pythia checkpoints."""
    config.architectures, config.dtype = ["GPTNeoXForCausalLM"], "float32"
    config.save_pretrained(folder)
    saved = json.loads((folder / "config.json").read_text())
    rope = saved.pop("rope_parameters")
    saved.pop("transformers_version")
    saved["torch_dtype"] = saved.pop("dtype")
    saved["rotary_pct"], saved["rotary_emb_base"] = rope["partial_rotary_factor"], rope["rope_theta"]
    if old_scaling(rope) is not None:
        saved["rope_scaling"] = old_scaling(rope)
    loaded = GPTNeoXConfig(**copy.deepcopy(saved))
    loaded.rope_parameters.pop("type", None)
    assert loaded.rope_parameters == config.rope_parameters, "the two spellings differ"
    (folder / "config_rotary_pct.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")


def save(folder: Path, file: str, tensors: dict[str, torch.Tensor]) -> None:
    """One safetensors file; the library orders tensors by dtype, then name."""
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    save_file(tensors, folder / file, metadata={"format": "pt"})


def write_case(name: str, case: dict, output: Path) -> GPTNeoXForCausalLM:
    print(name)
    folder = output / name
    folder.mkdir(parents=True, exist_ok=True)
    model = build_model(case["shape"], case["seed"])
    ids, labels = sample_batch(case, model.config.vocab_size)
    outputs, last_layer, gradients = forward_backward(model, ids, labels)
    check_case(model, ids, labels, outputs, last_layer, gradients)
    targets = shift(labels)
    token_loss = cross_entropy(outputs.logits.transpose(1, 2), targets, ignore_index=IGNORED, reduction="none")
    write_config(model.config, folder)
    save(folder, "model.safetensors", dict(model.named_parameters()))
    save(folder, "gradients.safetensors", gradients)
    save(folder, "activations.safetensors", {
        "input_ids": ids.int(), "labels": labels.int(), "targets": targets.int(),
        "loss_mask": (targets != IGNORED).float(), "logits": outputs.logits,
        "hidden_states": torch.stack(outputs.hidden_states), "last_layer_output": last_layer,
        "token_loss": token_loss, "loss": outputs.loss,
    })
    reloaded = GPTNeoXForCausalLM.from_pretrained(folder, attn_implementation="eager")
    assert torch.equal(reloaded(input_ids=ids).logits, outputs.logits), "the folder does not load as it was saved"
    return model


def learning_rate(step: int, t=TRAJECTORY) -> float:
    """Learning rate used at step 0, 1, ..., rounded to float32 so that the stored one is the one used.

    step < W:  peak (step + 1) / W
    else:      min + (peak - min) (1 + cos(pi (step + 1 - W) / (T - W))) / 2
    """
    peak, low, warmup = t["peak_learning_rate"], t["min_learning_rate"], t["warmup_steps"]
    if step < warmup:
        rate = peak * (step + 1) / warmup
    else:
        done = (step + 1 - warmup) / (t["steps"] - warmup)
        rate = low + (peak - low) * (1 + math.cos(math.pi * done)) / 2
    return torch.tensor(rate, dtype=torch.float32).item()


def sample_trajectory_tokens(vocab_size: int, t=TRAJECTORY) -> torch.Tensor:
    """[steps, micro_batches, micro_batch_size, T]: a walk through a cycle of 24 ids, one id in ten replaced."""
    generator = torch.Generator().manual_seed(t["seed"])
    cycle = torch.randperm(vocab_size, generator=generator)[:24]
    rows = (t["steps"], t["micro_batches"], t["micro_batch_size"])
    start = torch.randint(0, 24, (*rows, 1), generator=generator)
    tokens = cycle[(start + torch.arange(t["length"])) % 24]
    noise = torch.randint(0, vocab_size, tokens.shape, generator=generator)
    return torch.where(torch.rand(tokens.shape, generator=generator) < 0.1, noise, tokens)


def train(model: GPTNeoXForCausalLM, tokens: torch.Tensor, t=TRAJECTORY):
    """Losses and gradient norms before clipping, one per optimizer step. Leaves the final weights in the model."""
    groups = [
        dict(params=[p for p in model.parameters() if p.ndim == 2], weight_decay=t["weight_decay"]),
        dict(params=[p for p in model.parameters() if p.ndim == 1], weight_decay=0.0),
    ]
    optimizer = torch.optim.AdamW(groups, betas=tuple(t["betas"]), eps=t["eps"], foreach=False, fused=False)
    losses, norms = [], []
    for step in range(t["steps"]):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, t)
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for ids in tokens[step]:
            # Micro-batches have the same number of supervised tokens, so the mean of their means is the batch's mean.
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss / t["micro_batches"]
            loss.backward()
            total += loss.item()
        losses.append(total)
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), t["max_grad_norm"], foreach=False).item())
        optimizer.step()
    return torch.tensor(losses, dtype=torch.float64), torch.tensor(norms, dtype=torch.float64)


def write_trajectory(model: GPTNeoXForCausalLM, output: Path, t=TRAJECTORY) -> None:
    """Trains in place: `model` has the weights of the case named in trajectory.json."""
    print("adamw_trajectory")
    folder = output / "adamw_trajectory"
    folder.mkdir(parents=True, exist_ok=True)
    model.zero_grad(set_to_none=True)
    twin, start = double_twin(model), {n: p.detach().clone() for n, p in model.named_parameters()}
    tokens = sample_trajectory_tokens(model.config.vocab_size)
    (losses, norms), (twin_losses, _) = train(model, tokens), train(twin, tokens)
    assert torch.isfinite(losses).all() and losses[-5:].mean() < 0.7 * losses[:5].mean(), losses
    assert 0 < (norms > t["max_grad_norm"]).sum() < t["steps"], "clipping must act on some steps, not on all"
    assert all(not torch.equal(p, start[n]) for n, p in model.named_parameters()), "a parameter never moved"
    loss_error = (losses - twin_losses).abs().max().item()
    weights, twin_weights = dict(model.named_parameters()), dict(twin.named_parameters())
    errors = {n: relative_error(weights[n].detach(), twin_weights[n].detach()) for n in weights
              if not n.endswith("query_key_value.bias")}  # see key_bias_without_gradient
    worst = max(errors, key=errors.get)
    assert loss_error < 1e-4 and errors[worst] < 1e-3, (loss_error, worst, errors[worst])
    print(f"  loss {losses[0]:.4f} -> {losses[-1]:.4f}, {(norms > 1).sum()} of {t['steps']} steps clipped; against "
          f"float64: losses {loss_error:.1e} absolute, final weights but key biases {errors[worst]:.1e} relative "
          f"({worst})")
    settings = {"initial_weights": "../pythia_like/model.safetensors", **t}
    (folder / "trajectory.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    save(folder, "model.safetensors", weights)
    save(folder, "steps.safetensors", {
        "input_ids": tokens.int(), "loss": losses.float(), "grad_norm": norms.float(),
        "learning_rate": torch.tensor([learning_rate(step) for step in range(t["steps"])], dtype=torch.float32),
    })


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    models = {name: write_case(name, case, output) for name, case in CASES.items()}
    write_trajectory(models["pythia_like"], output)
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    assert size < 1_000_000, f"the fixtures take {size} bytes"
    print(f"{size} bytes")


if __name__ == "__main__":
    main()
