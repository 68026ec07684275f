/* BitNet b1.58: the graph of microsoft/bitnet-b1.58-2B-4T (squared ReLU) and of 1bitLLM's models (SiLU), with sub-norms before the
 * output projections (arXiv:2402.17764, arXiv:2504.12285). */
#include <string.h>

#include "base/error.h"
#include "model/model.h"

/* Published files do not say which activation they were trained with, and the names of the architecture are used for both. The
 * shapes of 1bitLLM's models are SiLU; "bitnet" alone is SiLU too, except in the shape of 2B-4T. */
static bool is_1bitllm_shape(const trit_config *c) {
    static const uint32_t shapes[][3] = {{1536, 4096, 16}, {2048, 5460, 32}, {3200, 8640, 32}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (c->dim == shapes[i][0] && c->ff_dim == shapes[i][1] && c->n_heads == shapes[i][2]) return true;
    return false;
}

static bool is_2b4t_shape(const trit_config *c) {
    return c->dim == 2560 && c->ff_dim == 6912 && c->n_layers == 30 && c->n_heads == 20 && c->n_kv_heads == 5;
}

static void choose(trit_config *c, trit_activation activation, const char *why) {
    c->activation = activation;
    c->activation_why = why;
}

static trit_status configure(trit_config *c, const char *file_arch, const char *hidden_act, trit_error *err) {
    c->act_int8 = true;
    if (strcmp(hidden_act, "relu2") == 0 || strcmp(hidden_act, "relu_squared") == 0)
        choose(c, trit_act_relu2, "the file names it");
    else if (strcmp(hidden_act, "silu") == 0 || strcmp(hidden_act, "swish") == 0)
        choose(c, trit_act_silu, "the file names it");
    else if (*hidden_act)
        return trit_error_set(err, trit_unsupported, "hidden_act: \"%s\" is not an activation of BitNet (relu2, silu)", hidden_act);
    else if (is_2b4t_shape(c))
        choose(c, trit_act_relu2, "the shape is that of bitnet-b1.58-2B-4T");
    else if (is_1bitllm_shape(c))
        choose(c, trit_act_silu, "the shape is that of a 1bitLLM model");
    else if (strcmp(file_arch, "bitnet") == 0 || strcmp(file_arch, "BitnetForCausalLM") == 0)
        choose(c, trit_act_silu, "architecture \"bitnet\" (1bitLLM) without a named activation");
    else
        choose(c, trit_act_relu2, "architecture bitnet-b1.58 or bitnet-25 without a named activation");
    return trit_ok;
}

static const char *const gguf_names[] = {"bitnet", "bitnet-b1.58", "bitnet-25", NULL};
static const char *const hf_names[] = {"BitNetForCausalLM", "BitnetForCausalLM", NULL};

const trit_arch trit_arch_bitnet = {
    .name = "bitnet",
    .gguf = gguf_names,
    .hf = hf_names,
    .gguf_rope_neox = true,
    .always_ternary = true,
    .required = TRIT_LAYER_BIT(attn_norm) | TRIT_LAYER_BIT(attn_q) | TRIT_LAYER_BIT(attn_k) | TRIT_LAYER_BIT(attn_v) |
                TRIT_LAYER_BIT(attn_sub_norm) | TRIT_LAYER_BIT(attn_output) | TRIT_LAYER_BIT(ffn_norm) | TRIT_LAYER_BIT(ffn_gate) |
                TRIT_LAYER_BIT(ffn_up) | TRIT_LAYER_BIT(ffn_sub_norm) | TRIT_LAYER_BIT(ffn_down),
    .configure = configure,
    .forward = trit_decoder,
};
