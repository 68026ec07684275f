"""Factorizations beside NumPy's, and their residuals; an eighth of the usual number of cases."""
import ctypes

from trit import CASES, Error, Random, Report, Tensor, check, np

EPS = {"float32": 1.2e-7, "float64": 2.3e-16}
FROBENIUS, NUCLEAR, ONE, INFINITY, TWO = range(5)


def call(name, n_out, *args):
    """trit_tensor_<name> with n_out results, as arrays."""
    outs = [Tensor() for _ in range(n_out)]
    held = [Tensor(np.asarray(a)) if isinstance(a, (np.ndarray, np.generic)) else a for a in args]
    check("tensor_" + name, *[ctypes.byref(o.p) for o in outs], *[a.p if isinstance(a, Tensor) else a for a in held])
    arrays = [o.numpy() for o in outs]
    return arrays[0] if n_out == 1 else arrays


def f8(x):
    return ctypes.c_double(x)


def T(a):
    return np.swapaxes(a, -1, -2)


class Checks:
    def __init__(self, report):
        self.report = report

    def small(self, what, difference, scale, dtype, n):
        """|difference| of each matrix against its size."""
        d = np.sqrt(np.sum(np.abs(difference.astype("c16")) ** 2, axis=(-2, -1)))
        limit = 40 * EPS[dtype] * max(n, 1) * np.maximum(scale, 1e-30)
        self.report.count(bool(np.all(d <= limit)), lambda: f"{what}: residual {np.max(d)} beyond {np.min(limit)}")

    def shape(self, what, got, shape, dtype):
        self.report.count(got.shape == tuple(shape) and got.dtype == dtype, lambda: f"{what}: {got.dtype}{got.shape}, not {dtype}{shape}")


def identity_of(q):
    return np.eye(q.shape[-1], dtype="f8")


def check_any(c, what, a, dtype):
    """What every matrix has."""
    m, n = a.shape[-2:]
    least, w, batch = min(m, n), a.astype("f8"), a.shape[:-2]
    scale = np.sqrt(np.sum(w * w, axis=(-2, -1)))
    size = max(m, n)
    for full in (False, True):
        u, s, vt = call("svd", 3, a, full)
        c.shape(what + " u", u, batch + (m, m if full else least), dtype)
        c.shape(what + " vt", vt, batch + (n if full else least, n), dtype)
        c.small(what + " svd", (u[..., :least].astype("f8") * s[..., None, :].astype("f8")) @ vt[..., :least, :].astype("f8") - w, scale, dtype, size)
        c.small(what + " u orthonormal", T(u).astype("f8") @ u - identity_of(u), np.sqrt(size), dtype, size)
        c.small(what + " vt orthonormal", vt.astype("f8") @ T(vt) - np.eye(vt.shape[-2]), np.sqrt(size), dtype, size)
        c.small(what + " s beside numpy", (s - np.linalg.svd(w, compute_uv=False))[..., None], scale, dtype, size)
        q, r = call("qr", 2, a, full)
        c.shape(what + " q", q, batch + (m, m if full else least), dtype)
        c.shape(what + " r", r, batch + (m if full else least, n), dtype)
        c.small(what + " qr", q.astype("f8") @ r - w, scale, dtype, size)
        c.small(what + " q orthonormal", T(q).astype("f8") @ q - identity_of(q), np.sqrt(size), dtype, size)
        c.report.count(bool(np.all(np.tril(r, -1) == 0)), lambda: what + ": r is not upper")
    want = np.abs(np.linalg.qr(w)[1])
    if least and np.all(np.linalg.matrix_rank(w) == least):  # else r is not unique
        kappa = np.linalg.cond(w)
        c.small(what + " |r| beside numpy", np.abs(call("qr", 2, a, False)[1]) - want, scale * kappa, dtype, size)
    p, l, u = call("lu", 3, a)
    c.shape(what + " p", p, batch + (m, m), dtype)
    c.small(what + " lu", p.astype("f8") @ l @ u - w, scale, dtype, size)
    c.report.count(bool(np.all(np.triu(l, 1) == 0) and np.all(np.abs(l) <= 1) and np.all(np.tril(u, -1) == 0)), lambda: what + ": l and u")
    pinv, want = call("pinv", 1, a, f8(-1)), np.linalg.pinv(w, rcond=EPS[dtype] * size)
    if least:
        s = np.linalg.svd(w, compute_uv=False)
        clear = np.all((s > s[..., :1] * 1e3 * EPS[dtype] * size) | (s < s[..., :1] * EPS[dtype]))
        kappa = s[..., 0] / np.maximum(np.where(s > s[..., :1] * EPS[dtype] * size, s, np.inf).min(axis=-1), 1e-300)
        if clear:
            c.small(what + " pinv", pinv - want, kappa * np.sqrt(np.sum(want * want, axis=(-2, -1))), dtype, size)
            c.report.same(what + " rank", call("matrix_rank", 1, a, f8(-1)), np.asarray(np.linalg.matrix_rank(w.astype(dtype)), "i8"))
        for kind, order in [(NUCLEAR, "nuc"), (TWO, 2), (FROBENIUS, "fro"), (ONE, 1), (INFINITY, np.inf)]:
            got = call("matrix_norm", 1, a.astype(dtype), kind)
            c.small(f"{what} norm {order}", (got - np.linalg.norm(w, order, axis=(-2, -1)))[..., None, None], scale * size, dtype, size)
    else:
        c.shape(what + " pinv", pinv, batch + (n, m), dtype)
    offset = int(c.rng.integers(-3, 4))
    c.small(what + " trace", (call("trace", 1, a.astype(dtype), ctypes.c_int64(offset)) - np.trace(w, offset, -2, -1))[..., None, None],
            scale * size + 1e-30, dtype, size)


