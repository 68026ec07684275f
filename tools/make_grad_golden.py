#!/usr/bin/env python3
"""Random small graphs of tensor functions with PyTorch's gradients, as JSON, for tests/grad/test_golden.c.

    make_grad_golden.py [--graphs 200] [--seed 1] [--out tests/grad/golden.json]

A graph: leaves (shape, values), then ops, each of values before it (leaves count from 0, ops go on counting), the last one a number; what it
is, and its gradients with respect to the leaves. Needs PyTorch; everything is computed in double."""
import argparse
import json
import math
import random

import torch
import torch.nn.functional as F

UNARY = {
    "neg": torch.neg, "abs": torch.abs, "square": torch.square, "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "atan": torch.atan, "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh,
    "erf": torch.erf, "relu": torch.relu, "relu2": lambda x: torch.relu(x) ** 2, "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "sigmoid": torch.sigmoid,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # F.softplus cuts off at 20
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1), "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal, "log": torch.log,
    "log2": torch.log2, "log10": torch.log10, "log1p": torch.log1p, "asin": torch.asin, "acos": torch.acos, "copy": torch.clone,
}
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow, "mod": torch.remainder,
    "minimum": torch.minimum, "maximum": torch.maximum, "atan2": torch.atan2, "hypot": torch.hypot,
}
PRODUCTS = {"matmul": torch.matmul, "inner": torch.inner, "outer": lambda a, b: torch.outer(a.reshape(-1), b.reshape(-1))}
FOLDS = {
    "sum": lambda x, axes, keep: torch.sum(x, axes, keep), "mean": lambda x, axes, keep: torch.mean(x, axes, keep),
    "max": torch.amax, "min": torch.amin, "logsumexp": torch.logsumexp,
    "median": lambda x, axes, keep: torch.quantile(x, 0.5, axes[0], keep), "var": lambda x, axes, keep: torch.var(x, axes, False, keep),
    "prod": lambda x, axes, keep: torch.prod(x, axes[0], keep),
}
ALONG = {"softmax": torch.softmax, "log_softmax": torch.log_softmax, "cumsum": torch.cumsum, "cumprod": torch.cumprod,
         "sort": lambda x, axis: torch.sort(x, axis)[0]}
# What their inputs must be: of a positive input, of one in (-1, 1), not far from 0, away from the poles.
POSITIVE = {"sqrt", "rsqrt", "reciprocal", "log", "log2", "log10", "log1p", "div", "pow", "mod", "hypot", "atan2"}
UNIT = {"asin", "acos"}
SMALL = {"tan", "exp", "exp2", "sinh", "cosh", "expm1"}
VIEWS = ["reshape", "permute", "unsqueeze", "expand", "slice", "diagonal"]
LAYERS = ["rms_norm", "rope", "attention", "glu"]
INDEX = ["where", "take", "gather", "scatter", "scatter_add", "concat", "stack"]


def rms_norm(x, w, parts, eps):
    y = x.reshape(*x.shape[:-1], parts, x.shape[-1] // parts)
    return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * w).reshape(x.shape)


