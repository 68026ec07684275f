"""The shared library seen from NumPy, for the tests in this folder: arrays become tensors without a copy, results become arrays.

    TRIT_LIBRARY   the library; else build/check/libtrit.so
    TRIT_CASES     random cases of each group; else 2000
"""
import ctypes
import os
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: no NumPy here")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
lib = ctypes.CDLL(os.environ.get("TRIT_LIBRARY") or os.path.join(ROOT, "build", "check", "libtrit.so"))
CASES = int(os.environ.get("TRIT_CASES") or 2000)

lib.trit_dtype_label.restype = ctypes.c_char_p
lib.trit_tensor_shape.restype = ctypes.POINTER(ctypes.c_int64)
lib.trit_tensor_strides.restype = ctypes.POINTER(ctypes.c_int64)
lib.trit_tensor_data.restype = ctypes.c_void_p

LABELS = {"F32": "float32", "F64": "float64", "F16": "float16", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
          "U8": "uint8", "BOOL": "bool", "BF16": "bfloat16"}
NUMBER = {}  # of a type in the library's enumeration, by NumPy's name
for i in range(100):
    label = lib.trit_dtype_label(i)
    if label and label.decode() in LABELS:
        NUMBER[LABELS[label.decode()]] = i
NAME = {n: name for name, n in NUMBER.items()}


class Error(Exception):
    """A status that is not ok: (status, message)."""


class _Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 512)]


class Slice(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("first", ctypes.c_int64), ("last", ctypes.c_int64), ("step", ctypes.c_int64),
                ("has_first", ctypes.c_bool), ("has_last", ctypes.c_bool)]


class DeviceOpts(ctypes.Structure):
    _fields_ = [("n_threads", ctypes.c_uint), ("cpu_tier", ctypes.c_char_p), ("rest", ctypes.c_uint64 * 8)]


def check(name, *args):
    """Calls trit_<name>(args..., &err); raises Error where it fails."""
    err = _Error()
    status = getattr(lib, "trit_" + name)(*args, ctypes.byref(err))
    if status:
        raise Error(status, err.message.decode())


device = ctypes.c_void_p()
check("device_open", ctypes.byref(device), b"cpu", ctypes.byref(DeviceOpts(n_threads=2)))


def sizes(values):
    return (ctypes.c_int64 * max(1, len(values)))(*values)


class Tensor:
    """Owner of a trit_tensor. From an array it borrows the elements, whatever their strides."""

    def __init__(self, array=None):
        self.p = ctypes.c_void_p()
        if array is not None:
            self.array = array
            check("tensor_borrow", ctypes.byref(self.p), device, NUMBER[array.dtype.name], array.ndim, sizes(array.shape),
                  sizes([s // array.itemsize for s in array.strides]), ctypes.c_void_p(array.ctypes.data))

    def __del__(self):
        lib.trit_tensor_free(self.p)

    def numpy(self):
        """A copy as an array."""
        n = lib.trit_tensor_n_dims(self.p)
        dtype = np.dtype(NAME[lib.trit_tensor_dtype(self.p)])
        shape, strides = lib.trit_tensor_shape(self.p)[:n], lib.trit_tensor_strides(self.p)[:n]
        count = int(np.prod(shape))
        if count == 0:
            return np.empty(shape, dtype)
        low = sum((s - 1) * t for s, t in zip(shape, strides) if t < 0)
        high = sum((s - 1) * t for s, t in zip(shape, strides) if t > 0)
        data = lib.trit_tensor_data(self.p)
        buffer = (ctypes.c_char * ((high - low + 1) * dtype.itemsize)).from_address(data + low * dtype.itemsize)
        return np.ndarray(shape, dtype, buffer, -low * dtype.itemsize, [s * dtype.itemsize for s in strides]).copy()


def call(name, *args):
    """trit_tensor_<name>(&out, args..., &err) with arrays, tensors and numbers; the result as a Tensor."""
    out = Tensor()
    held = [Tensor(np.asarray(a)) if isinstance(a, (np.ndarray, np.generic)) else a for a in args]
    check("tensor_" + name, ctypes.byref(out.p), *[a.p if isinstance(a, Tensor) else a for a in held])
    out.inputs = held  # views borrow from them
    return out


class Random:
    """Random arrays with everything that hurts: no elements, no dimensions, strides of all kinds, infinities and NaN."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def shape(self, max_dims=4, max_size=6):
        return tuple(int(self.rng.choice([0, 1, 2, 3, max_size], p=[0.03, 0.2, 0.3, 0.27, 0.2]))
                     for _ in range(self.rng.integers(0, max_dims + 1)))

    def broadcastable(self, shape):
        """A shape that meets `shape`: dimensions left out in front, or of size 1."""
        other = [1 if self.rng.random() < 0.3 else s for s in shape]
        return tuple(other[self.rng.integers(0, len(other) + 1):]) if other else ()

    def values(self, shape, dtype):
        dtype = np.dtype(dtype)
        if dtype == bool:
            return np.asarray(self.rng.random(shape) < 0.5)
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            wide = self.rng.random() < 0.3
            low, high = (info.min, info.max) if wide else (max(info.min, -9), 9)
            return np.asarray(self.rng.integers(low, high, size=shape, dtype=dtype, endpoint=True))
        x = np.asarray(self.rng.standard_normal(shape) * self.rng.choice([1, 1, 10, 1000]))
        special = self.rng.random(shape) < (0.2 if self.rng.random() < 0.2 else 0)
        x = np.where(special, self.rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], shape), x)
        with np.errstate(over="ignore"):
            return x.astype(dtype)

    def array(self, shape, dtype):
        """Values in memory that is contiguous, or a slice with steps, or turned, or repeated."""
        kind = self.rng.integers(0, 5)
        if kind == 1 and shape:  # every second or third, some backwards
            steps = [int(self.rng.choice([1, 2, 3, -1, -2])) for _ in shape]
            big = self.values([max(1, s) * abs(t) for s, t in zip(shape, steps)], dtype)
            a = big[tuple(slice(None, None, t) for t in steps)]
            return a[tuple(slice(0, s) for s in shape)]
        if kind == 2 and shape:
            order = self.rng.permutation(len(shape))
            return self.values([shape[i] for i in order], dtype).transpose(np.argsort(order))
        if kind == 3 and shape and 0 not in shape:  # repeated along some dimensions
            small = self.values([1 if self.rng.random() < 0.5 else s for s in shape], dtype)
            return np.broadcast_to(small, shape)
        return self.values(shape, dtype)


class Report:
    """Counts, shows the first failures, and ends with the line that the test runner wants."""

    def __init__(self):
        self.passed = self.failed = 0

    def same(self, what, got, want, ulp=0, atol=0.0):
        """Equal shape, type and elements; floats within `ulp` units of their own type, or `atol`."""
        want = np.asarray(want)
        good = got.shape == want.shape and got.dtype == want.dtype
        if good and got.size:
            equal = (got == want) | ((got != got) & (want != want))
            if want.dtype.kind == "f" and (ulp or atol):
                with np.errstate(all="ignore"):
                    near = np.abs(got.astype("f8") - want.astype("f8")) <= np.maximum(ulp * np.spacing(np.abs(want)).astype("f8"), atol)
                equal |= near
            good = bool(equal.all())
        self.count(good, lambda: f"{what}: got {got.dtype}{list(got.shape)} {got.ravel()[:8]}, want {want.dtype}{list(want.shape)} {want.ravel()[:8]}")

    def count(self, good, text):
        if good:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= 10:
            print(text())

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(self.failed > 0 or self.passed == 0)
