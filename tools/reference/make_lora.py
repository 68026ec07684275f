"""Reference cases for LoRA adapters: models of tests/model/hf with an adapter, their logits by a forward pass in NumPy, in float64.

    python3 make_lora.py ../../tests/model            # reads hf/, writes lora/; needs NumPy, and PyTorch for the types of weights.py

The pass is written here from the papers and shares no code with the library. Before a case is written, it must give the logits that Hugging Face's
library gave for the model without the adapter. A file names its base, and holds the adapter as PEFT's library stores one:
adapter_config.json and the tensors, by the rule of weights.py.
"""
import json
import pathlib
import re
import sys

import numpy as np

import weights

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PEFT = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": None, "bias": "none", "fan_in_fan_out": False,
        "inference_mode": True, "init_lora_weights": True, "lora_dropout": 0.0, "modules_to_save": None, "layers_to_transform": None,
        "rank_pattern": {}, "alpha_pattern": {}, "use_rslora": False, "use_dora": False}

# name: (base, dtype of the adapter, what its configuration has, a note for people)
CASES = {
    "llama-biases": ("llama-biases", "F32", {"r": 4, "lora_alpha": 8, "target_modules": ALL}, "all projections of a float model; biases stay"),
    "llama-divide-qv": ("llama-divide", "BF16", {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]}, "beside packed trits, bfloat16"),
    "bitnet-divide-patterns": (
        "bitnet-divide", "F16",
        {"r": 4, "lora_alpha": 6, "target_modules": ALL, "use_rslora": True, "rank_pattern": {"k_proj": 2, "layers.1.mlp.down_proj": 20},
         "alpha_pattern": {"self_attn.o_proj": 3, "up_proj": 0.5}}, "rank-stabilised; ranks and alphas of their own for some modules"),
    "bitnet-online": ("bitnet-online", "F32", {"r": 4, "lora_alpha": 4, "target_modules": ALL}, "beside masters that are rounded to trits at opening"),
    "bitnet-online-inside": (
        "bitnet-online", "F32", {"r": 4, "lora_alpha": 4, "target_modules": ALL, "trit_inside": True}, "added to the masters before they are rounded"),
    "embedding-qwen3": (
        "embedding-qwen3", "F32", {"r": 3, "lora_alpha": 6, "target_modules": ALL},
        "projections with norms of their own: the adapter sees what stands before those; no 'model.' in names"),
}


# ---- The forward pass

