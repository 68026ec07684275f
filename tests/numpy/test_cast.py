"""Changes of type, beside NumPy's: every half, every byte, and numbers at the bounds of every type."""
from trit import NUMBER, Random, Report, call, np

TYPES = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]
BITS = {"float32": "uint32", "float64": "uint64", "float16": "uint16"}
r, report = Random(3), Report()
np.seterr(all="ignore")


def everything(dtype):
    """All values of the types of one and two bytes; of others bounds, neighbours of halves, and random bits."""
    dtype = np.dtype(dtype)
    if dtype == bool:
        return np.array([False, True])
    if dtype.itemsize <= 2:
        return np.arange(1 << 8 * dtype.itemsize, dtype=f"uint{8 * dtype.itemsize}").view(dtype)
    bits = r.rng.integers(0, 1 << 8 * dtype.itemsize, 100000, dtype=f"uint{8 * dtype.itemsize}").view(dtype)
    powers = np.concatenate([2.0 ** np.arange(-1074, 1024), [0.0, np.inf, np.nan]])
    halves = np.arange(1 << 16, dtype="uint16").view("float16").astype("float64")
    middles = (halves[:-1] + halves[1:]) / 2
    x = np.concatenate([powers, -powers, powers * 1.5, halves, middles, np.nextafter(middles, np.inf), np.nextafter(middles, -np.inf)])
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            return np.concatenate([x.astype(dtype), bits])
    info = np.iinfo(dtype)
    edges = [s * 2 ** k + d for k in range(8 * dtype.itemsize) for d in (-1, 0, 1) for s in (1, -1) if info.min <= s * 2 ** k + d <= info.max]
    return np.concatenate([np.array(edges, dtype), bits])


def expected(x, dtype):
    """NumPy's astype, with bounds where C leaves floats beyond them open."""
    dtype = np.dtype(dtype)
    if x.dtype.kind != "f" or dtype.kind not in "iu":
        return x.astype(dtype)
    info = np.iinfo(dtype)
    wide = x.astype("float64")
    inside = (wide > float(info.min) - 1) & (wide < float(info.max) + 1) if dtype.itemsize < 8 else (np.abs(wide) < 2.0 ** 63)
    y = np.where(inside, wide, 0).astype(dtype)
    y[~inside & (wide > 0)] = info.max
    y[~inside & (wide < 0)] = info.min
    return y


def bfloat16(x):
    """To bfloat16 and back, by integers: nearest, even of two, from float64 at once."""
    x = np.asarray(x, "float64")
    f = x.astype("float32")
    bits = f.view("uint32").astype("int64")
    down = bits - ((np.abs(f.astype("float64")) > np.abs(x)) & np.isfinite(f))
    exact = (f.astype("float64") == x) | ~np.isfinite(f)
    odd = np.where(exact, bits, down | 1)
    rounded = ((odd + 0x7FFF + ((odd >> 16) & 1)) >> 16) << 16
    return np.where(np.isnan(x), np.nan, (rounded & 0xFFFFFFFF).astype("uint32").view("float32"))


for source in TYPES:
    x = everything(source)
    for target in TYPES:
        report.same(f"{source} to {target}", call("cast", x, NUMBER[target]).numpy(), expected(x, target))
    if source != "int64":  # NumPy has no type that holds them for the reference above
        half = call("cast", call("cast", x, NUMBER["bfloat16"]), NUMBER["float32"]).numpy()
        report.same(f"{source} to bfloat16", half, bfloat16(x).astype("float32"))
report.end()
