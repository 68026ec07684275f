"""The student: a BitNet b1.58 decoder (ternary weights, int8 activations), trained through straight-through rounding."""
import torch
import torch.nn as nn
import torch.nn.functional as F

EPS = 1e-5


def rms(x, gain):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * gain


def ternary(w):
    """Codes in {-1, 0, 1} and the scale: g is the mean of |w|."""
    g = w.abs().mean().clamp_min(EPS)
    return (w / g).round().clamp(-1, 1), g


class BitLinear(torch.autograd.Function):
    """y = g/s * (q . t): q int8 codes of z, t ternary codes. Rounding, clamping and both scales pass gradients unchanged.

    `t` comes with its master weight `w` so that the gradient lands there. Codes are small integers, exact in bfloat16.
    """

    @staticmethod
    def forward(ctx, z, w, t, g):
        s = 127 / z.abs().amax(-1, keepdim=True).clamp_min(EPS)
        q = (z * s).round().clamp(-128, 127).to(t.dtype)
        ctx.save_for_backward(q, s, t, g)
        return F.linear(q, t).float() * (g / s)

    @staticmethod
    def backward(ctx, dy):
        q, s, t, g = ctx.saved_tensors
        dz = ((dy * g).to(t.dtype) @ t).float()
        flat = (dy / s).to(t.dtype).flatten(0, -2)
        dw = (flat.t() @ q.flatten(0, -2)).float()
        return dz, dw, None, None


class Block(nn.Module):
    NAMES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")

    def __init__(self, dim, ff, heads, kv_heads, layers):
        super().__init__()
        self.heads, self.kv_heads, self.hd = heads, kv_heads, dim // heads
        kv = kv_heads * self.hd
        out = (2 * layers) ** -0.5
        mat = lambda rows, cols, gain=1.0: nn.Parameter(torch.randn(rows, cols) * gain * cols ** -0.5)
        self.attn_q, self.attn_k, self.attn_v = mat(dim, dim), mat(kv, dim), mat(kv, dim)
        self.attn_output = mat(dim, dim, out)
        self.ffn_gate, self.ffn_up, self.ffn_down = mat(ff, dim), mat(ff, dim), mat(dim, ff, out)
        one = lambda n: nn.Parameter(torch.ones(n))
        self.attn_norm, self.attn_sub_norm, self.ffn_norm, self.ffn_sub_norm = one(dim), one(dim), one(dim), one(ff)

    def linear(self, z, names, dtype):
        """One quantized input through one or more matrices side by side."""
        ws = [getattr(self, n) for n in names]
        parts = [ternary(w.detach()) for w in ws]
        t = torch.cat([p[0] for p in parts]).to(dtype)
        g = torch.cat([p[1].expand(len(w)) for p, w in zip(parts, ws)])
        return BitLinear.apply(z, torch.cat(ws), t, g)

    def rotate(self, x, cos, sin):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def forward(self, x, cos, sin, mask, dtype):
        n, t, dim = x.shape
        groups = self.heads // self.kv_heads
        qkv = self.linear(rms(x, self.attn_norm), ("attn_q", "attn_k", "attn_v"), dtype)
        q, k, v = qkv.split([dim, self.kv_heads * self.hd, self.kv_heads * self.hd], -1)
        q = self.rotate(q.view(n, t, self.heads, self.hd).transpose(1, 2), cos, sin).to(dtype)
        k = self.rotate(k.view(n, t, self.kv_heads, self.hd).transpose(1, 2), cos, sin).to(dtype)
        v = v.view(n, t, self.kv_heads, self.hd).transpose(1, 2).to(dtype)
        # the heads of a group share keys and values: stack them along the query axis
        q = q.reshape(n, self.kv_heads, groups * t, self.hd)
        score = (q @ k.transpose(-1, -2)).view(n, self.heads, t, t).float() * self.hd ** -0.5
        p = torch.softmax(score.masked_fill(~mask, -1e30), -1).to(dtype)
        ctx = (p.view(n, self.kv_heads, groups * t, t) @ v).view(n, self.heads, t, self.hd)
        ctx = ctx.transpose(1, 2).reshape(n, t, dim).float()
        x = x + self.linear(rms(ctx, self.attn_sub_norm), ("attn_output",), dtype)
        gate, up = self.linear(rms(x, self.ffn_norm), ("ffn_gate", "ffn_up"), dtype).chunk(2, -1)
        f = torch.relu(gate).square() * up
        return x + self.linear(rms(f, self.ffn_sub_norm), ("ffn_down",), dtype)


class Student(nn.Module):
    def __init__(self, vocab, dim=256, ff=768, layers=6, heads=4, kv_heads=2, theta=10000.0, context=512):
        super().__init__()
        self.shape = dict(vocab=vocab, dim=dim, ff=ff, layers=layers, heads=heads, kv_heads=kv_heads, theta=theta,
                          context=context)
        self.token_embd = nn.Parameter(torch.randn(vocab, dim) * 0.05)
        self.blk = nn.ModuleList(Block(dim, ff, heads, kv_heads, layers) for _ in range(layers))
        self.output_norm = nn.Parameter(torch.ones(dim))
        hd = dim // heads
        angle = torch.arange(context).double()[:, None] * theta ** (-torch.arange(0, hd, 2).double() / hd)
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)

    def body(self, tokens, mask, dtype):
        """The normed last hidden state; `mask` [N, 1, T, T] is true where a position may look."""
        x = F.embedding(tokens, self.token_embd)
        cos, sin = self.cos[:tokens.shape[1]], self.sin[:tokens.shape[1]]
        for b in self.blk:
            x = b(x, cos, sin, mask, dtype)
        return rms(x, self.output_norm)