def check_square(c, what, a, dtype):
    n, w, batch = a.shape[-1], a.astype("f8"), a.shape[:-2]
    scale = np.sqrt(np.sum(w * w, axis=(-2, -1)))
    s = np.linalg.svd(w, compute_uv=False)
    kappa = s[..., 0] / s[..., -1] if n else np.ones(batch)
    symmetric = w + T(w)
    for upper in (False, True):
        values, v = call("eigh", 2, symmetric.astype(dtype), upper)
        c.small(what + " eigh", v.astype("f8") * values[..., None, :] @ T(v) - symmetric.astype(dtype), 2 * scale, dtype, n)
        c.small(what + " eigh beside numpy", (values - np.linalg.eigvalsh(symmetric.astype(dtype).astype("f8")))[..., None], 2 * scale, dtype, n)
        positive = (w @ T(w) + (np.eye(n) * (scale ** 2 + 1)[..., None, None])).astype(dtype)
        l = call("cholesky", 1, positive, upper)
        product = T(l).astype("f8") @ l if upper else l.astype("f8") @ T(l)
        c.small(what + " cholesky", product - positive, np.sqrt(np.sum(positive.astype("f8") ** 2, axis=(-2, -1))), dtype, n)
        c.report.count(bool(np.all((np.tril(l, -1) if upper else np.triu(l, 1)) == 0)), lambda: what + ": cholesky's other triangle")
    wr, wi, vr, vi = call("eig", 4, a)
    values, v = wr.astype("f8") + 1j * wi, vr.astype("f8") + 1j * vi
    c.small(what + " eig", w @ v - v * values[..., None, :], scale, dtype, n)
    c.small(what + " eig trace", (np.sum(values, -1) - np.trace(w, 0, -2, -1))[..., None, None], scale * n, dtype, n)
    c.small(what + " eig lengths", (np.sum(np.abs(v) ** 2, -2) - 1)[..., None], np.ones(batch), dtype, n)
    sign, log_abs = call("slogdet", 2, a)
    det, want = call("det", 1, a), np.linalg.det(w)
    bound = 40 * EPS[dtype] * max(n, 1) * np.prod(np.maximum(np.sum(np.abs(w), -1), 1), -1)
    c.report.count(bool(np.all(np.abs(det - want) <= bound)) and det.dtype == dtype, lambda: f"{what} det: {det}, want {want}")
    c.report.count(bool(np.all(np.abs(sign * np.exp(log_abs.astype("f8")) - want) <= bound)), lambda: f"{what} slogdet: {sign} {log_abs}, {want}")
    if not np.all(kappa < 0.01 / EPS[dtype]):  # NaN of zeros
        return
    length = lambda x: np.sqrt(np.sum(np.abs(x) ** 2, axis=(-2, -1)))
    inverse = call("inv", 1, a)
    c.small(what + " inv", inverse.astype("f8") @ w - np.eye(n), kappa * np.sqrt(max(n, 1)), dtype, n)
    if n:
        c.small(what + " cond", (call("cond", 1, a, TWO) / kappa - 1)[..., None, None], kappa, dtype, n)
    k = int(c.rng.integers(0, 4))
    b = c.rng.standard_normal((n,) if k == 0 else batch[c.rng.integers(0, len(batch) + 1):] + (n, k)).astype(dtype)
    x, want = call("solve", 1, a, b), np.linalg.solve(w, b.astype("f8"))
    c.shape(what + " solve", x, want.shape, dtype)
    x, y = (x[..., None], want[..., None]) if k == 0 else (x, want)
    c.small(what + " solve", x - y, kappa * length(y), dtype, n)
    upper, transposed, unit = (bool(c.rng.random() < 0.5) for _ in range(3))
    triangle = (np.triu(a) if upper else np.tril(a)) + (5 * np.eye(n) * (1 + scale[..., None, None])).astype(a.dtype)
    used = triangle.astype(dtype).astype("f8") / 1
    if unit:
        used = used * (1 - np.eye(n)) + np.eye(n)
    used = T(used) if transposed else used
    if n and np.all(np.linalg.cond(used) < 1e3):
        x = call("solve_triangular", 1, triangle, b, upper, transposed, unit)
        y = np.linalg.solve(used, b.astype("f8"))
        x, y = (x[..., None], y[..., None]) if k == 0 else (x, y)
        c.small(what + " solve_triangular", x - y, 1e3 * length(y), dtype, n)