def rms(x, w, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


def ternary(w):
    """absmean, arXiv:2402.17764 eq. 1 to 3."""
    g = max(np.abs(w).mean(), 1e-5)
    return g * np.clip(np.round(w / g), -1, 1)


class Model:
    def __init__(self, case, adapter=None):
        self.config = case["config"]
        self.tensors = {re.sub(r"^model\.", "", row["name"]): weights.make(row).double().numpy() if row["dtype"] != "U8" else weights.make(row).numpy()
                        for row in case["tensors"]}
        quantization = self.config.get("quantization_config")
        self.is_bitnet = quantization is not None or any(".norm." in name for name in self.tensors)
        self.adapter = adapter
        self.nearest_tie = 1.0

    def weight(self, name, inside):
        w = self.tensors[name + ".weight"]
        if w.dtype == np.uint8:  # field f of a byte: row f * rows of bytes + the byte's row
            return np.concatenate([(w >> 2 * f & 3).astype(np.float64) - 1 for f in range(4)])[:self.n_rows(name)] / self.tensors[name + ".weight_scale"]
        return ternary(w + inside) if self.is_bitnet else w + inside

    def n_rows(self, name):
        return self.config["intermediate_size"] if "gate" in name or "up" in name else 4 * self.tensors[name + ".weight"].shape[0]

    def project(self, name, x):
        before = x
        if name + ".norm.weight" in self.tensors:
            x = rms(x, self.tensors[name + ".norm.weight"], self.config["rms_norm_eps"])
        if self.is_bitnet:  # arXiv:2402.17764: int8 inputs, a scale a token
            s = 127 / np.maximum(np.abs(x).max(-1, keepdims=True), 1e-5)
            self.nearest_tie = min(self.nearest_tie, np.abs(x * s - np.floor(x * s) - 0.5).min())
            x = np.clip(np.round(x * s), -128, 127) / s
        a, b, scaling, is_inside = self.adapter(name) if self.adapter else (None, None, 0, False)
        inside = scaling * b @ a if is_inside else 0
        y = x @ self.weight(name, inside).T
        if name + ".bias" in self.tensors:
            y = y + self.tensors[name + ".bias"]
        return y if a is None or is_inside else y + scaling * (before @ a.T) @ b.T  # arXiv:2106.09685 eq. 3

    def attention(self, at, x):
        c = self.config
        n_heads, n_kv = c["num_attention_heads"], c["num_key_value_heads"]
        d = c.get("head_dim", c["hidden_size"] // n_heads)
        q, k, v = (self.project(at + name, x).reshape(len(x), -1, d).transpose(1, 0, 2) for name in ("q_proj", "k_proj", "v_proj"))
        if at + "q_norm.weight" in self.tensors:
            q, k = (rms(h, self.tensors[at + name], c["rms_norm_eps"]) for h, name in ((q, "q_norm.weight"), (k, "k_norm.weight")))
        angles = np.arange(len(x))[:, None] * c["rope_theta"] ** (-2.0 * np.arange(d // 2) / d)
        cos, sin = np.cos(angles), np.sin(angles)
        q, k = (np.concatenate([h[..., :d // 2] * cos - h[..., d // 2:] * sin, h[..., d // 2:] * cos + h[..., :d // 2] * sin], -1) for h in (q, k))
        k, v = (np.repeat(h, n_heads // n_kv, 0) for h in (k, v))
        scores = np.where(np.tril(np.ones((len(x), len(x)), bool)), q @ k.transpose(0, 2, 1) / np.sqrt(d), -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        y = (p / p.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(x), -1)
        if at + "attn_sub_norm.weight" in self.tensors:
            y = rms(y, self.tensors[at + "attn_sub_norm.weight"], c["rms_norm_eps"])
        return self.project(at + "o_proj", y)

    def feed_forward(self, at, x):
        gate = self.project(at + "gate_proj", x)
        act = np.maximum(gate, 0) ** 2 if self.config["hidden_act"] == "relu2" else gate / (1 + np.exp(-gate))
        y = act * self.project(at + "up_proj", x)
        if at + "ffn_sub_norm.weight" in self.tensors:
            y = rms(y, self.tensors[at + "ffn_sub_norm.weight"], self.config["rms_norm_eps"])
        return self.project(at + "down_proj", y)

    def run(self, ids):
        eps, t = self.config["rms_norm_eps"], self.tensors
        x = t["embed_tokens.weight"][ids]
        for layer in range(self.config["num_hidden_layers"]):
            at = f"layers.{layer}."
            x = x + self.attention(at + "self_attn.", rms(x, t[at + "input_layernorm.weight"], eps))
            x = x + self.feed_forward(at + "mlp.", rms(x, t[at + "post_attention_layernorm.weight"], eps))
        x = rms(x, t["norm.weight"], eps)
        if self.config["architectures"][0].endswith("Model"):
            return x
        return x @ t.get("lm_head.weight", t["embed_tokens.weight"]).T


# ---- The cases

def pattern(patterns, module, otherwise):
    """PEFT: the first pattern that matches the end of the module's name from a dot on."""
    return next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), otherwise)


def tensors(base, dtype, config):
    """The adapter's tensors, as large as they must be to be seen."""
    shapes = {}
    for row in base["tensors"]:
        module = row["name"].removesuffix(".weight")
        if row["name"].endswith(".weight") and module.split(".")[-1] in config["target_modules"]:
            m = Model.n_rows(Model(base), re.sub(r"^model\.", "", module)) if row["dtype"] == "U8" else row["shape"][0]
            shapes[module] = (m, row["shape"][1])
    for module, (m, k) in shapes.items():
        r = pattern(config["rank_pattern"], module, config["r"])
        for half, shape in ("A", [r, k]), ("B", [m, r]):
            yield {"name": f"base_model.model.{module}.lora_{half}.weight", "dtype": dtype, "shape": shape, "kind": "uniform",
                   "scale": 0.15, "mean": 0.0}


def adapter_of(config, rows):
    values = {re.sub(r"^base_model\.model\.(model\.)?", "", row["name"]): weights.make(row).double().numpy() for row in rows}

    def adapter(module):
        if module + ".lora_A.weight" not in values:
            return None, None, 0, False
        r = pattern(config["rank_pattern"], module, config["r"])
        alpha = pattern(config["alpha_pattern"], module, config["lora_alpha"])
        scaling = alpha / (np.sqrt(r) if config["use_rslora"] else r)
        return values[module + ".lora_A.weight"], values[module + ".lora_B.weight"], scaling, config.get("trit_inside", False)
    return adapter


def make(name, folder):
    base_name, dtype, own, note = CASES[name]
    base = json.loads((folder / "hf" / f"{base_name}.json").read_text())
    config, key = PEFT | own, "logits" if "logits" in base else "hidden"
    rows = list(tensors(base, dtype, config))
    off = np.abs(Model(base).run(base["ids"]) - np.array(base[key])).max()
    assert off < 1e-4, f"{base_name}: the pass here differs by {off} from the stored logits"
    model = Model(base, adapter_of(config, rows))
    result = model.run(base["ids"])
    change = np.abs(result - np.array(base[key])).max()
    lines = [f'"origin": "make_lora.py, NumPy {np.__version__}, float64"', f'"notes": {json.dumps(note)}', f'"base": {json.dumps(base_name)}',
             f'"config": {json.dumps(config, indent=1)}', '"tensors": [\n' + ",\n".join(map(json.dumps, rows)) + "]",
             f'"{key}": [\n' + ",\n".join("[" + ", ".join(str(np.float32(v)) for v in row) + "]" for row in result) + "]"]
    (folder / "lora" / f"{name}.json").write_text("{" + ",\n".join(lines) + "}\n")
    print(f"{name}: base differs by {off:.1e}, the adapter changes {change:.2f}, nearest tie {model.nearest_tie:.1e}")


if __name__ == "__main__":
    tests = pathlib.Path(sys.argv[1])
    (tests / "lora").mkdir(exist_ok=True)
    for case in CASES:
        make(case, tests)
