#!/usr/bin/env python3
"""Runs a program for Linux on an emulated x86 processor that has AVX-512, VNNI, BF16 and AVX-VNNI, whatever the real one has.

    tools/emulate.py PROGRAM [ARGUMENT...]

The processor is Bochs' Sapphire Rapids, from a Python package that the first call fetches into build/emulator. It sees the memory
of this process at the same addresses, so a system call of the program goes on to Linux as it is. One thread, no signals, no
child processes: enough for what computes and prints. Ends with the program's exit status; 139 after a fault.
"""
import ctypes
import os
import shutil
import struct
import subprocess
import sys
import tempfile

BUILD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build")
FOLDER = os.path.join(BUILD, "emulator")
PACKAGE = "bochscpu-python==0.4.0"
# Names of glibc 2.38 that the package needs, for older ones.
NAMES = r"""
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
unsigned long long __isoc23_strtoull(const char *s, char **end, int base) { return strtoull(s, end, base); }
int __isoc23_sscanf(const char *s, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int n = vsscanf(s, format, list);
    va_end(list);
    return n;
}
"""


def fetch():
    """The package and the missing names into FOLDER, made beside it and renamed when complete."""
    if os.path.exists(FOLDER):
        return
    os.makedirs(BUILD, exist_ok=True)
    new = tempfile.mkdtemp(prefix="emulator-", dir=BUILD)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--only-binary=:all:", "--target", new, PACKAGE], check=True, stdin=subprocess.DEVNULL)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{new}/names.so", "-x", "c", "-"], check=True, input=NAMES.encode())
    try:
        os.rename(new, FOLDER)
    except OSError:  # another call was quicker
        shutil.rmtree(new)


fetch()
ctypes.CDLL(f"{FOLDER}/names.so", ctypes.RTLD_GLOBAL)
sys.path.insert(0, FOLDER)
import bochscpu
import bochscpu.cpu
import bochscpu.memory

PAGE, GIB = 4096, 1 << 30
# Physical addresses have 40 bits or more, so what the program sees lies below 512 GiB: one page table of two levels.
LOWEST, HIGHEST = 64 * GIB, 512 * GIB
STACK_BYTES = 8 << 20

ENOMEM, EINVAL, ENOSYS = 12, 22, 38
PROT_ALL, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS, MAP_FIXED_NOREPLACE = 7, 0x2, 0x10, 0x20, 0x100000
MMAP, MINCORE, EXIT, ARCH_PRCTL, EXIT_GROUP = 9, 27, 60, 158, 231
ARCH_SET_FS = 0x1002
# System calls that would change this process and not the program, and what they answer instead. The C library goes other ways.
ANSWERS = {
    12: LOWEST,  # brk: the heap does not grow
    13: 0,  # rt_sigaction
    14: 0,  # rt_sigprocmask
    25: -ENOMEM,  # mremap
    56: -ENOSYS,  # clone
    57: -ENOSYS,  # fork
    58: -ENOSYS,  # vfork
    59: -ENOSYS,  # execve
    131: 0,  # sigaltstack
    218: 1,  # set_tid_address
    273: 0,  # set_robust_list
    334: -ENOSYS,  # rseq
    435: -ENOSYS,  # clone3
}

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.syscall.argtypes = [ctypes.c_long] * 7
next_free = LOWEST


def linux(number, *arguments):
    """A system call as the kernel answers it: negative numbers are errors."""
    result = libc.syscall(number, *arguments, *[0] * (6 - len(arguments)))
    return -ctypes.get_errno() if result == -1 else result


def map_memory(address, n_bytes, protection, flags, file, offset):
    """mmap for the program: what asks for no address comes behind all before it."""
    global next_free
    if not flags & MAP_FIXED:
        address, flags = next_free, flags | MAP_FIXED_NOREPLACE
    if not LOWEST <= address <= address + n_bytes <= HIGHEST:
        return -ENOMEM
    result = linux(MMAP, address, n_bytes, protection, flags, file, offset)
    if result > 0:
        next_free = max(next_free, (address + n_bytes + PAGE - 1) & -PAGE)
    return result


