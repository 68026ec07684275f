/* What one token costs, read from the list of ops. */
#include "model/model.h"
#include "quant/layout.h"

uint64_t trit_weight_bytes(const trit_weight *w) {
    uint64_t n_groups = w->group ? (w->n_cols + w->group - 1) / w->group : 1;
    return w->n_bytes + (w->scale ? w->n_rows * n_groups * sizeof(float) : 0);
}

uint64_t trit_coarse_bytes(const trit_weight *w) {
    const size_t bounds = sizeof *w->coarse_scale + sizeof *w->coarse_error + sizeof *w->coarse_norm;
    return w->coarse ? trit_n_tiles(w->n_rows) * w->coarse_stride + w->n_rows * bounds : 0;
}

static void add_linear(trit_work *work, const trit_weight *w, bool is_int8) {
    uint64_t macs = (uint64_t)w->n_rows * w->n_cols;
    work->weight_bytes += trit_weight_bytes(w);
    if (is_int8) work->int8_macs += macs;
    else work->float_macs += macs;
}

/* A head in two steps, as decodes that take the likeliest token run it: all coarse rows, 6 bits by int8. The few exact rows that follow depend
 * on the values and are not counted. */
static void add_scan(trit_work *work, const trit_weight *w) {
    work->weight_bytes += trit_coarse_bytes(w);
    work->int8_macs += (uint64_t)w->n_rows * w->n_cols;
}

/* Two products for each query head and position seen: with its key, and with its value. */
static void add_attention(trit_model_work *out, const trit_op *op, uint32_t n_kv_heads, uint32_t position) {
    uint64_t seen = (uint64_t)position + 1;
    if (op->window && seen > op->window) seen = op->window;
    out->attention_macs += 2 * seen * op->n_heads * op->head_dim;
    out->cache_values += 2 * seen * n_kv_heads * op->head_dim;
}

void trit_model_count_work(const trit_model *m, uint32_t position, trit_model_work *out) {
    const trit_program *p = &m->program;
    *out = (trit_model_work){0};
    for (size_t i = 0; i < p->n_ops; i++) {
        const trit_op *op = &p->ops[i];
        if (op->kind == trit_op_attention) add_attention(out, op, m->config.n_kv_heads, position);
        if (op->kind == trit_op_head_scan) add_scan(&out->logits, op->weight);
        if (op->kind != trit_op_linear) continue;
        bool is_output = p->values[op->out].rows == trit_rows_outputs;
        add_linear(is_output ? &out->logits : &out->token, op->weight, p->values[op->in[0]].type == trit_value_a8);
    }
}
