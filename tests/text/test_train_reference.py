"""Vocabularies that `trit train-tokenizer` learns, beside the Hugging Face tokenizers: their trainer finds the same merges, they read the same
tokenizer.json, and get the same ids. Texts: the reference data, or else the documents of this tree."""
import glob
import json
import os
import subprocess
import sys

try:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
except ImportError:
    print("skipped: no tokenizers (Hugging Face) here")
    sys.exit(77)

SOURCE = os.environ.get("TRIT_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TRIT = os.environ.get("TRIT_PROGRAM") or os.path.join(SOURCE, "build", "check", "trit")
SHARED = os.environ.get("TRIT_SHARED") or os.path.join(SOURCE, "..", "shared")
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>"]
n_wrong = 0


def texts():
    names = ["wiki.valid.raw", "tinyshakespeare.txt", "minigpt_tinystories.txt"]
    paths = [os.path.join(SHARED, "data", "text", name) for name in names]
    if not all(os.path.exists(path) for path in paths):
        print("no reference data: the documents of the tree instead")
        paths = sorted(glob.glob(os.path.join(SOURCE, "docs", "*.md")))
    return paths


def train(paths, folder, *options):
    subprocess.run([TRIT, "train-tokenizer", *paths, "-o", folder, "-q", *options], check=True)
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        return json.load(file)


def check(right, what):
    global n_wrong
    n_wrong += not right
    print("same" if right else "DIFFERS", what)


def check_ids(folder, paths, what):
    theirs = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        ours = subprocess.run([TRIT, "tokenize", "-m", folder, "-f", path], check=True, capture_output=True).stdout
        ids = theirs.encode(text).ids
        check(ids == [int(x) for x in ours.split()], f"{what}: {len(ids)} ids of {os.path.basename(path)}")
        check(theirs.decode(ids) == text, f"{what}: the text back")


def merges_of(document):
    return [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in document["model"]["merges"]]


def check_merges(paths, pre, size, least):
    ours = train(paths, "merges", "--pre", pre, "--vocab-size", str(size), "--min-frequency", str(least))
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = Tokenizer.from_file("merges/tokenizer.json").pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=least, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    documents = []
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            documents.append(file.read())
    theirs.train_from_iterator(documents, trainer)
    document = json.loads(theirs.to_str())
    check(merges_of(document) == merges_of(ours), f"{pre}: {len(ours['model']['merges'])} merges")
    check(document["model"]["vocab"] == ours["model"]["vocab"], f"{pre}: the vocabulary")


paths = texts()
check_merges(paths[:1], "gpt-2", 4096, 2)
check_merges(paths[1:], "llama-bpe", 2000, 5)
for kind in ("bpe", "spm", "byte"):
    train(paths, kind, "--kind", kind, "--vocab-size", "3000", "--special", "<|user|>")
    check_ids(kind, paths, kind)
sys.exit(n_wrong > 0)
