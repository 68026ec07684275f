"""Creation and indexing, beside NumPy's."""
import ctypes

from trit import CASES, Error, NUMBER, Random, Report, Tensor, call, check, device, sizes, np

TYPES = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]
r, report = Random(2), Report()
np.seterr(all="ignore")


def make(name, dtype, *args):
    out = Tensor()
    check("tensor_" + name, ctypes.byref(out.p), device, NUMBER[dtype], *args)
    return out.numpy()


def double(x):
    return ctypes.c_double(x)


def long(x):
    return ctypes.c_int64(x)


def fails(name, *args):
    try:
        call(name, *args)
    except Error:
        report.count(True, None)
    else:
        report.count(False, lambda: f"{name} {args} did not fail")


def creation():
    for dtype in TYPES[:-1]:
        report.same("eye", make("eye", dtype, long(4), long(6), long(-2)), np.eye(4, 6, -2, dtype))
        report.same("arange", make("arange", dtype, double(3), double(60), double(7)), np.arange(3, 60, 7, dtype))
        report.same("zeros", make("zeros", dtype, 2, sizes([3, 0])), np.zeros((3, 0), dtype))
        report.same("full", make("full", dtype, 3, sizes([2, 1, 3]), double(5)), np.full((2, 1, 3), 5, dtype))
    report.same("arange back", make("arange", "float64", double(5), double(-1), double(-0.5)), np.arange(5, -1, -0.5))
    report.same("arange empty", make("arange", "float64", double(5), double(9), double(-1)), np.arange(5, 9, -1.0))
    for n in 0, 1, 2, 50:
        report.same(f"linspace {n}", make("linspace", "float64", double(-3), double(2.3), long(n)), np.linspace(-3, 2.3, n), ulp=1)
    a = make("randn", "float64", 1, sizes([100000]), ctypes.c_uint64(7))
    report.count(abs(a.mean()) < 0.02 and abs(a.std() - 1) < 0.01 and abs((a ** 3).mean()) < 0.05, lambda: "randn is not normal")
    report.same("a stream has no shape", make("randn", "float64", 2, sizes([500, 200]), ctypes.c_uint64(7)).ravel(), a)
    u = make("rand", "float32", 1, sizes([100000]), ctypes.c_uint64(7))
    report.count(u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.01, lambda: "rand is not uniform")
    k = make("randint", "int8", 1, sizes([100000]), long(-3), long(4), ctypes.c_uint64(7))
    report.count(sorted(set(k)) == list(range(-3, 4)) and np.bincount(k + 3).min() > 13000, lambda: "randint is not uniform")


def slices():
    a = r.array(r.shape(4), r.rng.choice(TYPES))
    ours, theirs = [], []
    for size in a.shape[:r.rng.integers(0, a.ndim + 1)]:
        kind = int(r.rng.integers(0, 3))
        if kind == 1 and size:
            i = int(r.rng.integers(-size, size))
            ours.append((1, i, 0, 0, False, False))
            theirs.append(i)
        elif kind == 2:
            first, last = int(r.rng.integers(-9, 9)), int(r.rng.integers(-9, 9))
            step = int(r.rng.choice([1, 1, 2, 3, -1, -2]))
            has = r.rng.random(2) < 0.7
            ours.append((2, first, last, step, bool(has[0]), bool(has[1])))
            theirs.append(slice(first if has[0] else None, last if has[1] else None, step))
        else:
            ours.append((0, 0, 0, 0, False, False))
            theirs.append(slice(None))
    from trit import Slice
    array = (Slice * max(1, len(ours)))(*[Slice(*s) for s in ours])
    report.same(f"slice {a.shape} {theirs}", call("slice", a, len(ours), array).numpy(), a[tuple(theirs)])


