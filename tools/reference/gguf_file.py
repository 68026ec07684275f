"""A reader of GGUF files in NumPy that shares no code with the program, for the types of small story models; layouts: ggml, and bitnet.cpp for I2_S."""
import struct

import numpy as np

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def _half(b):
    return np.ascontiguousarray(b).view(np.float16).astype(np.float32)


def _int8(b):
    return np.ascontiguousarray(b).view(np.int8).astype(np.float32)


def _nibbles(b):
    return np.concatenate([b & 15, b >> 4], 1)


def q4_0(b):
    return _half(b[:, :2]) * (_nibbles(b[:, 2:]).astype(np.float32) - 8)


def q5_0(b):
    high = np.unpackbits(np.ascontiguousarray(b[:, 2:6]), axis=1, bitorder="little")
    return _half(b[:, :2]) * ((_nibbles(b[:, 6:]) | high << 4).astype(np.float32) - 16)


def q8_0(b):
    return _half(b[:, :2]) * _int8(b[:, 2:])


def q6_k(b):
    n = len(b)
    low, high = b[:, :128].reshape(n, 2, 2, 32), b[:, 128:192].reshape(n, 2, 32)
    q = np.empty((n, 2, 4, 32), np.float32)
    for quarter in range(4):
        q[:, :, quarter] = (low[:, :, quarter & 1] >> 4 * (quarter >> 1) & 15 | (high >> 2 * quarter & 3) << 4).astype(np.float32) - 32
    return q.reshape(n, 256) * np.repeat(_half(b[:, 208:]) * _int8(b[:, 192:208]), 16, axis=1)


def tq1_0(b):
    def digits(q, count):  # base 3, the first digit highest, as a fraction of 256
        return np.concatenate([(q.astype(np.uint16) * 3 ** i & 255) * 3 >> 8 for i in range(count)], 1).astype(np.float32) - 1

    return np.concatenate([digits(b[:, :32], 5), digits(b[:, 32:48], 5), digits(b[:, 48:52], 4)], 1) * _half(b[:, 52:])


def tq2_0(b):
    halves = b[:, :64].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1) & 3
    return (halves.reshape(-1, 256).astype(np.float32) - 1) * _half(b[:, 64:])


# type -> elements and bytes of a block, and what it means. I2_S is one block: all codes, a float, padding.
BLOCKS = {0: (1, 4, lambda b: np.ascontiguousarray(b).view(np.float32)), 1: (1, 2, _half), 2: (32, 18, q4_0), 6: (32, 22, q5_0), 8: (32, 34, q8_0),
          14: (256, 210, q6_k), 34: (256, 54, tq1_0), 35: (256, 66, tq2_0),
          30: (1, 2, lambda b: (np.ascontiguousarray(b).view(np.uint16).astype(np.uint32) << 16).view(np.float32))}
I2_S = 36
TERNARY = (34, 35, I2_S)


def i2_s(raw, n):
    codes = raw[:n // 4].reshape(-1, 1, 32) >> np.array([6, 4, 2, 0], np.uint8).reshape(1, 4, 1) & 3
    return (codes.reshape(-1).astype(np.float32) - 1) * np.frombuffer(raw[n // 4:n // 4 + 4].tobytes(), "<f4")[0]


class Gguf:
    """Metadata in `kv`, types in `kind`, tensors as float32 by `tensor(name)`, rows first."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.raw = f.read()
        self.at = 0
        magic, version, n_tensors, n_kv = self._take("<4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise SystemExit(f"{path}: not a GGUF file of version 2 or 3")
        self.kv = {self._text(): self._value(self._take("<I")[0]) for _ in range(n_kv)}
        self.kind, self.shape, self.offset = {}, {}, {}
        for _ in range(n_tensors):
            name = self._text()
            dims = self._take(f"<{self._take('<I')[0]}Q")
            self.shape[name] = dims[::-1]
            self.kind[name], self.offset[name] = self._take("<IQ")
        align = self.kv.get("general.alignment", 32)
        self.data = (self.at + align - 1) // align * align

    def _take(self, form):
        out = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return out

    def _text(self):
        n = self._take("<Q")[0]
        self.at += n
        return self.raw[self.at - n:self.at].decode()

    def _value(self, kind):
        if kind == 8:
            return self._text()
        if kind != 9:
            return self._take("<" + SCALARS[kind])[0]
        item, n = self._take("<IQ")
        return [self._text() for _ in range(n)] if item == 8 else list(self._take(f"<{n}{SCALARS[item]}"))

    def tensor(self, name):
        kind, shape = self.kind[name], self.shape[name]
        n, begin = int(np.prod(shape)), self.data + self.offset[name]
        if kind == I2_S:
            return i2_s(np.frombuffer(self.raw, np.uint8, n // 4 + 4, begin), n).reshape(shape)
        if kind not in BLOCKS:
            raise SystemExit(f"{name}: type {kind} is not known here; trit convert can make another")
        elements, size, decode = BLOCKS[kind]
        return decode(np.frombuffer(self.raw, np.uint8, n // elements * size, begin).reshape(-1, size)).reshape(shape)
