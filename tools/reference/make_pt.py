#!/usr/bin/env python3
"""A small BitNet of random trits twice: as an int2 checkpoint for Microsoft's CUDA kernels, written by torch.save and packed by
Microsoft's own pack_weight.py, and as a packed Hugging Face release. They lie in tests/model/pt, where tests/model/test_pt.c wants
the same logits of both.

    make_pt.py GPU OUT [DIM FF LAYERS VOCAB KV_HEADS]    GPU: the folder gpu/ of https://github.com/microsoft/BitNet
"""

import json
import os
import sys

import torch
from safetensors.torch import save_file

HEAD = 128
gpu, out, *sizes = sys.argv[1:]
dim, ff, layers, vocab, kv_heads = map(int, sizes or (256, 32, 2, 19, 1))
sys.path.insert(0, gpu)
from pack_weight import convert_weight_int8_to_int2  # noqa: E402

torch.manual_seed(5)


def floats(*shape, mean=0.0, spread=0.3):
    return (torch.rand(*shape) * 2 * spread - spread + mean).to(torch.bfloat16)


def trits(rows, cols):
    return torch.randint(-1, 2, (rows, cols), dtype=torch.int8)


def hf_packed(w):
    """Four rows a byte: row i of the first quarter in the lowest bits, and so on."""
    quarters = (w + 1).to(torch.uint8).reshape(4, w.shape[0] // 4, w.shape[1])
    return (quarters[0] | quarters[1] << 2 | quarters[2] << 4 | quarters[3] << 6).contiguous()


def neighbours(w):
    """The rows of each head from halves to neighbouring pairs."""
    return w.reshape(-1, 2, HEAD // 2, w.shape[1]).transpose(1, 2).reshape(w.shape)


pt, hf = {}, {}


def put(pt_name, hf_name, t):
    pt[pt_name], hf[hf_name] = t, t.clone()


def put_matrix(pt_name, parts):
    """parts: Hugging Face's name and rows."""
    scales = floats(4, mean=0.15, spread=0.04)
    scales[len(parts):] = 0
    for i, (name, w) in enumerate(parts):
        hf[f"{name}.weight"], hf[f"{name}.weight_scale"] = hf_packed(w), scales[i:i + 1].clone()
    rows = [neighbours(w) if name.endswith(("q_proj", "k_proj")) else w for name, w in parts]
    pt[f"{pt_name}.weight"] = convert_weight_int8_to_int2(torch.cat(rows))
    pt[f"{pt_name}.weight_scale"] = scales


for n in range(layers):
    a, b = f"layers.{n}", f"model.layers.{n}"
    put_matrix(f"{a}.attention.wqkv", [(f"{b}.self_attn.q_proj", trits(dim, dim)), (f"{b}.self_attn.k_proj", trits(kv_heads * HEAD, dim)),
                                       (f"{b}.self_attn.v_proj", trits(kv_heads * HEAD, dim))])
    put_matrix(f"{a}.attention.wo", [(f"{b}.self_attn.o_proj", trits(dim, dim))])
    put(f"{a}.attention_norm.weight", f"{b}.input_layernorm.weight", floats(dim, mean=1))
    put(f"{a}.ffn_norm.weight", f"{b}.post_attention_layernorm.weight", floats(dim, mean=1))
    put(f"{a}.attention.attn_sub_norm.weight", f"{b}.self_attn.attn_sub_norm.weight", floats(dim, mean=1))
    put(f"{a}.feed_forward.ffn_sub_norm.weight", f"{b}.mlp.ffn_sub_norm.weight", floats(ff, mean=1))
    put_matrix(f"{a}.feed_forward.w13", [(f"{b}.mlp.gate_proj", trits(ff, dim)), (f"{b}.mlp.up_proj", trits(ff, dim))])
    put_matrix(f"{a}.feed_forward.w2", [(f"{b}.mlp.down_proj", trits(dim, ff))])
put("tok_embeddings.weight", "model.embed_tokens.weight", floats(vocab, dim))
put("output.weight", "lm_head.weight", floats(vocab, dim))
put("norm.weight", "model.norm.weight", floats(dim, mean=1))

config = {"architectures": ["BitNetForCausalLM"], "model_type": "bitnet", "hidden_act": "relu2", "max_position_embeddings": 4096,
          "rms_norm_eps": 1e-5, "vocab_size": vocab, "hidden_size": dim, "intermediate_size": ff, "num_hidden_layers": layers,
          "num_attention_heads": dim // HEAD, "num_key_value_heads": kv_heads, "rope_theta": 500000.0, "tie_word_embeddings": False,
          "quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"}}
os.makedirs(f"{out}/hf", exist_ok=True)
torch.save(pt, f"{out}/model_state_int2.pt")
save_file(hf, f"{out}/hf/model.safetensors")
with open(f"{out}/hf/config.json", "w") as f:
    json.dump(config, f, indent=1)
    f.write("\n")
