"""Functions of single elements, beside NumPy's and Python's."""
import ctypes
import math

from trit import CASES, NUMBER, Error, Random, Report, Tensor, call, check, device, lib, sizes, np

FLOATS = ["float32", "float64", "float16"]
TYPES = FLOATS + ["int8", "int16", "int32", "int64", "uint8", "bool"]


def per_element(f):
    return lambda a: np.vectorize(f, otypes=["f8"])(a.astype("f8"))


def normal_below(x):
    return per_element(lambda v: 0.5 * math.erfc(-v * math.sqrt(0.5)))(x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype("g")))


def gelu_tanh_gate(x):
    return sigmoid(2 * np.sqrt(2 / np.pi) * (x.astype("g") + 0.044715 * x.astype("g")**3))


def at_least(x, low):
    """Their limit at -infinity is 0, which the formulas miss; so far down they are 0 already. NaN stays."""
    return np.where(x < low, low, x)


def silu_grad(x, dy):
    x = np.clip(x, -1000, 1000)
    return dy * (sigmoid(x) * (1 + x * (1 - sigmoid(x))))


def gelu_grad(x, dy):
    x = np.clip(x, -40, 40)
    return dy * (normal_below(x) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))


def gelu_tanh_grad(x, dy):
    x = np.clip(x, -40, 40).astype("g")
    s = gelu_tanh_gate(x)
    return dy * (s + x * s * (1 - s) * (2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x * x)))


# name: (reference, units in the last place in F32, and in F64, types, absolute error). Types: a = all as NumPy, w = all but bool,
# b = whole numbers and bool, r = computed in floats: whole numbers as F64. Where units are allowed, the reference is computed in
# double or better and rounded. The absolute error is for sums of terms that cancel each other.
UNARY = {
    "neg": (np.negative, 0, 0, "w"), "abs": (np.abs, 0, 0, "a"), "sign": (np.sign, 0, 0, "w"), "square": (np.square, 0, 0, "a"),
    "sqrt": (np.sqrt, 0, 0, "r"), "rsqrt": (lambda x: 1 / np.sqrt(x), 1, 0, "r"), "reciprocal": (np.reciprocal, 0, 0, "r"),
    "exp": (np.exp, 1, 1, "r"), "exp2": (np.exp2, 1, 1, "r"), "expm1": (np.expm1, 1, 1, "r"), "log": (np.log, 1, 1, "r"),
    "log2": (np.log2, 1, 1, "r"), "log10": (np.log10, 1, 2, "r"), "log1p": (np.log1p, 1, 1, "r"), "sin": (np.sin, 2, 1, "r"),
    "cos": (np.cos, 2, 1, "r"), "tan": (np.tan, 1, 1, "r"), "asin": (np.arcsin, 1, 1, "r"), "acos": (np.arccos, 1, 1, "r"),
    "atan": (np.arctan, 1, 1, "r"), "sinh": (np.sinh, 1, 2, "r"), "cosh": (np.cosh, 1, 1, "r"), "tanh": (np.tanh, 2, 2, "r"),
    "erf": (per_element(math.erf), 1, 1, "r"),
    "floor": (np.floor, 0, 0, "a"), "ceil": (np.ceil, 0, 0, "a"), "round": (np.round, 0, 0, "w"), "trunc": (np.trunc, 0, 0, "a"),
    "isnan": (np.isnan, 0, 0, "a"), "isinf": (np.isinf, 0, 0, "a"), "isfinite": (np.isfinite, 0, 0, "a"),
    "logical_not": (np.logical_not, 0, 0, "a"), "bit_not": (np.invert, 0, 0, "b"),
    "relu": (lambda x: np.maximum(x, 0), 0, 0, "r"), "relu2": (lambda x: np.maximum(x, 0)**2, 0, 0, "r"), "sigmoid": (sigmoid, 1, 2, "r"),
    "silu": (lambda x: at_least(x, -1000) * sigmoid(at_least(x, -1000)), 1, 3, "r", 1e-305),  # F64 below 1e-305 loses bits
    "softplus": (lambda x: np.logaddexp(x.astype("g"), 0), 1, 3, "r"),
    "gelu": (lambda x: at_least(x, -40) * normal_below(at_least(x, -40)), 1, 4, "r", 1e-16),
    "gelu_tanh": (lambda x: at_least(x, -40) * gelu_tanh_gate(at_least(x, -40)), 1, 4, "r", 1e-16),
}
BINARY = {
    "add": (np.add, 0, 0, "a"), "sub": (np.subtract, 0, 0, "w"), "mul": (np.multiply, 0, 0, "a"), "div": (np.divide, 0, 0, "r"),
    "floor_div": (np.floor_divide, 0, 0, "a"), "mod": (np.remainder, 0, 0, "a"), "pow": (np.power, 1, 1, "a"),
    "minimum": (np.minimum, 0, 0, "a"), "maximum": (np.maximum, 0, 0, "a"), "atan2": (np.arctan2, 1, 1, "r"), "hypot": (np.hypot, 1, 1, "r"),
    "eq": (np.equal, 0, 0, "a"), "ne": (np.not_equal, 0, 0, "a"), "lt": (np.less, 0, 0, "a"), "le": (np.less_equal, 0, 0, "a"),
    "gt": (np.greater, 0, 0, "a"), "ge": (np.greater_equal, 0, 0, "a"), "logical_and": (np.logical_and, 0, 0, "a"),
    "logical_or": (np.logical_or, 0, 0, "a"), "logical_xor": (np.logical_xor, 0, 0, "a"), "bit_and": (np.bitwise_and, 0, 0, "b"),
    "bit_or": (np.bitwise_or, 0, 0, "b"), "bit_xor": (np.bitwise_xor, 0, 0, "b"), "shift_left": (np.left_shift, 0, 0, "b"),
    "shift_right": (np.right_shift, 0, 0, "b"),
    "relu_grad": (lambda x, dy: np.where(x > 0, dy, 0), 0, 0, "r"), "relu2_grad": (lambda x, dy: 2 * np.maximum(x, 0) * dy, 0, 0, "r"),
    "sigmoid_grad": (lambda y, dy: dy * (y * (1 - y)), 0, 0, "r"), "tanh_grad": (lambda y, dy: dy * (1 - y * y), 0, 0, "r"),
    "silu_grad": (silu_grad, 1, 4, "r", 1e-14), "gelu_grad": (gelu_grad, 1, 4, "r", 1e-15),
    "gelu_tanh_grad": (gelu_tanh_grad, 1, 4, "r", 1e-14),
}


