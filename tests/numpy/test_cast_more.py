"""Roundings, counts, streams, casts in place, and whole numbers with a scale."""
import ctypes

from trit import CASES, Error, NUMBER, Random, Report, Tensor, call, check, lib, np

r, report = Random(5), Report()
np.seterr(all="ignore")


class Opts(ctypes.Structure):
    _fields_ = [("rounding", ctypes.c_int), ("seed", ctypes.c_uint64)]


class Stats(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint64) for n in ("n_elements", "n_changed", "n_outside", "n_nan", "bytes_in", "bytes_out")] + [
        ("max_error", ctypes.c_double)]


class Levels(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("low", ctypes.c_int32), ("high", ctypes.c_int32), ("is_symmetric", ctypes.c_bool)]


def levels_of(name):
    lib.trit_levels_of.restype = ctypes.POINTER(Levels)
    return lib.trit_levels_of(name.encode()).contents


def fails(text, fn):
    try:
        fn()
        report.count(False, lambda: f"no error: {text}")
    except Error as e:
        report.count(text in e.args[1], lambda: e.args[1])


def cast_with(a, dtype, rounding=0, seed=0, stats=None):
    return call("cast_with", a, NUMBER[dtype], ctypes.byref(Opts(rounding, seed)), ctypes.byref(stats) if stats is not None else None).numpy()


def roundings():
    x = r.rng.standard_normal(200000) * 20
    report.same("even", cast_with(x, "int32", 1), np.rint(x).astype("int32"))
    report.same("usual", cast_with(x, "int32"), x.astype("int32"))
    for dtype in "int8", "float16", "float32":
        got = cast_with(x, dtype, 2, 9).astype("float64")
        near = x.astype(dtype).astype("float64") if dtype != "int8" else np.rint(x)
        step = np.spacing(np.abs(near).astype(dtype)).astype("float64") if dtype != "int8" else np.ones_like(x)
        report.count(bool((np.abs(got - x) <= step).all()), lambda: f"stochastic {dtype}: not a neighbour")
        bias = ((got - x) / step).mean()
        report.count(abs(bias) < 0.006, lambda: f"stochastic {dtype}: biased by {bias} steps")
        report.same("one seed", cast_with(x, dtype, 2, 9).astype("float64"), got)
        report.count(bool((cast_with(x, dtype, 2, 10) != got).any()), lambda: "two seeds agree")
    whole = np.arange(-300, 300, dtype="float32")
    report.same("stochastic of what is exact", cast_with(whole, "float16", 2, 1), whole.astype("float16"))


