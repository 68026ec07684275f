/* The CPU's version of every op: which part of the work a member of the team takes, and the kernel that does it.
 *
 * Each output element is computed by one member in one order, whatever the number of members and whatever stands beside it in
 * the batch. */
#include <string.h>

#include "base/math.h"
#include "device/cpu/cpu.h"
#include "quant/layout.h"

/* The rows of the op's output that are this member's. */
static void my_rows(const cpu_task *t, uint32_t n_rows, uint32_t *first, uint32_t *last) {
    uint64_t a, b;
    trit_team_split(n_rows, 1, t->i, t->n, &a, &b);
    *first = (uint32_t)a;
    *last = (uint32_t)b;
}

static void op_embed(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_weight *w = t->op->weight;
    trit_quant_matrix m = trit_cpu_matrix_of(w);
    const trit_quant_format *format = trit_quant_format_of(w->dtype);
    uint32_t first, last;
    my_rows(t, e->batch->n_tokens, &first, &last);
    for (uint32_t r = first; r < last; r++) {
        float *y = cpu_value_row(e, t->op->out, r);
        format->unpack(&m, (uint64_t)e->batch->token[r], y);
        if (t->op->factor != 1.0f) e->device->kernels->scale(y, y, t->op->factor, w->n_cols);
    }
}

static void op_rms_norm(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_op *op = t->op;
    uint32_t first, last, width = op->weight->n_cols;
    my_rows(t, cpu_value_rows(e, op->out), &first, &last);
    for (uint32_t r = first; r < last; r++) {
        const float *x = cpu_value_row(e, op->in[0], r);
        float *y = cpu_value_row(e, op->out, r);
        for (uint32_t h = 0; h < op->n_heads; h++)
            e->device->kernels->rms_norm(y + (size_t)h * width, x + (size_t)h * width, op->weight->data, width, op->eps);
    }
}

static void op_quantize(const cpu_task *t) {
    const trit_exec *e = t->exec;
    uint32_t first, last;
    my_rows(t, cpu_value_rows(e, t->op->out), &first, &last);
    for (uint32_t r = first; r < last; r++)
        e->device->kernels->a8_quantize(cpu_value_row(e, t->op->out, r), cpu_value_row(e, t->op->in[0], r),
                                        e->program->values[t->op->out].cols);
}

static void linear_ternary(const cpu_task *t, uint32_t row0, uint32_t row1) {
    const trit_exec *e = t->exec;
    const trit_weight *w = t->op->weight;
    trit_t2_mul a = {
        .w = w->data, .w_stride = w->stride, .w_scale = w->scale, .k = w->n_cols, .group = w->group,
        .x = cpu_value(e, t->op->in[0]), .x_stride = cpu_value_stride(e, t->op->in[0]), .n_tokens = cpu_value_rows(e, t->op->out),
        .y = cpu_value(e, t->op->out), .y_stride = cpu_value_stride(e, t->op->out) / sizeof(float),
    };
    void (*mul)(const trit_t2_mul *, uint32_t, uint32_t) = w->dtype == trit_dtype_t3 ? e->device->kernels->t3_mul : e->device->kernels->t2_mul;
    mul(&a, row0, row1);
}

static void linear_ternary_float(const cpu_task *t, uint32_t row0, uint32_t row1) {
    const trit_exec *e = t->exec;
    const trit_weight *w = t->op->weight;
    trit_t2_float_mul a = {
        .w = w->data, .w_stride = w->stride, .w_scale = w->scale, .k = w->n_cols, .group = w->group,
        .x = cpu_value(e, t->op->in[0]), .x_stride = cpu_value_stride(e, t->op->in[0]) / sizeof(float), .n_tokens = cpu_value_rows(e, t->op->out),
        .y = cpu_value(e, t->op->out), .y_stride = cpu_value_stride(e, t->op->out) / sizeof(float),
    };
    e->device->kernels->t2_float_mul(&a, row0, row1);
}

/* Is there a product that reads the type where it lies? Others must become floats first. */
static bool is_plain(trit_dtype dtype) {
    return dtype == trit_dtype_f32 || dtype == trit_dtype_f16 || dtype == trit_dtype_bf16;
}

static void (*mul_of(const trit_kernels *k, trit_dtype dtype))(const trit_float_mul *, uint32_t, uint32_t) {
    return dtype == trit_dtype_f16 ? k->f16_mul : dtype == trit_dtype_bf16 ? k->bf16_mul : k->f32_mul;
}

static trit_float_mul float_mul_of(const cpu_task *t, uint32_t token0, uint32_t n_tokens) {
    const trit_exec *e = t->exec;
    const trit_op *op = t->op;
    return (trit_float_mul){
        .w = op->weight->data, .w_stride = op->weight->stride, .k = op->weight->n_cols, .n_tokens = n_tokens,
        .x = cpu_value_row(e, op->in[0], token0), .x_stride = cpu_value_stride(e, op->in[0]) / sizeof(float),
        .y = cpu_value_row(e, op->out, token0), .y_stride = cpu_value_stride(e, op->out) / sizeof(float),
    };
}

