#!/usr/bin/env python3
"""A second reader of packed tensors, written from the drawings in include/trit/pack.h and src/quant/pack/*.c and from nothing else, in
plain Python. tests/quant/test_pack.c holds what it prints for the files of fuzz/corpus/pack.

    python3 tools/quant/unpack.py FILE...      a line each: file, strategy, shape, scales, CRC-32C of the trits as int8
"""
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def planes(data, n, per_byte, digits):
    """Blocks of 64 bytes, the last one shorter: digit t of byte j is trit t * s + j."""
    trits, at = [], 0
    while n:
        count = min(n, 64 * per_byte)
        s = (count + per_byte - 1) // per_byte
        block = [digits(byte) for byte in data[at:at + s]]
        trits += [block[i % s][i // s] - 1 for i in range(count)]
        at += s
        n -= count
    return trits, at


def two_bit(data, n):
    return planes(data, n, 4, lambda b: [b >> 2 * t & 3 for t in range(4)])


def base3(data, n):
    def digits(b):
        v = b * 243 // 256  # b is ceil(v * 256 / 243)
        return [v // 81, v // 27 % 3, v // 9 % 3, v // 3 % 3, v % 3]
    return planes(data, n, 5, digits)


def byte(data, n):
    return list(struct.unpack(f"{n}b", data[:n])), n


def runs(data, n):
    trits, at = [], 0
    while len(trits) < n:
        head = data[at]
        at += 1
        length = (head >> 2) + 1
        shift = 0
        while head >> 2 == 63:
            length += (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                break
        trits += [(head & 3) - 1] * length
    return trits, at


def sparse(data, n):
    k = data[0]
    trits, at = [], 8

    def bit():
        nonlocal at
        at += 1
        return data[(at - 1) // 8] >> (at - 1) % 8 & 1

    while len(trits) < n:
        gap = 0
        while not bit():
            gap += 1
        gap = gap << k | sum(bit() << i for i in range(k))
        trits += [0] * gap
        if len(trits) < n:
            trits.append(-1 if bit() else 1)
    return trits, (at + 7) // 8


class Rans:
    def __init__(self, data):
        self.x = list(struct.unpack("<4Q", data[:32]))
        self.data, self.at = data, 32

    def take(self, model, n):
        minus, plus = struct.unpack("<2H", model)
        freq = [minus, 65536 - minus - plus, plus]
        start = [0, freq[0], freq[0] + freq[1]]
        trits = []
        for i in range(n):
            x = self.x[i % 4]
            slot = x % 65536
            code = max(c for c in range(3) if slot >= start[c] and freq[c])
            x = freq[code] * (x // 65536) + slot - start[code]
            if x < 1 << 31:
                x = x << 32 | struct.unpack_from("<I", self.data, self.at)[0]
                self.at += 4
            self.x[i % 4] = x
            trits.append(code - 1)
        return trits

    def end(self):
        assert self.x == [1 << 31] * 4, "the states do not end where the coder began"
        return self.at


def entropy(data, n):
    string = Rans(data[4:])
    return string.take(data[:4], n), 4 + string.end()


def hybrid(data, n):
    begin = struct.unpack("<Q", data[:8])[0]
    string = Rans(data[begin:])
    trits, at = [], 8
    while len(trits) < n:
        count = min(8192, n - len(trits))
        method = data[at]
        at += 1
        if method == 3:
            trits += string.take(data[at:at + 4], count)
            at += 4
        else:
            more, n_bytes = [base3, runs, sparse][method](data[at:], count)
            trits += more
            at += n_bytes
    assert at == begin, "the blocks do not end where the string begins"
    return trits, begin + string.end()


STRATEGIES = [None, two_bit, base3, byte, runs, sparse, entropy, hybrid]


def unpack(data):
    magic, version, strategy, halves, zero, rows, cols, n_scales, group, zero2, n_bytes = struct.unpack("<4s4BQQQIIQ", data[:48])
    assert magic == b"TRTP" and version == 1 and not zero and not zero2
    end = 48 + n_scales * (2 if halves else 4)
    scales = struct.unpack(f"<{n_scales}{'e' if halves else 'f'}", data[48:end])
    assert struct.unpack("<I", data[end + n_bytes:])[0] == crc32c(data[:-4]), "checksum"
    trits, used = STRATEGIES[strategy](data[end:end + n_bytes], rows * cols)
    assert used == n_bytes and len(trits) == rows * cols and set(trits) <= {-1, 0, 1}
    return STRATEGIES[strategy].__name__, rows, cols, scales, group, trits


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        name, rows, cols, scales, group, trits = unpack(file.read())
    print(path.split("/")[-1], name, f"[{rows}, {cols}]", " ".join(f"{s:.6g}" for s in scales), f"{crc32c(struct.pack(f'{len(trits)}b', *trits)):08x}")