def views():
    a = r.array(r.shape(4), r.rng.choice(TYPES))
    if a.ndim:
        order = [int(i) for i in r.rng.permutation(a.ndim)]
        report.same("permute", call("permute", a, (ctypes.c_int32 * a.ndim)(*order)).numpy(), a.transpose(order))
        x, y = (int(i) for i in r.rng.integers(-a.ndim, a.ndim, 2))
        report.same("transpose", call("transpose", a, x, y).numpy(), a.swapaxes(x, y))
    if a.ndim > 1:
        x, y = (int(i) for i in r.rng.choice(a.ndim, 2, replace=False))
        offset = int(r.rng.integers(-4, 5))
        report.same(f"diagonal {a.shape} {offset} {x} {y}", call("diagonal", a, long(offset), x, y).numpy(), a.diagonal(offset, x, y))
    report.same("squeeze", call("squeeze_all", a).numpy(), a.squeeze())
    i = int(r.rng.integers(-a.ndim - 1, a.ndim + 1))
    report.same("unsqueeze", call("unsqueeze", a, i).numpy(), np.expand_dims(a, i))
    flat = [int(s) for s in a.shape]
    r.rng.shuffle(flat)
    if flat and a.size and r.rng.random() < 0.5:
        flat[int(r.rng.integers(len(flat)))] = -1
    if r.rng.random() < 0.3:
        flat = [-1] if a.size else [0]
    report.same(f"reshape {a.shape} {flat}", call("reshape", a, len(flat), sizes(flat)).numpy(), a.reshape(flat))
    small = r.array(r.broadcastable(a.shape), a.dtype)
    report.same("expand", call("expand", small, a.ndim, sizes(a.shape)).numpy(), np.broadcast_to(small, a.shape))


def positions():
    a = r.array(r.shape(4), r.rng.choice(TYPES))
    b, c = r.array(r.broadcastable(a.shape), r.rng.choice(TYPES)), r.array(r.broadcastable(a.shape), r.rng.choice(TYPES))
    report.same("where", call("where", c, a, b).numpy(), np.where(c, a, b))
    mask = np.broadcast_to(c, a.shape)
    report.same("masked_select", call("masked_select", a, c).numpy(), a[mask.astype(bool)])
    report.same("nonzero", call("nonzero", a).numpy(), np.argwhere(a) if a.ndim else np.zeros((int(a != 0), 0), "i8"))
    if a.ndim == 0:
        return
    axis = int(r.rng.integers(-a.ndim, a.ndim))
    n = a.shape[axis]
    if n == 0:
        return
    shape = r.shape(2)
    index = r.rng.integers(-n, n, shape).astype(r.rng.choice(["int64", "int32", "int8"]))
    report.same("take", call("take", a, index, axis).numpy(), a.take(index, axis))
    shape = list(a.shape)
    shape[axis] = int(r.rng.integers(0, 5))
    index = np.asarray(r.rng.integers(-n, n, shape))
    report.same("gather", call("gather", a, index, axis).numpy(), np.take_along_axis(a, index, axis))
    src = r.array(tuple(shape), a.dtype)
    want = a.copy()
    np.put_along_axis(want, index, src, axis)
    report.same("scatter", call("scatter", a, index, src, axis).numpy(), want)
    if a.dtype.kind != "b":
        exact = a.dtype.kind in "iu"
        whole, src = a.astype("int8").astype(a.dtype), src.astype("int8").astype(a.dtype)
        want = whole.copy()
        places = list(np.indices(index.shape))
        places[axis % a.ndim] = index
        np.add.at(want, tuple(places), src)
        report.same("scatter_add", call("scatter_add", whole, index, src, axis).numpy(), want, 0 if exact else 2)
        flat = np.asarray(r.rng.integers(-n, n, 5))
        src = r.values(a.shape[:axis % a.ndim] + (5,) + a.shape[axis % a.ndim + 1:], "int8").astype(a.dtype)
        want = whole.copy()
        np.add.at(want, (slice(None),) * (axis % a.ndim) + (flat,), src)
        report.same("take_add", call("take_add", whole, flat, src, axis).numpy(), want, 0 if exact else 2)
    fails("take", a, np.array([n]), axis)
    fails("gather", a, np.full(shape, -n - 1) if 0 not in shape else np.zeros((1,) * (a.ndim + 1), "i8"), axis)


def joining():
    shape, axis = list(r.shape(3)) or [2], 0
    axis = int(r.rng.integers(-len(shape), len(shape)))
    parts = []
    for _ in range(r.rng.integers(1, 20)):
        shape[axis] = int(r.rng.integers(0, 4))
        parts.append(r.array(tuple(shape), r.rng.choice(TYPES)))
    held = [Tensor(p) for p in parts]
    list_ = (ctypes.c_void_p * len(held))(*[t.p for t in held])
    report.same("concat", call("concat", len(held), list_, axis).numpy(), np.concatenate(parts, axis))
    same = [r.array(tuple(shape), "float32") for _ in parts]
    held = [Tensor(p) for p in same]
    list_ = (ctypes.c_void_p * len(held))(*[t.p for t in held])
    report.same("stack", call("stack", len(held), list_, axis).numpy(), np.stack(same, axis))


creation()
for _ in range(CASES // 4):
    slices()
    views()
    positions()
    joining()
report.end()
