"""Tensors in files, exchanged with NumPy and with the safetensors package's layout (read here by json alone)."""
import ctypes
import json
import os
import struct
import tempfile

from trit import CASES, Error, Random, Report, Tensor, check, device, lib, np

TYPES = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"]
r, report = Random(4), Report()
folder = tempfile.mkdtemp()
lib.trit_tensors_name.restype = ctypes.c_char_p
lib.trit_tensors_at.restype = ctypes.c_void_p
lib.trit_tensor_retain.restype = ctypes.c_void_p


def path(name):
    return os.path.join(folder, name).encode()


def load(name):
    t = Tensor()
    check("tensor_load", ctypes.byref(t.p), device, path(name))
    return t.numpy()


def load_all(name):
    s = ctypes.c_void_p()
    check("tensors_load", ctypes.byref(s), device, path(name))
    found = {}
    for i in range(lib.trit_tensors_n(s)):
        t = Tensor()
        t.p = ctypes.c_void_p(lib.trit_tensor_retain(ctypes.c_void_p(lib.trit_tensors_at(s, i))))
        found[lib.trit_tensors_name(s, i).decode()] = t.numpy()
    lib.trit_tensors_free(s)
    return found


def save_all(name, arrays):
    held = [Tensor(a) for a in arrays.values()]
    names = (ctypes.c_char_p * len(held))(*[k.encode() for k in arrays])
    check("tensors_save", path(name), len(held), names, (ctypes.c_void_p * len(held))(*[t.p for t in held]))


def same_set(what, got, want):
    report.count(list(got) == list(want), lambda: f"{what}: names {list(got)}")
    for k in want:
        if k in got:
            report.same(f"{what} {k}", got[k], want[k])


def read_safetensors(name):
    data = open(path(name), "rb").read()
    n, = struct.unpack("<Q", data[:8])
    types = {"F32": "f4", "F64": "f8", "F16": "f2", "I8": "i1", "I16": "i2", "I32": "i4", "I64": "i8", "U8": "u1", "BOOL": "?"}
    head = json.loads(data[8:8 + n])
    return {k: np.frombuffer(data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]], types[v["dtype"]]).reshape(v["shape"])
            for k, v in head.items()}


def fails(name, data, text):
    open(path(name), "wb").write(data)
    try:
        load(name)
        report.count(False, lambda: f"{name} was read")
    except Error as e:
        report.count(text in e.args[1], lambda: f"{name}: {e.args[1]}")


for i in range(CASES // 20):
    a = r.array(r.shape(6), r.rng.choice(TYPES))
    t = Tensor(a)
    check("tensor_save", path("ours.npy"), t.p)
    report.same("ours", np.load(path("ours.npy").decode()), a)
    b = np.asfortranarray(a) if r.rng.random() < 0.5 else a
    b = b.astype(b.dtype.newbyteorder(">")) if r.rng.random() < 0.5 else b
    np.save(path("theirs.npy").decode(), b)
    report.same("theirs", load("theirs.npy"), np.load(path("theirs.npy").decode()).astype(a.dtype))
    if i % 10:
        continue
    arrays = {f"größe.{k}.weight": r.array(r.shape(4), r.rng.choice(TYPES)) for k in range(r.rng.integers(0, 6))}
    save_all("ours.npz", arrays)
    same_set("ours.npz", dict(np.load(path("ours.npz").decode())), arrays)
    same_set("our own .npz", load_all("ours.npz"), arrays)
    if arrays:
        np.savez(path("theirs.npz").decode(), **arrays)
        same_set("theirs.npz", load_all("theirs.npz"), arrays)
    save_all("ours.safetensors", arrays)
    same_set("ours.safetensors", read_safetensors("ours.safetensors"), arrays)
    same_set("our own safetensors", load_all("ours.safetensors"), arrays)

np.savez_compressed(path("small.npz").decode(), a=np.zeros(1000))
for what, name in (("compressed", "small.npz"), ("npz, .safetensors and .gguf", "a.txt")):
    try:
        load_all(name)
        report.count(False, lambda: f"{name} was read")
    except Error as e:
        report.count(what in e.args[1], lambda: e.args[1])
np.save(path("good.npy").decode(), np.arange(12.0))
good = open(path("good.npy"), "rb").read()
fails("cut.npy", good[:-1], "ends before its last element")
fails("head.npy", good[:30], "ends in its head")
fails("other.npy", b"hello, this is a text", "begins otherwise")
fails("complex.npy", good.replace(b"<f8", b"<c8"), '"<c8"')
fails("huge.npy", good.replace(b"(12,)", b"(99999999999999999999999,)".ljust(5)[:26]), "NumPy")
report.end()
