"""Hashes of a GGUF file's tensors as the gguf package reads them: the golden numbers of tests/model/test_convert.c.

    pip install gguf==0.19.0
    trit convert tests/model/story-256.gguf out.gguf --type tq2_0 --embed-type q8_0
    python3 tools/reference/read_gguf.py out.gguf

FNV-1a (64 bits) over the little-endian floats of all tensors, in the order of their names.
"""
import sys

import numpy as np
from gguf import GGUFReader, dequantize


def fnv(data, h=14695981039346656037):
    for byte in data:
        h = (h ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return h


def main():
    for path in sys.argv[1:]:
        h = 14695981039346656037
        for t in sorted(GGUFReader(path).tensors, key=lambda t: t.name):
            floats = dequantize(t.data, t.tensor_type).astype("<f4")
            h = fnv(np.ascontiguousarray(floats).tobytes(), h)
        print("0x%016x %s" % (h, path))


if __name__ == "__main__":
    main()
