"""Layers of transformers, beside what NumPy makes of their definitions in double."""
import ctypes

from trit import CASES, Random, Report, call, np

I64, F64 = ctypes.c_int64, ctypes.c_double


def rms_norm(x, w, n_parts, eps):
    parts = x.reshape(x.shape[:-1] + (n_parts, x.shape[-1] // n_parts))
    return (parts / np.sqrt((parts * parts).mean(-1, keepdims=True) + eps) * w).reshape(x.shape)


def rope(x, angles, n_heads, neox):
    half = angles.shape[1] // 2
    y = x.reshape(len(x), n_heads, x.shape[1] // n_heads).copy()
    c, s = angles[:, None, :half], angles[:, None, half:]
    a, b = (slice(0, half), slice(half, 2 * half)) if neox else (slice(0, 2 * half, 2), slice(1, 2 * half, 2))
    y[..., a], y[..., b] = y[..., a] * c - y[..., b] * s, y[..., b] * c + y[..., a] * s
    return y.reshape(x.shape)


def attention(q, k, v, first, n_heads, n_kv_heads, factor):
    n, shape = len(q), q.shape
    q, k, v = (t.reshape(n, h, t.shape[1] // h).transpose(1, 0, 2) for t, h in ((q, n_heads), (k, n_kv_heads), (v, n_kv_heads)))
    k, v = (np.repeat(t, n_heads // n_kv_heads, 0) for t in (k, v))
    rows = np.arange(n)
    s = np.where((rows <= rows[:, None]) & (rows >= first[:, None]), q @ k.transpose(0, 2, 1) * factor, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True, initial=-1e300))
    return ((p / p.sum(-1, keepdims=True)) @ v).transpose(1, 0, 2).reshape(shape)


ACTIVATIONS = [lambda x: x / (1 + np.exp(-x)), lambda x: np.maximum(x, 0) ** 2,
               lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))]


def absmax_int8(x, share):
    s = 127 / np.maximum(np.abs(x).max(-1, keepdims=True, initial=0), x.dtype.type(1e-5))
    return x + share * (np.rint(x * s) / s - x)


def absmean_ternary(w, group, share):
    y = w.copy()
    step = group or max(1, w.shape[1])
    for at in range(0, w.shape[1], step):
        part = w[:, at:at + step]
        if len(w) and part.size:
            g = np.maximum(np.abs(part).mean(1, keepdims=True) if group else np.abs(w).mean(), 1e-5)
            y[:, at:at + step] = part + share * (g * np.clip(np.rint(part / g), -1, 1) - part)
    return y


def draw(r, name):
    """Shapes of arrays, arguments after them, and the definition."""
    rng, n = r.rng, int(r.rng.choice([0, 1, 2, 5, 60], p=[0.05, 0.2, 0.3, 0.35, 0.1]))
    heads, d = int(rng.integers(1, 5)), int(rng.integers(1, 20))
    if name == "rms_norm":
        eps = float(10 ** rng.uniform(-7, -1))
        return [r.shape(2) + (heads * d,), (d,)], (I64(heads), F64(eps)), lambda x, w: rms_norm(x, w, heads, eps)
    if name == "rope":
        half, neox = int(rng.integers(0, d // 2 + 1)), bool(rng.integers(2))
        return [(n, heads * d), (n, 2 * half)], (I64(heads), ctypes.c_bool(neox)), lambda x, a: rope(x, a, heads, neox)
    if name == "attention":
        kv, factor = int(rng.integers(1, 3)), float(rng.uniform(-0.1, 0.5))
        first = np.array([rng.integers(0, t + 1) for t in range(n)], "i8")
        return [(n, heads * kv * d), (n, kv * d), (n, kv * d)], (first, I64(heads * kv), I64(kv), F64(factor)), \
            lambda q, k, v: attention(q, k, v, first, heads * kv, kv, factor)
    if name == "glu":
        act, shape = int(rng.integers(3)), r.shape()
        return [shape, shape], (act,), lambda g, u: ACTIVATIONS[act](g) * u
    share = float(rng.choice([0, 0.3, 1]))
    if name == "absmax_int8":
        return [r.shape(2) + (d,)], (F64(share),), lambda x: absmax_int8(x, share)
    group = int(rng.choice([0, d, 1 + d // 3]))
    return [(n, d)], (I64(group), F64(share)), lambda w: absmean_ternary(w, group, share)


def main():
    r, report = Random(11), Report()
    np.seterr(all="ignore")
    for _ in range(CASES):
        name = str(r.rng.choice(["rms_norm", "rope", "attention", "glu", "absmax_int8", "absmean_ternary"]))
        dtype = str(r.rng.choice(["float32", "float64"]))
        shapes, rest, f = draw(r, name)
        arrays = [np.nan_to_num(r.array(s, dtype), nan=0.5, posinf=2, neginf=-3) if r.rng.random() < 0.5 else
                  r.array(s, dtype) for s in shapes]
        if not all(np.isfinite(a).all() for a in arrays):  # those go their own ways
            call(name, *arrays, *[np.asarray(x) if isinstance(x, np.ndarray) else x for x in rest])
            continue
        got, want = call(name, *arrays, *rest).numpy(), f(*[a.astype("f8") for a in arrays])
        size = max([1] + [float(np.abs(a).max(initial=0)) for a in arrays])
        bound = (1e-4 if dtype == "float32" else 1e-11) * size * max(1, float(np.abs(want).max(initial=0)))
        off = np.abs(got - want)
        if name.startswith("abs"):  # what lies between two steps may fall on either side
            off = np.sort(off, axis=None)[:-1]
        report.count(got.shape == want.shape and got.dtype == dtype and bool((off <= bound).all()),
                     lambda: f"{name} {dtype} {shapes} {[getattr(x, 'value', x) for x in rest]}: off by {off.max(initial=0)}, {bound} allowed")
    report.end()


main()
