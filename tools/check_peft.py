#!/usr/bin/env python3
"""Adapters beside PEFT: it reads what `trit finetune --lora` wrote, and the program reads what it wrote.

Usage: check_peft.py --trit PROGRAM

Trains tiny models and an adapter of each, exports the models as Hugging Face folders, and compares the logits after each token of a prompt: the base with
the adapter in PEFT and by `--lora`. Then PEFT makes adapters with random values, which the program reads: of all projections and of some, with ranks and
alphas of their own, rank-stabilised, in bfloat16. Prints a table; exit status 1: some are farther apart than their bound.
Needs NumPy, PyTorch, safetensors, transformers and PEFT.

    python3 -m pip install numpy torch safetensors transformers peft
    tools/check_peft.py --trit build/release/trit"""
import argparse
import os
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference"))
import tiny  # noqa: E402  before transformers: it sets the environment
import numpy as np  # noqa: E402
import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

ORDER, EDGE = 1e-4, 1e-1  # as in check_export.py: sums in another order, and int8 inputs at the edge between two values
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MODELS = {
    "bitnet": (("--architecture", "bitnet"), EDGE),
    "llama, int8": (("--architecture", "llama"), EDGE),
    "llama, float weights": (("--architecture", "llama", "--weight-type", "float"), ORDER),
}
PEFTS = {
    "all projections, rank 4": {"r": 4, "lora_alpha": 8, "target_modules": ALL},
    "q and v, rank 8, rank-stabilised": {"r": 8, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"], "use_rslora": True},
    "ranks and alphas of their own": {"r": 4, "lora_alpha": 6, "target_modules": ALL, "rank_pattern": {"k_proj": 2, "layers.1.mlp.down_proj": 12},
                                      "alpha_pattern": {"o_proj": 3, "up_proj": 1}},
    "all projections, bfloat16": {"r": 4, "lora_alpha": 8, "target_modules": ALL},
}


def base(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


@torch.no_grad()
def logits(model, ids):
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].numpy()


def from_trit(a, table, name, model, folder, text, bound):
    """Its adapter, opened by PEFT over the exported model."""
    ids, place = tiny.prompt_ids(a.trit, model), os.path.join(folder, "tuned")
    tiny.call(a.trit, "finetune", "-m", model, text, "--lora", "-o", place, "--steps", 8, "--seq-len", 32, "--batch-rows", 4, "--lr", 1e-2, "-t", 1, "--quiet")
    place = os.path.join(place, "step-8")
    plain, mine = tiny.logits(a.trit, model, ids), tiny.logits(a.trit, model, ids, "--lora", place)
    theirs = logits(peft.PeftModel.from_pretrained(base(model), place).eval(), ids)
    table.compare(name, "its own adapter", "PEFT", mine, theirs, bound, f"sums in another order; the adapter changes {np.abs(mine - plain).max():.1f}")


def from_peft(a, table, name, model, folder, kind, bound):
    """An adapter that PEFT writes, by --lora."""
    torch.manual_seed(1)
    ids, place = tiny.prompt_ids(a.trit, model), os.path.join(folder, kind)
    adapted = peft.get_peft_model(base(model), peft.LoraConfig(task_type="CAUSAL_LM", **PEFTS[kind])).eval()
    for key, value in adapted.named_parameters():
        if "lora_" in key:
            value.data = (0.1 * torch.randn(value.shape)).bfloat16().float()
    theirs = logits(adapted, ids)
    if "bfloat16" in kind:
        for key, value in adapted.named_parameters():
            if "lora_" in key:
                value.data = value.data.bfloat16()
    adapted.save_pretrained(place)
    plain, mine = tiny.logits(a.trit, model, ids), tiny.logits(a.trit, model, ids, "--lora", place)
    table.compare(name, kind, "PEFT", mine, theirs, bound, f"sums in another order; the adapter changes {np.abs(mine - plain).max():.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trit", required=True)
    a = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    table = tiny.Table()
    with tempfile.TemporaryDirectory() as folder:
        text = tiny.stories(a.trit, os.path.join(folder, "stories.txt"))
        for name, (options, bound) in MODELS.items():
            place = os.path.join(folder, name)
            os.mkdir(place)
            model = os.path.join(place, "model")
            tiny.call(a.trit, "export", tiny.train(a.trit, text, os.path.join(place, "run"), *options), model, "-q")
            from_trit(a, table, name, model, place, text, bound)
            for kind in PEFTS:
                from_peft(a, table, name, model, place, kind, bound)
    status = table.end()
    print(f"\nPEFT {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
    return status


if __name__ == "__main__":
    sys.exit(main())
