"""Functions of single elements, beside NumPy's and Python's."""
import ctypes
import math

import numpy as np

from trit import CASES, Error, Random, Report, Tensor, call, lib

FLOATS = ["float32", "float64", "float16"]
WHOLE = ["int8", "int16", "int32", "int64", "uint8"]
TYPES = FLOATS + WHOLE + ["bool"]


def per_element(f):
    """A function of Python's floats for arrays, computed in double and rounded."""
    return lambda a: np.vectorize(f, otypes=["f8"])(a.astype("f8")).astype(a.dtype)


def in_double(f):
    """A function of float64 arrays, rounded to the type of the first."""
    return lambda *a: np.asarray(f(*[x.astype("f8") for x in a])).astype(a[0].dtype)


def normal_below(x):
    return per_element(lambda v: 0.5 * math.erfc(-v * math.sqrt(0.5)))(x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu_tanh_gate(x):
    return sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


# name: (reference, units in the last place, same as NumPy for whole numbers and bool: a = all types, w = floats and whole numbers,
# f = floats alone, b = whole numbers and bool; r = all types, in F64)
UNARY = {
    "neg": (np.negative, 0, "w"), "abs": (np.abs, 0, "a"), "sign": (np.sign, 0, "w"), "square": (np.square, 0, "a"),
    "sqrt": (np.sqrt, 0, "r"), "rsqrt": (in_double(lambda x: 1 / np.sqrt(x)), 2, "r"), "reciprocal": (np.reciprocal, 0, "r"),
    "exp": (np.exp, 2, "r"), "exp2": (np.exp2, 2, "r"), "expm1": (np.expm1, 2, "r"), "log": (np.log, 2, "r"), "log2": (np.log2, 2, "r"),
    "log10": (np.log10, 2, "r"), "log1p": (np.log1p, 2, "r"), "sin": (np.sin, 2, "r"), "cos": (np.cos, 2, "r"), "tan": (np.tan, 2, "r"),
    "asin": (np.arcsin, 2, "r"), "acos": (np.arccos, 2, "r"), "atan": (np.arctan, 2, "r"), "sinh": (np.sinh, 2, "r"),
    "cosh": (np.cosh, 2, "r"), "tanh": (np.tanh, 2, "r"), "erf": (per_element(math.erf), 2, "r"),
    "floor": (np.floor, 0, "a"), "ceil": (np.ceil, 0, "a"), "round": (np.round, 0, "w"), "trunc": (np.trunc, 0, "a"),
    "isnan": (np.isnan, 0, "a"), "isinf": (np.isinf, 0, "a"), "isfinite": (np.isfinite, 0, "a"), "logical_not": (np.logical_not, 0, "a"),
    "bit_not": (np.invert, 0, "b"),
    "relu": (lambda x: np.maximum(x, 0), 0, "r"), "relu2": (lambda x: np.maximum(x, 0)**2, 0, "r"),
    "sigmoid": (in_double(sigmoid), 3, "r"), "silu": (in_double(lambda x: x * sigmoid(x)), 400, "r"),
    "softplus": (in_double(lambda x: np.logaddexp(x, 0)), 3, "r"), "gelu": (in_double(lambda x: x * normal_below(x)), 8, "r"),
    "gelu_tanh": (in_double(lambda x: x * gelu_tanh_gate(x)), 4000, "r"),
}
BINARY = {
    "add": (np.add, 0, "a"), "sub": (np.subtract, 0, "w"), "mul": (np.multiply, 0, "a"), "div": (np.divide, 0, "r"),
    "floor_div": (np.floor_divide, 0, "a"), "mod": (np.remainder, 0, "a"), "pow": (np.power, 2, "a"),
    "minimum": (np.minimum, 0, "a"), "maximum": (np.maximum, 0, "a"), "atan2": (np.arctan2, 2, "r"), "hypot": (np.hypot, 2, "r"),
    "eq": (np.equal, 0, "a"), "ne": (np.not_equal, 0, "a"), "lt": (np.less, 0, "a"), "le": (np.less_equal, 0, "a"),
    "gt": (np.greater, 0, "a"), "ge": (np.greater_equal, 0, "a"), "logical_and": (np.logical_and, 0, "a"),
    "logical_or": (np.logical_or, 0, "a"), "logical_xor": (np.logical_xor, 0, "a"), "bit_and": (np.bitwise_and, 0, "b"),
    "bit_or": (np.bitwise_or, 0, "b"), "bit_xor": (np.bitwise_xor, 0, "b"), "shift_left": (np.left_shift, 0, "b"),
    "shift_right": (np.right_shift, 0, "b"),
}


def takes(kind, dtype):
    return {"a": True, "r": True, "w": dtype != "bool", "b": np.dtype(dtype).kind in "iub"}[kind]


def widened(a, kind):
    """NumPy computes functions of small whole numbers in halves; we in F64."""
    return a.astype("float64") if kind == "r" and a.dtype.kind in "iub" else a


def reference(f, kind, *arrays):
    """NumPy's answer, halves computed in float32 and rounded once."""
    common = np.result_type(*arrays)
    if common == np.float16 and f not in (np.add, np.subtract, np.multiply, np.divide):
        y = np.asarray(f(*[a.astype("f4") for a in arrays]))
        return y.astype("f2") if y.dtype == np.float32 else y
    if common.kind == "f":
        return f(*[a.astype(common) for a in arrays])
    return f(*[widened(a, kind) for a in arrays])


def random_cases(r, report):
    for _ in range(CASES):
        dtype = r.rng.choice(TYPES)
        a = r.array(r.shape(), dtype)
        name = r.rng.choice(list(UNARY))
        f, ulp, kind = UNARY[name]
        if takes(kind, dtype):
            report.same(f"{name} {a.dtype}{a.shape}", call(name, a).numpy(), reference(f, kind, a), ulp, 1e-37 if ulp > 2 else 0)
        name, b_dtype = r.rng.choice(list(BINARY)), r.rng.choice(TYPES)
        f, ulp, kind = BINARY[name]
        if not takes(kind, dtype) or not takes(kind, b_dtype):
            continue
        b = r.array(r.broadcastable(a.shape), b_dtype)
        x, y = (a, b) if r.rng.random() < 0.5 else (b, a)
        if name == "pow" and y.dtype.kind == "i" and x.dtype.kind in "iub":
            y = np.abs(y)
            y = np.where(y < 0, 3, y).astype(y.dtype)  # the smallest number has no absolute value
        report.same(f"{name} {x.dtype}{x.shape} {y.dtype}{y.shape}", call(name, x, y).numpy(), reference(f, kind, x, y), ulp)


def main():
    r, report = Random(1), Report()
    np.seterr(all="ignore")
    random_cases(r, report)

    try:
        call("add", np.zeros((3, 2)), np.zeros((2, 4)))
        report.count(False, lambda: "shapes that do not fit were added")
    except Error as e:
        report.count("[3, 2]" in e.args[1] and "[2, 4]" in e.args[1], lambda: f"message: {e.args[1]}")
    report.same("x[3,1] + y[1,4]", call("add", np.arange(3.0).reshape(3, 1), np.arange(4.0).reshape(1, 4)).numpy(),
                np.arange(3.0).reshape(3, 1) + np.arange(4.0))
    report.end()


main()