def rope(x, angles, heads, neox):
    a = torch.tensor(angles, dtype=torch.float64).reshape(len(x), 1, -1)
    half = a.shape[-1] // 2
    y, c, s = x.reshape(len(x), heads, x.shape[1] // heads), a[..., :half], a[..., half:]
    x1, x2 = (y[..., :half], y[..., half:2 * half]) if neox else (y[..., 0:2 * half:2], y[..., 1:2 * half:2])
    turned = [x1 * c - x2 * s, x2 * c + x1 * s]
    pairs = torch.cat(turned, -1) if neox else torch.stack(turned, -1).flatten(-2)
    return torch.cat([pairs, y[..., 2 * half:]], -1).reshape(x.shape)


def attention(q, k, v, first, heads, kv_heads, factor):
    n = len(q)
    q, k, v = (t.reshape(n, h, t.shape[1] // h).transpose(0, 1) for t, h in ((q, heads), (k, kv_heads), (v, kv_heads)))
    k, v = (t.repeat_interleave(heads // kv_heads, 0) for t in (k, v))
    rows = torch.arange(n)
    hidden = (rows > rows[:, None]) | (rows < torch.tensor(first)[:, None])
    s = (q @ k.transpose(1, 2) * factor).masked_fill(hidden, -torch.inf)
    return (torch.softmax(s, -1) @ v).transpose(0, 1).reshape(n, -1)


ACTIVATIONS = [F.silu, lambda x: torch.relu(x) ** 2, lambda x: F.gelu(x, approximate="tanh")]


def apply(op, v):
    """The op of the values v."""
    name, x = op["op"], [v[i] for i in op["in"]]
    if name in UNARY:
        return UNARY[name](x[0])
    if name in BINARY:
        return BINARY[name](x[0], x[1])
    if name in PRODUCTS:
        return PRODUCTS[name](x[0], x[1])
    if name in FOLDS:
        return FOLDS[name](x[0], op["axes"], bool(op["keepdims"]))
    if name in ALONG:
        return ALONG[name](x[0], op["axis"])
    if name == "add_number":
        return x[0] + op["number"]
    if name == "mul_number":
        return x[0] * op["number"]
    if name == "reshape":
        return x[0].reshape(op["shape"])
    if name == "permute":
        return x[0].permute(op["order"])
    if name == "unsqueeze":
        return x[0].unsqueeze(op["axis"])
    if name == "expand":
        return x[0].expand(op["shape"])
    if name == "slice":  # one dimension: first, count, step; steps backwards are a flip here
        first, count, step = op["first"], op["count"], op["step"]
        index = torch.tensor([first + i * step for i in range(count)])
        return x[0].index_select(op["axis"], index)
    if name == "diagonal":
        return torch.diagonal(x[0], op["offset"], op["axes"][0], op["axes"][1])
    if name == "concat":
        return torch.cat(x, op["axis"])
    if name == "stack":
        return torch.stack(x, op["axis"])
    if name == "rms_norm":
        return rms_norm(x[0], x[1], op["heads"], op["number"])
    if name == "rope":
        return rope(x[0], op["angles"], op["heads"], op["neox"])
    if name == "attention":
        return attention(x[0], x[1], x[2], op["first"], op["heads"], op["kv_heads"], op["number"])
    if name == "glu":
        return ACTIVATIONS[op["activation"]](x[0]) * x[1]
    index = torch.tensor(op["indices"], dtype=torch.int64).reshape(op["shape"])
    if name == "where":
        return torch.where(index.bool(), x[0], x[1])
    if name == "take":
        return x[0].index_select(op["axis"], index)
    if name == "gather":
        return torch.gather(x[0], op["axis"], index)
    if name == "scatter":
        return torch.scatter(x[0], op["axis"], index, x[1])
    assert name == "scatter_add"
    return torch.scatter_add(x[0], op["axis"], index, x[1])


class Graph:
    def __init__(self, rng):
        self.rng, self.leaves, self.ops, self.values, self.used = rng, [], [], [], set()
        for _ in range(rng.randint(1, 3)):
            shape = [rng.choice([1, 2, 3]) for _ in range(rng.randint(0, 3))]
            leaf = {"shape": shape, "values": [round(rng.uniform(-1.5, 1.5), 4) for _ in range(math.prod(shape))]}
            self.leaves.append(leaf)
            self.values.append(torch.tensor(leaf["values"], dtype=torch.float64).reshape(shape).requires_grad_())

    def emit(self, op):
        """False where the value would be large or not a number."""
        y = apply(op, self.values)
        if y.numel() > 48 or y.dim() > 5 or (y.numel() and not y.abs().max() < 30):
            return False
        self.ops.append(op)
        self.values.append(y)
        self.used.update(op["in"])
        return True

    def pick(self):
        n = len(self.values)
        return self.rng.choice([self.rng.randrange(n), n - 1])

    def tame(self, i, name):
        """A value of which the function may be taken."""
        def then(name, **more):
            if self.emit({"op": name, "in": [len(self.values) - 1 if then.on else i], **more}):
                then.on = True
        then.on = False
        if name in POSITIVE:
            then("softplus")
            then("add_number", number=0.5)
        elif name in UNIT:
            then("tanh")
            then("mul_number", number=0.75)
        elif name in SMALL:
            then("tanh")
        return len(self.values) - 1 if then.on else i

    def partner(self, i):
        """A value that repeats with value i, or i."""
        fits = []
        for j, v in enumerate(self.values):
            try:
                torch.broadcast_shapes(v.shape, self.values[i].shape)
                fits.append(j)
            except RuntimeError:
                pass
        return self.rng.choice(fits)

    def grow(self):
        rng, i = self.rng, self.pick()
        kind = rng.choice(["unary", "binary", "binary", "product", "fold", "along", "view", "index", "layer"])
        x = self.values[i]
        if kind == "unary":
            name = rng.choice(list(UNARY))
            self.emit({"op": name, "in": [self.tame(i, name)]})
        elif kind == "binary":
            name = rng.choice(list(BINARY))
            j = self.partner(i)
            pair = [i, j] if rng.random() < 0.5 else [j, i]
            self.emit({"op": name, "in": [self.tame(k, name) for k in pair]})
        elif kind == "product":
            self.product(i)
        elif kind == "fold" and x.dim():
            name = rng.choice(list(FOLDS))
            axes = rng.sample(range(x.dim()), 1 if name in ("prod", "median") else rng.randint(1, x.dim()))
            self.emit({"op": name, "in": [i], "axes": axes, "keepdims": int(rng.random() < 0.5)})
        elif kind == "along" and x.dim():
            self.emit({"op": rng.choice(list(ALONG)), "in": [i], "axis": rng.randrange(x.dim())})
        elif kind == "view":
            self.view(i)
        elif kind == "index" and x.dim():
            self.index(i)
        elif kind == "layer" and x.dim():
            self.layer(i)

    def product(self, i):
        x, name = self.values[i], self.rng.choice(list(PRODUCTS))
        fits = [j for j, v in enumerate(self.values) if v.dim() and x.dim() and (
            name == "outer" or (name == "inner" and v.shape[-1] == x.shape[-1]) or
            (name == "matmul" and x.shape[-1] == v.shape[max(0, v.dim() - 2)] and (min(v.dim(), x.dim()) <= 2 or v.shape[:-2] == x.shape[:-2])))]
        if fits:
            self.emit({"op": name, "in": [i, self.rng.choice(fits)]})

    def view(self, i):
        rng, x = self.rng, self.values[i]
        name, n, shape = rng.choice(VIEWS), x.dim(), list(x.shape)
        if name == "reshape":
            shape = [1] * rng.randint(0, 2) + [x.numel()] if rng.random() < 0.5 else shape[:-2] + [math.prod(shape[-2:])]
            self.emit({"op": name, "in": [i], "shape": shape})
        elif name == "permute":
            self.emit({"op": name, "in": [i], "order": rng.sample(range(n), n)})
        elif name == "unsqueeze":
            self.emit({"op": name, "in": [i], "axis": rng.randint(0, n)})
        elif name == "expand":
            self.emit({"op": name, "in": [i], "shape": [rng.randint(1, 2)] + [s if s != 1 else rng.randint(1, 3) for s in shape]})
        elif name == "slice" and n:
            axis, step = rng.randrange(n), rng.choice([1, 2, -1])
            first = rng.randrange(shape[axis]) if step < 0 else rng.randint(0, shape[axis] - 1)
            most = first + 1 if step < 0 else (shape[axis] - first + step - 1) // step
            self.emit({"op": name, "in": [i], "axis": axis, "first": first, "step": step, "count": rng.randint(1, most)})
        elif name == "diagonal" and n >= 2:
            axes = rng.sample(range(n), 2)
            self.emit({"op": name, "in": [i], "offset": rng.randint(1 - shape[axes[0]], shape[axes[1]] - 1), "axes": axes})

    def index(self, i):
        rng, x = self.rng, self.values[i]
        name, shape, axis = rng.choice(INDEX), list(x.shape), rng.randrange(x.dim())
        op = {"op": name, "in": [i], "axis": axis}
        same = [j for j, v in enumerate(self.values) if v.shape == x.shape]
        if name in ("concat", "stack"):
            op["in"] += [rng.choice(same) for _ in range(rng.randint(0, 2))]
        elif name == "where":
            op["in"].append(self.partner(i))
            op["shape"] = shape
            op["indices"] = [rng.randint(0, 1) for _ in range(math.prod(shape))]
        elif name == "take":
            op["shape"] = [rng.randint(1, 4)]
            op["indices"] = [rng.randrange(shape[axis]) for _ in range(op["shape"][0])]
        else:
            if name != "gather":
                op["in"].append(rng.choice(same))
            op["shape"] = shape
            op["indices"] = [rng.randrange(shape[axis]) for _ in range(math.prod(shape))]
            if name == "scatter":  # each place once: PyTorch's gradient is not defined else
                line = rng.sample(range(shape[axis]), shape[axis])
                op["indices"] = torch.tensor(line).reshape([-1 if d == axis else 1 for d in range(len(shape))]).expand(shape).flatten().tolist()
        self.emit(op)

    def layer(self, i):
        rng, name = self.rng, self.rng.choice(LAYERS)
        if name != "rms_norm" and self.values[i].dim() != 2:  # rows
            if not self.emit({"op": "reshape", "in": [i], "shape": [math.prod(self.values[i].shape[:-1]), self.values[i].shape[-1]]}):
                return
            i = len(self.values) - 1
        if name in ("rope", "attention") and self.emit({"op": "concat", "in": [i] * rng.randint(2, 3), "axis": 1}):
            i = len(self.values) - 1  # of several heads
        x = self.values[i]
        rows, n = x.shape[0], x.shape[-1]
        parts = rng.choice([h for h in range(1, n + 1) if n % h == 0])
        same = [j for j, v in enumerate(self.values) if v.shape == x.shape]
        if name == "rms_norm":
            narrow = [j for j, v in enumerate(self.values) if v.shape == (n // parts,)]
            if narrow:
                self.emit({"op": name, "in": [i, rng.choice(narrow)], "heads": parts, "number": 0.1})
        elif name == "rope":
            half = rng.randint(0, n // parts // 2)
            angles = [round(rng.uniform(-1, 1), 4) for _ in range(rows * 2 * half)]
            self.emit({"op": name, "in": [i], "heads": parts, "neox": rng.randint(0, 1), "angles": angles})
        elif name == "attention":
            first, d = [rng.randint(0, t) for t in range(rows)], n // parts
            fits = [j for j, v in enumerate(self.values) if v.dim() == 2 and len(v) == rows and v.shape[1] % d == 0 and parts % (v.shape[1] // d) == 0]
            k = rng.choice(fits)
            v = rng.choice([j for j in fits if self.values[j].shape == self.values[k].shape])
            self.emit({"op": name, "in": [i, k, v], "heads": parts, "kv_heads": self.values[k].shape[1] // d, "first": first, "number": 0.7})
        else:
            self.emit({"op": name, "in": [i, rng.choice(same)], "activation": rng.randrange(3)})

    def finish(self):
        """All values that nothing was made of become one number."""
        loose = [i for i in range(len(self.values)) if i not in self.used]
        total = None
        for i in loose:
            part = self.values[i]
            if part.dim():
                self.emit({"op": "mean", "in": [i], "axes": list(range(part.dim())), "keepdims": 0})
                i = len(self.values) - 1
            if total is None:
                total = i
            elif self.emit({"op": "add", "in": [total, i]}):
                total = len(self.values) - 1
        if total != len(self.values) - 1 or not self.ops:
            self.emit({"op": "mul_number", "in": [total], "number": 2})
        loss = self.values[-1]
        if loss.dim() or not loss.requires_grad:
            return None
        gradients = torch.autograd.grad(loss, self.values[:len(self.leaves)], allow_unused=True)
        if any(g is not None and not torch.isfinite(g).all() for g in gradients):
            return None
        return {"leaves": self.leaves, "ops": self.ops, "loss": digits(loss.item()),
                "gradients": [None if g is None else [digits(x) for x in g.flatten().tolist()] for g in gradients]}


def digits(x):
    return float(f"{x:.14g}")


def graphs(n, seed):
    rng, made = random.Random(seed), []
    while len(made) < n:
        graph = Graph(rng)
        for _ in range(rng.randint(2, 10)):
            graph.grow()
        done = graph.finish()
        if done:
            made.append(done)
    return made


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--graphs", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--out", default="tests/grad/golden.json")
    a = p.parse_args()
    origin = f"tools/make_grad_golden.py --graphs {a.graphs} --seed {a.seed}, PyTorch {torch.__version__} on the CPU, in double"
    lines = ",\n".join(json.dumps(g, separators=(",", ":")) for g in graphs(a.graphs, a.seed))
    with open(a.out, "w") as f:
        f.write('{"origin": "%s",\n"graphs": [\n%s\n]}\n' % (origin, lines))


main()
