"""Products of matrices, beside NumPy's."""
import ctypes

from trit import CASES, Error, Random, Report, Tensor, call, check, np

TYPES = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]


def near(report, what, got, f, a, b):
    """Whole numbers exactly; floats within an error bound of the sum of the products' sizes."""
    want = f(a, b)
    if want.dtype.kind != "f" or want.size == 0:
        return report.same(what, got, want)
    exact, sizes = f(a.astype("f8"), b.astype("f8")), f(np.abs(a.astype("f8")), np.abs(b.astype("f8")))
    k = max(1, a.shape[-1] if a.ndim else 1)
    inner = np.finfo("float32" if want.dtype == "float16" else want.dtype).eps * (k + 2) * 4
    bound = inner * sizes + np.finfo(want.dtype).eps * np.abs(exact) + np.finfo(want.dtype).smallest_subnormal
    big = np.abs(exact) > 0.99 * float(np.finfo(want.dtype).max)
    with np.errstate(all="ignore"):
        good = (np.abs(got.astype("f8") - exact) <= bound) | big | ~np.isfinite(exact) | ~np.isfinite(sizes)
        good &= np.isnan(got) == np.isnan(exact) if np.isfinite(sizes).all() else True
    report.count(got.shape == want.shape and got.dtype == want.dtype and bool(np.all(good)),
                 lambda: f"{what}: got {got.dtype}{list(got.shape)} {got.ravel()[:6]}, want {want.dtype}{list(want.shape)} {want.ravel()[:6]}")


def shapes(r, name):
    m, n, k = (int(r.rng.choice([0, 1, 2, 3, 5, 8, 17, 33], p=[0.05, 0.2, 0.15, 0.15, 0.15, 0.1, 0.1, 0.1])) for _ in range(3))
    batch = r.shape(3, 3)
    if name == "matmul":
        a = (k,) if r.rng.random() < 0.2 else batch + (m, k)
        b = (k,) if r.rng.random() < 0.2 else r.broadcastable(batch) + (k, n)
    elif name == "vecdot":
        a, b = batch + (k,), r.broadcastable(batch) + (k,)
    elif name == "inner":
        a, b = batch[:2] + (k,), r.shape(2, 3) + (k,)
    elif name == "dot":
        a, b = batch[:2] + (k,), (k,) if r.rng.random() < 0.3 else r.shape(1, 3) + (k, n)
    else:
        a, b = batch[:2], r.shape(2, 3)
    return a, b


def into(name, a, b, out):
    """The result written into an array of any strides."""
    held, x, y = Tensor(out), Tensor(np.asarray(a)), Tensor(np.asarray(b))
    check("tensor_" + name, ctypes.byref(held.p), x.p, y.p)


def main():
    r, report = Random(2), Report()
    np.seterr(all="ignore")
    functions = {"matmul": np.matmul, "vecdot": lambda a, b: np.vecdot(a, b), "inner": np.inner, "dot": np.dot, "outer": np.outer}
    for case in range(CASES):
        name = r.rng.choice(list(functions))
        a_shape, b_shape = shapes(r, name)
        a_type = r.rng.choice(TYPES)
        b_type = a_type if r.rng.random() < 0.7 else r.rng.choice(TYPES)
        a, b = r.array(a_shape, a_type), r.array(b_shape, b_type)
        what = f"{name} {a.dtype}{a.shape} {b.dtype}{b.shape}"
        near(report, what, call(name, a, b).numpy(), functions[name], a, b)
        want = functions[name](a, b)
        if case % 4 == 0:
            out = r.array(want.shape, want.dtype)
            if isinstance(out, np.ndarray) and all(s for s, n in zip(out.strides, out.shape) if n > 1):  # no element repeats
                into(name, a, b, out)
                near(report, what + " into", out, functions[name], a, b)
    for shape in [(2, 3, 4), (5,), (), (2, 2)]:
        a = np.zeros(shape)
        try:
            call("matmul", a, np.zeros((7, 9)))
            report.count(False, lambda: "shapes that do not fit were multiplied")
        except Error as e:
            report.count(str(list(shape)) in e.args[1] and "[7, 9]" in e.args[1], lambda: f"message: {e.args[1]}")
    for n in (64, 200, 513):
        for dtype in ("float32", "float64", "float16", "int16"):
            a, b = r.values((n, n + 3), dtype), r.values((n - 5, n + 3), dtype)
            near(report, f"{dtype} {n}", call("matmul", a, b.T).numpy(), np.matmul, a, b.T)
    report.end()


main()
