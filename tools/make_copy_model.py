#!/usr/bin/env python3
"""Makes a model that copies, by hand: for measuring drafts (docs/drafts.md). A Hugging Face folder, float16 weights that are ternary by rows.

    tools/make_copy_model.py OUT [LAYERS [SWAP]]

Layer 0 has three heads that look one, two and three tokens back, by rotary angles alone; they write the codes of those tokens beside the
token's own. Layer 1 has a head that looks for the place whose three tokens before are the last three here, and takes the token that stands there: an induction
head (Olsson et al., arXiv:2209.11895). The other layers are random and write next to nothing, so that a step costs what it costs in a
model of this shape. SWAP ("12=34,56=78", ids) lets the model write 34 where 12 is to be copied: an edit.
"""
import json
import os
import struct
import sys

import numpy as np

VOCAB, DIM, HEAD, N_HEADS, FF, THETA = 4096, 1536, 128, 12, 4096, 1e9
HALF, N_ANGLES, CODE = HEAD // 2, 20, 24
TINY = 2.0**-13
# Where things stand in the stream: a token's whole name, its code three times, the codes of the tokens before, ones, angles, the answer.
NAME, OWN, BACK, ONES, ANGLES, ANSWER = 0, 128, 256, 384, 512, 768


def tiny(rng, rows, cols):
    return rng.integers(-1, 2, (rows, cols)).astype(np.float16) * np.float16(TINY)


def angles():
    return THETA ** (-np.arange(HALF) / HALF)


def content(k):
    """Dimensions of a head that hold content: pairs that hardly turn, slot k of CODE each."""
    pairs = np.arange(26, HALF)
    return np.concatenate([pairs, pairs + HALF])[CODE * k : CODE * (k + 1)]


def embeddings(rng, swaps):
    e = np.zeros((VOCAB, DIM), np.float32)
    names = rng.choice([-1.0, 1.0], (VOCAB, HEAD))
    codes = rng.choice([-1.0, 1.0], (VOCAB, CODE))
    for old, new in swaps:
        codes[new] = codes[old]  # so that the place is found again behind the edit
    e[:, NAME : NAME + HEAD] = names
    for copy in range(3):
        e[:, OWN + CODE * copy : OWN + CODE * (copy + 1)] = codes
    e[:, ONES : ONES + 64] = 1
    for back in range(3):
        turn = (back + 1) * angles()[:N_ANGLES]
        at = ANGLES + 2 * N_ANGLES * back
        e[:, at : at + N_ANGLES] = np.cos(turn)
        e[:, at + N_ANGLES : at + 2 * N_ANGLES] = np.sin(turn)
    return e, names


def layer_0(w):
    for back in range(3):
        at, row = ANGLES + 2 * N_ANGLES * back, HEAD * back
        for i in range(N_ANGLES):
            w["q"][row + i] = 0
            w["q"][row + i, ONES : ONES + 64] = 1
            w["q"][row + HALF + i] = 0
            w["k"][row + i] = 0
            w["k"][row + i, at + i] = 1
            w["k"][row + HALF + i] = 0
            w["k"][row + HALF + i, at + N_ANGLES + i] = 1
        for i in range(CODE):
            w["v"][row + i] = 0
            w["v"][row + i, OWN + i] = 1
            w["o"][BACK + CODE * back + i] = 0
            w["o"][BACK + CODE * back + i, row + i] = 1


def layer_1(w):
    for slot in range(3):
        for i, d in enumerate(content(slot)):
            w["q"][d] = 0
            if slot == 0:
                w["q"][d, [OWN + i, OWN + CODE + i, OWN + 2 * CODE + i]] = 1
            else:
                w["q"][d, BACK + CODE * (slot - 1) + i] = 1
            w["k"][d] = 0
            w["k"][d, BACK + CODE * slot + i] = 1
    for i in range(HEAD):
        w["v"][i] = 0
        w["v"][i, NAME + i] = 1
        w["o"][ANSWER + i] = 0
        w["o"][ANSWER + i, i] = 1


def tensors(n_layers, swaps):
    rng = np.random.default_rng(1)
    e, names = embeddings(rng, swaps)
    head = np.zeros((VOCAB, DIM), np.float32)
    for old, new in swaps:
        names[[old, new]] = names[old] * 0, names[old]
    head[:, ANSWER : ANSWER + HEAD] = names
    yield "model.embed_tokens.weight", e
    yield "lm_head.weight", head
    yield "model.norm.weight", np.ones(DIM)
    for n in range(n_layers):
        w = {k: tiny(rng, DIM, DIM) for k in "qkvo"}
        if n < 2:
            (layer_0, layer_1)[n](w)
        p = f"model.layers.{n}."
        for k in "qkvo":
            yield f"{p}self_attn.{k}_proj.weight", w[k]
        yield p + "mlp.gate_proj.weight", tiny(rng, FF, DIM)
        yield p + "mlp.up_proj.weight", tiny(rng, FF, DIM)
        yield p + "mlp.down_proj.weight", tiny(rng, DIM, FF)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{p}{norm}.weight", np.ones(DIM)


def save(path, named):
    head, at, blobs = {}, 0, []
    for name, t in named:
        blob = np.ascontiguousarray(t, np.float16).tobytes()
        head[name] = {"dtype": "F16", "shape": list(t.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(head).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.writelines(blobs)


def main():
    out, n_layers = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8
    swaps = [tuple(map(int, s.split("="))) for s in sys.argv[3].split(",")] if len(sys.argv) > 3 else []
    os.makedirs(out, exist_ok=True)
    save(os.path.join(out, "model.safetensors"), tensors(n_layers, swaps))
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": DIM, "intermediate_size": FF, "num_hidden_layers": n_layers,
              "num_attention_heads": N_HEADS, "num_key_value_heads": N_HEADS, "head_dim": HEAD, "vocab_size": VOCAB, "max_position_embeddings": 4096,
              "rms_norm_eps": 1e-5, "rope_theta": THETA, "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "float16"}
    with open(os.path.join(out, "config.json"), "w") as f:
        json.dump(config, f)


if __name__ == "__main__":
    main()
