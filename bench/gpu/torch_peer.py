"""PyTorch's side of the GPU benchmark: a process that computes on request (json_lines.py). Needs PyTorch and NumPy.

A step is a batch, forward, backward, clipping and AdamW, as in Causeway, and ends when the GPU has finished.
"""

import json
import math
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

sys.path += [str(Path(__file__).parents[1] / name) for name in ("shared", "pytorch")]
from gpt_neox_sdpa import GptNeoX  # noqa: E402
from json_lines import serve_requests  # noqa: E402

ADAMW = dict(lr=3e-4, betas=(0.9, 0.95), eps=1e-8, fused=True)
WEIGHT_DECAY = 0.1
MAX_GRAD_NORM = 1.0

peer = None


def load_weights(model, path):
    """Reads float32 safetensors without their package: a length of 8 bytes, a JSON header, then the tensors."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            data = np.fromfile(path, np.float32, (end - begin) // 4, offset=8 + length + begin)
            parameters.pop(name).copy_(torch.from_numpy(data.reshape(entry["shape"])))
    if parameters:
        raise ValueError(f"the weights lack {', '.join(parameters)}")


def make_optimizer(model):
    """Weight decay on matrices only, as in Causeway."""
    parameters = list(model.parameters())
    groups = [
        dict(params=[p for p in parameters if p.dim() > 1], weight_decay=WEIGHT_DECAY),
        dict(params=[p for p in parameters if p.dim() == 1], weight_decay=0.0),
    ]
    return torch.optim.AdamW(groups, **ADAMW)


class Peer:
    def __init__(self, size, device, mode, files):
        self.device = device
        self.bf16 = mode.endswith("bf16")
        tokens = np.fromfile(files["tokens"], dtype=np.uint16).astype(np.int64)
        self.tokens = torch.from_numpy(tokens.reshape(-1, size["rows"], size["length"] + 1))
        self.drawn = 0
        self.model = GptNeoX(size["config"], size["length"]).to(device)
        load_weights(self.model, files["weights"])
        self.optimizer = make_optimizer(self.model)
        self.loss = torch.compile(self.plain_loss, dynamic=False) if mode.startswith("compile") else self.plain_loss

    def plain_loss(self, ids, labels):
        logits = self.model(ids)
        return cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), labels)

    def gradient(self):
        block = self.tokens[self.drawn % len(self.tokens)].to(self.device)
        self.drawn += 1
        with torch.autocast(self.device, dtype=torch.bfloat16) if self.bf16 else nullcontext():
            loss = self.loss(block[:, :-1].contiguous(), block[:, 1:].reshape(-1))
        loss.backward()
        return loss.item()

    def step(self):
        self.gradient()
        clip_grad_norm_(self.model.parameters(), MAX_GRAD_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.finish()

    def first(self):
        """Loss and gradient norm of the first batch; nothing is updated."""
        loss = self.gradient()
        squares = sum(p.grad.double().square().sum().item() for p in self.model.parameters())
        self.optimizer.zero_grad(set_to_none=True)
        return dict(loss=loss, grad_norm=math.sqrt(squares))

    def finish(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def prepare(size, device, mode, files):
    global peer
    build_s, peer = timed(lambda: Peer(size, device, mode, files))
    first_pass_s, first = timed(peer.first)
    for _ in range(3):
        peer.step()
    return dict(build_s=build_s, first_pass_s=first_pass_s, first=first)


def passes(seconds, least, most):
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or (time.perf_counter() < end and len(times) < most):
        times.append(timed(peer.step)[0])
    reply = dict(seconds=times)
    if peer.device == "cuda":
        reply["memory_bytes"] = torch.cuda.max_memory_reserved()
    return reply


serve_requests(dict(prepare=prepare, passes=passes))
