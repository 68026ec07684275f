/* Gemma 3 (arXiv:2503.19786; BitNet-embedding-270M): embeddings times sqrt(dim), norms before and after each branch and on the
 * heads of q and k, GELU, and of every six layers five that see a window only, with a RoPE base of their own. */
#include <math.h>

#include "model/model.h"

static void configure(trit_config *c, trit_reader *r) {
    trit_settle_activation(c, r, trit_act_gelu, "architecture gemma3");
    trit_settle_training(c, r, NULL);
    c->embed_factor = sqrtf((float)c->dim);
    if (!r->source->gguf) c->attn_factor = 1.0f / sqrtf((float)trit_read_real(r, "", "query_pre_attn_scalar", 1e-3, 1e6, c->head_dim));
    trit_settle_window(c, r, trit_read_u32(r, TRIT_KEY_LOCAL_LAYERS, "sliding_window_pattern", trit_max_layers, 6), 0);
    if (c->window && c->local_rope_theta == 0) c->local_rope_theta = 10000;
}

/* GGUF files hold attention.scale, as those of any architecture do. */
static void write_own(const trit_config *c, trit_write_real *put, void *to) {
    const bool usual = c->attn_factor == 1.0f / sqrtf((float)c->head_dim);
    put(to, "", "query_pre_attn_scalar", usual ? (double)c->head_dim : 1 / ((double)c->attn_factor * (double)c->attn_factor));
}

static const char *const gguf_names[] = {"gemma3", NULL};
static const char *const hf_names[] = {"Gemma3ForCausalLM", "Gemma3TextModel", NULL};

const trit_arch trit_arch_gemma3 = {
    .name = "gemma3",
    .gguf = gguf_names,
    .hf = hf_names,
    .gguf_rope_neox = true,
    .hf_norms_less_one = true,
    .hf_model_type = "gemma3_text",
    .hf_activation_key = "hidden_activation",
    .required = TRIT_LAYER_DECODER | TRIT_LAYER_BIT(attn_q_norm) | TRIT_LAYER_BIT(attn_k_norm) | TRIT_LAYER_BIT(attn_post_norm) |
                TRIT_LAYER_BIT(ffn_post_norm),
    .optional = TRIT_LAYER_IN_NORMS,
    .configure = configure,
    .write = write_own,
    .forward = trit_decoder,
};
