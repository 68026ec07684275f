/* The steps of a pre-norm decoder. Sub-norms (b1.58's SubLN) take part where the layer has them. */
#include <math.h>

#include "model/model.h"

trit_value trit_project(trit_program *p, trit_input *in, const trit_weight *w, const char *label) {
    if (w->dtype != trit_dtype_t2) return trit_emit_linear(p, in->x, w, label);
    if (in->a8 < 0) in->a8 = trit_emit_quantize(p, in->x, in->label);
    return trit_emit_linear(p, in->a8, w, label);
}

trit_value trit_attention_block(const trit_model *m, trit_program *p, const trit_layer *l, trit_value x, trit_value angles) {
    const trit_config *c = &m->config;
    trit_input h = {trit_emit_rms_norm(p, x, &l->attn_norm, 1, c->norm_eps, "attn_norm"), -1, "attn_a8"};
    trit_value q = trit_project(p, &h, &l->attn_q, "attn_q");
    trit_value k = trit_project(p, &h, &l->attn_k, "attn_k");
    trit_value v = trit_project(p, &h, &l->attn_v, "attn_v");
    q = trit_emit_rope(p, q, angles, &m->rope, c->n_heads, "q_rope");
    k = trit_emit_rope(p, k, angles, &m->rope, c->n_kv_heads, "k_rope");
    trit_emit_kv_store(p, k, v, c->n_kv_heads);
    trit_value y = trit_emit_attention(p, q, c->n_heads, c->head_dim, 1.0f / sqrtf((float)c->head_dim));
    if (trit_has(&l->attn_sub_norm)) y = trit_emit_rms_norm(p, y, &l->attn_sub_norm, 1, c->norm_eps, "attn_sub_norm");
    trit_input a = {y, -1, "attn_output_a8"};
    return trit_emit_add(p, x, trit_project(p, &a, &l->attn_output, "attn_output"), "after_attn");
}

trit_value trit_ffn_block(const trit_model *m, trit_program *p, const trit_layer *l, trit_value x) {
    const trit_config *c = &m->config;
    trit_input h = {trit_emit_rms_norm(p, x, &l->ffn_norm, 1, c->norm_eps, "ffn_norm"), -1, "ffn_a8"};
    trit_value gate = trit_project(p, &h, &l->ffn_gate, "ffn_gate");
    trit_value up = trit_project(p, &h, &l->ffn_up, "ffn_up");
    trit_value y = trit_emit_glu(p, gate, up, c->activation);
    if (trit_has(&l->ffn_sub_norm)) y = trit_emit_rms_norm(p, y, &l->ffn_sub_norm, 1, c->norm_eps, "ffn_sub_norm");
    trit_input f = {y, -1, "ffn_down_a8"};
    return trit_emit_add(p, x, trit_project(p, &f, &l->ffn_down, "ffn_down"), "layer_out");
}

trit_value trit_decoder(const trit_model *m, trit_program *p) {
    trit_value x = trit_emit_embed(p, &m->token_embd, 1.0f);
    trit_value angles = trit_emit_angles(p, &m->rope);
    for (p->layer = 0; p->layer < m->config.n_layers; p->layer++) {
        const trit_layer *l = &m->layers[p->layer];
        x = trit_attention_block(m, p, l, x, angles);
        x = trit_ffn_block(m, p, l, x);
    }
    x = trit_emit_select(p, x);
    x = trit_emit_rms_norm(p, x, &m->output_norm, 1, m->config.norm_eps, "output_norm");
    trit_input h = {x, -1, "output_a8"};
    return trit_project(p, &h, trit_has(&m->output) ? &m->output : &m->token_embd, "output");
}