def takes(kind, dtype):
    return {"a": True, "r": True, "w": dtype != "bool", "b": np.dtype(dtype).kind in "iub"}[kind]


def reference(f, ulp, kind, *arrays):
    """In the type that the arrays meet in: halves by way of float32; what has an error, in double."""
    common = np.result_type(*arrays)
    if kind == "r" and common.kind != "f":
        common = np.dtype("f8")
    if common.kind != "f":
        return f(*arrays)
    y = np.asarray(f(*[a.astype("f8" if ulp else np.result_type(common, "f4")) for a in arrays]))
    if y.dtype == bool:
        return y
    return y.astype("f8" if common == np.float64 else "f4").astype(common)


def compare(report, what, got, row, *arrays):
    f, ulp, ulp_64, kind, atol = row if len(row) == 5 else row + (0,)
    want = reference(f, ulp, kind, *arrays)
    if len(arrays) == 2 and atol:  # of a gradient: relative to dy
        atol *= 1 + float(np.max(np.abs(arrays[1].astype("f8")), initial=0, where=np.isfinite(arrays[1])))
    report.same(what + "".join(f" {a.dtype}{a.shape}" for a in arrays), got.numpy(), want, ulp_64 if want.dtype == np.float64 else ulp, atol)


def random_cases(r, report):
    for _ in range(CASES):
        dtype = r.rng.choice(TYPES)
        a = r.array(r.shape(), dtype)
        name = r.rng.choice(list(UNARY))
        if takes(UNARY[name][3], dtype):
            compare(report, name, call(name, a), UNARY[name], a)
        name, b_dtype = r.rng.choice(list(BINARY)), r.rng.choice(TYPES)
        if not takes(BINARY[name][3], dtype) or not takes(BINARY[name][3], b_dtype):
            continue
        b = r.array(r.broadcastable(a.shape), b_dtype)
        x, y = (a, b) if r.rng.random() < 0.5 else (b, a)
        if name == "pow" and y.dtype.kind == "i" and x.dtype.kind in "iub":
            y = np.where(y == np.iinfo(y.dtype).min, 3, np.abs(y)).astype(y.dtype)
        if name.endswith("_grad") and y.dtype.kind == "f":
            y = np.where(np.isfinite(y), y, 1).astype(y.dtype)  # infinity times almost nothing
        compare(report, name, call(name, x, y), BINARY[name], x, y)