def counts():
    for _ in range(CASES // 20):
        source, target = r.rng.choice(["float32", "float64", "float16", "int8", "int32", "uint8", "int64"], 2)
        a = r.array(r.shape(3, 40), source)
        s = Stats()
        got = cast_with(a, target, stats=s)
        report.same("cast_with", got, call("cast", a, NUMBER[target]).numpy())
        x, y = a.astype("float64"), got.astype("float64")
        report.count((s.n_elements, s.bytes_in, s.bytes_out) == (a.size, a.nbytes if a.flags.c_contiguous else a.size * a.itemsize, got.nbytes),
                     lambda: "sizes")
        report.count(s.n_nan == np.isnan(x).sum(), lambda: "NaN")
        both = np.isfinite(x) & np.isfinite(y)
        error = np.abs(x - y)[both].max() if both.any() else 0.0
        report.count(s.max_error == error, lambda: f"{source} to {target}: error {s.max_error}, want {error}")
        back = call("cast", np.array(got), NUMBER[source]).numpy()
        changed = ((x != y) & ~(np.isnan(x) & np.isnan(y)) & (back != a)).sum() if a.dtype.kind == "f" else (back != a).sum()
        report.count(s.n_changed == changed, lambda: f"{source} to {target}: changed {s.n_changed}, want {changed}")


def in_place():
    for source, target in ("float64", "float32"), ("float32", "float16"), ("int64", "int8"), ("float32", "int32"):
        a = r.values((300, 701), source)
        t = call("copy", a)
        where = ctypes.c_void_p(lib.trit_tensor_data(t.p)).value
        check("tensor_cast_in_place", t.p, NUMBER[target])
        report.same("in place", t.numpy(), call("cast", a, NUMBER[target]).numpy())
        report.count(lib.trit_tensor_data(t.p) == where, lambda: "moved")
    t = call("copy", np.zeros(4, "float32"))
    fails("wider", lambda: check("tensor_cast_in_place", t.p, NUMBER["float64"]))
    view = call("reshape", t, 2, (ctypes.c_int64 * 2)(2, 2))
    fails("shares", lambda: check("tensor_cast_in_place", t.p, NUMBER["float16"]))
    del view
    same = call("reinterpret", t, NUMBER["int32"])
    report.count(bool(lib.trit_tensor_shares(same.p, t.p)), lambda: "reinterpret copies")
    fails("are no", lambda: call("reinterpret", t, NUMBER["int64"]))


def streams():
    read_type = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    write_type = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    x = r.values(300000, "float32")

    def run(data, most, good=True):
        at, got = [0], []

        def read(user, buffer, n):
            piece = data[at[0]:at[0] + min(n, int(r.rng.integers(1, most)))]
            ctypes.memmove(buffer, piece, len(piece))
            at[0] += len(piece)
            return len(piece)

        def write(user, buffer, n):
            got.append(ctypes.string_at(buffer, n))
            return good

        s = Stats()
        from trit import device
        check("cast_stream", device, NUMBER["float16"], NUMBER["float32"], read_type(read), write_type(write), None, None, ctypes.byref(s))
        return np.frombuffer(b"".join(got), "float16"), s

    got, s = run(x.tobytes(), 100000)
    report.same("stream", got, x.astype("float16"))
    report.count(s.n_elements == 300000, lambda: "elements of the stream")
    report.same("no stream", run(b"", 10)[0], np.zeros(0, "float16"))
    fails("inside an element", lambda: run(x.tobytes()[:-1], 100000))
    fails("could not be written", lambda: run(x.tobytes(), 100000, False))


def levels():
    for name in "int8", "uint8", "int4", "uint4", "ternary":
        l = levels_of(name)
        for axes in None, [1]:
            x = np.asarray(r.rng.standard_normal((5, 64)) * 3 + 1, "float32")
            scale, zero, t = Tensor(), Tensor(), Tensor(x)
            list_ = (ctypes.c_int32 * 1)(1)
            check("tensor_find_levels", ctypes.byref(scale.p), ctypes.byref(zero.p), t.p, ctypes.byref(l), 1 if axes else 0, list_ if axes else None)
            q = call("quantize", t, scale, zero, ctypes.byref(l))
            stored, s, z = q.numpy(), scale.numpy(), zero.numpy()
            report.count(s.shape == ((5, 1) if axes else (1, 1)), lambda: f"{name}: scale {s.shape}")
            report.same(f"{name} stored", stored, np.clip(np.rint(x / s + z), l.low, l.high).astype(stored.dtype))
            report.count(stored.min() >= l.low and stored.max() <= l.high, lambda: f"{name}: beyond the levels")
            back = call("dequantize", q, scale, zero).numpy()
            report.same(f"{name} values", back, ((stored.astype("float32") - z) * s).astype("float32"))
            report.count(bool((np.abs(back - x) <= s * (0.5 if l.is_symmetric else 1.0) * 1.0001).all()), lambda: f"{name}: error above a step")
            report.same(f"{name} at once", call("fake_quantize", t, scale, zero, ctypes.byref(l)).numpy(), back)
    zeros = Tensor(np.zeros((2, 3), "float32"))
    scale, zero = Tensor(), Tensor()
    l = levels_of("int8")
    check("tensor_find_levels", ctypes.byref(scale.p), ctypes.byref(zero.p), zeros.p, ctypes.byref(l), 0, None)
    report.same("scale of nothing", scale.numpy(), np.ones((1, 1), "float32"))
    fails("F32 and F64", lambda: check("tensor_find_levels", ctypes.byref(scale.p), ctypes.byref(zero.p), Tensor(np.zeros(3, "int32")).p,
                                       ctypes.byref(l), 0, None))


roundings()
counts()
in_place()
streams()
levels()
report.end()
