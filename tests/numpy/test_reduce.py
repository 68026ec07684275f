"""Folds, softmax and running sums, beside NumPy's; sums of floats beside exact ones."""
import ctypes
import math
import warnings

from trit import CASES, Error, Random, Report, call, sizes, np

TYPES = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]
FLOATS = TYPES[:3]
FOLDS = {"sum": np.sum, "prod": np.prod, "min": np.min, "max": np.max, "any": np.any, "all": np.all, "count_nonzero": np.count_nonzero}
ROUNDING = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-53}


def axes_of(r, ndim):
    """None, or some axes in any order and from either end."""
    if r.rng.random() < 0.25:
        return None
    some = r.rng.permutation(ndim)[: r.rng.integers(0, ndim + 1)]
    return tuple(int(a) - (ndim if r.rng.random() < 0.3 else 0) for a in some)


def c_axes(axes):
    return (0, None) if axes is None else (len(axes), (ctypes.c_int32 * max(1, len(axes)))(*axes))


def rows(a, axes):
    """[results, elements of each] in order, and the shape of the results."""
    axes = range(a.ndim) if axes is None else [x % a.ndim for x in axes]
    kept = [d for d in range(a.ndim) if d not in axes]
    shape = [a.shape[d] for d in kept]
    n = math.prod(a.shape[d] for d in axes)
    return a.transpose(kept + sorted(axes)).reshape(math.prod(shape), n), shape


def wide(dtype):
    return dtype if dtype.kind == "f" else np.dtype("int64")


def near_sum(report, what, got, a, axes, keep, mean=False):
    """Within log2(n) + 13 roundings of the exact sum's magnitudes, and one of the result's type; infinities and NaN as IEEE has them."""
    x, shape = rows(a, axes)
    n = x.shape[1]
    want_shape = [1 if axes is None or d in [q % a.ndim for q in axes] else s for d, s in enumerate(a.shape)] if keep else shape
    good = list(got.shape) == list(want_shape) and got.dtype == a.dtype
    computed = max(a.dtype, np.dtype("float32"))
    for value, row in zip(got.reshape(-1), x.astype("f8")):
        if mean and n == 0:
            good &= bool(np.isnan(value))
        elif np.isfinite(row).all():
            exact, size = math.fsum(row), math.fsum(np.abs(row))
            if mean:
                exact, size = exact / n, size / n
            unit = ROUNDING[computed.name]
            bound = unit * (math.log2(max(n, 1)) + 13) * size + 4 * unit * abs(exact)
            if a.dtype == np.float16:
                bound += np.spacing(np.float16(min(abs(exact), 65504))).astype("f8")
            near = abs(float(value) - exact) <= bound + np.finfo(a.dtype).smallest_subnormal
            good &= bool(near) or abs(exact) + bound >= float(np.finfo(a.dtype).max)
        else:
            total = np.sum(row)
            good &= bool(value == total or (np.isnan(value) and np.isnan(total)))
    report.count(good, lambda: f"{what} {a.dtype}{a.shape} axes {axes} keep {keep}: {got.dtype}{got.shape} {got.ravel()[:4]}")


