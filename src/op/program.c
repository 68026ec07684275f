/* Writing an op list, and planning where its values live. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "op/op.h"
#include "quant/layout.h"

static const char *const op_names[] = {
#define TRIT_OP(name, n_in, where, part, meaning) #name,
#include "op/ops.def"
#undef TRIT_OP
};

const char *trit_op_name(trit_op_kind kind) {
    return op_names[kind];
}

void trit_program_init(trit_program *p) {
    *p = (trit_program){.result = -1};
}

void trit_program_fini(trit_program *p) {
    trit_free(p->ops);
    trit_free(p->values);
    trit_free(p->slots);
    trit_program_init(p);
}

/* After an error values are -1 and stay so: a model function need not look. */
static trit_value add_value(trit_program *p, trit_value_type type, trit_rows rows, uint32_t cols) {
    void *values = p->values;
    if (p->status == trit_ok && !trit_grow(&values, &p->values_capacity, p->n_values + 1, sizeof *p->values)) p->status = trit_memory;
    if (p->status != trit_ok) return -1;
    p->values = values;
    size_t bytes = type == trit_value_a8 ? trit_a8_row_bytes(cols) : ((size_t)cols * sizeof(float) + 63) / 64 * 64;
    p->values[p->n_values] = (trit_value_desc){.type = type, .rows = rows, .cols = cols, .row_bytes = bytes, .last_use = -1};
    return (trit_value)p->n_values++;
}

static trit_value emit(trit_program *p, trit_op op, trit_value_type type, trit_rows rows, uint32_t cols) {
    op.out = cols ? add_value(p, type, rows, cols) : -1;
    op.layer = p->layer;
    void *ops = p->ops;
    if (p->status == trit_ok && !trit_grow(&ops, &p->ops_capacity, p->n_ops + 1, sizeof *p->ops)) p->status = trit_memory;
    if (p->status != trit_ok) return -1;
    p->ops = ops;
    p->ops[p->n_ops++] = op;
    return op.out;
}

static const trit_value_desc *desc(const trit_program *p, trit_value v) {
    static const trit_value_desc nothing = {0};
    return v >= 0 ? &p->values[v] : &nothing;
}

trit_value trit_emit_embed(trit_program *p, const trit_weight *table, float factor) {
    trit_op op = {.kind = trit_op_embed, .in = {-1, -1}, .weight = table, .factor = factor, .label = "embed"};
    return emit(p, op, trit_value_f32, trit_rows_tokens, table->n_cols);
}

trit_value trit_emit_rms_norm(trit_program *p, trit_value x, const trit_weight *w, uint32_t n_heads, float eps, const char *label) {
    trit_value_desc d = *desc(p, x);
    assert(p->status != trit_ok || (d.type == trit_value_f32 && d.cols % n_heads == 0 && w->n_cols == d.cols / n_heads));
    trit_op op = {.kind = trit_op_rms_norm, .in = {x, -1}, .weight = w, .n_heads = n_heads, .eps = eps, .label = label};
    return emit(p, op, trit_value_f32, d.rows, d.cols);
}

trit_value trit_emit_quantize(trit_program *p, trit_value x, const char *label) {
    trit_value_desc d = *desc(p, x);
    trit_op op = {.kind = trit_op_quantize, .in = {x, -1}, .label = label};
    return emit(p, op, trit_value_a8, d.rows, d.cols);
}

trit_value trit_emit_linear(trit_program *p, trit_value x, const trit_weight *w, const char *label) {
    trit_value_desc d = *desc(p, x);
    assert(p->status != trit_ok || d.cols == w->n_cols);
    assert(p->status != trit_ok || d.type == trit_value_f32 || trit_weight_is_ternary(w));
    assert(p->status != trit_ok || d.type == trit_value_a8 || w->dtype != trit_dtype_t3);
    trit_op op = {.kind = trit_op_linear, .in = {x, -1}, .weight = w, .label = label};
    return emit(p, op, trit_value_f32, d.rows, w->n_rows);
}

/* A head with coarse rows finds the largest results without reading all of its own. */
trit_value trit_emit_head(trit_program *p, trit_value x, const trit_weight *w) {
    if (!w->coarse) return trit_emit_linear(p, x, w, "output");
    trit_value_desc d = *desc(p, x);
    assert(p->status != trit_ok || (d.cols == w->n_cols && d.rows == trit_rows_outputs && d.type == trit_value_f32));
    trit_op scan = {.kind = trit_op_head_scan, .in = {x, trit_emit_quantize(p, x, "output_a8")}, .weight = w, .label = "output_scan"};
    trit_value coarse = emit(p, scan, trit_value_f32, d.rows, w->n_rows);
    trit_op op = {.kind = trit_op_head, .in = {x, coarse}, .weight = w, .label = "output"};
    return emit(p, op, trit_value_f32, d.rows, w->n_rows);
}

trit_value trit_emit_angles(trit_program *p, const trit_rope *rope) {
    trit_op op = {.kind = trit_op_angles, .in = {-1, -1}, .rope = rope, .label = "angles"};
    return emit(p, op, trit_value_f32, trit_rows_tokens, 2 * rope->half);
}

