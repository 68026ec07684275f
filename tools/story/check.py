#!/usr/bin/env python3
"""Read a story model back from its GGUF file and run it in float64 numpy: an implementation that shares no code with training.

  check.py MODEL.gguf                                  three sampled stories
  check.py MODEL.gguf --corpus DIR --teacher T.gguf    and the loss of both on held-out teacher stories
  check.py MODEL.gguf --golden OUT.json                and a golden record: prompt ids, greedy ids, logits
"""
import argparse
import json
import os

import numpy as np

from gguf import Gguf
from vocab import BOS, EOS, UNK, Vocab


class Numpy:
    def __init__(self, path):
        g = Gguf(path)
        self.vocab = Vocab.from_gguf(g)
        a = g.kv["general.architecture"]
        if a != "bitnet-b1.58":
            raise SystemExit("expected architecture bitnet-b1.58, found " + a)
        kv = lambda k: g.kv[a + "." + k]
        self.dim, self.n = kv("embedding_length"), kv("block_count")
        self.heads, self.kv_heads = kv("attention.head_count"), kv("attention.head_count_kv")
        self.hd, self.eps, self.base = kv("rope.dimension_count"), kv("attention.layer_norm_rms_epsilon"), kv("rope.freq_base")
        self.w = {}
        for name in g.infos:
            t = g.tensor(name).astype(np.float64)
            if g.infos[name][1] == 34:
                scale = np.abs(t).max()
                assert set(np.unique(t / scale)) <= {-1.0, 0.0, 1.0}, name
                self.w[name[:-7]] = (t / scale, scale)
            else:
                self.w[name[:-7]] = t
        self.zeros = np.mean([np.mean(v[0] == 0) for v in self.w.values() if isinstance(v, tuple)])

    def rms(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.w[name]

    def linear(self, x, *names):
        s = 127 / np.maximum(np.abs(x).max(-1, keepdims=True), 1e-5)
        q = np.clip(np.rint(x * s), -128, 127)
        return [q @ self.w[n][0].T * (self.w[n][1] / s) for n in names]

    def rotate(self, x, pos):
        half = self.hd // 2
        angle = pos[:, None] * self.base ** (-np.arange(half) / half)
        c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * c - b * s, b * c + a * s], -1)

    def start(self):
        return {"k": [None] * self.n, "v": [None] * self.n, "pos": 0}

    def forward(self, ids, state=None):
        """Logits [T, V] of `ids` after what `state` has already seen."""
        st = state or self.start()
        t, past = len(ids), st["pos"]
        pos = np.arange(past, past + t).astype(np.float64)
        x = self.w["token_embd"][ids]
        look = np.arange(past + t)[None] <= pos[:, None]
        for i in range(self.n):
            b = "blk.%d." % i
            q, k, v = self.linear(self.rms(x, b + "attn_norm"), b + "attn_q", b + "attn_k", b + "attn_v")
            q = self.rotate(q.reshape(t, self.heads, self.hd), pos)
            k = self.rotate(k.reshape(t, self.kv_heads, self.hd), pos)
            v = v.reshape(t, self.kv_heads, self.hd)
            if past:
                k, v = np.concatenate([st["k"][i], k]), np.concatenate([st["v"][i], v])
            st["k"][i], st["v"][i] = k, v
            out = np.empty((t, self.heads, self.hd))
            for h in range(self.heads):
                g = h // (self.heads // self.kv_heads)
                score = np.where(look, q[:, h] @ k[:, g].T / np.sqrt(self.hd), -np.inf)
                p = np.exp(score - score.max(-1, keepdims=True))
                out[:, h] = p / p.sum(-1, keepdims=True) @ v[:, g]
            x = x + self.linear(self.rms(out.reshape(t, -1), b + "attn_sub_norm"), b + "attn_output")[0]
            gate, up = self.linear(self.rms(x, b + "ffn_norm"), b + "ffn_gate", b + "ffn_up")
            f = np.maximum(gate, 0) ** 2 * up
            x = x + self.linear(self.rms(f, b + "ffn_sub_norm"), b + "ffn_down")[0]
        st["pos"] += t
        return self.rms(x, "output_norm") @ self.w["token_embd"].T

    def write(self, prompt, limit, temperature, top_p, rng):
        ids, st = self.vocab.encode(prompt), self.start()
        z = self.forward(ids, st)[-1]
        while len(ids) < limit:
            if temperature <= 0:
                y = int(z.argmax())
            else:
                p = np.exp((z - z.max()) / temperature)
                order = np.argsort(-p)
                p = p[order] / p.sum()
                p[np.cumsum(p) - p >= top_p] = 0
                y = int(rng.choice(order, p=p / p.sum()))
            if y == EOS:
                break
            ids.append(y)
            z = self.forward([y], st)[-1]
        return ids


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("model")
    a.add_argument("--corpus")
    a.add_argument("--teacher")
    a.add_argument("--held", type=int, default=8, help="held-out streams, as in training")
    a.add_argument("--stories", type=int, default=100, help="held-out stories to score")
    a.add_argument("--golden")
    a.add_argument("--samples", type=int, default=3)
    a.add_argument("--prompt", action="append", help="may be given more than once")
    a.add_argument("--temperature", type=float, default=0.8)
    a.add_argument("--top-p", type=float, default=0.95)
    a.add_argument("--seed", type=int, default=1)
    o = a.parse_args()
    m = Numpy(o.model)
    print("%d bytes, %d tokens, zeros in the ternary matrices %.3f" % (os.path.getsize(o.model), len(m.vocab.tokens), m.zeros))
    if o.corpus:
        score(m, o)
    rng = np.random.default_rng(o.seed)
    for prompt in o.prompt or ["Once upon a time"] * o.samples:
        ids = m.write(prompt, 400, o.temperature, o.top_p, rng)
        print("--- %d tokens\n%s" % (len(ids), m.vocab.decode(ids)))
    if o.golden:
        golden(m, o.golden)


