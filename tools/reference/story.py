"""The built-in model in float64 NumPy, read from its file by code of its own: the golden record that `trit doctor` and tests hold, and losses.

    python3 tools/reference/story.py golden models/story.gguf models/story_golden.json
    python3 tools/reference/story.py loss models/story.gguf held-out.jsonl --other teacher.gguf --stories 100

Run the first after models/story.gguf was replaced. Stories are records of `trit batch`; their ends are not counted, for models end theirs with
different tokens. Both want the program for its tokenizer (--trit PROGRAM, TRIT_PROGRAM, or trit on the path). Graphs: bitnet and llama.
"""
import argparse
import base64
import json
import os
import subprocess

import numpy as np

import gguf_file


class Model:
    def __init__(self, path):
        g = gguf_file.Gguf(path)
        arch = g.kv["general.architecture"]
        key = lambda name, otherwise=None: g.kv.get(f"{arch}.{name}", otherwise)
        self.bitnet = arch.startswith("bitnet")
        if not self.bitnet and arch != "llama":
            raise SystemExit(f"{path}: {arch} is not known here")
        self.n_layers, self.n_heads = key("block_count"), key("attention.head_count")
        self.n_kv_heads = key("attention.head_count_kv", self.n_heads)
        self.head_dim = key("attention.key_length", key("embedding_length") // self.n_heads)
        self.eps, self.base = key("attention.layer_norm_rms_epsilon"), key("rope.freq_base", 10000.0)
        self.relu2 = key("hidden_activation", "relu2" if arch == "bitnet-b1.58" else "silu") == "relu2"
        self.int8 = self.bitnet or key("ternary_activations") == "int8"
        self.bos, self.eos = g.kv["tokenizer.ggml.bos_token_id"], g.kv["tokenizer.ggml.eos_token_id"]
        self.w = {name.removesuffix(".weight"): g.tensor(name).astype(np.float64) for name in g.kind}
        self.ternary = {name.removesuffix(".weight") for name, kind in g.kind.items() if kind in gguf_file.TERNARY}
        self.path = path

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.w[name] if name in self.w else x

    def linear(self, x, name):
        if name in self.ternary and self.int8:  # 8 bits with a scale a token (arXiv:2402.17764)
            scale = 127 / np.maximum(np.abs(x).max(-1, keepdims=True), 1e-5)
            x = np.clip(np.rint(x * scale), -128, 127) / scale
        return x @ self.w[name].T

    def rotate(self, x, position):
        """Pairs are halves of a head; in files of llama they are neighbours."""
        half = self.head_dim // 2
        angle = (position[:, None] * self.base ** (-np.arange(half) / half))[:, None]
        a, b = (x[..., :half], x[..., half:]) if self.bitnet else (x[..., 0::2], x[..., 1::2])
        turned = a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)
        return np.concatenate(turned, -1) if self.bitnet else np.stack(turned, -1).reshape(x.shape)

    def attend(self, q, k, v, position):
        sees = np.arange(len(k))[None] <= position[:, None]
        out = np.empty(q.shape)
        for h in range(self.n_heads):
            g = h * self.n_kv_heads // self.n_heads
            score = np.where(sees, q[:, h] @ k[:, g].T / np.sqrt(self.head_dim), -np.inf)
            p = np.exp(score - score.max(-1, keepdims=True))
            out[:, h] = p / p.sum(-1, keepdims=True) @ v[:, g]
        return out.reshape(len(q), -1)

    def forward(self, ids, past=None):
        """Logits [n, vocabulary] of ids behind those that `past`, a list of keys and values, has seen; it grows."""
        past = [] if past is None else past
        n, seen = len(ids), len(past[0][0]) if past else 0
        position = np.arange(seen, seen + n).astype(np.float64)
        x = self.w["token_embd"][ids]
        for i in range(self.n_layers):
            b = f"blk.{i}."
            y = self.norm(x, b + "attn_norm")
            q, k, v = (self.linear(y, b + "attn_" + p).reshape(n, -1, self.head_dim) for p in "qkv")
            q, k = self.rotate(q, position), self.rotate(k, position)
            if seen:
                k, v = np.concatenate([past[i][0], k]), np.concatenate([past[i][1], v])
                past[i] = k, v
            else:
                past.append((k, v))
            x = x + self.linear(self.norm(self.attend(q, k, v, position), b + "attn_sub_norm"), b + "attn_output")
            y = self.norm(x, b + "ffn_norm")
            gate = self.linear(y, b + "ffn_gate")
            gate = np.maximum(gate, 0) ** 2 if self.relu2 else gate / (1 + np.exp(-gate))
            x = x + self.linear(self.norm(gate * self.linear(y, b + "ffn_up"), b + "ffn_sub_norm"), b + "ffn_down")
        return self.norm(x, "output_norm") @ self.w["output" if "output" in self.w else "token_embd"].T


