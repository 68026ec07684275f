/* Llama: plain float models and their ternary descendants (Llama3-8B-1.58, Falcon3-1.58bit, Falcon-E, TriLM), which have no
 * sub-norms. GGUF files of this architecture hold the rows of q and k permuted, so that RoPE takes neighbouring pairs. */
#include "model/model.h"

/* TriLM (Spectra) has ternary weights and inputs that were never quantized; in TQ blocks only its vocabulary tells. */
static const char *float_why(const trit_config *c) {
    return c->vocab_size == 50304 ? "the shape is that of TriLM, trained with float activations" : NULL;
}

static void configure(trit_config *c, trit_reader *r) {
    trit_settle_activation(c, r, trit_act_silu, "architecture llama");
    trit_settle_training(c, r, float_why(c));
}

static const char *const gguf_names[] = {"llama", NULL};
static const char *const hf_names[] = {"LlamaForCausalLM", "LlamaModel", NULL};

const trit_arch trit_arch_llama = {
    .name = "llama",
    .gguf = gguf_names,
    .hf = hf_names,
    .gguf_rope_neox = false,
    .required = TRIT_LAYER_DECODER,
    .optional = TRIT_LAYER_IN_NORMS,
    .configure = configure,
    .forward = trit_decoder,
};
