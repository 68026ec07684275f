/* BitNet b1.58: the graph of microsoft/bitnet-b1.58-2B-4T (squared ReLU) and of 1bitLLM's models (SiLU), with sub-norms before the
 * output projections (arXiv:2402.17764, arXiv:2504.12285). */
#include <string.h>

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

static void configure(trit_config *c, trit_reader *r) {
    const char *file_arch = r->source->file_arch;
    c->act_int8 = true;
    c->act_int8_why = "architecture bitnet";
    c->masters = trit_read_bool(r, TRIT_KEY_MASTERS, TRIT_KEY_MASTERS, true);
    if (is_2b4t_shape(c))
        trit_settle_activation(c, r, trit_act_relu2, "the shape is that of bitnet-b1.58-2B-4T");
    else if (is_1bitllm_shape(c))
        trit_settle_activation(c, r, trit_act_silu, "the shape is that of a 1bitLLM model");
    else if (strcmp(file_arch, "bitnet") == 0 || strcmp(file_arch, "BitnetForCausalLM") == 0)
        trit_settle_activation(c, r, trit_act_silu, "architecture \"bitnet\" (1bitLLM) without a named activation");
    else
        trit_settle_activation(c, r, trit_act_relu2, "architecture bitnet-b1.58 or bitnet-25 without a named activation");
}

/* "bitnet" alone is SiLU's. */
static const char *gguf_name(const trit_config *c) {
    return c->activation == trit_act_relu2 ? "bitnet-b1.58" : "bitnet";
}

static const char *const gguf_names[] = {"bitnet", "bitnet-b1.58", "bitnet-25", NULL};
static const char *const hf_names[] = {"BitNetForCausalLM", "BitnetForCausalLM", NULL};

const trit_arch trit_arch_bitnet = {
    .name = "bitnet",
    .gguf = gguf_names,
    .hf = hf_names,
    .gguf_rope_neox = true,
    .always_int8 = true,
    .activation_is_open = true,
    .required = TRIT_LAYER_DECODER | TRIT_LAYER_BIT(attn_sub_norm) | TRIT_LAYER_BIT(ffn_sub_norm),
    .optional = TRIT_LAYER_IN_NORMS,
    .configure = configure,
    .gguf_name = gguf_name,
    .forward = trit_decoder,
};
