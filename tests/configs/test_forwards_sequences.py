"""Sequence networks against plain torch, on equal weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lazyinspect

SameForward = Callable[..., None]


def words(high: int, *shape: int) -> Tensor:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(1))


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention as the papers write it: (batch, heads, tokens, head_dim)."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -math.inf).softmax(-1) @ v


class GPT2Block(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.attn.c_attn, self.attn.c_proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp.c_fc, self.mlp.c_proj = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = (
            part.view(b, t, self.heads, d // self.heads).transpose(1, 2)
            for part in self.attn.c_attn(self.ln_1(x)).split(d, dim=2)
        )
        x = x + self.attn.c_proj(attend(q, k, v).transpose(1, 2).reshape(b, t, d))
        y = self.mlp.c_fc(self.ln_2(x))
        y = 0.5 * y * (1 + torch.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)))
        return x + self.mlp.c_proj(y)


class GPT2(nn.Module):
    def __init__(self, d: int, depth: int, heads: int, vocab: int, context: int) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, d), nn.Embedding(context, d)
        self.h = nn.ModuleList(GPT2Block(d, heads) for _ in range(depth))
        self.ln_f = nn.LayerNorm(d)
        self.lm_head = nn.Linear(d, vocab, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.T


def test_gpt2_equals_plain_torch(configs: Path, assert_same_forward: SameForward) -> None:
    sizes = {"d": 48, "depth": 3, "heads": 4, "vocab": 101, "context": 16}
    network = lazyinspect.build(configs / "gpt2.yaml", set=sizes, input={"ids": [2, 9]})
    assert network.lm_head.weight is network.wte.weight
    assert_same_forward(network, GPT2(48, 3, 4, 101, 16), words(101, 2, 9))


def turn(x: Tensor, theta: float = 500000.0) -> Tensor:
    """Rotary positions by complex numbers; the pair of feature j is j + dim/2."""
    t, dim = x.shape[-2:]
    angle = torch.outer(torch.arange(t), theta ** (-torch.arange(0, dim, 2) / dim))
    pairs = torch.complex(x[..., : dim // 2], x[..., dim // 2 :])
    turned = pairs * torch.polar(torch.ones(()), angle)
    return torch.cat([turned.real, turned.imag], -1)


class LlamaLayer(nn.Module):
    def __init__(self, d: int, heads: int, kv_heads: int, ffn: int, rope: bool) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.rope = heads, kv_heads, rope
        kv = d // heads * kv_heads
        self.input_layernorm = nn.RMSNorm(d, eps=1e-5)
        self.post_attention_layernorm = nn.RMSNorm(d, eps=1e-5)
        self.self_attn, self.mlp = nn.Module(), nn.Module()
        for name, size in (("q_proj", d), ("k_proj", kv), ("v_proj", kv), ("o_proj", d)):
            setattr(self.self_attn, name, nn.Linear(d, size, bias=False))
        self.mlp.gate_proj = nn.Linear(d, ffn, bias=False)
        self.mlp.up_proj = nn.Linear(d, ffn, bias=False)
        self.mlp.down_proj = nn.Linear(ffn, d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        a, m, y = self.self_attn, self.mlp, self.input_layernorm(x)
        q = a.q_proj(y).view(b, t, self.heads, -1).transpose(1, 2)
        k = a.k_proj(y).view(b, t, self.kv_heads, -1).transpose(1, 2)
        v = a.v_proj(y).view(b, t, self.kv_heads, -1).transpose(1, 2)
        if self.rope:
            q, k = turn(q), turn(k)
        share = self.heads // self.kv_heads
        y = attend(q, k.repeat_interleave(share, 1), v.repeat_interleave(share, 1))
        x = x + a.o_proj(y.transpose(1, 2).reshape(b, t, d))
        y = self.post_attention_layernorm(x)
        return x + m.down_proj(F.silu(m.gate_proj(y)) * m.up_proj(y))


class Llama(nn.Module):
    def __init__(self, d: int, depth: int, vocab: int, **sizes: int) -> None:
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(vocab, d)
        self.model.layers = nn.Sequential(*(LlamaLayer(d, **sizes) for _ in range(depth)))
        self.model.norm = nn.RMSNorm(d, eps=1e-5)
        self.lm_head = nn.Linear(d, vocab, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        return self.lm_head(self.model.norm(self.model.layers(self.model.embed_tokens(ids))))


@pytest.mark.parametrize("rope", [True, False])
def test_llama3_equals_plain_torch(
    rope: bool, configs: Path, assert_same_forward: SameForward
) -> None:
    sizes = {"d": 64, "depth": 3, "vocab": 101, "heads": 8, "kv_heads": 2, "ffn": 96, "rope": rope}
    network = lazyinspect.build(configs / "llama3.yaml", set=sizes, input={"ids": [2, 9]})
    assert_same_forward(network, Llama(**sizes), words(101, 2, 9))


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(101, 12)
        self.lstm = nn.LSTM(12, 16, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(32, 5)

    def forward(self, ids: Tensor) -> Tensor:
        return self.tag(self.lstm(self.embedding(ids))[0])


def test_lstm_tagger_equals_plain_torch(configs: Path, assert_same_forward: SameForward) -> None:
    sizes = {"vocab": 101, "d": 12, "hidden": 16, "tags": 5}
    network = lazyinspect.build(configs / "lstm_tagger.yaml", set=sizes, input={"words": [2, 9]})
    assert_same_forward(network, Tagger(), words(101, 2, 9))
