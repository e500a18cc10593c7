"""Writes the golden Llama fixtures in tests/fixtures/llama (documented in the README there).

Versions used: Python 3.11.7, torch==2.13.0 (CPU), transformers==5.23.0, safetensors==0.8.0, numpy==2.4.6.

    pip install torch==2.13.0 transformers==5.23.0 safetensors==0.8.0 numpy==2.4.6
    python3 tests/parity/make_llama_fixtures.py [OUTPUT_FOLDER]

Batches, schedule and training loop are those of make_gpt_neox_fixtures.py. Everything is seeded and runs on one thread,
so a second run on the same machine gives the same bytes. Other processors may round the last bit of a float differently.
"""

import copy
import json
import math
import sys
from pathlib import Path

import torch
from make_generate_fixtures import write_case as write_generation
from make_gpt_neox_fixtures import (IGNORED, TRAJECTORY, double_twin, learning_rate, relative_error, sample_batch,
                                    old_scaling, sample_trajectory_tokens, save, shift, train)
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "fixtures" / "llama"

CASES = {
    "grouped_tied": dict(
        seed=1, batch=2, length=16, masked=False,
        shape=dict(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                   intermediate_size=48, rope_theta=10000.0, tie_word_embeddings=True),
    ),
    "odd_shapes": dict(
        seed=2, batch=3, length=11, masked=True,
        shape=dict(vocab_size=61, hidden_size=24, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1,
                   head_dim=10, intermediate_size=21, rope_theta=500.0, rms_norm_eps=1e-3,
                   tie_word_embeddings=False),
    ),
    "multi_head": dict(
        seed=3, batch=1, length=7, masked=False,
        shape=dict(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
                   intermediate_size=40, rope_theta=10000.0, tie_word_embeddings=False),
    ),
    "llama3_rope": dict(
        seed=5, batch=2, length=9, masked=False,
        shape=dict(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                   intermediate_size=24, tie_word_embeddings=True,
                   rope_parameters=dict(rope_type="llama3", rope_theta=100.0, factor=4.0, low_freq_factor=0.25,
                                        high_freq_factor=2.0, original_max_position_embeddings=16)),
    ),
    "yarn_rope": dict(
        seed=6, batch=2, length=9, masked=False,
        shape=dict(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1,
                   intermediate_size=24, tie_word_embeddings=True, hidden_act="gelu_pytorch_tanh",
                   rope_parameters=dict(rope_type="yarn", rope_theta=100.0, factor=4.0, beta_fast=3.0, beta_slow=0.1,
                                        original_max_position_embeddings=16)),
    ),
    "linear_rope": dict(
        seed=7, batch=2, length=9, masked=False,
        shape=dict(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                   intermediate_size=24, tie_word_embeddings=True, hidden_act="gelu",
                   rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.5)),
    ),
}

STEPS = {**TRAJECTORY, "steps": 30, "max_grad_norm": 4.0}


def build_model(shape: dict, seed: int) -> LlamaForCausalLM:
    """A model whose every parameter is random, norms too: a 1 would hide errors."""
    config = LlamaConfig(max_position_embeddings=64, bos_token_id=0, eos_token_id=0, attention_dropout=0.0, **shape)
    model = LlamaForCausalLM._from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                parameter.copy_(1.0 + 0.3 * noise)
            elif name.endswith("embed_tokens.weight"):
                # If tied, it also computes the logits.
                parameter.copy_((0.4 if config.tie_word_embeddings else 0.7) * noise)
            else:
                # Twice the variance-preserving scale: attention is then far from uniform.
                parameter.copy_(2.0 / math.sqrt(parameter.shape[1]) * noise)
    return model


def forward_backward(model, ids, labels):
    """HF outputs, and the gradient of every parameter; that of a tied one includes both uses."""
    model.zero_grad(set_to_none=True)
    outputs = model(input_ids=ids, labels=labels, output_hidden_states=True, use_cache=False)
    outputs.loss.backward()
    return outputs, {name: p.grad.clone() for name, p in model.named_parameters()}


