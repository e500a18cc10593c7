"""PyTorch's side of the training and evaluation benchmarks: a process that computes on request (json_lines.py).

A pass is a whole training step (batch, forward, backward, clipping, AdamW) or, for evaluation, a batch and its loss.
"""

import math
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from gpt_neox_sdpa import GptNeoX
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from weights import read_weights

sys.path.append(str(Path(__file__).parents[1] / "shared"))
from json_lines import serve_requests  # noqa: E402

ADAMW = dict(lr=3e-4, betas=(0.9, 0.95), eps=1e-8)
WEIGHT_DECAY = 0.1
MAX_GRAD_NORM = 1.0
OPTIMIZER_TRIALS = 3

peer = None


class HuggingFace(torch.nn.Module):
    """Hugging Face's model as token ids -> logits, without the cache that only generation needs."""

    def __init__(self, config):
        from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

        super().__init__()
        self.model = GPTNeoXForCausalLM(GPTNeoXConfig(hidden_act="gelu", tie_word_embeddings=False, **config))

    def forward(self, ids):
        return self.model(input_ids=ids, use_cache=False).logits


def build_model(implementation, config, length):
    if implementation == "sdpa":
        model = GptNeoX(config, length)
        return model, model
    model = HuggingFace(config)
    return model, model.model


def load_weights(model, path):
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, data in read_weights(path):
            # Newer versions of transformers call the output projection lm_head.
            target = parameters.pop(name, None)
            target = parameters.pop("lm_head.weight") if target is None else target
            target.copy_(torch.from_numpy(data))
    if parameters:
        raise ValueError(f"the weights lack {', '.join(parameters)}")


def make_optimizer(model):
    """Weight decay on matrices only, as in Causeway."""
    parameters = list(model.parameters())
    groups = [
        dict(params=[p for p in parameters if p.dim() > 1], weight_decay=WEIGHT_DECAY),
        dict(params=[p for p in parameters if p.dim() == 1], weight_decay=0.0),
    ]
    return torch.optim.AdamW(groups, fused=True, **ADAMW)


class Peer:
    def __init__(self, task, size, files, implementation, mode):
        self.training = task == "train"
        self.bf16 = mode.endswith("bf16")
        shape = (-1, size["rows"], size["length"] + 1)
        self.tokens = np.fromfile(files["tokens"], dtype=np.uint16).reshape(shape)
        self.drawn = 0
        self.model, named = build_model(implementation, size["config"], size["length"])
        load_weights(named, files["weights"])
        self.model.train(self.training)
        self.optimizer = make_optimizer(self.model) if self.training else None
        self.loss = torch.compile(self.plain_loss, dynamic=False) if mode.startswith("compile") else self.plain_loss

    def plain_loss(self, ids, labels):
        logits = self.model(ids)
        return cross_entropy(logits.reshape(-1, logits.shape[-1]), labels)

    def batch(self):
        """The next batch: ids [rows, length] and labels [rows * length], int64 as PyTorch requires."""
        block = torch.from_numpy(self.tokens[self.drawn % len(self.tokens)].astype(np.int64))
        self.drawn += 1
        return block[:, :-1].contiguous(), block[:, 1:].reshape(-1)

    def autocast(self):
        return torch.autocast("cpu", dtype=torch.bfloat16) if self.bf16 else nullcontext()

    def forward(self):
        """The loss of the next batch, keeping what the backward pass needs."""
        ids, labels = self.batch()
        with self.autocast():
            return self.loss(ids, labels)

    def forward_backward(self):
        loss = self.forward()
        loss.backward()
        return loss.item()

    def update(self):
        clip_grad_norm_(self.model.parameters(), MAX_GRAD_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def evaluate(self):
        ids, labels = self.batch()
        with self.autocast():
            return self.loss(ids, labels).item()

    def run_pass(self):
        if self.training:
            self.forward_backward()
            self.update()
        else:
            self.evaluate()

    def outcome(self):
        """Loss and gradient norm of the first batch; nothing is updated."""
        self.drawn = 0
        if not self.training:
            return dict(loss=self.evaluate())
        loss = self.forward_backward()
        grad_norm = math.sqrt(sum(sum_of_squares(p.grad) for p in self.model.parameters()))
        self.optimizer.zero_grad(set_to_none=True)
        return dict(loss=loss, grad_norm=grad_norm)

    def exact_outcome(self):
        """The same in float32 without compilation."""
        loss, bf16 = self.loss, self.bf16
        self.loss, self.bf16 = self.plain_loss, False
        result = self.outcome()
        self.loss, self.bf16 = loss, bf16
        return result

    def choose_optimizer(self):
        """Chooses the faster of fused AdamW and the loop over tensors."""
        seconds = {}
        for fused in (True, False):
            for group in self.optimizer.param_groups:
                group["fused"] = fused
            times = []
            for _ in range(OPTIMIZER_TRIALS):
                self.forward_backward()
                times.append(timed(self.update)[0])
            seconds[fused] = min(times)
        best = min(seconds, key=seconds.get)
        for group in self.optimizer.param_groups:
            group["fused"] = best
        return "fused" if best else "loop"


def sum_of_squares(tensor):
    """Summed in float64, in pieces: float32 sums over millions of elements are too coarse for the check."""
    return sum(piece.double().square().sum().item() for piece in tensor.flatten().split(1 << 20))


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def prepare(task, size, files, threads, implementation, mode):
    global peer
    torch.set_num_threads(threads)
    build_s, peer = timed(lambda: Peer(task, size, files, implementation, mode))
    reply = dict(build_s=build_s)
    if mode != "eager":
        reply["exact"] = peer.exact_outcome()
    reply["first_pass_s"], reply["first"] = timed(peer.outcome)
    if peer.training:
        reply["optimizer"] = peer.choose_optimizer()
    return reply


def passes(count):
    return dict(seconds=[timed(peer.run_pass)[0] for _ in range(count)])


def parts(count):
    """More passes, timed by part; clipping counts as part of the optimizer."""
    if not peer.training:
        return {}
    seconds = dict(forward=[], backward=[], optimizer=[])
    for _ in range(count):
        forward, loss = timed(peer.forward)
        seconds["forward"].append(forward)
        seconds["backward"].append(timed(loss.backward)[0])
        seconds["optimizer"].append(timed(peer.update)[0])
    return seconds


serve_requests(dict(prepare=prepare, passes=passes, parts=parts))
