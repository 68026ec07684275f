"""Random equations of einsum, beside NumPy's; a quarter of the usual number of cases."""
import ctypes
import string

from trit import CASES, Error, Random, Report, Tensor, check, np

TYPES = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]


def einsum(equation, *arrays):
    held = [Tensor(np.asarray(a)) for a in arrays]
    out = Tensor()
    check("tensor_einsum", ctypes.byref(out.p), equation.encode(), len(held), (ctypes.c_void_p * len(held))(*[t.p for t in held]))
    return out


def equation(r):
    """Text and shapes of a random equation with at most eight dimensions in all."""
    rng = r.rng
    letters = [str(c) for c in rng.choice(list(string.ascii_letters), rng.integers(1, 7), replace=False)]
    size = {c: int(rng.choice([0, 1, 2, 3, 4], p=[0.02, 0.13, 0.35, 0.3, 0.2])) for c in letters}
    around = tuple(int(rng.choice([1, 2, 3])) for _ in range(rng.integers(0, 3))) if rng.random() < 0.3 else None
    terms, shapes = [], []
    for _ in range(rng.choice([1, 2, 3, 4, 8], p=[0.25, 0.4, 0.2, 0.1, 0.05])):
        named = [str(c) for c in rng.choice(letters, rng.integers(0, min(4, len(letters)) + 1), replace=bool(rng.random() < 0.3))]
        shape = [size[c] if size[c] == 0 or rng.random() < 0.95 or named.count(c) > 1 else 1 for c in named]
        text = "".join(named)
        if around is not None and rng.random() < 0.7:
            at = int(rng.integers(0, len(named) + 1))
            text, shape[at:at] = text[:at] + "..." + text[at:], r.broadcastable(around)
        if len(shape) > 8:
            return equation(r)
        terms.append(text)
        shapes.append(tuple(shape))
    text = ",".join(terms)
    if rng.random() < 0.75:
        used = sorted(set(text) & set(letters))
        chosen = [str(c) for c in rng.permutation(used)][:rng.integers(0, len(used) + 1)] if used else []
        at = int(rng.integers(0, len(chosen) + 1))
        dots = "..." if "..." in text else ""
        text += "->" + "".join(chosen[:at]) + dots + "".join(chosen[at:])
    if rng.random() < 0.2:
        text = text.replace(",", " , ").replace("->", " -> ")
    return text, shapes


def near(report, what, got, want, exact, sizes, n):
    if want.dtype.kind != "f":
        return report.same(what, got, want)
    eps = np.finfo("float32" if want.dtype == "float16" else want.dtype).eps * n + np.finfo(want.dtype).eps
    good = np.abs(got.astype("f8") - exact) <= eps * sizes + np.finfo(want.dtype).smallest_subnormal
    big = sizes > 0.9 * float(np.finfo(want.dtype).max)
    report.count(got.shape == want.shape and got.dtype == want.dtype and bool(np.all(good | big)),
                 lambda: f"{what}: got {got.dtype}{list(got.shape)} {got.ravel()[:6]}, want {want.dtype}{list(want.shape)} {want.ravel()[:6]}")


def main():
    r, report = Random(3), Report()
    np.seterr(all="ignore")
    for _ in range(max(1, CASES // 4)):
        text, shapes = equation(r)
        dtype = r.rng.choice(TYPES)
        arrays = [r.array(s, dtype if r.rng.random() < 0.8 else r.rng.choice(TYPES)) for s in shapes]
        arrays = [np.nan_to_num(a, nan=1, posinf=2, neginf=3) if a.dtype.kind == "f" else a for a in arrays]
        what = f"{text} {[f'{a.dtype}{a.shape}' for a in arrays]}"
        wide = [a.astype("f8") for a in arrays]
        n = 40 + sum(a.size for a in arrays)
        near(report, what, einsum(text, *arrays).numpy(), np.einsum(text, *arrays), np.einsum(text, *wide),
             np.einsum(text, *[np.abs(a) for a in wide]), n)
    x, y = np.arange(6.0).reshape(2, 3), np.ones((3, 4))
    for text, arrays, part in [("ij,jk->ik", [x], "1 operands and more"), ("ij->ik", [x], "'k'"), ("ij->ii", [x], "twice"),
                               ("ij,ij", [x, y], "'i' has 2 elements, and 3"), ("i", [x], "[2, 3]"), ("i*", [x], "'*'"),
                               ("..ij", [x], "dots"), ("ij>i", [x], "'>'"), ("ij-i", [x], '"->"'), ("ij->i,j", [x], "after the result"),
                               ("...j->j", [x], '"..."'), ("ijk", [x], "3 letters"), ("ij", [x, y], "2 operands and 1")]:
        try:
            einsum(text, *arrays)
            report.count(False, lambda: f"{text} was computed")
        except Error as e:
            report.count(part in e.args[1], lambda: f"{text}: {e.args[1]}")
    report.end()


main()
