#!/usr/bin/env python3
"""Tensor functions beside NumPy's, in one run: for each function and size the time of NumPy divided by ours (above 1: ours is faster).

    tools/bench_tensors.py [--library FILE] [--sizes 1e3,1e6,1e8] [--only NAME,...]

Results go into arrays that are there already; times are the best of several runs that take turns. NumPy uses one thread (its BLAS is limited to
one), ours one and two. `memory` is the bytes of the arrays read and written, in a second, as a share of what the same threads reach when
they only read (the library's probe): above 1 the arrays lie in the caches. A line that is written is read first, so 0.75 is all there is for two inputs
and a result. Matrices of a product are square, of so many elements, 2048 a side at most. A new function is a row of ROWS.
"""
import argparse
import ctypes
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "numpy"))

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--library", help="libtrit.so; else build/check's")
parser.add_argument("--sizes", default="1e3,1e6,1e8", help="elements")
parser.add_argument("--only", help="names of functions")
options = parser.parse_args()
if options.library:
    os.environ["TRIT_LIBRARY"] = options.library

import numpy as np  # noqa: E402
from trit import NUMBER, DeviceOpts, check, lib, sizes  # noqa: E402


def softmax(a, out):
    np.subtract(a, a.max(), out=out)
    np.exp(out, out=out)
    np.divide(out, out.sum(), out=out)


def sort(a, out):
    out[:] = a
    out.sort()


# name: (inputs, NumPy's with a result to write into)
ROWS = {
    "add": (2, np.add), "mul": (2, np.multiply), "div": (2, np.divide), "maximum": (2, np.maximum), "sqrt": (1, np.sqrt), "exp": (1, np.exp),
    "log": (1, np.log), "tanh": (1, np.tanh), "sin": (1, np.sin), "pow": (2, np.power),
    "sum": (1, np.sum), "max": (1, np.max), "argmax": (1, np.argmax), "cumsum": (1, np.cumsum), "softmax": (1, softmax), "sort": (1, sort),
    "matmul": (2, np.matmul),
}
# name: what ours takes behind its inputs; the type of a result that is one element
ALL, ALL_AXES = (0, None, False), -(2**31)
MORE = {"sum": ALL, "max": ALL, "argmax": (ALL_AXES, False), "cumsum": (0,), "softmax": (0,), "sort": (0, False)}
SINGLE = {"sum": "f4", "max": "f4", "argmax": "i8"}


class Side:
    """A device of so many threads, and what it takes to call it without making anything on the way."""

    def __init__(self, n_threads):
        self.n_threads = n_threads
        self.device = ctypes.c_void_p()
        check("device_open", ctypes.byref(self.device), b"cpu", ctypes.byref(DeviceOpts(n_threads=n_threads)))

    def tensor(self, a):
        p = ctypes.c_void_p()
        check("tensor_borrow", ctypes.byref(p), self.device, NUMBER[a.dtype.name], a.ndim, sizes(a.shape), None, ctypes.c_void_p(a.ctypes.data))
        return p

    def caller(self, name, arrays, out):
        fn, y = getattr(lib, "trit_tensor_" + name), self.tensor(out)
        args = (ctypes.byref(y), *[self.tensor(a) for a in arrays], *MORE.get(name, ()), None)
        fn.restype = ctypes.c_int
        return lambda: fn(*args)


class Limits(ctypes.Structure):  # trit_limits
    _fields_ = [("read_bytes_s", ctypes.c_double), ("int8_macs_s", ctypes.c_double), ("float_macs_s", ctypes.c_double)]


def read_speed(side):
    """Bytes a second that the threads can read from memory."""
    probe, limits = ctypes.c_void_p(), Limits()
    check("probe_new", ctypes.byref(probe), side.device)
    lib.trit_probe_run(probe, ctypes.c_bool(side.n_threads == 1), ctypes.byref(limits))
    lib.trit_probe_free(probe)
    return limits.read_bytes_s


def square(a):
    """As many elements as make a square, as one."""
    side = min(int(len(a) ** 0.5), 2048)
    return a[:side * side].reshape(side, side)


def measure(calls, n):
    """Seconds a call at best, of functions that take turns and do the work of n elements."""
    repeats = max(1, min(2000, int(2e5 / n)))
    times = [[] for _ in calls]
    for _ in range(9 if n < 1e7 else 5):
        for i, f in enumerate(calls):
            begin = time.perf_counter()
            for _ in range(repeats):
                f()
            times[i].append((time.perf_counter() - begin) / repeats)
    return [min(t) for t in times]


def main():
    sides = [Side(1), Side(2)]
    reach = [read_speed(side) for side in sides]
    print(f"reading alone: {reach[0] / 1e9:.1f} GB/s with 1 thread, {reach[1] / 1e9:.1f} GB/s with 2; NumPy {np.__version__}")
    print(f"{'':10} {'':>10} | {'NumPy / ours':^15} | {'microseconds':^32} | {'memory':^13}")
    print(f"{'function':10} {'elements':>10} | {'1 thread':>7} {'2':>6} | {'NumPy':>10} {'1 thread':>10} {'2':>10} | {'1 thread':>8} {'2':>4}")
    for n in [int(float(s)) for s in options.sizes.split(",")]:
        rng = np.random.default_rng(1)
        a, b = (rng.random(n, "f4") + np.float32(0.5) for _ in range(2))
        for name in options.only.split(",") if options.only else ROWS:
            n_in, f = ROWS[name]
            is_product = name == "matmul"
            x, y = (square(a), square(b)) if is_product else (a, b)
            out, ours = (np.zeros((), SINGLE[name]) if name in SINGLE else np.zeros_like(x) for _ in range(2))
            arrays = (x, y)[:n_in]
            t = measure([lambda: f(*arrays, out=out)] + [s.caller(name, arrays, ours) for s in sides], x.size * len(x) / 8 if is_product else n)
            share = [(n_in * x.nbytes + out.nbytes) / seconds / limit for seconds, limit in zip(t[1:], reach)]
            print(f"{name:10} {n:>10} | {t[0] / t[1]:>8.2f} {t[0] / t[2]:>6.2f} | {t[0] * 1e6:>10.1f} {t[1] * 1e6:>10.1f} {t[2] * 1e6:>10.1f} |"
                  f" {share[0]:>8.2f} {share[1]:>4.2f}")


main()