/* Rows [row, row + n) as floats in the member's scratch; the product's own weights become those, its results begin at the first. */
static void widen(const cpu_task *t, trit_float_mul *a, uint32_t row, uint32_t n) {
    const trit_quant_matrix m = trit_cpu_matrix_of(t->op->weight);
    float *rows = cpu_scratch(t);
    for (uint32_t i = 0; i < n; i++) trit_cpu_widen_row(t->exec->device->kernels, &m, row + i, rows + (size_t)i * a->k);
    a->w = rows;
    a->w_stride = a->k * sizeof *rows;
    a->y += row;
}

void trit_cpu_linear_float(const cpu_task *t, uint32_t row0, uint32_t row1, uint32_t n_tokens) {
    const trit_dtype dtype = t->op->weight->dtype;
    const trit_float_mul a = float_mul_of(t, 0, n_tokens);
    void (*mul)(const trit_float_mul *, uint32_t, uint32_t) = mul_of(t->exec->device->kernels, dtype);
    if (is_plain(dtype)) {
        mul(&a, row0, row1);
        return;
    }
    for (uint32_t r = row0; r < row1; r += trit_cpu_widened_rows) {
        const uint32_t n = row1 - r < trit_cpu_widened_rows ? row1 - r : trit_cpu_widened_rows;
        trit_float_mul some = a;
        widen(t, &some, r, n);
        mul(&some, 0, n);
    }
}

void trit_cpu_linear_row(const cpu_task *t, uint32_t row, uint32_t wanted) {
    const trit_dtype dtype = t->op->weight->dtype;
    void (*mul)(const trit_float_mul *, uint32_t, uint32_t) = mul_of(t->exec->device->kernels, dtype);
    trit_float_mul a = float_mul_of(t, 0, 1);
    if (!is_plain(dtype)) {
        widen(t, &a, row, 1);
        row = 0;
    }
    for (; wanted; wanted >>= 1, a.x += a.x_stride, a.y += a.y_stride)
        if (wanted & 1) mul(&a, row, row + 1);
}

static void op_linear(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_weight *w = t->op->weight;
    uint64_t row0, row1;
    trit_team_split(w->n_rows, trit_tile_rows, t->i, t->n, &row0, &row1);
    if (row0 >= row1) return;
    if (e->program->values[t->op->in[0]].type == trit_value_a8)
        linear_ternary(t, (uint32_t)row0, (uint32_t)row1);
    else if (w->dtype == trit_dtype_t2)
        linear_ternary_float(t, (uint32_t)row0, (uint32_t)row1);
    else
        trit_cpu_linear_float(t, (uint32_t)row0, (uint32_t)row1, cpu_value_rows(e, t->op->out));
    if (!w->bias) return;
    for (uint32_t r = 0; r < cpu_value_rows(e, t->op->out); r++) {
        float *y = (float *)cpu_value_row(e, t->op->out, r) + row0;
        e->device->kernels->add(y, y, w->bias + row0, row1 - row0);
    }
}

static void op_head_scan(const cpu_task *t) {
    trit_cpu_head_scan(t);
}

static void op_head(const cpu_task *t) {
    trit_cpu_head(t);
}

static void op_angles(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_rope *rope = t->op->rope;
    const double *inv_freq = rope->inv_freq_long && e->context > rope->original_context ? rope->inv_freq_long : rope->inv_freq;
    uint32_t first, last;
    my_rows(t, e->batch->n_tokens, &first, &last);
    for (uint32_t r = first; r < last; r++) {
        float *cosines = cpu_value_row(e, t->op->out, r), *sines = cosines + rope->half;
        for (uint32_t i = 0; i < rope->half; i++) {
            double s, c;
            trit_sincos((double)e->batch->position[r] * inv_freq[i], &s, &c);
            cosines[i] = (float)c * rope->magnitude;
            sines[i] = (float)s * rope->magnitude;
        }
    }
}

static void op_rope(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_op *op = t->op;
    uint32_t first, last, half = op->rope->half;
    void (*rotate)(float *, const float *, const float *, uint32_t) = op->rope->neox ? e->device->kernels->rope_neox : e->device->kernels->rope_norm;
    my_rows(t, e->batch->n_tokens, &first, &last);
    for (uint32_t r = first; r < last; r++) {
        float *y = cpu_value_row(e, op->out, r);
        const float *cosines = cpu_value_row(e, op->in[1], r);
        memcpy(y, cpu_value_row(e, op->in[0], r), (size_t)op->n_heads * op->head_dim * sizeof *y);
        for (uint32_t h = 0; h < op->n_heads; h++) rotate(y + (size_t)h * op->head_dim, cosines, cosines + half, 2 * half);
    }
}

