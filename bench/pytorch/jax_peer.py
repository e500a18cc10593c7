"""JAX's side of the training and evaluation benchmarks: one jitted function for a pass, AdamW by optax.

The model, the batches and what a pass is are those of torch_peer.py. Shapes: B rows, T positions, H heads, E dims per
head, D = H E.
"""

import os
import sys
import time
from functools import partial
from pathlib import Path

# XLA has as many threads as the process may use cores; this is read when JAX is imported.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(os.environ["OMP_NUM_THREADS"])])

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from weights import read_weights  # noqa: E402

sys.path.append(str(Path(__file__).parents[1] / "shared"))
from json_lines import serve_requests  # noqa: E402

peer = None


def rotate(x, cos, sin):
    """Rotary embedding of the first R dims of x [B, T, H, E] with tables [T, 1, R / 2]; the others are unchanged."""
    half = cos.shape[-1]
    a, b, rest = x[..., :half], x[..., half:2 * half], x[..., 2 * half:]
    return jnp.concatenate((a * cos - b * sin, b * cos + a * sin, rest), axis=-1)


def loss_of(weights, ids, labels, *, config, dtype):
    """Mean cross-entropy of ids and labels [B, T]; products are computed in `dtype`, everything else in float32."""
    B, T = ids.shape
    H, eps = config["num_attention_heads"], config["layer_norm_eps"]

    def linear(name, x):
        y = jnp.matmul(x.astype(dtype), weights[f"{name}.weight"].astype(dtype).T)
        bias = weights.get(f"{name}.bias")
        return y if bias is None else y + bias.astype(dtype)

    def norm(name, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + eps)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attention(name, x):
        qkv = linear(f"{name}.query_key_value", x).reshape(B, T, H, 3, -1)
        q, k, v = (qkv[:, :, :, i] for i in range(3))
        q, k = (rotate(part.astype(jnp.float32), cos, sin).astype(dtype) for part in (q, k))
        context = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        return linear(f"{name}.dense", context.reshape(B, T, -1))

    rotated = int(config["hidden_size"] // H * config["rotary_pct"])
    frequencies = config["rotary_emb_base"] ** (-np.arange(0, rotated, 2) / rotated)
    angles = np.outer(np.arange(T), frequencies)[:, None].astype(np.float32)
    cos, sin = np.cos(angles), np.sin(angles)
    x = weights["gpt_neox.embed_in.weight"][ids]
    for i in range(config["num_hidden_layers"]):
        layer = f"gpt_neox.layers.{i}"
        inner = linear(f"{layer}.mlp.dense_h_to_4h", norm(f"{layer}.post_attention_layernorm", x))
        mlp = linear(f"{layer}.mlp.dense_4h_to_h", jax.nn.gelu(inner, approximate=False))
        x = x + attention(f"{layer}.attention", norm(f"{layer}.input_layernorm", x)) + mlp
    logits = linear("embed_out", norm("gpt_neox.final_layer_norm", x)).astype(jnp.float32)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


class Peer:
    def __init__(self, task, size, files, mode):
        config = size["config"]
        if not config["use_parallel_residual"]:
            raise ValueError("only use_parallel_residual is implemented")
        self.training = task == "train"
        shape = (-1, size["rows"], size["length"] + 1)
        self.tokens = np.fromfile(files["tokens"], dtype=np.uint16).reshape(shape).astype(np.int32)
        self.drawn = 0
        self.weights = {name: jnp.asarray(data) for name, data in read_weights(files["weights"])}
        exact = partial(loss_of, config=config, dtype=jnp.float32)
        loss = partial(loss_of, config=config, dtype=jnp.bfloat16) if mode.endswith("bf16") else exact
        self.loss, self.exact = loss, exact
        self.evaluate = jax.jit(loss)
        # Clipping, and weight decay on matrices only, as in Causeway.
        decays = {name: data.ndim > 1 for name, data in self.weights.items()}
        adamw = optax.adamw(3e-4, b1=0.9, b2=0.95, eps=1e-8, weight_decay=0.1, mask=decays)
        optimizer = optax.chain(optax.clip_by_global_norm(1.0), adamw)
        self.state = optimizer.init(self.weights) if self.training else None

        def step(weights, state, ids, labels):
            value, gradient = jax.value_and_grad(loss)(weights, ids, labels)
            updates, state = optimizer.update(gradient, state, weights)
            return optax.apply_updates(weights, updates), state, value

        self.step = jax.jit(step, donate_argnums=(0, 1))

    def batch(self):
        """The next batch: ids and labels, int32 [rows, length]."""
        block = self.tokens[self.drawn % len(self.tokens)]
        self.drawn += 1
        return block[:, :-1], block[:, 1:]

    def run_pass(self):
        if self.training:
            self.weights, self.state, loss = self.step(self.weights, self.state, *self.batch())
            jax.block_until_ready((self.weights, self.state))
        else:
            loss = self.evaluate(self.weights, *self.batch())
        return float(loss)

    def outcome(self, loss):
        """Loss and gradient norm of the first batch; nothing is updated."""
        self.drawn = 0
        batch = self.batch()
        if not self.training:
            return dict(loss=float(jax.jit(loss)(self.weights, *batch)))
        value, gradient = jax.jit(jax.value_and_grad(loss))(self.weights, *batch)
        squares = (np.square(np.asarray(g, dtype=np.float64)).sum() for g in gradient.values())
        return dict(loss=float(value), grad_norm=float(np.sqrt(sum(squares))))


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def prepare(task, size, files, threads, implementation, mode):
    global peer
    build_s, peer = timed(lambda: Peer(task, size, files, mode))
    exact = peer.outcome(peer.exact)
    first = peer.outcome(peer.loss)
    first_pass_s, _ = timed(peer.run_pass)
    return dict(build_s=build_s, exact=exact, first=first, first_pass_s=first_pass_s)


def passes(count):
    return dict(seconds=[timed(peer.run_pass)[0] for _ in range(count)])


# A pass is one function, so it has no parts.
serve_requests(dict(prepare=prepare, passes=passes, parts=lambda count: {}))
