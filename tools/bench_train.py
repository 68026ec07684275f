#!/usr/bin/env python3
"""Tokens a second of training beside PyTorch: the same BitNet, the same batch, in turns.

Usage: bench_train.py --trit PROGRAM --text FILE [--threads 2] [--dim 320] [--ff 960] [--layers 6] [--heads 5] [--rows 16] [--seq 256] [--rounds 3]
                      [--steps 3] [--ways fp32,bf16,compiled,compiled-bf16]

PyTorch's model spells quantization z + (q(z) - z).detach(), has fused attention, norms and AdamW; `compiled` is torch.compile of it, bf16 its autocast,
`compiled-bf16` both.
Each round runs every side for a few steps after one that warms up, in a process of its own; printed are the best and the median step of all
rounds, by the clock and by processor time, the multiply-adds that a second of processor time does, how much that is of what a core does at best
(tools/peak.c in each round, by the compiler that CC names: pairs of bfloat16 for the sides in bf16 where the processor has them, else floats), and what
the ratios are. Ternary products of `trit` are of whole numbers, so that more than 100 % may come out.
Needs PyTorch but for `--ways none`; `trit train` takes the vocabulary of tests/model/story-256.gguf."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STORY = os.path.join(HERE, "..", "tests", "model", "story-256.gguf")


def model(a, torch):
    nn, F = torch.nn, torch.nn.functional
    size = a.dim // a.heads
    angles = torch.outer(torch.arange(a.seq), 10000 ** (-2 * torch.arange(size // 2) / size))
    cos, sin = angles.cos(), angles.sin()

    def norm(x, w):
        return F.rms_norm(x, (x.shape[-1],), w, 1e-5)

    def turn(x):
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    class BitLinear(nn.Linear):
        def forward(self, x):
            w = self.weight
            g = w.abs().mean().clamp(min=1e-5)
            s = 127 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
            return F.linear(x + ((x * s).round().clamp(-128, 127) / s - x).detach(), w + (g * (w / g).round().clamp(-1, 1) - w).detach())

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ParameterList(torch.ones(n) for n in (a.dim, a.dim, a.dim, a.ff))
            of = lambda k, m: BitLinear(k, m, bias=False)
            self.q, self.k, self.v, self.o = (of(a.dim, a.dim) for _ in range(4))
            self.gate, self.up, self.down = of(a.dim, a.ff), of(a.dim, a.ff), of(a.ff, a.dim)

        def forward(self, x):
            h = norm(x, self.norms[0])
            q, k, v = (f(h).view(a.rows, a.seq, a.heads, size).transpose(1, 2) for f in (self.q, self.k, self.v))
            y = F.scaled_dot_product_attention(turn(q), turn(k), v, is_causal=True).transpose(1, 2).reshape(a.rows, a.seq, a.dim)
            x = x + self.o(norm(y, self.norms[1]))
            h = norm(x, self.norms[2])
            return x + self.down(norm(F.relu(self.gate(h)).square() * self.up(h), self.norms[3]))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(a.vocab, a.dim)
            self.layers = nn.ModuleList(Layer() for _ in range(a.layers))
            self.norm = nn.Parameter(torch.ones(a.dim))

        def forward(self, token, target):
            x = self.table(token)
            for layer in self.layers:
                x = layer(x)
            return F.cross_entropy(F.linear(norm(x, self.norm), self.table.weight).view(-1, a.vocab).float(), target.view(-1))

    return Model()


def torch_steps(a, way):
    """In a process of its own: seconds by the clock and of the processor, a step each."""
    import torch

    torch.set_num_threads(a.threads)
    m = model(a, torch)
    optim = torch.optim.AdamW(m.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    forward = torch.compile(m) if way.startswith("compiled") else m
    out = []
    for _ in range(a.steps + 1):
        wall, cpu = time.time(), time.process_time()
        token, target = (torch.randint(0, a.vocab, (a.rows, a.seq)) for _ in range(2))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=way.endswith("bf16")):
            loss = forward(token, target)
        optim.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        optim.step()
        out.append((time.time() - wall, time.process_time() - cpu))
    print(json.dumps(out[1:]))


def of_torch(a, way):
    keys = ("threads", "dim", "ff", "layers", "heads", "rows", "seq", "steps", "vocab")
    args = [sys.executable, __file__, "--torch", way] + ["--%s=%d" % (k, getattr(a, k)) for k in keys]
    return json.loads(subprocess.run(args, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def processor_time(pid):
    """Seconds so far, of all threads."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def of_trit(a, precision):
    """The same, by the line that `trit` prints at the end of each step."""
    with tempfile.TemporaryDirectory() as folder:
        args = [a.trit, "train", "--data", a.text, "--tokenizer", STORY, "--output", os.path.join(folder, "out"), "--dim", a.dim, "--ff-dim", a.ff,
                "--n-layers", a.layers, "--n-heads", a.heads, "--context", a.seq, "--batch-rows", a.rows, "--steps", a.steps + 1, "--threads", a.threads,
                "--precision", precision, "--eval-every", 0, "--eval-rows", 1, "--save-every", 0, "--json"]
        with subprocess.Popen([str(x) for x in args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as p:
            ends = [(json.loads(line)["tok_s"], processor_time(p.pid)) for line in p.stdout if '"tok_s"' in line]
    if p.returncode:
        sys.exit("%s train ended with status %d" % (a.trit, p.returncode))
    tick = 1 / os.sysconf("SC_CLK_TCK")
    return [(a.rows * a.seq / speed, max(cpu - before, tick)) for (_, before), (speed, cpu) in zip(ends, ends[1:])]


def build_peak(folder):
    """The program of tools/peak.c for this processor; None: no compiler that can."""
    program = os.path.join(folder, "peak")
    args = [os.environ.get("CC", "cc"), "-O2", "-march=native", "-ffp-contract=fast", os.path.join(HERE, "peak.c"), "-o", program]
    try:
        return program if subprocess.run(args, stderr=subprocess.DEVNULL).returncode == 0 else None
    except OSError:
        return None


def best_peak(program, before):
    """Of floats and of bfloat16, the better of now and before; 0: none."""
    now = json.loads(subprocess.run([program], check=True, capture_output=True, text=True).stdout) if program else {}
    return tuple(max(old, now.get(key) or 0) for old, key in zip(before, ("float_gmac_s", "bf16_gmac_s")))


def share(side, rate, peak):
    most = peak[1] if "bf16" in side and peak[1] else peak[0]
    return "%.0f %%" % (100 * rate / most) if most else "-"


def multiply_adds(a):
    """Of a step, in thousand millions: forward and both gradients of each product, attention with what a token sees and its scores made twice."""
    weights = a.layers * (4 * a.dim * a.dim + 3 * a.dim * a.ff) + a.vocab * a.dim
    return (3 * weights * a.rows * a.seq + a.layers * a.rows * 7 * a.dim * a.seq * (a.seq + 1) / 2) * 1e-9


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--trit")
    p.add_argument("--text")
    p.add_argument("--torch", help=argparse.SUPPRESS)
    p.add_argument("--vocab", type=int, help=argparse.SUPPRESS)
    p.add_argument("--ways", default="fp32,bf16,compiled,compiled-bf16")
    for key, default in dict(threads=2, dim=320, ff=960, layers=6, heads=5, rows=16, seq=256, rounds=3, steps=3).items():
        p.add_argument("--" + key, type=int, default=default)
    a = p.parse_args()
    if a.torch:
        return torch_steps(a, a.torch)
    a.vocab = json.loads(subprocess.run([a.trit, "info", "-m", STORY, "--json"], check=True, capture_output=True, text=True).stdout)["vocab_size"]
    sides = ["trit f32", "trit bf16"] + ["PyTorch " + way for way in a.ways.split(",") if way != "none"]
    times, peak = {side: [] for side in sides}, (0, 0)
    with tempfile.TemporaryDirectory() as folder:
        program = build_peak(folder)
        for _ in range(a.rounds):
            peak = best_peak(program, peak)
            for side in sides:
                times[side] += (of_trit if side.startswith("trit") else of_torch)(a, side.split()[1])
    tokens = a.rows * a.seq
    print("| | tokens/s, best | median | s of the processor a step | GMAC/s of the processor | of the peak | trit bf16: faster | less processor time |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    best, least = ({side: min(t[i] for t in times[side]) for side in sides} for i in (0, 1))
    for side in sides:
        wall = [t[0] for t in times[side]]
        rate = multiply_adds(a) / least[side]
        print("| %s | %.0f | %.0f | %.2f | %.1f | %s | %.2f | %.2f |" % (side, tokens / best[side], tokens / statistics.median(wall), least[side], rate,
                                                                  share(side, rate, peak), best[side] / best["trit bf16"],
                                                                  least[side] / least["trit bf16"]))
    print("\nA core at best, GMAC/s: floats %s, pairs of bfloat16 %s" % tuple("%.1f" % x if x else "-" for x in peak))


main()
