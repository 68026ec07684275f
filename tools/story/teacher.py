#!/usr/bin/env python3
"""The teacher: a float story model (GGUF, arch llama). Chooses the sub-vocabulary and writes the corpus with soft labels.

  teacher.py vocab  TEACHER.gguf OUTDIR      sample freely, keep the most frequent tokens  -> OUTDIR/vocab.json
  teacher.py corpus TEACHER.gguf OUTDIR      sample inside the sub-vocabulary              -> OUTDIR/part-NNN.npz

A part holds arrays [step, stream]: `x` the token read, `y` the token that follows (EOS where the story ended), `first`
true where `x` opens a story, and [step, stream, K]: `ids`, `probs` the teacher's K likeliest next tokens at temperature 1.
"""
import argparse
import json
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

from gguf import Gguf
from vocab import Vocab, choose, BOS, EOS, UNK


class Teacher:
    """Batched decoding with one cache row per stream; interleaved rotary pairs."""

    def __init__(self, path, keep=None, dtype=torch.bfloat16):
        g = Gguf(path)
        if g.kv["general.architecture"] != "llama":
            raise SystemExit("the teacher must have architecture llama")
        kv = lambda k: g.kv["llama." + k]
        self.dtype = dtype
        self.layers_n, self.dim, self.heads = kv("block_count"), kv("embedding_length"), kv("attention.head_count")
        self.kv_heads = g.kv.get("llama.attention.head_count_kv", self.heads)
        if self.kv_heads != self.heads:
            raise SystemExit("grouped heads are not handled here")
        self.hd = self.dim // self.heads
        self.eps = kv("attention.layer_norm_rms_epsilon")
        self.context = kv("context_length")
        self.vocab = Vocab.from_gguf(g)
        t = lambda n: torch.from_numpy(np.array(g.tensor(n + ".weight")))
        rows = slice(None) if keep is None else torch.tensor(keep)
        emb = t("token_embd")
        out = t("output") if "output.weight" in g.infos else emb
        self.emb = emb[rows].float()
        self.head = out[rows].to(dtype)
        self.norm = t("output_norm")
        self.blocks = []
        for i in range(self.layers_n):
            b = "blk.%d." % i
            self.blocks.append(dict(
                n1=t(b + "attn_norm"), n2=t(b + "ffn_norm"),
                qkv=torch.cat([t(b + "attn_q"), t(b + "attn_k"), t(b + "attn_v")]).to(dtype),
                o=t(b + "attn_output").to(dtype),
                gu=torch.cat([t(b + "ffn_gate"), t(b + "ffn_up")]).to(dtype), d=t(b + "ffn_down").to(dtype)))
        base = g.kv.get("llama.rope.freq_base", 10000.0)
        freq = base ** (-torch.arange(0, self.hd, 2).double() / self.hd)
        angle = torch.arange(1024).double()[:, None] * freq
        self.cos, self.sin = angle.cos().float(), angle.sin().float()

    def rms(self, x, w):
        return (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * w).to(self.dtype)

    def rotate(self, x, cos, sin):
        """x [..., heads, hd]; cos, sin [..., 1, hd/2]"""
        a, b = x[..., 0::2].float(), x[..., 1::2].float()
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(self.dtype)

    def new_cache(self, streams, length):
        """Keys with the position last, values with the position first: each product then runs along memory."""
        z = lambda *shape: torch.zeros(streams, self.heads, *shape, dtype=self.dtype)
        return [(z(self.hd, length), z(length, self.hd)) for _ in self.blocks]

    def layer_tail(self, x, b, ctx):
        x = x + F.linear(ctx, b["o"])
        gate, up = F.linear(self.rms(x, b["n2"]), b["gu"]).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, b["d"])

    def prefill(self, tokens, cache=None, row=None):
        """tokens [N, T] from position 0. Returns logits [N, T, V]; fills cache row `row` when N is 1."""
        n, t = tokens.shape
        x = self.emb[tokens]
        cos, sin = self.cos[:t, None], self.sin[:t, None]
        for i, b in enumerate(self.blocks):
            q, k, v = F.linear(self.rms(x, b["n1"]), b["qkv"]).view(n, t, 3, self.heads, self.hd).unbind(2)
            q, k, v = (z.transpose(1, 2) for z in (self.rotate(q, cos, sin), self.rotate(k, cos, sin), v))
            if cache is not None:
                cache[i][0][row, :, :, :t] = k[0].transpose(1, 2)
                cache[i][1][row, :, :t] = v[0]
            ctx = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = self.layer_tail(x, b, ctx.transpose(1, 2).reshape(n, t, self.dim))
        if cache is not None:
            return None
        return F.linear(self.rms(x, self.norm), self.head).float()

    def step(self, tokens, pos, cache, rows, mask):
        """One token a stream at its own position; `mask` [B, 1, 1, C] is 0 where it may look, this position included."""
        n = len(tokens)
        x = self.emb[tokens]
        cos, sin = self.cos[pos][:, None], self.sin[pos][:, None]
        for i, b in enumerate(self.blocks):
            qkv = F.linear(self.rms(x, b["n1"]), b["qkv"]).view(n, 3, self.heads, self.hd)
            k, v = cache[i]
            k[rows, :, :, pos] = self.rotate(qkv[:, 1], cos, sin)
            v[rows, :, pos] = qkv[:, 2]
            q = self.rotate(qkv[:, 0], cos, sin)[:, :, None]
            score = torch.softmax((q @ k).float() * self.hd ** -0.5 + mask, -1).to(self.dtype)
            x = self.layer_tail(x, b, (score @ v).reshape(n, self.dim))
        return F.linear(self.rms(x, self.norm), self.head).float()


