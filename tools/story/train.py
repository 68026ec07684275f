#!/usr/bin/env python3
"""Train the ternary student on the teacher's stories and their soft labels.

  train.py TEACHER.gguf CORPUSDIR OUT.gguf [--minutes M] [--steps N]

The learning rate follows progress, the larger of step/steps and time/minutes: a short rise, a plateau, a linear fall to 0.
"""
import argparse
import json
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import export
from corpus import Corpus
from gguf import Gguf
from model import Student
from vocab import Vocab


def target_loss(h, emb, y, ids, probs, hard, dtype, backward=True, chunk=1024):
    """Loss over the tied head, chunk by chunk. h [N, D], y [N], ids/probs [N, K]; y < 0 marks padding.

    Soft part: cross-entropy against the teacher's K likeliest tokens plus one bucket for all the rest. Hard part, with weight
    `hard`: the sampled token. Returns (mean loss, mean -log p of the sampled token, dh, demb).
    """
    real = y >= 0
    total = real.sum().clamp_min(1)
    weight = emb.to(dtype)
    soft_sum = nll_sum = 0.0
    dh, de = torch.empty_like(h), torch.zeros_like(emb)
    for a in range(0, len(h), chunk):
        s = slice(a, a + chunk)
        hb = h[s].to(dtype)
        soft, nll, grad = chunk_loss(hb, weight, y[s].clamp_min(0), ids[s], probs[s], (real[s] / total), hard, backward)
        soft_sum, nll_sum = soft_sum + soft, nll_sum + nll
        if backward:
            dh[s] = (grad @ weight).float()
            de += (grad.t() @ hb).float()
    return soft_sum, nll_sum, dh, de


def chunk_loss(hb, weight, y, ids, probs, share, hard, backward):
    z = F.linear(hb, weight).float()
    lse = torch.logsumexp(z, -1, keepdim=True)
    near = z.gather(1, ids) - lse
    nll = lse[:, 0] - z.gather(1, y[:, None])[:, 0]
    # the sampled token joins the soft labels; outside the K it is left to the rest bucket
    p = probs * (1 - hard) + hard * (ids == y[:, None])
    p_rest = (1 - p.sum(-1)).clamp_min(0)
    q_rest = (1 - near.exp().sum(-1)).clamp_min(1e-6)
    loss = -(p * near).sum(-1) - p_rest * q_rest.log()
    if not backward:
        return (loss * share).sum(), (nll * share).sum(), None
    total = p.sum(-1) + p_rest
    q = (z - lse).exp()
    grad = q * ((total - p_rest / q_rest) * share)[:, None]
    # dL/dz is q*(total - rest ratio) outside the K, and q*total - p inside
    inside = (near.exp() * total[:, None] - p) * share[:, None]
    grad = grad.scatter(1, ids, inside)
    return (loss * share).sum(), (nll * share).sum(), grad.to(hb.dtype)


def orthogonal(g, dtype, rounds=5):
    """Newton-Schulz iteration towards the nearest (semi-)orthogonal matrix; quintic, tuned for a steep start."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.to(dtype)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.t()
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        m = x @ x.t()
        x = a * x + (b * m + c * (m @ m)) @ x
    return (x.t() if tall else x).float()


class Muon:
    """Momentum with orthogonalized updates, scaled so that an update's RMS is 0.2 * lr as with Adam."""

    def __init__(self, params, momentum=0.95):
        self.params, self.momentum = list(params), momentum
        self.buf = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self, lr, decay, dtype):
        for p, m in zip(self.params, self.buf):
            m.lerp_(p.grad, 1 - self.momentum)
            u = orthogonal(p.grad.lerp(m, self.momentum), dtype)
            p.mul_(1 - lr * decay).add_(u, alpha=-lr * 0.2 * max(p.shape) ** 0.5)


def rate(progress, rise, fall):
    if progress < rise:
        return progress / rise + 1e-3
    return min(1.0, (1 - progress) / fall)


