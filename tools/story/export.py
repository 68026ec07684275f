"""Write the student as GGUF: arch bitnet-b1.58, ternary projections as TQ1_0, the tied embedding in a block format."""
import torch

import gguf
from model import Block, EPS, ternary
from vocab import BOS, EOS, UNK


def save(path, model, full, keep, embd_type="Q6_K", name="trit story"):
    """`full` is the teacher's vocabulary, `keep` the ids that the student has. Returns the file's size."""
    s = model.shape
    arch = "bitnet-b1.58"
    kvs = [
        ("general.architecture", "str", arch), ("general.name", "str", name), ("general.file_type", "u32", 36),
        ("general.license", "str", "mit"), ("general.quantization_version", "u32", 2),
    ]
    for key, kind, v in [
        ("vocab_size", "u32", s["vocab"]), ("context_length", "u32", s["context"]), ("embedding_length", "u32", s["dim"]),
        ("block_count", "u32", s["layers"]), ("feed_forward_length", "u32", s["ff"]),
        ("rope.dimension_count", "u32", s["dim"] // s["heads"]), ("rope.freq_base", "f32", s["theta"]),
        ("attention.head_count", "u32", s["heads"]), ("attention.head_count_kv", "u32", s["kv_heads"]),
        ("attention.layer_norm_rms_epsilon", "f32", EPS),
    ]:
        kvs.append((arch + "." + key, kind, v))
    t = "tokenizer.ggml."
    kvs += [
        (t + "model", "str", "llama"), (t + "tokens", "str[]", [full.tokens[i] for i in keep]),
        (t + "scores", "f32[]", [full.scores[i] for i in keep]), (t + "token_type", "i32[]", [full.types[i] for i in keep]),
        (t + "bos_token_id", "u32", BOS), (t + "eos_token_id", "u32", EOS), (t + "unknown_token_id", "u32", UNK),
        (t + "add_bos_token", "bool", True), (t + "add_eos_token", "bool", False), (t + "add_space_prefix", "bool", True),
    ]
    tensors = []

    def put(name, kind, data, scale=None):
        tensors.append((name + ".weight", kind, data.shape, gguf.encode(kind, data, scale)))

    with torch.no_grad():
        put("token_embd", embd_type, model.token_embd.numpy())
        for i, b in enumerate(model.blk):
            for n in ("attn_norm", "attn_sub_norm", "ffn_norm", "ffn_sub_norm"):
                put("blk.%d.%s" % (i, n), "F32", getattr(b, n).numpy())
            for n in Block.NAMES:
                codes, g = ternary(getattr(b, n))
                put("blk.%d.%s" % (i, n), "TQ1_0", codes.numpy(), float(g))
        put("output_norm", "F32", model.output_norm.numpy())
    return gguf.write(path, kvs, tensors)
