"""Tiny models that the program trains in seconds, and its logits: for the checks beside other libraries (check_export.py, check_peft.py)."""
import json
import os
import subprocess

import numpy as np

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # transformers compiles its BitNet quantizers; run them as they are written
os.environ["HF_HUB_OFFLINE"] = "1"

SIZES = ("--dim 256 --ff-dim 512 --n-layers 2 --n-heads 4 --n-kv-heads 2 --context 64 --vocab-size 320 --batch-rows 4 --steps 20 --warmup 4 "
         "--lr 2e-2 --optimizer muon").split()  # widths that every type of file can hold; a rate at which layers soon count for much
PROMPT = "Once upon a time, there was a little"


def call(trit, *args):
    done = subprocess.run([trit, *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"trit {' '.join(map(str, args))}\n{done.stderr}")
    return done.stdout


def stories(trit, path):
    """A text by the model inside the program."""
    with open(path, "w", encoding="utf-8") as f:
        for seed in range(1, 4):
            f.write(call(trit, "run", PROMPT, "-n", 150, "--temp", 1, "--seed", seed, "--ignore-eos", "--quiet", "-t", 1))
    return path


def train(trit, text, folder, *options):
    """The last checkpoint."""
    call(trit, "train", text, "-o", folder, "-t", 1, "--quiet", *SIZES, *options)
    return os.path.join(folder, "step-20")


def prompt_ids(trit, model):
    return json.loads(call(trit, "tokenize", "-m", model, "--json", PROMPT))["ids"]


def logits(trit, model, ids, *options):
    """After each of the ids: [n, vocabulary]."""
    out = call(trit, "eval", "logits", "-m", model, "--kv", "f32", "--all", "--ids", ",".join(map(str, ids)), "--json", "-q", "-t", 1, *options)
    return np.array(json.loads(out)["logits"])


class Table:
    """Rows of two sides' logits, printed at the end in Markdown."""

    def __init__(self):
        self.rows, self.broken = [], 0

    def compare(self, model, one, other, a, b, bound, why):
        off, half = (float(f(np.abs(a - b).max(-1))) for f in (np.max, np.median))
        same = int((a.argmax(-1) == b.argmax(-1)).sum())
        is_good = off <= bound  # and then another first choice was no farther behind than twice that
        self.broken += not is_good
        self.rows.append((model, one, other, f"{off:.1e}", f"{half:.1e}", f"{bound:.0e}", f"{same} of {len(a)}", why if is_good else "BROKEN: " + why))

    def say(self, model, one, other, what, is_good=True):
        self.broken += not is_good
        self.rows.append((model, one, other, "", "", "", "", what if is_good else "BROKEN: " + what))

    def end(self):
        """The exit status."""
        heads = ("model", "trit on", "beside", "farthest apart", "for half the tokens", "bound", "same first choice", "why")
        print("\n".join("| " + " | ".join(row) + " |" for row in [heads, ["---"] * len(heads)] + self.rows))
        return int(self.broken > 0)