def tokenize(o, model, records, *options):
    lines = "".join(json.dumps(r) + "\n" for r in records)
    out = subprocess.run([o.trit, "tokenize", "-m", model.path, "--jsonl", *options], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


# ---- the golden record ----

PROMPTS = ("Once upon a time, there was a little", "Once upon a time", "Tom and Lily", "One day, a little dog", "There was a big", "The sun")


def look(o, m, prompt):
    """The record of a prompt, and how far the program's logits are from it."""
    ids, past, gaps, said = tokenize(o, m, [{"text": prompt}])[0]["ids"], [], [], []
    first = z = m.forward(ids, past)[-1]
    for _ in range(32):
        below, best = np.sort(z)[-2:]
        gaps.append(best - below)
        said.append(int(z.argmax()))
        z = m.forward(said[-1:], past)[-1]
    text = base64.b64decode(tokenize(o, m, [{"ids": said}], "--decode")[0]["bytes_b64"]).decode()
    command = [o.trit, "eval", "logits", "-m", m.path, "--kv", "f32", "--ids", ",".join(map(str, ids)), "--json", "-q"]
    off = np.abs(np.array(json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["logits"]) - first).max()
    return off, min(gaps), {
        "source": "float64 NumPy forward of tools/reference/story.py over models/story.gguf",
        "prompt": prompt, "prompt_ids": ids, "greedy_ids": said, "greedy_text": text, "smallest_greedy_gap": round(float(min(gaps)), 6),
        "last_prompt_top_8": [[int(i), round(float(first[i]), 6)] for i in np.argsort(-first)[:8]]}


def golden(o):
    """The first prompt at which no 8-bit rounding falls on the other side (the program has the same bits everywhere) and no choice is close."""
    m = Model(o.model)
    for prompt in o.prompt or PROMPTS:
        off, gap, record = look(o, m, prompt)
        print(f"{prompt} ... {record['greedy_text']}\n  logits differ by {off:.4f}; a first choice leads by {gap:.4f} at least")
        if off < 0.02 and gap > 0.04:
            break
    else:
        raise SystemExit("no prompt will do: give others by --prompt")
    with open(o.out, "w") as f:
        json.dump(record, f, indent=1)
        f.write("\n")


# ---- losses ----

def loss(o):
    models = [Model(path) for path in [o.model] + o.other]
    with open(o.stories_file) as f:
        records = [json.loads(line) for line in f][:o.stories]
    n_bytes = sum(len(r["completion"].encode()) for r in records)
    print(f"{len(records)} stories, {n_bytes} bytes")
    choices = []
    for m in models:
        total, nats, best = 0, 0.0, []
        for r, row in zip(records, tokenize(o, m, [{"text": r["completion"]} for r in records])):
            ids = row["ids"]
            z = m.forward(ids[:-1])
            z -= z.max(-1, keepdims=True)
            z -= np.log(np.exp(z).sum(-1, keepdims=True))
            nats -= z[np.arange(len(ids) - 1), ids[1:]].sum()
            total += len(ids) - 1
            best.append(z.argmax(-1))
        choices.append(np.concatenate(best))
        print(f"{m.path}: {total} tokens, {nats / total:.4f} nats a token, perplexity {np.exp(nats / total):.3f}, {nats / n_bytes:.4f} nats a byte")
        if len(choices) > 1 and len(choices[-1]) == len(choices[0]):
            print(f"  the same first choice as {models[0].path}: {100 * (choices[-1] == choices[0]).mean():.1f} %")


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--trit", default=os.environ.get("TRIT_PROGRAM", "trit"), help="the program")
    what = a.add_subparsers(required=True)
    g = what.add_parser("golden")
    g.add_argument("model")
    g.add_argument("out")
    g.add_argument("--prompt", action="append", help="instead of the usual ones; may be given several times")
    g.set_defaults(run=golden)
    s = what.add_parser("loss")
    s.add_argument("model")
    s.add_argument("stories_file")
    s.add_argument("--other", action="append", default=[], help="another model beside it: the teacher")
    s.add_argument("--stories", type=int, default=100)
    s.set_defaults(run=loss)
    o = a.parse_args()
    o.run(o)


if __name__ == "__main__":
    main()