def masks(doc):
    t = doc.shape[1]
    causal = torch.ones(t, t, dtype=torch.bool).tril()
    return ((doc[:, :, None] == doc[:, None, :]) & causal)[:, None]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("teacher")
    a.add_argument("corpus")
    a.add_argument("out")
    a.add_argument("--minutes", type=float, default=60)
    a.add_argument("--steps", type=int, default=3000)
    a.add_argument("--rows", type=int, default=16, help="rows of --width tokens per step")
    a.add_argument("--width", type=int, default=384)
    a.add_argument("--layers", type=int, default=6)
    a.add_argument("--dim", type=int, default=256)
    a.add_argument("--ff", type=int, default=768)
    a.add_argument("--heads", type=int, default=4)
    a.add_argument("--kv-heads", type=int, default=2)
    a.add_argument("--lr", type=float, default=4e-3, help="peak rate of the matrices")
    a.add_argument("--lr-embd", type=float, default=4e-3, help="peak rate of embedding and norms (Adam)")
    a.add_argument("--decay", type=float, default=0.1, help="weight decay of the matrices in the first half")
    a.add_argument("--rise", type=float, default=0.02)
    a.add_argument("--fall", type=float, default=0.6)
    a.add_argument("--hard", type=float, default=0.1, help="weight of the sampled token beside the soft labels")
    a.add_argument("--held", type=int, default=8, help="streams of the corpus held out")
    a.add_argument("--embd-type", default="Q6_K", choices=["Q6_K", "Q8_0", "Q5_0", "Q4_0"])
    a.add_argument("--save-every", type=int, default=250)
    a.add_argument("--parts", type=int, default=None, help="use only the first N corpus files")
    a.add_argument("--checkpoint", default=None, help="file for checkpoints; training goes on from it where it exists")
    a.add_argument("--no-compile", action="store_true")
    a.add_argument("--float32", action="store_true", help="no bfloat16 products")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--threads", type=int, default=1)
    o = a.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    rng = np.random.default_rng(o.seed)
    dtype = torch.float32 if o.float32 else torch.bfloat16

    with open(os.path.join(o.corpus, "vocab.json")) as f:
        keep = json.load(f)["ids"]
    full = Vocab.from_gguf(Gguf(o.teacher))
    model = Student(len(keep), o.dim, o.ff, o.layers, o.heads, o.kv_heads)
    matrices = [getattr(b, n) for b in model.blk for n in b.NAMES]
    known = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in known]
    muon = Muon(matrices)
    adam = torch.optim.Adam(others, lr=o.lr_embd, betas=(0.9, 0.95), eps=1e-8)
    body = model.body
    if not o.no_compile:
        global chunk_loss, orthogonal
        body = torch.compile(body, dynamic=False)
        chunk_loss = torch.compile(chunk_loss, dynamic=False)

    data = Corpus(o.corpus, o.held, limit=o.parts)
    test = data
    held_rows = test.pack(test.held, o.width, np.random.default_rng(0))[:o.rows * 4]

    def forward(corpus, rows, backward):
        x, y, doc, ids, probs = (torch.from_numpy(z) for z in corpus.batch(rows, o.width))
        y = torch.where(doc >= 0, y, torch.full_like(y, -1)).flatten()
        with torch.set_grad_enabled(backward):
            h = body(x, masks(doc), dtype)
        k = ids.shape[-1]
        flat = h.detach().flatten(0, 1)
        loss, nll, dh, de = target_loss(flat, model.token_embd.detach(), y, ids.view(-1, k), probs.view(-1, k), o.hard, dtype, backward)
        if backward:
            h.backward(dh.view_as(h))
            model.token_embd.grad += de
        return float(loss), float(nll), int((y >= 0).sum())

    def evaluate():
        got = [forward(test, held_rows[i:i + o.rows], False) for i in range(0, len(held_rows) // o.rows * o.rows, o.rows)]
        n = sum(g[2] for g in got)
        return sum(g[0] * g[2] for g in got) / n, sum(g[1] * g[2] for g in got) / n

    def current_codes():
        with torch.no_grad():
            return [(w / w.abs().mean()).round().clamp(-1, 1).to(torch.int8) for w in matrices]

    start, step, tokens, epoch, queue, earlier = time.time(), 0, 0, 0, [], 0.0
    if o.checkpoint and os.path.exists(o.checkpoint):
        c = torch.load(o.checkpoint)
        model.load_state_dict(c["model"])
        adam.load_state_dict(c["adam"])
        muon.buf = c["muon"]
        step, tokens, earlier = c["step"], c["tokens"], c["seconds"]
    print("%.2fM parameters, %d stories, %.2fM tokens" % (
        sum(p.numel() for p in model.parameters()) / 1e6, len(data.train), data.train[:, 1].sum() / 1e6), flush=True)
    codes, ema = current_codes(), None
    while True:
        seconds = earlier + time.time() - start
        progress = max(step / o.steps, seconds / 60 / o.minutes)
        done = progress >= 1
        if step % o.save_every == 0 or done:
            soft, nll = evaluate()
            now = current_codes()
            changed = sum((x != y).sum().item() for x, y in zip(now, codes)) / sum(x.numel() for x in now)
            zero = sum((x == 0).sum().item() for x in now) / sum(x.numel() for x in now)
            codes = now
            print("held out: step %d  soft %.4f  nll %.4f  ppl %.3f  changed codes %.4f  zeros %.3f" % (
                step, soft, nll, np.exp(nll), changed, zero), flush=True)
            if o.checkpoint:
                torch.save({"model": model.state_dict(), "adam": adam.state_dict(), "muon": muon.buf, "step": step,
                            "tokens": tokens, "seconds": seconds, "shape": model.shape}, o.checkpoint + ".tmp")
                os.replace(o.checkpoint + ".tmp", o.checkpoint)
            size = export.save(o.out, model, full, keep, o.embd_type)
        if done:
            break
        if len(queue) < o.rows:
            if epoch:
                data = Corpus(o.corpus, o.held, limit=o.parts)          # more may have been written meanwhile
            queue = data.pack(data.train, o.width, rng)
            epoch += 1
        rows, queue = queue[:o.rows], queue[o.rows:]
        for p in model.parameters():
            p.grad = None
        loss, nll, n = forward(data, rows, True)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        r = rate(progress, o.rise, o.fall)
        for group in adam.param_groups:
            group["lr"] = o.lr_embd * r
        adam.step()
        muon.step(o.lr * r, o.decay if progress < 0.5 else 0.0, dtype)
        step, tokens = step + 1, tokens + n
        ema = loss if ema is None else 0.95 * ema + 0.05 * loss
        if step % 25 == 0:
            print("step %d  %.1f%%  epoch %d  loss %.4f (%.4f)  nll %.4f  %.2fM tokens  %.0f s  %.0f tokens/s" % (
                step, 100 * progress, epoch, loss, ema, nll, tokens / 1e6, seconds, tokens / seconds), flush=True)
    print("done: %d steps, %.2fM tokens, %.1f minutes, %d bytes" % (step, tokens / 1e6, seconds / 60, size))


if __name__ == "__main__":
    main()
