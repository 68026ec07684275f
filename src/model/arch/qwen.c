/* Qwen: Llama's graph with biases on q, k and v (Qwen2, arXiv:2407.10671), or with norms on the heads of q and k (Qwen3,
 * arXiv:2505.09388; Ternary-Bonsai, BitNet-embedding-0.6B). */
#include "model/model.h"

static void configure(trit_config *c, trit_reader *r) {
    trit_settle_activation(c, r, trit_act_silu, "architecture qwen");
    trit_settle_training(c, r, NULL);
    bool first;
    if (trit_read_bool(r, "", "use_sliding_window", false) || trit_read_flag_at(r, TRIT_KEY_LOCAL_LAYERS, 0, &first))
        trit_settle_window(c, r, 0, trit_read_u32(r, "", "max_window_layers", trit_max_layers, c->n_layers));
}

static const char *const qwen2_gguf[] = {"qwen2", NULL};
static const char *const qwen2_hf[] = {"Qwen2ForCausalLM", "Qwen2Model", NULL};

const trit_arch trit_arch_qwen2 = {
    .name = "qwen2",
    .gguf = qwen2_gguf,
    .hf = qwen2_hf,
    .gguf_rope_neox = true,
    .required = TRIT_LAYER_DECODER,
    .optional = TRIT_LAYER_IN_NORMS,
    .configure = configure,
    .forward = trit_decoder,
};

static const char *const qwen3_gguf[] = {"qwen3", NULL};
static const char *const qwen3_hf[] = {"Qwen3ForCausalLM", "Qwen3Model", NULL};

const trit_arch trit_arch_qwen3 = {
    .name = "qwen3",
    .gguf = qwen3_gguf,
    .hf = qwen3_hf,
    .gguf_rope_neox = true,
    .required = TRIT_LAYER_DECODER | TRIT_LAYER_BIT(attn_q_norm) | TRIT_LAYER_BIT(attn_k_norm),
    .optional = TRIT_LAYER_IN_NORMS,
    .configure = configure,
    .forward = trit_decoder,
};