def generate(teacher, streams, top_p, temperature, context, keep, longest, best, rng, steps):
    """Endless stories, `streams` at a time; yields (x, y, first, ids, probs) per step."""
    cache = teacher.new_cache(streams, context)
    rows = torch.arange(streams)
    mask = torch.full((streams, 1, 1, context), -1e9)
    pos = torch.zeros(streams, dtype=torch.long)
    tok = torch.full((streams,), BOS)
    length = np.ones(streams, np.int64)
    story = np.zeros((streams, longest + 1), np.int64)
    story[:, 0] = BOS
    for _ in range(steps):
        mask[rows, 0, 0, pos] = 0.0
        with torch.inference_mode():
            logits = teacher.step(tok, pos, cache, rows, mask)
            logits[:, UNK] = -1e9
            # both end marks count as one: the student learns EOS
            logits[:, EOS] = torch.logaddexp(logits[:, EOS], logits[:, BOS])
            logits[:, BOS] = -1e9
            probs = torch.softmax(logits, -1)
            top, ids = probs.topk(max(best, 64), -1)
            p = top ** (1 / temperature)
            p = p / p.sum(-1, keepdim=True)
            p = torch.where(p.cumsum(-1) - p < top_p, p, torch.zeros_like(p))
            pick = torch.multinomial(p, 1, generator=rng)
            y = ids.gather(1, pick)[:, 0]
        first = length == 1
        yield tok.numpy().copy(), y.numpy(), first, ids[:, :best].numpy(), top[:, :best].numpy()
        ended = ((y == EOS) | torch.from_numpy(length >= longest)).numpy()
        story[np.arange(streams), length] = y.numpy()
        tok, pos = y.clone(), pos + 1
        length += 1
        for s in np.nonzero(ended)[0]:
            tok[s], pos[s], length[s] = BOS, 0, 1
            mask[s] = -1e9
        # a full cache row starts again from the story's last `keep` tokens
        for s in np.nonzero((pos >= context).numpy())[0]:
            n = length[s] - 1
            with torch.inference_mode():
                teacher.prefill(torch.from_numpy(story[s, n - keep:n])[None], cache, int(s))
            mask[s, 0, 0, keep:] = -1e9
            pos[s] = keep


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("what", choices=["vocab", "corpus"])
    a.add_argument("teacher")
    a.add_argument("outdir")
    a.add_argument("--size", type=int, default=3840, help="tokens in the sub-vocabulary")
    a.add_argument("--tokens", type=float, default=8e6, help="tokens to sample")
    a.add_argument("--minutes", type=float, default=1e9, help="stop after this long")
    a.add_argument("--streams", type=int, default=256)
    a.add_argument("--top-p", type=float, default=0.95)
    a.add_argument("--temperature", type=float, default=1.0)
    a.add_argument("--keep", type=int, default=160, help="tokens kept when a story outgrows the teacher's context")
    a.add_argument("--longest", type=int, default=500, help="tokens after which a story is cut")
    a.add_argument("--best", type=int, default=16, help="soft labels per position")
    a.add_argument("--part-steps", type=int, default=1000, help="steps per file")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--threads", type=int, default=1)
    o = a.parse_args()
    torch.set_num_threads(o.threads)
    os.makedirs(o.outdir, exist_ok=True)
    vocab_path = os.path.join(o.outdir, "vocab.json")
    rng = torch.Generator().manual_seed(o.seed)
    keep_ids = None
    if o.what == "corpus":
        with open(vocab_path) as f:
            keep_ids = json.load(f)["ids"]
    teacher = Teacher(o.teacher, keep_ids)
    steps = int(o.tokens // o.streams)
    start = time.time()
    counts = np.zeros(len(teacher.vocab.tokens), np.int64)
    part, rows = 0, []
    names = ("x", "y", "first", "ids", "probs")
    kinds = (np.uint16, np.uint16, np.bool_, np.uint16, np.float16)
    stream = generate(teacher, o.streams, o.top_p, o.temperature, teacher.context, o.keep, o.longest, o.best, rng, steps)
    for n, rec in enumerate(stream, 1):
        if o.what == "vocab":
            np.add.at(counts, rec[1], 1)
        else:
            rows.append([r.astype(k) for r, k in zip(rec, kinds)])
        late = time.time() - start > o.minutes * 60
        if rows and (len(rows) == o.part_steps or n == steps or late):
            path = os.path.join(o.outdir, "part-%03d.npz" % part)
            with open(path + ".tmp", "wb") as f:
                np.savez(f, **{k: np.stack(v) for k, v in zip(names, zip(*rows))})
            os.replace(path + ".tmp", path)
            part, rows = part + 1, []
        if n % 100 == 0:
            took = time.time() - start
            print("step %d  %.2fM tokens  %.0f tokens/s" % (n, n * o.streams / 1e6, n * o.streams / took), flush=True)
        if late:
            break
    if o.what == "vocab":
        ids = choose(teacher.vocab, counts, o.size)
        covered = counts[ids].sum() / counts.sum()
        with open(vocab_path, "w") as f:
            json.dump({"ids": ids, "sampled": int(counts.sum()), "covered": float(covered)}, f)
        print("kept %d of %d tokens: %.4f of %d sampled" % (len(ids), len(counts), covered, counts.sum()))


if __name__ == "__main__":
    main()
