"""A small GGUF reader and writer: only what the story model needs.

Reads F32, F16, Q4_0, Q5_0, Q8_0, Q6_K and TQ1_0 tensors into float32 arrays; writes F32, Q4_0, Q5_0, Q8_0, Q6_K and TQ1_0.
"""
import struct
import numpy as np

TYPE_IDS = {"F32": 0, "F16": 1, "Q4_0": 2, "Q5_0": 6, "Q8_0": 8, "Q6_K": 14, "TQ1_0": 34}
# type id -> (elements per block, bytes per block)
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 6: (32, 22), 8: (32, 34), 14: (256, 210), 34: (256, 54)}
# metadata value type id -> struct letter
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


# ---------------------------------------------------------------- reading
class Gguf:
    """Metadata in `.kv` (name -> value), tensors through `tensor(name)` as float32, rows first."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.raw = f.read()
        self.at = 0
        magic, version, n_tensors, n_kv = self._take("<4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError("%s is not a GGUF file of version 2 or 3" % path)
        self.kv = {}
        for _ in range(n_kv):
            key = self._string()
            self.kv[key] = self._value(self._take("<I")[0])
        self.infos = {}
        for _ in range(n_tensors):
            name = self._string()
            (n_dims,) = self._take("<I")
            dims = self._take("<%dQ" % n_dims)
            kind, offset = self._take("<IQ")
            self.infos[name] = (dims, kind, offset)
        align = self.kv.get("general.alignment", 32)
        self.data = (self.at + align - 1) // align * align

    def _take(self, fmt):
        out = struct.unpack_from(fmt, self.raw, self.at)
        self.at += struct.calcsize(fmt)
        return out

    def _string(self):
        (n,) = self._take("<Q")
        self.at += n
        return self.raw[self.at - n:self.at].decode("utf-8")

    def _value(self, kind):
        if kind == 8:
            return self._string()
        if kind == 9:
            elem, count = self._take("<IQ")
            return [self._value(elem) for _ in range(count)]
        return self._take("<" + SCALARS[kind])[0]

    def blocks(self, name):
        """The tensor's bytes as a 2-D array, one block a row, and (dims, type id)."""
        dims, kind, offset = self.infos[name]
        per, size = BLOCKS[kind]
        n = int(np.prod(dims)) // per
        start = self.data + offset
        return np.frombuffer(self.raw, np.uint8, n * size, start).reshape(n, size), dims, kind

    def tensor(self, name):
        b, dims, kind = self.blocks(name)
        return DECODERS[kind](b).reshape(dims[::-1])


def _f16(b):
    return np.ascontiguousarray(b).view(np.float16).astype(np.float32)


def decode_q4_0(b):
    lo, hi = b[:, 2:] & 15, b[:, 2:] >> 4
    return _f16(b[:, :2]) * (np.concatenate([lo, hi], 1).astype(np.float32) - 8)


def decode_q5_0(b):
    high = np.unpackbits(np.ascontiguousarray(b[:, 2:6]), axis=1, bitorder="little")
    q = np.concatenate([b[:, 6:] & 15, b[:, 6:] >> 4], 1) | (high << 4)
    return _f16(b[:, :2]) * (q.astype(np.float32) - 16)


def decode_q8_0(b):
    return _f16(b[:, :2]) * np.ascontiguousarray(b[:, 2:]).view(np.int8)


def decode_q6_k(b):
    n = len(b)
    ql = b[:, :128].reshape(n, 2, 2, 32)          # half, low bit of the quarter, lane
    qh = b[:, 128:192].reshape(n, 2, 32)
    scale = np.ascontiguousarray(b[:, 192:208]).view(np.int8).astype(np.float32)
    q = np.empty((n, 2, 4, 32), np.float32)
    for p in range(4):
        lo = (ql[:, :, p & 1] >> (4 * (p >> 1))) & 15
        hi = (qh >> (2 * p)) & 3
        q[:, :, p] = (lo | (hi << 4)).astype(np.float32) - 32
    step = _f16(b[:, 208:]) * scale
    return q.reshape(n, 256) * np.repeat(step, 16, axis=1)


def decode_tq1_0(b):
    n = len(b)
    out = np.empty((n, 256), np.float32)

    def trits(q, count):
        t = [((((q.astype(np.uint16) * 3 ** i) & 255) * 3) >> 8) for i in range(count)]
        return np.stack(t, 1).astype(np.float32) - 1

    out[:, :160] = trits(b[:, :32], 5).reshape(n, 160)
    out[:, 160:240] = trits(b[:, 32:48], 5).reshape(n, 80)
    out[:, 240:] = trits(b[:, 48:52], 4).reshape(n, 16)
    return out * _f16(b[:, 52:])


DECODERS = {
    0: lambda b: np.ascontiguousarray(b).view(np.float32),
    1: _f16, 2: decode_q4_0, 6: decode_q5_0, 8: decode_q8_0, 14: decode_q6_k, 34: decode_tq1_0,
}


# ---------------------------------------------------------------- encoding
def _half_bytes(d):
    return np.ascontiguousarray(d.astype(np.float16).reshape(-1, 1)).view(np.uint8)