def check_lstsq(c, what, a, dtype):
    m, n = a.shape
    k = int(c.rng.integers(0, 4))
    b = c.rng.standard_normal((m,) if k == 0 else (m, k)).astype(dtype)
    x, residuals, rank, s = call("lstsq", 4, a, b, f8(-1))
    values = np.linalg.svd(a.astype("f8"), compute_uv=False)
    if len(values) and not np.all((values > values[0] * 1e3 * EPS[dtype] * max(m, n)) | (values < values[0] * EPS[dtype])):
        return
    want = np.linalg.lstsq(a.astype("f8"), b.astype("f8"), rcond=EPS[dtype] * max(m, n))
    kept = values[values > values[0] * EPS[dtype] * max(m, n)] if len(values) else values
    kappa = kept[0] / kept[-1] if len(kept) else 1
    scale = kappa ** 2 * (np.sqrt(np.sum(want[0] ** 2)) + 1) * (1 + (1 / kept[-1] if len(kept) else 1))
    c.shape(what + " lstsq", x, (n,) if k == 0 else (n, k), dtype)
    c.small(what + " lstsq", (x - want[0]).reshape(n, x.size // max(n, 1)), scale, dtype, max(m, n))
    c.report.count(int(rank) == want[2], lambda: f"{what} lstsq: rank {rank}, not {want[2]}")
    if len(want[1]) and n:
        c.small(what + " residuals", (residuals - want[1])[:, None], scale * np.sum(b.astype("f8") ** 2 + 1), dtype, max(m, n))


def random_matrix(r, shape, dtype):
    kind = r.rng.integers(0, 6)
    a = np.asarray(r.rng.standard_normal(shape))
    m, n = shape[-2:]
    if kind == 0 and min(m, n) > 1:  # of rank 1
        a = a[..., :, :1] @ a[..., :1, :]
    elif kind == 1 and 0 not in shape:
        a = np.broadcast_to(np.eye(m, n) * (1 + np.arange(n)), shape)
    elif kind == 2:
        a = np.round(a * 5)
    if kind == 2 and r.rng.random() < 0.5:
        return a.astype(r.rng.choice(["int8", "int32", "int64"]))
    a = a.astype(dtype)
    return T(np.ascontiguousarray(T(a))) if r.rng.random() < 0.3 else a[..., ::-1, :] if r.rng.random() < 0.2 else a


def hilbert(n):
    i = np.arange(n)
    return 1.0 / (i[:, None] + i + 1)


def refused(report):
    ones = np.ones((2, 2))
    lines = [
        ("inv", 1, (np.array([[1.0, 2], [2, 4]]),), ["singular", "condition number"]),
        ("inv", 1, (np.ones((2, 3)),), ["[2, 3]", "square"]), ("cholesky", 1, (np.array([[1.0, 2], [2, 1]]), False), ["positive", "order 2"]),
        ("svd", 3, (np.array([[np.nan, 1]]), False), ["nan"]), ("eig", 4, (np.array([[np.inf]]),), ["inf"]),
        ("eigh", 2, (np.full((3, 2, 2), np.nan), False), ["matrix 0"]), ("det", 1, (np.ones(3),), ["[3]", "no matrix"]),
        ("qr", 2, (np.ones((2, 2), "f2"), False), ["F16"]), ("solve", 1, (np.eye(2), np.ones((3, 1))), ["[2, 2]", "[3, 1]"]),
        ("solve_triangular", 1, (ones * 0, np.ones(2), True, False, False), ["diagonal"]),
        ("solve", 1, (np.stack([np.eye(2), ones]), np.ones((2, 1))), ["matrix 1", "singular"]), ("cond", 1, (np.ones((0, 0)), TWO), ["[0, 0]"]),
        ("vector_norm", 1, (np.ones(3), f8(np.nan), 0, None, False), ["NaN"])]
    for name, n_out, args, parts in lines:
        try:
            call(name, n_out, *args)
            report.count(False, lambda: f"{name} was computed")
        except Error as e:
            report.count(all(p in e.args[1] for p in parts), lambda: f"{name}: {e.args[1]}")


def check_vector_norms(r, report):
    a = r.rng.standard_normal((3, 4, 5))
    for p in (0, 1, 2, 3, 0.5, -1, np.inf, -np.inf):
        axes = (ctypes.c_int32 * 1)(1)
        report.same(f"vector norm {p}", call("vector_norm", 1, a, f8(p), 1, axes, False), np.linalg.norm(a, p, axis=1), 20)
    report.same("norm of all", call("vector_norm", 1, np.arange(6).reshape(2, 3), f8(2), 2, None, True), np.sqrt(np.full((1, 1), 55.0)), 2)


def main():
    r, report = Random(4), Report()
    try:
        call("inv", 1, np.eye(1))
    except Error as e:
        print("skipped:", e.args[1])
        raise SystemExit(77)
    c = Checks(report)
    c.rng = r.rng
    np.seterr(all="ignore")
    for _ in range(max(1, CASES // 8)):
        dtype = str(r.rng.choice(["float32", "float64"]))
        m, n = (int(r.rng.choice([0, 1, 2, 3, 5, 9, 20], p=[0.04, 0.16, 0.2, 0.2, 0.2, 0.15, 0.05])) for _ in range(2))
        batch = r.shape(2, 3)
        a = random_matrix(r, batch + (m, n), dtype)
        of = dtype if a.dtype.kind == "f" else "float64"
        check_any(c, f"{a.dtype}{a.shape}", a, of)
        if a.ndim == 2:
            check_lstsq(c, f"{a.dtype}{a.shape}", a, of)
        a = random_matrix(r, batch + (n, n), dtype)
        check_square(c, f"{a.dtype}{a.shape}", a, dtype if a.dtype.kind == "f" else "float64")
    for n in (1, 4, 8, 12):
        check_any(c, f"hilbert {n}", hilbert(n), "float64")
        check_square(c, f"hilbert {n}", hilbert(n), "float64")
    for dtype in ("float32", "float64"):
        a = r.rng.standard_normal((512, 512)).astype(dtype)
        u, s, vt = call("svd", 3, a, False)
        c.small("svd of 512", u.astype("f8") * s @ vt - a, np.linalg.norm(a), dtype, 512)
        q, upper = call("qr", 2, a, False)
        c.small("qr of 512", q.astype("f8") @ upper - a, np.linalg.norm(a), dtype, 512)
    check_vector_norms(r, report)
    refused(report)
    report.end()


main()