def folds(r, report):
    dtype = r.rng.choice(TYPES)
    a = r.array(r.shape(), dtype)
    axes, keep = axes_of(r, a.ndim), bool(r.rng.random() < 0.5)
    name = r.rng.choice(list(FOLDS) + ["mean"])
    what = f"{name} {a.dtype}{a.shape} axes {axes} keep {keep}"
    try:
        got = call(name, a, *c_axes(axes), keep).numpy()
    except Error as e:
        try:
            FOLDS[name](a, axis=axes)
            report.count(False, lambda: f"{what}: {e.args[1]}")
        except ValueError:
            report.count(str(list(a.shape)) in e.args[1], lambda: f"message: {e.args[1]}")
        return
    if name == "mean" and a.dtype.kind != "f":
        near_sum(report, name, got, a.astype("f8"), axes, keep, True)
    elif name in ("sum", "mean") and a.dtype.kind == "f":
        near_sum(report, name, got, a, axes, keep, name == "mean")
    elif name == "prod" and a.dtype.kind == "f":
        x = a.astype("f8")
        want = np.prod(x, axis=axes, keepdims=keep)
        with np.errstate(all="ignore"):
            rounded = np.asarray(want).astype(a.dtype)
        far = np.abs(want) * 1e4 > np.finfo(max(a.dtype, np.dtype("f4"))).max
        tiny = np.abs(want) < 1e4 * float(np.finfo(a.dtype).tiny)
        ok = np.isnan(got) == np.isnan(rounded)
        ok &= np.isnan(rounded) | far | tiny | (got == rounded) | (np.abs(got.astype("f8") - want) <= 400 * ROUNDING[a.dtype.name] * np.abs(want))
        report.count(got.shape == rounded.shape and got.dtype == rounded.dtype and bool(ok.all() or far.any()),
                     lambda: f"{what}: {got.ravel()[:4]} {rounded.ravel()[:4]}")
    else:
        want = FOLDS[name](a, axis=axes, keepdims=keep)
        if name in ("sum", "prod"):
            want = FOLDS[name](a, axis=axes, keepdims=keep, dtype="int64")
        report.same(what, got, want)


