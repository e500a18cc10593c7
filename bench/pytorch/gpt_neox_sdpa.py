"""GPT-NeoX written by hand: a fast PyTorch implementation without Hugging Face's generality.

Shapes: B rows, T positions, H heads, E dims per head, D = H E, F inner width, V vocabulary, R rotated dims per head.
Modules are named as in Hugging Face's model, so that both load the same weights.
"""

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config["num_attention_heads"]
        width = config["hidden_size"]
        self.query_key_value = nn.Linear(width, 3 * width)
        self.dense = nn.Linear(width, width)

    def forward(self, x, cos, sin):
        B, T, D = x.shape
        # Query, key and value are side by side for each head: [B, T, H, 3, E] -> 3 of [B, H, T, E].
        qkv = self.query_key_value(x).view(B, T, self.heads, 3, D // self.heads)
        q, k, v = qkv.permute(3, 0, 2, 1, 4).unbind(0)
        context = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True)
        return self.dense(context.transpose(1, 2).reshape(B, T, D))


def rotate(x, cos, sin):
    """Rotary embedding of the first R dims of x [B, H, T, E] with tables [T, R / 2]; the others are unchanged."""
    half = cos.shape[-1]
    a, b, rest = x[..., :half], x[..., half:2 * half], x[..., 2 * half:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin, rest), dim=-1).to(x.dtype)


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense_h_to_4h = nn.Linear(config["hidden_size"], config["intermediate_size"])
        self.dense_4h_to_h = nn.Linear(config["intermediate_size"], config["hidden_size"])

    def forward(self, x):
        return self.dense_4h_to_h(F.gelu(self.dense_h_to_4h(x)))


class Layer(nn.Module):
    """Parallel residual: y = x + attention(norm1(x)) + mlp(norm2(x))."""

    def __init__(self, config):
        super().__init__()
        self.input_layernorm = norm(config)
        self.post_attention_layernorm = norm(config)
        self.attention = Attention(config)
        self.mlp = Mlp(config)

    def forward(self, x, cos, sin):
        return x + self.attention(self.input_layernorm(x), cos, sin) + self.mlp(self.post_attention_layernorm(x))


def norm(config):
    return nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])


class Body(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_in = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.final_layer_norm = norm(config)

    def forward(self, ids, cos, sin):
        x = self.embed_in(ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.final_layer_norm(x)


class GptNeoX(nn.Module):
    """Token ids [B, length] -> logits [B, length, V]."""

    def __init__(self, config, length):
        super().__init__()
        if not config["use_parallel_residual"]:
            raise ValueError("only use_parallel_residual is implemented")
        self.gpt_neox = Body(config)
        self.embed_out = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
        rotated = int(config["hidden_size"] // config["num_attention_heads"] * config["rotary_pct"])
        frequencies = config["rotary_emb_base"] ** (-torch.arange(0, rotated, 2) / rotated)
        angles = torch.outer(torch.arange(length), frequencies)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids):
        return self.embed_out(self.gpt_neox(ids, self.cos, self.sin))