def score(m, o):
    from corpus import Corpus
    data = Corpus(o.corpus, o.held)
    teacher = None
    if o.teacher:
        import torch
        from teacher import Teacher
        torch.set_num_threads(1)
        with open(os.path.join(o.corpus, "vocab.json")) as f:
            teacher = Teacher(o.teacher, json.load(f)["ids"], torch.float32)
    done = [(b, n) for b, n in data.held if n <= 256 and data.y[b + n - 1] == EOS][:o.stories]
    total, mine, theirs, agree = 0, 0.0, 0.0, 0
    for b, n in done:
        x, y = data.x[b:b + n].astype(np.int64), data.y[b:b + n].astype(np.int64)
        z = m.forward(x)
        mine -= log_softmax(z)[np.arange(n), y].sum()
        total += n
        if teacher:
            with torch.inference_mode():
                t = teacher.prefill(torch.from_numpy(x)[None])[0].double().numpy()
            t[:, EOS] = np.logaddexp(t[:, EOS], t[:, BOS])
            t[:, [UNK, BOS]] = -1e9
            theirs -= log_softmax(t)[np.arange(n), y].sum()
            agree += (t.argmax(-1) == z.argmax(-1)).sum()
    print("%d held-out stories, %d tokens" % (len(done), total))
    print("student: nll %.4f  perplexity %.3f" % (mine / total, np.exp(mine / total)))
    if teacher:
        print("teacher: nll %.4f  perplexity %.3f   same first choice %.3f" % (theirs / total, np.exp(theirs / total), agree / total))


def golden(m, path):
    prompt = m.vocab.encode("Once upon a time, there was a little")
    ids, st = list(prompt), m.start()
    z = m.forward(prompt, st)[-1]
    first, gap = z.copy(), []
    for _ in range(32):
        two = np.sort(z)[-2:]
        gap.append(two[1] - two[0])
        ids.append(int(z.argmax()))
        z = m.forward([ids[-1]], st)[-1]
    with open(path, "w") as f:
        json.dump({
            "source": "float64 numpy forward of tools/story/check.py over models/story.gguf: int8 activations, ternary "
                      "weights times the stored f16 scale, decoded block-format embedding, float64 keys and values",
            "prompt": "Once upon a time, there was a little", "prompt_ids": prompt, "greedy_ids": ids[len(prompt):],
            "greedy_text": m.vocab.decode(ids[len(prompt):]), "smallest_greedy_gap": round(float(min(gap)), 6),
            "last_prompt_logits_first_8": [round(float(v), 6) for v in first[:8]],
            "last_prompt_top_8": [[int(i), round(float(first[i]), 6)] for i in np.argsort(-first)[:8]],
        }, f, indent=1)
        f.write("\n")
    print("golden: smallest greedy gap %.4f: %s" % (min(gap), m.vocab.decode(ids)))


if __name__ == "__main__":
    main()