static uint32_t page_of(const trit_batch *b, uint32_t row, uint32_t position) {
    return b->page_table[(size_t)b->sequence[row] * b->max_pages + position / trit_page_tokens];
}

static void op_kv_store(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_op *op = t->op;
    const trit_kernels *k = e->device->kernels;
    void (*store)(void *, const float *, uint32_t) = e->kv.form == trit_kv_form_f32   ? k->kv_store_f32
                                                     : e->kv.form == trit_kv_form_f16 ? k->kv_store_f16
                                                                                      : k->kv_store_q8;
    uint32_t first, last;
    my_rows(t, e->batch->n_tokens * op->n_heads, &first, &last);
    for (uint32_t i = first; i < last; i++) {
        uint32_t r = i / op->n_heads, h = i % op->n_heads, position = e->batch->position[r];
        uint32_t page = page_of(e->batch, r, position);
        for (uint32_t is_value = 0; is_value < 2; is_value++) {
            const float *x = cpu_value_row(e, op->in[is_value], r);
            store(e->cache + trit_kv_offset(&e->kv, page, op->layer, is_value, h, position % trit_page_tokens),
                  x + (size_t)h * op->head_dim, op->head_dim);
        }
    }
}

static void op_attention(const cpu_task *t) {
    trit_cpu_attention(t);
}

/* Element-wise ops: whole rows where there are several, parts of the row in decode. */
static void my_part(const cpu_task *t, uint32_t *row0, uint32_t *row1, uint32_t *col0, uint32_t *col1) {
    uint32_t rows = cpu_value_rows(t->exec, t->op->out), cols = t->exec->program->values[t->op->out].cols;
    *row0 = 0, *row1 = rows, *col0 = 0, *col1 = cols;
    uint64_t a, b;
    if (rows >= t->n) {
        my_rows(t, rows, row0, row1);
    } else {
        trit_team_split(cols, 64, t->i, t->n, &a, &b);
        *col0 = (uint32_t)a, *col1 = (uint32_t)b;
    }
}

static void op_add(const cpu_task *t) {
    const trit_exec *e = t->exec;
    uint32_t row0, row1, col0, col1;
    my_part(t, &row0, &row1, &col0, &col1);
    for (uint32_t r = row0; r < row1; r++)
        e->device->kernels->add((float *)cpu_value_row(e, t->op->out, r) + col0, (const float *)cpu_value_row(e, t->op->in[0], r) + col0,
                                (const float *)cpu_value_row(e, t->op->in[1], r) + col0, col1 - col0);
}

static void op_glu(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_kernels *k = e->device->kernels;
    void (*fn)(float *, const float *, const float *, size_t) = t->op->activation == trit_act_silu    ? k->silu_mul
                                                                : t->op->activation == trit_act_relu2 ? k->relu2_mul
                                                                                                      : k->gelu_mul;
    uint32_t row0, row1, col0, col1;
    my_part(t, &row0, &row1, &col0, &col1);
    for (uint32_t r = row0; r < row1; r++)
        fn((float *)cpu_value_row(e, t->op->out, r) + col0, (const float *)cpu_value_row(e, t->op->in[0], r) + col0,
           (const float *)cpu_value_row(e, t->op->in[1], r) + col0, col1 - col0);
}

static void op_scale(const cpu_task *t) {
    const trit_exec *e = t->exec;
    uint32_t row0, row1, col0, col1;
    my_part(t, &row0, &row1, &col0, &col1);
    for (uint32_t r = row0; r < row1; r++)
        e->device->kernels->scale((float *)cpu_value_row(e, t->op->out, r) + col0, (const float *)cpu_value_row(e, t->op->in[0], r) + col0,
                                  t->op->factor, col1 - col0);
}

static void op_select(const cpu_task *t) {
    const trit_exec *e = t->exec;
    uint32_t first, last;
    my_rows(t, e->batch->n_outputs, &first, &last);
    for (uint32_t r = first; r < last; r++)
        memcpy(cpu_value_row(e, t->op->out, r), cpu_value_row(e, t->op->in[0], e->batch->output[r]), cpu_value_stride(e, t->op->out));
}

/* NULL where an op is for tensors only. */
const cpu_op_fn trit_cpu_ops[trit_n_op_kinds] = {
#define IN_list(name) [trit_op_##name] = op_##name,
#define IN_both(name) [trit_op_##name] = op_##name,
#define IN_call(name)
#define IN_view(name)
#define TRIT_OP(name, n_in, where, part, meaning) IN_##where(name)
#include "op/ops.def"
#undef TRIT_OP
};