def check_case(model, ids, labels, outputs, gradients) -> None:
    """Refuses fixtures that are not finite, test nothing, or differ from the README."""
    hidden, targets = outputs.hidden_states, shift(labels)
    assert model.config._attn_implementation == "eager" and not model.training
    assert len(hidden) == model.config.num_hidden_layers + 1
    assert torch.equal(hidden[0], model.model.embed_tokens(ids))
    assert ("lm_head.weight" in gradients) != model.config.tie_word_embeddings
    mean = cross_entropy(outputs.logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    assert torch.equal(outputs.loss, mean)
    for name, tensor in [("logits", outputs.logits), ("loss", outputs.loss), *gradients.items()]:
        assert torch.isfinite(tensor).all() and tensor.abs().max() > 1e-5, name
    twin_outputs, twin_gradients = forward_backward(double_twin(model), ids, labels)
    errors = {name: relative_error(gradients[name], twin_gradients[name]) for name in gradients}
    worst = max(errors, key=errors.get)
    logit_error = (outputs.logits - twin_outputs.logits).abs().max().item()
    assert errors[worst] < 2e-5 and logit_error < 2e-5, (worst, errors[worst], logit_error)
    print(f"  loss {outputs.loss.item():.6f}; against float64: logits {logit_error:.1e} absolute, "
          f"gradients {errors[worst]:.1e} relative ({worst})")


def write_config(config: LlamaConfig, folder: Path) -> None:
    """config.json as this version saves it, and the same model in the keys of published checkpoints."""
    config.architectures, config.dtype = ["LlamaForCausalLM"], "float32"
    config.save_pretrained(folder)
    saved = json.loads((folder / "config.json").read_text())
    rope = saved.pop("rope_parameters")
    saved.pop("transformers_version")
    saved["torch_dtype"] = saved.pop("dtype")
    saved["rope_theta"], saved["rope_scaling"] = rope["rope_theta"], old_scaling(rope)
    loaded = LlamaConfig(**copy.deepcopy(saved))
    loaded.rope_parameters.pop("type", None)
    assert loaded.rope_parameters == config.rope_parameters, "the two spellings differ"
    (folder / "config_rope_theta.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")


def write_case(name: str, case: dict, output: Path) -> LlamaForCausalLM:
    print(name)
    folder = output / name
    folder.mkdir(parents=True, exist_ok=True)
    model = build_model(case["shape"], case["seed"])
    ids, labels = sample_batch(case, model.config.vocab_size)
    outputs, gradients = forward_backward(model, ids, labels)
    check_case(model, ids, labels, outputs, gradients)
    targets = shift(labels)
    write_config(model.config, folder)
    save(folder, "model.safetensors", dict(model.named_parameters()))
    save(folder, "gradients.safetensors", gradients)
    save(folder, "activations.safetensors", {
        "input_ids": ids.int(), "targets": targets.int(), "loss_mask": (targets != IGNORED).float(),
        "logits": outputs.logits, "hidden_states": torch.stack(outputs.hidden_states), "loss": outputs.loss,
    })
    reloaded = LlamaForCausalLM.from_pretrained(folder, attn_implementation="eager")
    assert torch.equal(reloaded(input_ids=ids).logits, outputs.logits), "the folder does not load as it was saved"
    return model


def write_trajectory(model: LlamaForCausalLM, output: Path, t=STEPS) -> None:
    """Trains in place: `model` has the weights of the case named in trajectory.json."""
    print("adamw_trajectory")
    folder = output / "adamw_trajectory"
    folder.mkdir(parents=True, exist_ok=True)
    model.zero_grad(set_to_none=True)
    twin, start = double_twin(model), {n: p.detach().clone() for n, p in model.named_parameters()}
    tokens = sample_trajectory_tokens(model.config.vocab_size, t)
    (losses, norms), (twin_losses, _) = train(model, tokens, t), train(twin, tokens, t)
    assert torch.isfinite(losses).all() and losses[-5:].mean() < 0.7 * losses[:5].mean(), losses
    clipped = (norms > t["max_grad_norm"]).sum()
    assert 0 < clipped < t["steps"], f"clipping must act on some steps, not on {clipped} of all"
    assert all(not torch.equal(p, start[n]) for n, p in model.named_parameters()), "a parameter never moved"
    weights, twin_weights = dict(model.named_parameters()), dict(twin.named_parameters())
    errors = {n: relative_error(weights[n].detach(), twin_weights[n].detach()) for n in weights}
    worst, loss_error = max(errors, key=errors.get), (losses - twin_losses).abs().max().item()
    assert loss_error < 1e-4 and errors[worst] < 1e-3, (loss_error, worst, errors[worst])
    print(f"  loss {losses[0]:.4f} -> {losses[-1]:.4f}, {clipped} of {t['steps']} steps clipped; against "
          f"float64: losses {loss_error:.1e} absolute, final weights {errors[worst]:.1e} relative ({worst})")
    settings = {"initial_weights": "../grouped_tied/model.safetensors", **t}
    (folder / "trajectory.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    save(folder, "model.safetensors", weights)
    save(folder, "steps.safetensors", {
        "input_ids": tokens.int(), "loss": losses.float(), "grad_norm": norms.float(),
        "learning_rate": torch.tensor([learning_rate(step, t) for step in range(t["steps"])], dtype=torch.float32),
    })


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    models = {name: write_case(name, case, output) for name, case in CASES.items()}
    generations = [write_generation(name, output / name, LlamaForCausalLM) for name in CASES]
    (output / "generate.json").write_text(json.dumps(generations, separators=(",", ":")) + "\n")
    write_trajectory(models["grouped_tied"], output)
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    assert size < 1_000_000, f"the fixtures take {size} bytes"
    print(f"{size} bytes")


if __name__ == "__main__":
    main()
