"""Places, sorting, the first k, medians and quantiles, beside NumPy's."""
import ctypes
import math
import warnings

from trit import CASES, Error, Random, Report, Tensor, call, check, np
from test_reduce import axes_of, c_axes

TYPES = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]
ALL = -(2**31)
ROUNDING = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-53}


def some_array(r):
    """Small shapes of all kinds, or long rows, which are sorted another way."""
    if r.rng.random() < 0.7:
        return r.array(r.shape(), r.rng.choice(TYPES))
    shape = [int(r.rng.integers(1, 5)), int(r.rng.choice([40, 47, 48, 49, 300, 1500]))]
    a = r.array(shape, r.rng.choice(TYPES))
    return a if r.rng.random() < 0.5 else a.T


def refused(report, what, shape, run):
    """Refused, with a message that has the shape."""
    try:
        run()
        report.count(False, lambda: f"{what}: not refused")
    except Error as e:
        report.count(str(list(shape)) in e.args[1], lambda: f"message: {e.args[1]}")


def places(r, report):
    a = some_array(r)
    name = r.rng.choice(["argmin", "argmax"])
    axis = None if a.ndim == 0 or r.rng.random() < 0.3 else int(r.rng.integers(-a.ndim, a.ndim))
    keep = bool(r.rng.random() < 0.5)
    c_axis = ALL if axis is None else axis
    what = f"{name} {a.dtype}{a.shape} {axis} {keep}"
    try:
        want = getattr(np, name)(a, axis=axis, keepdims=keep)
    except ValueError:
        refused(report, what, a.shape, lambda: call(name, a, c_axis, keep))
        return
    report.same(what, call(name, a, c_axis, keep).numpy(), want)


def downwards(a, axis, places_too=False):
    """Falling, NaN last, equal ones in their order: NumPy's stable sort of the negative, where there is one."""
    key = a.astype("f8") if a.dtype.kind == "f" or a.dtype.itemsize < 8 else a.astype(object)
    order = np.argsort(-key, axis=axis, kind="stable")
    return order if places_too else np.take_along_axis(a, order, axis)


def sorts(r, report):
    a = some_array(r)
    if a.ndim == 0:
        return
    axis, down = int(r.rng.integers(-a.ndim, a.ndim)), bool(r.rng.random() < 0.4)
    what = f"{a.dtype}{a.shape} {axis} {'down' if down else 'up'}"
    want = downwards(a, axis) if down else np.sort(a, axis=axis, kind="stable")
    report.same("sort " + what, call("sort", a, axis, down).numpy(), want)
    order = downwards(a, axis, True) if down else np.argsort(a, axis=axis, kind="stable")
    report.same("argsort " + what, call("argsort", a, axis, down).numpy(), order.astype("int64"))
    n = a.shape[axis]
    k = int(r.rng.integers(0, n + 1)) if r.rng.random() < 0.5 else min(n, int(r.rng.integers(0, 4)))
    values, indices = Tensor(), Tensor()
    t = Tensor(a)
    check("tensor_topk", ctypes.byref(values.p), ctypes.byref(indices.p), t.p, ctypes.c_int64(k), axis, down)
    first = np.take(order, np.arange(k), axis=axis)
    report.same(f"topk {k} " + what, indices.numpy(), first.astype("int64"))
    report.same(f"topk {k} values " + what, values.numpy(), np.take_along_axis(a, first, axis))


def long_rows(r, report):
    """Rows that are divided among threads: of many values, of few, of one, with NaN and infinities, in odd strides."""
    for dtype in TYPES:
        n = int(r.rng.integers(131072, 140000))
        wide = (r.rng.standard_normal(n) * 50).astype(dtype)
        odd = r.values((n,), dtype)
        for what, a in (("wide", wide), ("odd", odd), ("two", (wide > 0).astype(dtype)), ("same", np.full(n, 3).astype(dtype)),
                        ("backwards", wide[::-1]), ("columns", np.stack([wide, odd], 1))):
            report.same(f"sort {what} {dtype} {n}", call("sort", a, 0, False).numpy(), np.sort(a, axis=0, kind="stable"))
        report.same(f"sort {dtype} {n} down", call("sort", wide, 0, True).numpy(), np.sort(wide)[::-1])


def quantiles(r, report):
    a = some_array(r)
    axes, keep = axes_of(r, a.ndim), bool(r.rng.random() < 0.5)
    x = a.astype("f8")
    result = a.dtype if a.dtype.kind == "f" else np.dtype("f8")
    n = a.size if axes is None else math.prod(a.shape[d] for d in axes)
    name = r.rng.choice(["median", "quantile", "quantiles"])
    what = f"{name} {a.dtype}{a.shape} axes {axes} {keep}"
    q = r.rng.choice([0, 1, 0.5, 0.25, 1 / 3, float(r.rng.random())], size=int(r.rng.integers(0, 4)))
    args = [len(q), (ctypes.c_double * max(1, len(q)))(*q)] if name == "quantiles" else []
    if name == "quantile":
        q = float(r.rng.random())
        args = [ctypes.c_double(q)]
    if name != "median" and n == 0:
        refused(report, what, a.shape, lambda: call(name, a, *args, *c_axes(axes), keep))
        return
    if x.size == 0:
        want = np.broadcast_to(np.nan, np.shape(q) * (name != "median") + np.sum(x, axis=axes, keepdims=keep).shape)
    elif name == "median":
        want = np.median(x, axis=axes, keepdims=keep) if axes != () else x
    else:
        want = np.quantile(x, q, axis=axes, keepdims=keep) if axes != () else np.broadcast_to(x, np.shape(q) + x.shape)
    got = call(name, a, *args, *c_axes(axes), keep).numpy()
    if a.size and np.isinf(x).any():  # between infinities NumPy has NaN where the neighbours are equal
        report.count(got.shape == np.shape(want) and got.dtype == result, lambda: what)
        return
    with np.errstate(all="ignore"):
        size = np.nanmax(np.abs(x), initial=0, where=~np.isnan(x))
        near = (np.isnan(got) & np.isnan(want)) | (np.abs(got.astype("f8") - want) <= 2 * ROUNDING[result.name] * size + 1e-7 * (result == "f2"))
    report.count(got.shape == np.shape(want) and got.dtype == result and bool(np.all(near)),
                 lambda: f"{what}: {got.dtype}{got.shape} {got.ravel()[:4]} {np.ravel(want)[:4]}")


def main():
    r, report = Random(3), Report()
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    for _ in range(CASES // 2):
        places(r, report)
        sorts(r, report)
        quantiles(r, report)
    long_rows(r, report)
    for shape, k in (((3, 4), 5), ((3, 4), -1)):
        refused(report, "topk", shape, lambda: call("topk", ctypes.c_void_p(), np.zeros(shape), ctypes.c_int64(k), 1, True))
    report.end()


if __name__ == "__main__":
    main()
