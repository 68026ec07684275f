#!/usr/bin/python3
"""The loss and all gradients of small BitNet models in training, as PyTorch computes them in double: tests/train/golden.json.

Usage: make_train_golden.py OUT.json

The graph is written down once more here, from the papers: RMSNorm, RoPE by halves, grouped attention within documents, squared ReLU or SiLU,
sub-norms (arXiv:2504.12285), weights by absmean and activations by absmax with straight-through gradients (arXiv:2402.17764), spelt as
z + (q(z) - z).detach(). The last case also learns a teacher's attention. Weights follow from the rule of tests/train/tiny.h, so the file holds
results alone."""
import json
import math
import sys

import torch

torch.set_default_dtype(torch.float64)

LAYERS, DIM, FF, HEADS, KV, HEAD, VOCAB, EPS, THETA = 2, 8, 12, 2, 1, 4, 11, 1e-5, 100.0
TOKEN = [1, 4, 2, 9, 3, 3, 10, 0, 5, 7, 4, 6]
TARGET = [4, 2, 9, 3, 3, 8, 0, -1, 7, 4, 6, -1]
POSITION = [0, 1, 2, 3, 4, 5, 0, 1, 0, 1, 2, 3]
FIRST = [0, 0, 0, 0, 0, 0, 6, 6, 8, 8, 8, 8]
MASK = (1 << 64) - 1


def mix64(z):
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def unit(seed, counter):
    z = mix64((mix64((seed + 0x9E3779B97F4A7C15) & MASK) + (counter + 1) * 0x9E3779B97F4A7C15) & MASK)
    return (z >> 11) * 2.0**-53


def shapes():
    yield "token_embd.weight", (VOCAB, DIM)
    for i in range(LAYERS):
        for name, shape in (("attn_norm", (DIM,)), ("attn_q", (HEADS * HEAD, DIM)), ("attn_k", (KV * HEAD, DIM)), ("attn_v", (KV * HEAD, DIM)),
                            ("attn_sub_norm", (HEADS * HEAD,)), ("attn_output", (DIM, HEADS * HEAD)), ("ffn_norm", (DIM,)), ("ffn_gate", (FF, DIM)),
                            ("ffn_up", (FF, DIM)), ("ffn_sub_norm", (FF,)), ("ffn_down", (DIM, FF))):
            yield "blk.%d.%s.weight" % (i, name), shape
    yield "output_norm.weight", (DIM,)


def weights():
    out = {}
    for i, (name, shape) in enumerate(shapes()):
        n = math.prod(shape)
        noise = torch.tensor([unit(i + 1, e) - 0.5 for e in range(n)])
        out[name] = (1.5 * noise if len(shape) == 2 else 1 + noise).reshape(shape).requires_grad_()
    return out


def ternary(w, lam, group):
    parts = w.reshape(1, -1) if group == 0 else w.reshape(w.shape[0], -1) if group == 1 else w.reshape(-1, group)
    g = parts.abs().mean(1, keepdim=True).clamp(min=1e-5)
    q = (g * (parts / g).round().clamp(-1, 1)).reshape(w.shape)
    return w + lam * (q - w).detach()


def int8(x, lam):
    s = 127 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return x + lam * ((x * s).round().clamp(-128, 127) / s - x).detach()


def norm(x, w):
    return x / (x.pow(2).mean(-1, keepdim=True) + EPS).sqrt() * w


def rotate(x, heads):
    angle = torch.outer(torch.tensor(POSITION, dtype=torch.float64), THETA ** (-2.0 * torch.arange(HEAD // 2) / HEAD))
    c, s = angle.cos().float().double()[:, None], angle.sin().float().double()[:, None]
    a, b = x.reshape(len(TOKEN), heads, HEAD).split(HEAD // 2, -1)
    return torch.cat((a * c - b * s, b * c + a * s), -1)


def sees():
    t = torch.arange(len(TOKEN))
    return (t[None] <= t[:, None]) & (t[None] >= torch.tensor(FIRST)[:, None])


def attention(q, k, v):
    k, v = (x.repeat_interleave(HEADS // KV, 1) for x in (k, v.reshape(len(TOKEN), KV, HEAD)))
    scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(HEAD)
    p = scores.masked_fill(~sees(), -math.inf).softmax(-1)
    return torch.einsum("hqk,khd->qhd", p, v).reshape(len(TOKEN), -1)


def forward(w, lam, group, act, qkv):
    x = w["token_embd.weight"][torch.tensor(TOKEN)]
    for i in range(LAYERS):
        of = lambda name: w["blk.%d.%s.weight" % (i, name)]
        linear = lambda z, name: int8(z, lam) @ ternary(of(name), lam, group).T
        h = norm(x, of("attn_norm"))
        q, k = rotate(linear(h, "attn_q"), HEADS), rotate(linear(h, "attn_k"), KV)
        v = linear(h, "attn_v")
        qkv.append((q.flatten(1), k.flatten(1), v))
        x = x + linear(norm(attention(q, k, v), of("attn_sub_norm")), "attn_output")
        h = norm(x, of("ffn_norm"))
        x = x + linear(norm(act(linear(h, "ffn_gate")) * linear(h, "ffn_up"), of("ffn_sub_norm")), "ffn_down")
    return norm(x, w["output_norm.weight"]) @ w["token_embd.weight"].T


def relations(x, heads, seen):
    a = x.reshape(len(TOKEN), heads, -1).transpose(0, 1)
    return (a @ a.transpose(1, 2) / math.sqrt(a.shape[2])).masked_fill(~seen, -math.inf).softmax(-1)


def attention_loss(own, heads, weight):
    """Of queries, keys and values beside those of a wider teacher: KL divergences of their relations (arXiv:2012.15828), of tokens that count."""
    seen = sees()
    counts = torch.tensor(TARGET) >= 0
    loss = 0
    for i, (x, width) in enumerate(zip(own, (12, 6, 6))):
        theirs = torch.tensor([2 * unit(100 + i, e) - 1 for e in range(len(TOKEN) * width)]).reshape(len(TOKEN), width)
        p, q = relations(theirs, heads, seen), relations(x, heads, seen)
        kl = torch.where(seen, p * (p.clamp(min=1e-300).log() - q.clamp(min=1e-300).log()), 0).sum(-1)
        loss = loss + weight * kl.mean(0)[counts].sum()
    return loss / counts.sum()


def case(lam, group, activation, layer=0, heads=2, weight=0.5):
    w, qkv = weights(), []
    act = {"relu2": lambda x: x.relu() ** 2, "silu": torch.nn.functional.silu}[activation]
    loss = torch.nn.functional.cross_entropy(forward(w, lam, group, act, qkv), torch.tensor(TARGET), ignore_index=-1)
    if layer:
        loss = loss + attention_loss(qkv[layer - 1], heads, weight)
    loss.backward()
    gradients = {name: [float("%.12g" % g) for g in p.grad.flatten().tolist()] for name, p in w.items()}
    return {"lambda": lam, "group": group, "activation": activation, "attention": {"layer": layer, "heads": heads, "weight": weight} if layer else None,
            "loss": loss.item(), "gradients": gradients}


def main():
    cases = [case(1, 0, "relu2"), case(1, 4, "silu"), case(0.3, 1, "silu"), case(0, 0, "relu2"), case(1, 0, "relu2", layer=1)]
    with open(sys.argv[1], "w") as f:
        json.dump({"made_by": "tools/make_train_golden.py, PyTorch " + torch.__version__, "cases": cases}, f, separators=(",", ":"))
        f.write("\n")


main()
