/* Llama: plain float models and their ternary descendants (Llama3-8B-1.58, Falcon3-1.58bit, Falcon-E), which have no sub-norms.
 * GGUF files of this architecture hold the rows of q and k permuted, so that RoPE takes neighbouring pairs. */
#include <string.h>

#include "base/error.h"
#include "model/model.h"

static trit_status configure(trit_config *c, const char *file_arch, const char *hidden_act, trit_error *err) {
    (void)file_arch;
    c->act_int8 = true; /* matters for ternary projections only */
    c->activation = trit_act_silu;
    if (!*hidden_act)
        c->activation_why = "architecture llama";
    else if (strcmp(hidden_act, "silu") == 0 || strcmp(hidden_act, "swish") == 0)
        c->activation_why = "the file names it";
    else
        return trit_error_set(err, trit_unsupported, "hidden_act: \"%s\" is not an activation of Llama (silu)", hidden_act);
    return trit_ok;
}

static const char *const gguf_names[] = {"llama", NULL};
static const char *const hf_names[] = {"LlamaForCausalLM", NULL};

const trit_arch trit_arch_llama = {
    .name = "llama",
    .gguf = gguf_names,
    .hf = hf_names,
    .gguf_rope_neox = false,
    .required = TRIT_LAYER_BIT(attn_norm) | TRIT_LAYER_BIT(attn_q) | TRIT_LAYER_BIT(attn_k) | TRIT_LAYER_BIT(attn_v) |
                TRIT_LAYER_BIT(attn_output) | TRIT_LAYER_BIT(ffn_norm) | TRIT_LAYER_BIT(ffn_gate) | TRIT_LAYER_BIT(ffn_up) |
                TRIT_LAYER_BIT(ffn_down),
    .configure = configure,
    .forward = trit_decoder,
};