def allocate(n_bytes):
    address = map_memory(0, n_bytes, PROT_ALL, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    if address < 0:
        sys.exit(f"emulate: no memory of {n_bytes} bytes: error {-address}")
    return address


def put(address, form, *values):
    data = struct.pack(form, *values)
    ctypes.memmove(address, data, len(data))


def fault(what):
    print(f"emulate: {what}", file=sys.stderr, flush=True)
    os._exit(139)


def program_headers(image):
    """(type, offset, address, bytes in the file, bytes in memory) of each, and where they lie"""
    place, size, n = struct.unpack_from("<32xQ14xHH", image)
    headers = [struct.unpack_from("<I4xQQ8xQQ8x", image, place + size * i) for i in range(n)]
    return headers, place, size


def read(path):
    with open(path, "rb") as file:
        return file.read()


def interpreter_of(path):
    """The dynamic linker that a program names: it loads the rest."""
    image = read(path)
    if image[:5] != b"\x7fELF\x02":
        sys.exit(f"emulate: {path} is no 64-bit ELF file")
    for kind, offset, _, in_file, _ in program_headers(image)[0]:
        if kind == 3:  # PT_INTERP
            return image[offset : offset + in_file - 1].decode()
    sys.exit(f"emulate: {path} is not dynamically linked")


def load(path):
    """Copies the dynamic linker into memory. Returns its entry and the words of the auxiliary vector that tell of it."""
    image = read(path)
    headers, place, size = program_headers(image)
    loads = [h for h in headers if h[0] == 1]  # PT_LOAD
    base = allocate(max(address + in_memory for _, _, address, _, in_memory in loads))
    for _, offset, address, in_file, _ in loads:
        ctypes.memmove(base + address, image[offset : offset + in_file], in_file)
    entry = base + struct.unpack_from("<24xQ", image)[0]
    return entry, [3, base + place, 4, size, 5, len(headers), 9, entry]  # AT_PHDR, AT_PHENT, AT_PHNUM, AT_ENTRY


def new_stack(arguments, environment, auxiliary):
    """As Linux hands it to a program: argc, argv, envp, auxiliary vector; the strings above."""
    top = allocate(STACK_BYTES) + STACK_BYTES

    def push(data):
        nonlocal top
        top -= len(data)
        ctypes.memmove(top, data, len(data))
        return top

    argv, envp = ([push(os.fsencode(s) + b"\0") for s in strings] for strings in (arguments, environment))
    random = push(os.urandom(16))
    auxiliary = [*auxiliary, 6, PAGE, 7, 0, 23, 0, 25, random, 0, 0]  # AT_PAGESZ, AT_BASE, AT_SECURE, AT_RANDOM, AT_NULL
    words = [len(argv), *argv, 0, *envp, 0, *auxiliary]
    top = (top - 8 * len(words)) & -16
    put(top, f"<{len(words)}Q", *words)
    return top


def identity_pages():
    """A page table in which every virtual address below 512 GiB is the same physical one, in pages of 1 GiB."""
    table, gigabytes = allocate(PAGE), allocate(PAGE)
    present_writable_user, large = 0x7, 0x80
    put(table, "<Q", gigabytes | present_writable_user)
    put(gigabytes, "<512Q", *(i * GIB | large | present_writable_user for i in range(512)))
    return table


def segment(selector, attributes):
    s = bochscpu.Segment()
    s.present, s.selector, s.base, s.limit, s.attr = True, selector, 0, 0xFFFFFFFF, attributes
    return s


def new_state(entry, stack):
    """The registers of a user's program at its start, all register files switched on."""
    state = bochscpu.State()
    bochscpu.cpu.set_long_mode(state)
    state.cr3 = identity_pages()
    state.cr4 |= 1 << 9 | 1 << 10 | 1 << 18  # OSFXSR, OSXMMEXCPT, OSXSAVE
    state.xcr0 = 0xE7  # x87, SSE, AVX, AVX-512
    state.mxcsr, state.fpcw, state.fptw = 0x1F80, 0x37F, 0xFFFF
    state.cs, data = segment(0x33, 0x22FB), segment(0x2B, 0xCF3)
    state.ss = state.ds = state.es = state.fs = state.gs = data
    state.rip, state.rsp, state.rflags = entry, stack, 0x202
    state.lstar, state.star = allocate(PAGE), 0x23 << 48 | 0x10 << 32
    put(state.lstar, "4B", 0xF4, 0x48, 0x0F, 0x07)  # hlt, sysretq: a system call halts, is answered and returns
    return state


def choose_processor():
    """Number 30 of Bochs' models: Sapphire Rapids. The package has no call for it; the library inside has."""
    library = ctypes.CDLL(bochscpu._bochscpu.__file__)
    library.sim_get_param_enum.restype = ctypes.c_void_p
    library._ZN15bx_param_enum_c3setEl(ctypes.c_void_p(library.sim_get_param_enum(b"cpu.model")), ctypes.c_long(30))


def on_missing_page(address):
    page = address & -PAGE
    if linux(MINCORE, page, PAGE, ctypes.addressof(ctypes.create_string_buffer(1))) < 0:
        fault(f"no memory at page {page:#x}")
    bochscpu.memory.page_insert(page, page)


def on_exception(session, _cpu, vector, error):
    fault(f"exception {vector}, error {error}, at {session.cpu.rip:#x}: {ctypes.string_at(session.cpu.rip, 12).hex()}")


def answer(cpu):
    """The system call in which the processor halted; the status if the program ends."""
    number = cpu.rax
    arguments = [ctypes.c_long(a).value for a in (cpu.rdi, cpu.rsi, cpu.rdx, cpu.r10, cpu.r8, cpu.r9)]
    if number in (EXIT, EXIT_GROUP):
        return arguments[0] & 0xFF
    if number in ANSWERS:
        result = ANSWERS[number]
    elif number == MMAP:
        result = map_memory(*arguments)
    elif number == ARCH_PRCTL and arguments[0] == ARCH_SET_FS:
        fs = cpu.fs
        fs.base = arguments[1]
        cpu.fs, result = fs, 0
    elif number == ARCH_PRCTL:
        result = -EINVAL
    else:
        result = linux(number, *arguments)
    cpu.rax = ctypes.c_ulong(result).value
    return None


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: tools/emulate.py PROGRAM [ARGUMENT...]")
    linker = interpreter_of(sys.argv[1])
    entry, auxiliary = load(linker)
    # LD_BIND_NOW: finding a function at its first call takes an XRSTOR, at which this emulator faults.
    environment = [f"{name}={value}" for name, value in os.environ.items()] + ["LD_BIND_NOW=1"]
    stack = new_stack([linker, *sys.argv[1:]], environment, auxiliary)

    choose_processor()
    session, hook = bochscpu.Session(), bochscpu.Hook()
    session.missing_page_handler = on_missing_page
    session.cpu.state = new_state(entry, stack)
    hook.hlt = lambda session, _cpu: session.stop()
    hook.exception = on_exception
    status = None
    while status is None:
        session.run([hook])
        status = answer(session.cpu)
    os._exit(status)


main()
