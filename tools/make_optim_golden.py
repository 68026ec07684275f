#!/usr/bin/env python3
"""Parameters after one and after five steps of each optimiser by PyTorch, as JSON, for tests/train/test_optim.c.

    make_optim_golden.py [--out tests/train/optim_golden.json]

Two parameters, a matrix that decays and a vector that does not, with random gradients that are clipped together. adamw, adam and sgd are
torch.optim's in float32; muon is written here after its description (kellerjordan.github.io/posts/muon, arXiv:2502.16982), in float64."""
import argparse
import json

import torch

LR, DECAY, CLIP, STEPS = 0.02, 0.1, 1.0, 5
SHAPES = [[[6, 10], [10]], [[12, 5], [7]]]  # wide and high matrices
ADAM = {"betas": (0.9, 0.95), "eps": 1e-8}
MOMENTUM = 0.95


def orthogonal(g):
    """Five steps of Newton and Schulz from a matrix of length 1."""
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        y = x @ x.T
        x = 3.4445 * x + (-4.7750 * y + 2.0315 * y @ y) @ x
    return x.T if g.shape[0] > g.shape[1] else x


class Muon:
    def __init__(self, groups):
        self.matrix, self.buffer = groups[0]["params"][0], None
        self.rest = torch.optim.AdamW(groups[1:], lr=LR, **ADAM)

    def step(self):
        p, g = self.matrix, self.matrix.grad.double()
        self.buffer = g.clone() if self.buffer is None else MOMENTUM * self.buffer + g
        update = 0.2 * max(p.shape) ** 0.5 * orthogonal(g + MOMENTUM * self.buffer)
        p.data = ((1 - LR * DECAY) * p.data.double() - LR * update).float()
        self.rest.step()


KINDS = {
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=LR, **ADAM),
    "adam": lambda groups: torch.optim.Adam(groups, lr=LR, **ADAM),
    "sgd": lambda groups: torch.optim.SGD(groups, lr=LR, momentum=MOMENTUM),
    "muon": Muon,
}


def numbers(t):
    return [float("%.9g" % x) for x in t.detach().reshape(-1)]


def case(kind, shapes):
    params = [torch.nn.Parameter(torch.randn(s)) for s in shapes]
    out = {"kind": kind, "shapes": shapes, "params": [numbers(p) for p in params], "grads": [], "norms": [], "after": {}}
    optimizer = KINDS[kind]([{"params": params[:1], "weight_decay": DECAY}, {"params": params[1:], "weight_decay": 0.0}])
    for step in range(STEPS):
        for p in params:
            p.grad = torch.randn(p.shape) * (0.05 if step == 2 else 1.0)  # one step that is not clipped
        out["grads"].append([numbers(p.grad) for p in params])
        out["norms"].append(float(torch.nn.utils.clip_grad_norm_(params, CLIP)))
        optimizer.step()
        if step in (0, STEPS - 1):
            out["after"][str(step + 1)] = [numbers(p) for p in params]
    return out


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", default="tests/train/optim_golden.json")
    args = args.parse_args()
    torch.manual_seed(7)
    cases = [case(kind, shapes) for kind in KINDS for shapes in SHAPES]
    doc = {"origin": "tools/make_optim_golden.py, torch " + torch.__version__, "lr": LR, "weight_decay": DECAY, "clip": CLIP,
           "beta1": ADAM["betas"][0], "beta2": ADAM["betas"][1], "eps": ADAM["eps"], "momentum": MOMENTUM, "cases": cases}
    with open(args.out, "w", encoding="utf-8") as f:
        json.dump(doc, f)
        f.write("\n")


main()
