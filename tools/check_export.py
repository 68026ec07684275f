#!/usr/bin/env python3
"""Logits of exported models: the program beside transformers and stock llama.cpp.

Usage: check_export.py --trit PROGRAM [--llama-python PYTHON]

Trains tiny models for 20 steps, exports them as Hugging Face folders and GGUF files, and compares the logits after each token of a prompt. A row of
the table that is printed says how far two sides are apart at most, and what explains it; exit status 1: some are farther apart than their bound.
The last row of a model says what another token in the prompt changes, which must be more than all bounds.
Needs NumPy, PyTorch, safetensors and transformers; llama-cpp-python where there is one, here or in PYTHON.

    python3 -m pip install numpy torch safetensors transformers llama-cpp-python
    tools/check_export.py --trit build/release/trit"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference"))
import tiny  # noqa: E402
import numpy as np  # noqa: E402

# Bounds, with logits up to 12 and another token in the prompt worth 2: some times what was seen.
ORDER = 1e-4     # the same numbers, added in another order
EDGE = 1e-1      # besides, an int8 input at the edge between two values may fall on either side; most tokens have none
HALVES = 1e-2    # scales of weights or inputs in half precision
SCALES = 3e-1    # scales of weights in half precision, as TQ types and F16 have them, and then int8 inputs
BLOCKS = 3e-1    # 8-bit inputs with a scale for 256 values (llama.cpp, Q8_K) and not for a token
FLOATS = 5e-1    # inputs that one side rounds to 8 bits and the other one does not
GGUF = "i2_s", "tq1_0", "tq2_0", "f16", "f32"
MODELS = {
    "bitnet, ReLU²": ("--architecture", "bitnet"),
    "bitnet, SiLU": ("--architecture", "bitnet", "--activation", "silu"),
    "llama, ReLU²": ("--architecture", "llama", "--activation", "relu2"),
    "llama, int8": ("--architecture", "llama", "--activation", "silu"),
    "llama, float": ("--architecture", "llama", "--activation", "silu", "--activation-type", "float"),
}


def of_transformers(folder, ids):
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info.values()), info
    with torch.no_grad():
        return torch.nn.Module.float(model.eval())(input_ids=torch.tensor([ids]), use_cache=False).logits[0].numpy()


def llama_logits(path, ids):
    """In a process of its own: prints them, or null for a file that llama.cpp does not open."""
    import llama_cpp
    try:
        model = llama_cpp.Llama(path, n_ctx=64, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False, type_k=0, type_v=0)  # 0: F32
    except ValueError:
        print("null")
        return
    model.eval(ids)
    print(json.dumps(np.array(model.scores[:len(ids)]).tolist()))


def llama_version(python):
    done = subprocess.run([python, "-c", "import llama_cpp; print(llama_cpp.__version__)"], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def of_llama(a, path, ids):
    command = [a.llama_python, __file__, "--trit", a.trit, "--llama-file", path, "--ids", json.dumps(ids)]
    out = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()[-1])
    return None if out is None else np.array(out)


def check_folders(a, table, name, masters, ids, place):
    """Folders of the masters, and of the ternary weights themselves."""
    has_float_inputs = "float" in name
    folder, packed = os.path.join(place, "folder"), os.path.join(place, "packed")
    tiny.call(a.trit, "export", masters, folder, "-q")
    tiny.call(a.trit, "convert", os.path.join(place, "i2_s.gguf"), packed, "-q")
    mine, theirs = tiny.logits(a.trit, folder, ids), of_transformers(folder, ids)
    beside = "transformers, folder of the masters"
    if has_float_inputs:
        table.compare(name, "folder", beside, mine, theirs, FLOATS, "transformers makes the inputs of all models with masters int8")
        table.compare(name, "folder, `--activations int8`", beside, tiny.logits(a.trit, folder, ids, "--activations", "int8"), theirs, EDGE,
                      "that is all the difference: sums in another order")
    else:
        table.compare(name, "folder", beside, mine, theirs, EDGE, "sums in another order")
    table.compare(name, "folder", "transformers, folder of the " + ("plain floats" if has_float_inputs else "packed trits"), mine,
                  of_transformers(packed, ids), ORDER if has_float_inputs else EDGE, "sums in another order")
    return mine


def check_files(a, table, name, masters, ids, place, of_folder):
    is_bitnet, has_float_inputs, relu2 = "bitnet" in name, "float" in name, "²" in name
    for kind in GGUF:
        path, floats = os.path.join(place, kind + ".gguf"), kind in ("f16", "f32")
        mine = tiny.logits(a.trit, path, ids)
        is_exact = kind in ("i2_s", "f32")
        table.compare(name, kind, "folder", mine, of_folder, ((ORDER if is_exact else HALVES) if has_float_inputs else EDGE if is_exact else SCALES),
                      "sums in another order" if is_exact else "scales in half precision")
        if not a.llama_version:
            continue
        theirs = of_llama(a, path, ids)
        if relu2 and not is_bitnet:  # no key of such files names the function, and llama.cpp has SiLU for all of them
            if kind == "f32":
                off = float(np.abs(theirs - mine).max())
                table.say(name, kind, "llama.cpp", f"another model, {off:.0e} apart: llama.cpp computes SiLU", off > FLOATS)
        elif kind == "i2_s" or relu2:
            if theirs is not None:
                table.say(name, kind, "llama.cpp", "llama.cpp opens it by now: compare it here", False)
            elif kind in ("i2_s", "tq2_0"):
                table.say(name, kind, "llama.cpp", "refused: it knows no " + ("type I2_S" if kind == "i2_s" else "BitNet with ReLU²"))
        elif theirs is None:
            table.say(name, kind, "llama.cpp", "refused", False)
        elif not floats:
            table.compare(name, kind, "llama.cpp", mine, theirs, BLOCKS, "there 8-bit inputs with a scale for 256 of them")
        elif has_float_inputs:
            table.compare(name, kind, "llama.cpp", mine, theirs, ORDER if kind == "f32" else HALVES,
                          "sums in another order" if kind == "f32" else "there inputs in half precision")
        else:
            table.compare(name, kind, "llama.cpp", mine, theirs, FLOATS, "there inputs are not rounded to 8 bits")
            if not is_bitnet:
                table.compare(name, kind + ", `--activations float`", "llama.cpp", tiny.logits(a.trit, path, ids, "--activations", "float"), theirs,
                              ORDER if kind == "f32" else SCALES, "that is all the difference")


def check(a, table, name, text, place):
    masters = tiny.train(a.trit, text, os.path.join(place, "run"), *MODELS[name])
    ids = tiny.prompt_ids(a.trit, masters)
    for kind in GGUF:
        tiny.call(a.trit, "export", masters, os.path.join(place, kind + ".gguf"), "--type", kind, "-q")
    mine = check_folders(a, table, name, masters, ids, place)
    check_files(a, table, name, masters, ids, place, mine)
    changed = float(np.abs(tiny.logits(a.trit, masters, [ids[0], ids[2]] + ids[2:]) - mine)[2:].max())
    table.say(name, "folder", "the same with another second token", f"{changed:.1e}: what one token counts, of logits up to {np.abs(mine).max():.0f}",
              changed > max(BLOCKS, FLOATS))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trit", required=True)
    parser.add_argument("--llama-python", default=sys.executable, help="another Python that has llama-cpp-python")
    parser.add_argument("--llama-file", help=argparse.SUPPRESS)
    parser.add_argument("--ids", type=json.loads, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.llama_file:
        llama_logits(a.llama_file, a.ids)
        return 0
    import torch
    import transformers
    a.llama_version = llama_version(a.llama_python)
    table = tiny.Table()
    with tempfile.TemporaryDirectory() as folder:
        text = tiny.stories(a.trit, os.path.join(folder, "stories.txt"))
        for name in MODELS:
            place = os.path.join(folder, name)
            os.mkdir(place)
            check(a, table, name, text, place)
    status = table.end()
    print(f"\ntransformers {transformers.__version__}, torch {torch.__version__}, llama-cpp-python {a.llama_version or 'lacking: not asked'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