trit_value trit_emit_rope(trit_program *p, trit_value x, trit_value angles, const trit_rope *rope, uint32_t n_heads, const char *label) {
    trit_value_desc d = *desc(p, x);
    trit_op op = {.kind = trit_op_rope, .in = {x, angles}, .rope = rope, .n_heads = n_heads, .head_dim = d.cols / n_heads, .label = label};
    return emit(p, op, trit_value_f32, d.rows, d.cols);
}

void trit_emit_kv_store(trit_program *p, trit_value k, trit_value v, uint32_t n_kv_heads) {
    uint32_t head_dim = desc(p, k)->cols / n_kv_heads;
    trit_op op = {.kind = trit_op_kv_store, .in = {k, v}, .n_heads = n_kv_heads, .head_dim = head_dim, .label = "kv_store"};
    (void)emit(p, op, trit_value_f32, trit_rows_tokens, 0);
}

trit_value trit_emit_attention(trit_program *p, trit_value q, uint32_t n_heads, uint32_t head_dim, float factor, uint32_t window) {
    trit_op op = {.kind = trit_op_attention, .in = {q, -1}, .n_heads = n_heads, .head_dim = head_dim, .window = window, .factor = factor,
                  .label = "attention"};
    return emit(p, op, trit_value_f32, trit_rows_tokens, n_heads * head_dim);
}

trit_value trit_emit_add(trit_program *p, trit_value a, trit_value b, const char *label) {
    trit_value_desc d = *desc(p, a);
    assert(p->status != trit_ok || (d.cols == desc(p, b)->cols && d.rows == desc(p, b)->rows));
    trit_op op = {.kind = trit_op_add, .in = {a, b}, .label = label};
    return emit(p, op, trit_value_f32, d.rows, d.cols);
}

trit_value trit_emit_glu(trit_program *p, trit_value gate, trit_value up, trit_activation activation) {
    trit_value_desc d = *desc(p, gate);
    assert(p->status != trit_ok || d.cols == desc(p, up)->cols);
    trit_op op = {.kind = trit_op_glu, .in = {gate, up}, .activation = activation, .label = "glu"};
    return emit(p, op, trit_value_f32, d.rows, d.cols);
}

trit_value trit_emit_scale(trit_program *p, trit_value x, float factor) {
    trit_value_desc d = *desc(p, x);
    trit_op op = {.kind = trit_op_scale, .in = {x, -1}, .factor = factor, .label = "scale"};
    return emit(p, op, trit_value_f32, d.rows, d.cols);
}

trit_value trit_emit_select(trit_program *p, trit_value x) {
    trit_value_desc d = *desc(p, x);
    trit_op op = {.kind = trit_op_select, .in = {x, -1}, .label = "select"};
    return emit(p, op, d.type, trit_rows_outputs, d.cols);
}

/* The free slot of the same kind of rows that fits with the least waste; else the largest, which then grows; else a new one. */
static bool take_slot(trit_program *p, trit_value v) {
    trit_value_desc *d = &p->values[v];
    trit_slot *best = NULL;
    for (size_t i = 0; i < p->n_slots; i++) {
        trit_slot *s = &p->slots[i];
        if (s->holder >= 0 || s->rows != d->rows) continue;
        bool fits = s->row_bytes >= d->row_bytes, best_fits = best && best->row_bytes >= d->row_bytes;
        if (!best || (fits && (!best_fits || s->row_bytes < best->row_bytes)) || (!fits && !best_fits && s->row_bytes > best->row_bytes))
            best = s;
    }
    if (!best) {
        void *slots = p->slots;
        if (!trit_grow(&slots, &p->slots_capacity, p->n_slots + 1, sizeof *p->slots)) return false;
        p->slots = slots;
        best = &p->slots[p->n_slots++];
        *best = (trit_slot){.rows = d->rows};
    }
    if (best->row_bytes < d->row_bytes) best->row_bytes = d->row_bytes;
    best->holder = v;
    d->slot = (uint32_t)(best - p->slots);
    return true;
}

trit_status trit_program_finish(trit_program *p, trit_value result, trit_error *err) {
    if (p->status != trit_ok) return trit_error_set(err, p->status, "out of memory while writing the op list");
    p->result = result;
    for (size_t i = 0; i < p->n_ops; i++)
        for (int j = 0; j < 2; j++)
            if (p->ops[i].in[j] >= 0) p->values[p->ops[i].in[j]].last_use = (int32_t)i;
    p->values[result].last_use = (int32_t)p->n_ops;
    for (size_t i = 0; i < p->n_ops; i++) {
        /* The output is placed before the inputs are released: no op works in place unless it says so itself. */
        if (p->ops[i].out >= 0 && !take_slot(p, p->ops[i].out)) return trit_error_memory(err, sizeof *p->slots, "the op list");
        for (size_t s = 0; s < p->n_slots; s++)
            if (p->slots[s].holder >= 0 && p->values[p->slots[s].holder].last_use <= (int32_t)i) p->slots[s].holder = -1;
    }
    return trit_ok;
}