def all_halves(report):
    """Every function of one number, of every F16."""
    x = np.arange(65536, dtype="u2").view("f2")
    for name, row in UNARY.items():
        if takes(row[3], "float16"):
            compare(report, "every " + name, call(name, x), row, x)


def to_bf16(x):
    """Bits of float32s rounded to bfloat16, to even in the middle."""
    bits = x.astype("f4").view("u4")
    rounded = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("u2")
    return np.where(np.isnan(x), (bits >> 16 | 0x40).astype("u2"), rounded)


def bf16_tensor(bits):
    t = Tensor()
    t.array = bits
    check("tensor_borrow", ctypes.byref(t.p), device, NUMBER["bfloat16"], bits.ndim, sizes(bits.shape), None, ctypes.c_void_p(bits.ctypes.data))
    return t


def bf16_bits(t):
    n = int(lib.trit_tensor_n_elements(t.p))
    return np.ctypeslib.as_array(ctypes.cast(ctypes.c_void_p(lib.trit_tensor_data(t.p)), ctypes.POINTER(ctypes.c_uint16)), (n,)).copy()


def all_bf16(report):
    """Every BF16 through functions of one and two: computed in float32, rounded once."""
    bits = np.arange(65536, dtype="u2")
    x = (bits.astype("u4") << 16).view("f4")
    turned = bits[::-1].copy()
    for name in ("sqrt", "exp", "sin", "silu", "add", "mul"):
        if name in UNARY:
            got = bf16_bits(call(name, bf16_tensor(bits)))
            want = to_bf16(reference(*[UNARY[name][i] for i in (0, 1, 3)], x))
        else:
            got = bf16_bits(call(name, bf16_tensor(bits), bf16_tensor(turned)))
            want = to_bf16(BINARY[name][0](x, x[::-1]))
        values = [(b.astype("u4") << 16).view("f4") for b in (got, want)]
        far = (got != want) & ~(np.isnan(values[0]) & np.isnan(values[1]))
        slack = 0 if name in ("sqrt", "add", "mul") else 1
        far &= np.abs(got.astype("i4") - want.astype("i4")) > slack
        report.count(not far.any(), lambda: f"bfloat16 {name}: {bits[far][:4]} gives {got[far][:4]}, want {want[far][:4]}")


def numbers(r, report):
    """Numbers beside arrays, as Python's are beside NumPy's."""
    def fn(name):
        return ctypes.cast(getattr(lib, "trit_tensor_" + name), ctypes.c_void_p)

    for dtype in TYPES:
        a = r.values((3, 4), dtype)
        for name, f in (("add", np.add), ("mul", np.multiply), ("maximum", np.maximum), ("lt", np.less)):
            for value in (2, -3, 0.1):
                if value == -3 and dtype == "uint8":
                    continue
                report.same(f"{name} {dtype} {value}", call("with_number", fn(name), a, ctypes.c_double(value)).numpy(), f(a, value))
    a = np.arange(6, dtype="f4")
    one = Tensor()
    x = Tensor(a)
    check("number_with_tensor", ctypes.byref(one.p), fn("sub"), ctypes.c_double(1), x.p)
    report.same("1 - x", one.numpy(), 1 - a)
    for dtype in FLOATS + ["int8", "int64"]:
        a = r.values((5, 7), dtype)
        report.same(f"clip {dtype}", call("clip", a, ctypes.c_double(-2), ctypes.c_double(3)).numpy(), np.clip(a, -2, 3))
    x, dy = r.values((5, 7), "float32"), r.values((5, 7), "float32")
    slope = np.float32(0.1)
    report.same("leaky_relu", call("leaky_relu", x, ctypes.c_double(0.1)).numpy(), np.where(x > 0, x, x * slope))
    report.same("leaky_relu_grad", call("leaky_relu_grad", x, dy, ctypes.c_double(0.1)).numpy(), np.where(x > 0, dy, dy * slope))


def main():
    r, report = Random(1), Report()
    np.seterr(all="ignore")
    random_cases(r, report)
    all_halves(report)
    all_bf16(report)
    numbers(r, report)
    try:
        call("add", np.zeros((3, 2)), np.zeros((2, 4)))
        report.count(False, lambda: "shapes that do not fit were added")
    except Error as e:
        report.count("[3, 2]" in e.args[1] and "[2, 4]" in e.args[1], lambda: f"message: {e.args[1]}")
    report.same("x[3,1] + y[1,4]", call("add", np.arange(3.0).reshape(3, 1), np.arange(4.0).reshape(1, 4)).numpy(),
                np.arange(3.0).reshape(3, 1) + np.arange(4.0))
    report.end()


main()