def long_sums(r, report):
    """Long rows by all paths: one order, so one result."""
    dtype = r.rng.choice(FLOATS[:2])
    n, m = int(r.rng.integers(1, 5000)), int(r.rng.integers(1, 40))
    x = (r.rng.standard_normal((m, n)) * 10.0 ** r.rng.integers(-3, 4)).astype(dtype)
    name = r.rng.choice(["sum", "max", "prod"])
    first = call(name, x, *c_axes((1,)), False).numpy()
    if name == "sum":
        near_sum(report, "long", first, x, (1,), False)
    spread = np.zeros((2 * m, 3 * n), dtype)[::2, ::-3]
    spread[...] = x
    across = np.ascontiguousarray(x.T)
    cut = int(r.rng.choice([c for c in (1, 2, 3, 5, n) if n % c == 0]))
    cube = np.ascontiguousarray(x.reshape(m, cut, n // cut).transpose(1, 0, 2))
    for what, got in (("strides", call(name, spread, *c_axes((1,)), False)), ("columns", call(name, across, *c_axes((0,)), False)),
                      ("cube", call(name, cube, *c_axes((2, 0)), False)), ("row", call(name, x[0], *c_axes(None), False))):
        want = first if what != "row" else first[0]
        report.count(np.asarray(want).tobytes() == got.numpy().tobytes(), lambda: f"{name} {dtype}[{m}, {n}]: {what} differ")


def softmaxes(r, report):
    a = r.array(r.shape(), r.rng.choice(TYPES))
    if a.ndim == 0:
        return
    x = a.astype("f8")
    unit = 16 * ROUNDING[a.dtype.name if a.dtype.kind == "f" else "float64"]
    result = a.dtype if a.dtype.kind == "f" else np.dtype("f8")
    axis = int(r.rng.integers(-a.ndim, a.ndim))
    name = r.rng.choice(["softmax", "log_softmax", "logsumexp"])
    if name == "logsumexp":
        axes, keep = axes_of(r, a.ndim), bool(r.rng.random() < 0.5)
        m = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
        m = np.where(np.isinf(m), 0, m)
        want = np.log(np.sum(np.exp(x - m), axis=axes, keepdims=True)) + m
        want = want if keep else np.squeeze(want, axis=tuple(range(a.ndim)) if axes is None else axes)
        got = call(name, a, *c_axes(axes), keep).numpy()
    else:
        m = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
        e = np.exp(x - m)
        s = np.sum(e, axis=axis, keepdims=True)
        want = e / s if name == "softmax" else x - m - np.log(s)
        got = call(name, a, axis).numpy()
    with np.errstate(all="ignore"):
        want = np.asarray(want)
        near = np.isnan(want) & np.isnan(got) | (got == want) | (np.abs(got.astype("f8") - want) <= unit * np.maximum(np.abs(want), 1))
        near |= np.abs(want) > float(np.finfo(result).max) * 0.99
    report.count(got.shape == want.shape and got.dtype == result and bool(near.all()),
                 lambda: f"{name} {a.dtype}{a.shape} {axis}: {got.dtype}{got.shape} {got.ravel()[:4]} {want.ravel()[:4]}")


def scans(r, report):
    a = r.array(r.shape(), r.rng.choice(TYPES))
    if a.ndim == 0:
        return
    axis = int(r.rng.integers(-a.ndim, a.ndim))
    name = r.rng.choice(["cumsum", "cumprod"])
    f = np.cumsum if name == "cumsum" else np.cumprod
    got = call(name, a, axis).numpy()
    if a.dtype == np.float16:
        with np.errstate(all="ignore"):
            want = f(a.astype("f4"), axis=axis).astype("f2")
    else:
        want = f(a, axis=axis, dtype=wide(a.dtype))
    report.same(f"{name} {a.dtype}{a.shape} {axis}", got, want)


def moments(r, report):
    a = r.array(r.shape(), r.rng.choice(TYPES))
    axes, keep, ddof = axes_of(r, a.ndim), bool(r.rng.random() < 0.5), float(r.rng.choice([0, 0, 1, 2, 0.5]))
    x = a.astype("f8")
    result = a.dtype if a.dtype.kind == "f" else np.dtype("f8")
    name = r.rng.choice(["var", "std", "norm"])
    if name == "norm":
        want = np.sqrt(np.sum(x * x, axis=axes, keepdims=keep))
        got = call(name, a, *c_axes(axes), keep).numpy()
    else:
        want = getattr(np, name)(x, axis=axes, keepdims=keep, ddof=ddof)
        got = call(name, a, *c_axes(axes), ctypes.c_double(ddof), keep).numpy()
    want, unit = np.asarray(want), ROUNDING[result.name]
    size = np.max(np.abs(x), initial=0)
    if name == "var":
        size = size * size
    near = (np.isnan(got) & np.isnan(want)) | (got == want) | (np.abs(got.astype("f8") - want) <= 40 * unit * (np.abs(want) + (size if name != "norm" else 0)))
    big = size * size * 1e3 > float(np.finfo(max(result, np.dtype("f4"))).max) or np.any(np.abs(want[np.isfinite(want)]) > float(np.finfo(result).max) / 2)
    report.count(got.shape == want.shape and got.dtype == result and bool(near.all() or big or not np.isfinite(x).all()),
                 lambda: f"{name} {a.dtype}{a.shape} {axes} {ddof}: {got.dtype}{got.shape} {got.ravel()[:4]} {want.ravel()[:4]}")


def sums_to(r, report):
    a = r.array(r.shape(), r.rng.choice(["float64", "int32", "bool"]))
    shape = r.broadcastable(a.shape)
    got = call("sum_to", a, len(shape), sizes(shape)).numpy()
    lacking = a.ndim - len(shape)
    axes = tuple(d for d in range(a.ndim) if d < lacking or (shape[d - lacking] == 1 and a.shape[d] != 1))
    want = np.sum(a, axis=axes, keepdims=True, dtype=wide(a.dtype)).reshape(shape)
    with np.errstate(all="ignore"):
        good = got.shape == want.shape and got.dtype == want.dtype and np.allclose(got, want, rtol=1e-12, atol=1e-9, equal_nan=True)
    report.count(good, lambda: f"sum_to {a.dtype}{a.shape} {shape}: {got} {want}")


def main():
    r, report = Random(2), Report()
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    for i in range(CASES):
        folds(r, report)
        if i % 2 == 0:
            softmaxes(r, report)
            scans(r, report)
            moments(r, report)
        if i % 4 == 0:
            sums_to(r, report)
        if i % 50 == 0:
            long_sums(r, report)
    report.end()


if __name__ == "__main__":
    main()