def encode_small(x, bits):
    """Q4_0, Q5_0 or Q8_0: blocks of 32 with one scale, chosen from a few candidates by squared error."""
    x = x.reshape(-1, 32).astype(np.float32)
    lo, hi = (-127, 127) if bits == 8 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    at = np.abs(x).argmax(1)
    peak = x[np.arange(len(x)), at]
    best_q, best_d, best_err = None, None, None
    tries = [1.0] if bits == 8 else [1.0, 0.96, 0.92, 0.88, 0.84, 1.06, 1.12]
    for f in tries:
        d = (peak * f / lo).astype(np.float16)
        d32 = d.astype(np.float32)
        inv = np.divide(1, d32, out=np.zeros_like(d32), where=d32 != 0)
        q = np.clip(np.rint(x * inv[:, None]), lo, hi)
        err = ((q * d32[:, None] - x) ** 2).sum(1)
        if best_q is None:
            best_q, best_d, best_err = q, d, err
        else:
            win = err < best_err
            best_q[win], best_d[win], best_err[win] = q[win], d[win], err[win]
    if bits == 8:
        return np.concatenate([_half_bytes(best_d), best_q.astype(np.int8).view(np.uint8)], 1)
    u = (best_q - lo).astype(np.uint8)
    packed = (u[:, :16] & 15) | ((u[:, 16:] & 15) << 4)
    if bits == 4:
        return np.concatenate([_half_bytes(best_d), packed], 1)
    high = np.packbits(u >> 4, axis=1, bitorder="little")
    return np.concatenate([_half_bytes(best_d), high, packed], 1)


def encode_q6_k(x):
    """Groups of 16 with an int8 scale each, under one f16 step per 256."""
    n = x.size // 256
    g = x.reshape(n, 16, 16).astype(np.float32)
    at = np.abs(g).argmax(2)[..., None]
    peak = np.take_along_axis(g, at, 2)[..., 0]
    want = peak / -32.0                                   # signed, so that the peak is reached exactly at -32
    d = (np.abs(want).max(1) / 127).astype(np.float16)
    d32 = d.astype(np.float32)[:, None]
    inv = np.divide(1, d32, out=np.zeros_like(d32), where=d32 != 0)
    best = None
    for f in (1.0, 0.97, 0.94, 0.91, 1.03, 1.06):
        sc = np.clip(np.rint(want * f * inv), -128, 127)
        step = (sc * d32)[..., None]
        si = np.divide(1, step, out=np.zeros_like(step), where=step != 0)
        q = np.clip(np.rint(g * si), -32, 31)
        err = ((q * step - g) ** 2).sum(2)
        if best is None:
            best = [sc, q, err]
        else:
            win = err < best[2]
            best[0][win], best[1][win], best[2][win] = sc[win], q[win], err[win]
    u = (best[1] + 32).astype(np.uint8).reshape(n, 2, 4, 32)
    ql = np.stack([(u[:, :, 0] & 15) | ((u[:, :, 2] & 15) << 4), (u[:, :, 1] & 15) | ((u[:, :, 3] & 15) << 4)], 2)
    qh = (u[:, :, 0] >> 4) | ((u[:, :, 1] >> 4) << 2) | ((u[:, :, 2] >> 4) << 4) | ((u[:, :, 3] >> 4) << 6)
    scales = best[0].astype(np.int8).view(np.uint8)
    return np.concatenate([ql.reshape(n, 128), qh.reshape(n, 64), scales, _half_bytes(d)], 1)


def encode_tq1_0(codes, g):
    """codes in {-1, 0, +1}; the same scale g in every block, all-zero blocks included."""
    t = (codes.reshape(-1, 256) + 1).astype(np.int32)
    n = len(t)

    def pack(groups, shift=1):
        v = 0
        for i in range(groups.shape[1]):
            v = v * 3 + groups[:, i]
        return ((v * shift * 256 + 242) // 243).astype(np.uint8)

    a = pack(t[:, :160].reshape(n, 5, 32))
    b = pack(t[:, 160:240].reshape(n, 5, 16))
    c = pack(t[:, 240:].reshape(n, 4, 4), 3)
    return np.concatenate([a, b, c, _half_bytes(np.full(n, g, np.float32))], 1)


def encode(kind, x, scale=None):
    if kind == "F32":
        return np.ascontiguousarray(x.astype(np.float32))
    if kind == "TQ1_0":
        return encode_tq1_0(x, scale)
    if kind == "Q6_K":
        return encode_q6_k(x)
    return encode_small(x, {"Q4_0": 4, "Q5_0": 5, "Q8_0": 8}[kind])


# ---------------------------------------------------------------- writing
def _put_string(s):
    b = s.encode("utf-8")
    return struct.pack("<Q", len(b)) + b


def _put_value(kind, v):
    if kind == "str":
        return struct.pack("<I", 8) + _put_string(v)
    if kind.endswith("[]"):
        elem = kind[:-2]
        if elem == "str":
            return struct.pack("<IIQ", 9, 8, len(v)) + b"".join(map(_put_string, v))
        code, letter = {"f32": (6, "f"), "i32": (5, "i")}[elem]
        return struct.pack("<IIQ", 9, code, len(v)) + struct.pack("<%d%s" % (len(v), letter), *v)
    code, letter = {"u32": (4, "I"), "f32": (6, "f"), "bool": (7, "?")}[kind]
    return struct.pack("<I" + letter, code, v)


def write(path, kvs, tensors, align=32):
    """kvs: list of (name, kind, value); tensors: list of (name, type name, shape rows first, encoded bytes)."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(kvs))
    for name, kind, v in kvs:
        head += _put_string(name) + _put_value(kind, v)
    offset, body = 0, []
    for name, kind, shape, data in tensors:
        raw = np.ascontiguousarray(data).tobytes()
        pad = -len(raw) % align
        head += _put_string(name) + struct.pack("<I%dQ" % len(shape), len(shape), *shape[::-1])
        head += struct.pack("<IQ", TYPE_IDS[kind], offset)
        body.append(raw + b"\0" * pad)
        offset += len(raw) + pad
    head += b"\0" * (-len(head) % align)
    with open(path, "wb") as f:
        f.write(head + b"".join(body))
    return len(head) + offset
