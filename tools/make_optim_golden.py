#!/usr/bin/env python3
"""Parameters after one and after five steps of each optimiser by PyTorch, as JSON, for tests/train/test_optim.c.

    make_optim_golden.py [--out tests/train/optim_golden.json]

Two parameters, a matrix that decays and a vector that does not, with random gradients that are clipped together; all optimisers are
torch.optim's in float32. Muon is asked for the scale of arXiv:2502.16982 (adjust_lr_fn="match_rms_adamw") and runs twice: `after` has its
iteration of Newton and Schulz in float64, `after_bf16` is all torch's own, which iterates in bfloat16. `bf16_distance` is how far the two
are apart, `moved` how far the matrix came: what another program may be away from torch, and how little that is."""
import argparse
import json

import torch

LR, DECAY, CLIP, STEPS = 0.02, 0.1, 1.0, 5
SHAPES = [[[6, 10], [10]], [[12, 5], [7]]]  # wide and high matrices
ADAM = {"betas": (0.9, 0.95), "eps": 1e-8}
MOMENTUM = 0.95
own_orthogonal = torch.optim._muon._zeropower_via_newtonschulz


def orthogonal(g, coefficients, n_steps, eps):
    """What torch.optim.Muon calls with a momentum: the same polynomial, in float64."""
    a, b, c = coefficients
    x = g.double().T if g.shape[0] > g.shape[1] else g.double()
    x = x / x.norm().clamp(min=eps)
    for _ in range(n_steps):
        y = x @ x.T
        x = a * x + (b * y + c * y @ y) @ x
    return (x.T if g.shape[0] > g.shape[1] else x).to(g.dtype)


class Muon:
    """Of the matrix; as everywhere, the rest goes by AdamW."""
    def __init__(self, groups):
        self.parts = [torch.optim.Muon(groups[:1], lr=LR, momentum=MOMENTUM, adjust_lr_fn="match_rms_adamw"),
                      torch.optim.AdamW(groups[1:], lr=LR, **ADAM)]

    def step(self):
        for part in self.parts:
            part.step()


KINDS = {
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=LR, **ADAM),
    "adam": lambda groups: torch.optim.Adam(groups, lr=LR, **ADAM),
    "sgd": lambda groups: torch.optim.SGD(groups, lr=LR, momentum=MOMENTUM),
    "muon": Muon,
}


def numbers(t):
    return [float("%.9g" % x) for x in t.detach().reshape(-1)]


def run(kind, values, grads, norms):
    """Parameters after the first and the last step."""
    params, after = [torch.nn.Parameter(v.clone()) for v in values], {}
    optimizer = KINDS[kind]([{"params": params[:1], "weight_decay": DECAY}, {"params": params[1:], "weight_decay": 0.0}])
    for step in range(STEPS):
        for p, g in zip(params, grads[step]):
            p.grad = g.clone()
        norms.append(float(torch.nn.utils.clip_grad_norm_(params, CLIP)))
        optimizer.step()
        if step in (0, STEPS - 1):
            after[str(step + 1)] = [p.detach().clone() for p in params]
    return after


def farthest(a, b):
    return float((a - b).abs().max())


def case(kind, shapes):
    values, norms = [torch.randn(s) for s in shapes], []
    grads = [[torch.randn(s) * (0.05 if step == 2 else 1.0) for s in shapes] for step in range(STEPS)]  # one step that is not clipped
    out = {"kind": kind, "shapes": shapes, "params": [numbers(v) for v in values], "grads": [[numbers(g) for g in step] for step in grads]}
    if kind == "muon":
        own = run(kind, values, grads, [])
        torch.optim._muon._zeropower_via_newtonschulz = orthogonal
    after = run(kind, values, grads, norms)
    out["norms"] = norms
    out["after"] = {step: [numbers(p) for p in params] for step, params in after.items()}
    if kind == "muon":
        torch.optim._muon._zeropower_via_newtonschulz = own_orthogonal
        out["after_bf16"] = {step: numbers(params[0]) for step, params in own.items()}
        out["bf16_distance"] = {step: farthest(params[0], after[step][0]) for step, params in own.items()}
        out["moved"] = {step: farthest(params[0], values[0]) for step, params in after.items()}
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
