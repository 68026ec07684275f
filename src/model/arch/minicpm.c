/* MiniCPM and MiniCPM4 (arXiv:2404.06395, arXiv:2506.07900; BitCPM4): Llama's graph with factors on the embeddings, on each branch
 * ("depth") and on the head's input, and LongRoPE. */
#include <math.h>

#include "base/error.h"
#include "model/model.h"

/* GGUF files hold the finished factors; those without them are of the first MiniCPM, whose factors these are. */
static void read_factors(trit_config *c, trit_reader *r) {
    double depth = trit_read_real(r, "", "scale_depth", 1e-6, 1e6, 1.4), base = trit_read_real(r, "", "dim_model_base", 1, 1e6, 256);
    double logit = trit_read_real(r, "logit_scale", "", 1e-6, 1e6, c->dim / base);
    c->embed_factor = (float)trit_read_real(r, "embedding_scale", "scale_emb", 1e-6, 1e6, 12);
    c->residual_factor = (float)trit_read_real(r, "residual_scale", "", 1e-6, 1e6, depth / sqrt((double)c->n_layers));
    c->output_factor = (float)(1 / logit);
}

static void write_factors(const trit_config *c, trit_write_real *put, void *to) {
    put(to, "embedding_scale", "scale_emb", (double)c->embed_factor);
    put(to, "residual_scale", "", (double)c->residual_factor);
    put(to, "logit_scale", "", 1 / (double)c->output_factor);
    put(to, "", "scale_depth", (double)c->residual_factor * sqrt((double)c->n_layers));
    put(to, "", "dim_model_base", (double)c->output_factor * c->dim);
}

static void configure(trit_config *c, trit_reader *r) {
    trit_settle_activation(c, r, trit_act_silu, "architecture minicpm");
    trit_settle_training(c, r, NULL);
    read_factors(c, r);
    if (trit_json_kind_of(trit_json_get(r->json, "sparse_config")) == trit_json_object && r->status == trit_ok)
        r->status = trit_error_set(r->err, trit_unsupported, "config.json: sparse_config (sparse attention) is not supported");
}

static const char *const gguf_names[] = {"minicpm", NULL};
static const char *const hf_names[] = {"MiniCPMForCausalLM", NULL};

const trit_arch trit_arch_minicpm = {
    .name = "minicpm",
    .gguf = gguf_names,
    .hf = hf_names,
    .gguf_rope_neox = false,
    .required = TRIT_LAYER_DECODER,
    .optional = TRIT_LAYER_IN_NORMS,
    .configure = configure,
    .write = write_factors,
    .forward = trit_decoder,
};
