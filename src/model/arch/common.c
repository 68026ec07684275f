/* What architectures share: settling what files leave open, and the steps of a pre-norm decoder. Every norm and factor takes part where
 * the layer or the configuration has it, so a graph is mostly the list of tensors that it may have. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"

/* ---- Settling ---- */

void trit_settle_activation(trit_config *c, trit_reader *r, trit_activation otherwise, const char *why) {
    static const struct {
        const char *name;
        trit_activation activation;
    } known[] = {{"silu", trit_act_silu},          {"swish", trit_act_silu},
                 {"relu2", trit_act_relu2},        {"relu_squared", trit_act_relu2},
                 {"gelu_pytorch_tanh", trit_act_gelu}, {"gelu_tanh", trit_act_gelu}, {"gelu_new", trit_act_gelu}};
    c->activation = c->usual_activation = otherwise;
    c->activation_why = why;
    if (!*r->hidden_act) return;
    c->activation_why = "the file names it";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, r->hidden_act) == 0) {
            c->activation = known[i].activation;
            return;
        }
    if (r->status == trit_ok)
        r->status = trit_error_set(r->err, trit_unsupported, "hidden_act: \"%s\" is not supported (silu, relu2, gelu_pytorch_tanh)", r->hidden_act);
}

static void settle_int8(trit_config *c, bool int8, const char *why) {
    c->act_int8 = int8;
    c->act_int8_why = why;
}

void trit_settle_training(trit_config *c, trit_reader *r, const char *float_why) {
    const trit_source *s = r->source;
    const trit_file_tensor *q = trit_source_find(s, "blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight");
    const trit_quant_format *format = q ? trit_quant_format_of(q->dtype) : NULL;
    uint32_t group = format && format->trits ? format->scale_group : 0;
    trit_str named = trit_read_str(r, TRIT_KEY_ACTIVATIONS, TRIT_KEY_ACTIVATIONS);
    if (trit_source_find(s, "blk.0.attn_q_norm_in.weight", "model.layers.0.self_attn.q_proj.norm.weight")) {
        c->masters = true;
        settle_int8(c, true, "norms before single projections: BitNet's training");
    } else if (trit_str_is(named, "int8") || trit_str_is(named, "float")) {
        settle_int8(c, trit_str_is(named, "int8"), "the file names it");
    } else if (s->safetensors && s->hf.quant != trit_hf_quant_none) {
        settle_int8(c, true, "the file's quantization_config is BitNet's");
    } else if (q && trit_dtype_is_float(q->dtype)) {
        settle_int8(c, false, "the file's weights are floats");
    } else if (float_why) {
        settle_int8(c, false, float_why);
    } else if (group == 64 || group == 128) {
        settle_int8(c, false, "scales of groups: only the weights were trained to be ternary");
    } else {
        settle_int8(c, true, "ternary weights without a word to the contrary");
    }
}

void trit_settle_window(trit_config *c, trit_reader *r, uint32_t pattern, uint32_t n_full) {
    double window = trit_read_real(r, "attention.sliding_window", "sliding_window", 0, 1 << 24, 0);
    const trit_json *types = trit_json_get(r->json, "layer_types");
    if (trit_json_kind_of(types) == trit_json_array && trit_json_length(types) != c->n_layers && r->status == trit_ok)
        r->status = trit_error_set(r->err, trit_format, "config.json: layer_types has %zu entries, but there are %u layers",
                                   trit_json_length(types), c->n_layers);
    for (uint32_t layer = 0; layer < c->n_layers; layer++) {
        trit_str type = trit_json_as_str(trit_json_at(types, layer));
        bool local = type.n ? trit_str_is(type, "sliding_attention") : pattern ? (layer + 1) % pattern != 0 : layer >= n_full;
        (void)trit_read_flag_at(r, TRIT_KEY_LOCAL_LAYERS, layer, &local);
        if (type.n && !local && !trit_str_is(type, "full_attention") && r->status == trit_ok)
            r->status = trit_error_set(r->err, trit_unsupported, "config.json: layer type \"%.*s\" is not supported", TRIT_STR_ARG(type));
        if (local) c->local[layer / 64] |= (uint64_t)1 << layer % 64;
    }
    c->window = (uint32_t)window;
}

/* ---- The decoder ---- */

/* A projection's input is quantized once, however many projections read it. */
typedef struct input {
    trit_value x;  /* floats */
    trit_value a8; /* the same quantized, -1 until someone asks */
    const char *label;
} input;

static trit_value norm(const trit_model *m, trit_program *p, trit_value x, const trit_weight *w, uint32_t n_parts, const char *label) {
    return trit_has(w) ? trit_emit_rms_norm(p, x, w, n_parts, m->config.norm_eps, label) : x;
}

/* y + scale (x A^T) B^T for each adapter of the projection (arXiv:2106.09685 eq. 3). */
static trit_value adapt(const trit_model *m, trit_program *p, trit_value x, trit_value y, const trit_weight *w) {
    const size_t at = (size_t)p->layer * trit_n_layer_tensors + (size_t)(w - (const trit_weight *)&m->layers[p->layer]);
    for (size_t i = 0; i < m->n_loras; i++) {
        const trit_lora_pair *pair = &m->loras[i].pair[at];
        if (!trit_has(&pair->weight[trit_lora_a])) continue;
        trit_value u = trit_emit_linear(p, x, &pair->weight[trit_lora_a], "lora_a");
        if (pair->factor != 1.0f) u = trit_emit_scale(p, u, pair->factor);
        y = trit_emit_add(p, y, trit_emit_linear(p, u, &pair->weight[trit_lora_b], "lora_b"), "lora_add");
    }
    return y;
}

