"""Functions of single elements, beside NumPy's."""
import numpy as np

from trit import CASES, Error, Random, Report, Tensor, call

TYPES = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]
# name: (NumPy's function, units in the last place, bool as input)
UNARY = {"neg": (np.negative, 0, False), "abs": (np.abs, 0, True), "sqrt": (np.sqrt, 0, True), "exp": (np.exp, 3, True),
         "isnan": (np.isnan, 0, True)}
BINARY = {"add": (np.add, 0, True), "sub": (np.subtract, 0, False), "mul": (np.multiply, 0, True), "div": (np.divide, 0, True),
          "lt": (np.less, 0, True)}


def widened(a, f):
    """NumPy computes functions of small whole numbers in halves; we in F64."""
    return a.astype("float64") if f in (np.sqrt, np.exp, np.divide) and a.dtype.kind in "iub" else a


def main():
    r, report = Random(1), Report()
    np.seterr(all="ignore")
    for _ in range(CASES):
        dtype = r.rng.choice(TYPES)
        a = r.array(r.shape(), dtype)
        name = r.rng.choice(list(UNARY))
        f, ulp, takes_bool = UNARY[name]
        if dtype != "bool" or takes_bool:
            report.same(f"{name} {a.dtype}{a.shape}", call(name, a).numpy(), f(widened(a, f)), ulp)
        name, b_dtype = r.rng.choice(list(BINARY)), r.rng.choice(TYPES)
        f, ulp, takes_bool = BINARY[name]
        if "bool" in (dtype, b_dtype) and not takes_bool:
            continue
        b = r.array(r.broadcastable(a.shape), b_dtype)
        x, y = (a, b) if r.rng.random() < 0.5 else (b, a)
        want = f(widened(x, f), widened(y, f))
        if name == "div" and {x.dtype.kind, y.dtype.kind} & {"f"}:
            want = f(x, y)
        report.same(f"{name} {x.dtype}{x.shape} {y.dtype}{y.shape}", call(name, x, y).numpy(), want, ulp)

    try:
        call("add", np.zeros((3, 2)), np.zeros((2, 4)))
        report.count(False, lambda: "shapes that do not fit were added")
    except Error as e:
        report.count("[3, 2]" in e.args[1] and "[2, 4]" in e.args[1], lambda: f"message: {e.args[1]}")
    report.same("x[3,1] + y[1,4]", call("add", np.arange(3.0).reshape(3, 1), np.arange(4.0).reshape(1, 4)).numpy(),
                np.arange(3.0).reshape(3, 1) + np.arange(4.0))
    report.end()


main()