/* x W^T, after the projection's own norm where it has one. */
static trit_value project(const trit_model *m, trit_program *p, input *in, const trit_weight *norm_in, const trit_weight *w, const char *label) {
    input own = {-1, -1, label};
    const trit_value x = in->x;
    if (trit_has(norm_in)) {
        own.x = trit_emit_rms_norm(p, in->x, norm_in, 1, m->config.in_norm_eps, label);
        in = &own;
    }
    const bool takes_int8 = trit_weight_is_ternary(w) && m->config.act_int8;
    if (takes_int8 && in->a8 < 0) in->a8 = trit_emit_quantize(p, in->x, in->label);
    return adapt(m, p, x, trit_emit_linear(p, takes_int8 ? in->a8 : in->x, w, label), w);
}

/* x + y, y scaled as the model scales its branches. */
static trit_value add_branch(const trit_model *m, trit_program *p, trit_value x, trit_value y, const char *label) {
    if (m->config.residual_factor != 1.0f) y = trit_emit_scale(p, y, m->config.residual_factor);
    return trit_emit_add(p, x, y, label);
}

static trit_value attention_block(const trit_model *m, trit_program *p, const trit_layer *l, trit_value x, trit_value angles, bool local) {
    const trit_config *c = &m->config;
    const trit_rope *rope = local && c->local_rope_theta > 0 ? &m->local_rope : &m->rope;
    input h = {norm(m, p, x, &l->attn_norm, 1, "attn_norm"), -1, "attn_a8"};
    trit_value q = project(m, p, &h, &l->attn_q_norm_in, &l->attn_q, "attn_q");
    trit_value k = project(m, p, &h, &l->attn_k_norm_in, &l->attn_k, "attn_k");
    trit_value v = project(m, p, &h, &l->attn_v_norm_in, &l->attn_v, "attn_v");
    q = norm(m, p, q, &l->attn_q_norm, c->n_heads, "attn_q_norm");
    k = norm(m, p, k, &l->attn_k_norm, c->n_kv_heads, "attn_k_norm");
    q = trit_emit_rope(p, q, angles, rope, c->n_heads, "q_rope");
    k = trit_emit_rope(p, k, angles, rope, c->n_kv_heads, "k_rope");
    trit_emit_kv_store(p, k, v, c->n_kv_heads);
    trit_value y = trit_emit_attention(p, q, c->n_heads, c->head_dim, c->attn_factor, local ? c->window : 0);
    input a = {norm(m, p, y, &l->attn_sub_norm, 1, "attn_sub_norm"), -1, "attn_output_a8"};
    y = project(m, p, &a, &l->attn_output_norm_in, &l->attn_output, "attn_output");
    return add_branch(m, p, x, norm(m, p, y, &l->attn_post_norm, 1, "attn_post_norm"), "after_attn");
}

static trit_value ffn_block(const trit_model *m, trit_program *p, const trit_layer *l, trit_value x) {
    input h = {norm(m, p, x, &l->ffn_norm, 1, "ffn_norm"), -1, "ffn_a8"};
    trit_value gate = project(m, p, &h, &l->ffn_gate_norm_in, &l->ffn_gate, "ffn_gate");
    trit_value up = project(m, p, &h, &l->ffn_up_norm_in, &l->ffn_up, "ffn_up");
    trit_value y = trit_emit_glu(p, gate, up, m->config.activation);
    input f = {norm(m, p, y, &l->ffn_sub_norm, 1, "ffn_sub_norm"), -1, "ffn_down_a8"};
    y = project(m, p, &f, &l->ffn_down_norm_in, &l->ffn_down, "ffn_down");
    return add_branch(m, p, x, norm(m, p, y, &l->ffn_post_norm, 1, "ffn_post_norm"), "layer_out");
}

static bool any_local_rope(const trit_config *c) {
    for (uint32_t layer = 0; layer < c->n_layers; layer++)
        if (trit_is_local(c, layer)) return c->local_rope_theta > 0;
    return false;
}

trit_value trit_decoder(const trit_model *m, trit_program *p) {
    const trit_config *c = &m->config;
    trit_value x = trit_emit_embed(p, &m->token_embd, c->embed_factor);
    trit_value angles = trit_emit_angles(p, &m->rope);
    trit_value local_angles = any_local_rope(c) ? trit_emit_angles(p, &m->local_rope) : angles;
    for (p->layer = 0; p->layer < c->n_layers; p->layer++) {
        const trit_layer *l = &m->layers[p->layer];
        bool local = trit_is_local(c, p->layer);
        x = attention_block(m, p, l, x, local ? local_angles : angles, local);
        x = ffn_block(m, p, l, x);
    }
    x = trit_emit_select(p, x);
    return norm(m, p, x, &m->output_norm, 1, "output_norm");
}
