/* op/program: what the emitters write, and that values alive at the same time never share a slot. */
#include "test.h"

#include "model/model.h"
#include "quant/layout.h"

static const char here; /* weights without contents: only their shapes matter to a program */

static trit_weight weight(trit_dtype dtype, uint32_t n_rows, uint32_t n_cols) {
    return (trit_weight){.dtype = dtype, .n_rows = n_rows, .n_cols = n_cols, .data = &here};
}

/* A value lives from the op that makes it to the op that reads it last, both included: no op works in place. */
static void check_plan(const trit_program *p) {
    int32_t *born = malloc(p->n_values * sizeof *born);
    assert_non_null(born);
    for (size_t v = 0; v < p->n_values; v++) born[v] = -1;
    for (size_t i = 0; i < p->n_ops; i++) {
        const trit_op *op = &p->ops[i];
        for (int j = 0; j < 2; j++)
            if (op->in[j] >= 0) {
                assert_true(born[op->in[j]] >= 0); /* made before it is read */
                assert_true(p->values[op->in[j]].last_use >= (int32_t)i);
            }
        if (op->out < 0) continue;
        assert_int_equal(born[op->out], -1); /* made once */
        born[op->out] = (int32_t)i;
    }
    assert_int_equal(p->values[p->result].last_use, p->n_ops);
    for (size_t v = 0; v < p->n_values; v++) {
        const trit_value_desc *a = &p->values[v];
        assert_true(born[v] >= 0 && a->slot < p->n_slots);
        assert_true(a->row_bytes % 64 == 0 && p->slots[a->slot].row_bytes >= a->row_bytes && p->slots[a->slot].rows == a->rows);
        int32_t a_dies = a->last_use < born[v] ? born[v] : a->last_use;
        for (size_t u = 0; u < v; u++) {
            const trit_value_desc *b = &p->values[u];
            int32_t b_dies = b->last_use < born[u] ? born[u] : b->last_use;
            if (a->slot == b->slot && born[v] <= b_dies && born[u] <= a_dies)
                fail_msg("values %zu (ops %d..%d) and %zu (ops %d..%d) share slot %u", u, born[u], b_dies, v, born[v], a_dies, a->slot);
        }
    }
    free(born);
}

static const trit_value_desc *desc(const trit_program *p, trit_value v, trit_value_type type, trit_rows rows, uint32_t cols) {
    assert_true(v >= 0 && (size_t)v < p->n_values);
    const trit_value_desc *d = &p->values[v];
    assert_int_equal(d->type, type);
    assert_int_equal(d->rows, rows);
    assert_int_equal(d->cols, cols);
    assert_int_equal(d->row_bytes, type == trit_value_a8 ? trit_a8_row_bytes(cols) : (cols * sizeof(float) + 63) / 64 * 64);
    return d;
}

static void every_emitter(void **state) {
    (void)state;
    enum { dim = 100, heads = 4, kv = 2, head = 25, ff = 70, vocab = 33 };
    trit_error err;
    trit_program p;
    trit_rope rope = {.half = 5};
    trit_weight table = weight(trit_dtype_f16, vocab, dim), norm = weight(trit_dtype_f32, 1, dim), part = weight(trit_dtype_f32, 1, head);
    trit_weight q_w = weight(trit_dtype_t2, heads * head, dim), k_w = weight(trit_dtype_t2, kv * head, dim);
    trit_weight up_w = weight(trit_dtype_q8_0, ff, dim), down_w = weight(trit_dtype_f32, dim, ff);
    trit_program_init(&p);
    p.layer = 7;
    trit_value x = trit_emit_embed(&p, &table, 2.0f);
    trit_value angles = trit_emit_angles(&p, &rope);
    trit_value h = trit_emit_rms_norm(&p, x, &norm, 1, 1e-5f, "norm");
    trit_value a8 = trit_emit_quantize(&p, h, "a8");
    trit_value q = trit_emit_linear(&p, a8, &q_w, "q"), k = trit_emit_linear(&p, a8, &k_w, "k"), v = trit_emit_linear(&p, a8, &k_w, "v");
    trit_value qn = trit_emit_rms_norm(&p, q, &part, heads, 1e-6f, "q_norm");
    trit_value qr = trit_emit_rope(&p, qn, angles, &rope, heads, "q_rope");
    trit_value kr = trit_emit_rope(&p, k, angles, &rope, kv, "k_rope");
    trit_emit_kv_store(&p, kr, v, kv);
    trit_value y = trit_emit_attention(&p, qr, heads, head, 0.2f, 0);
    trit_value sum = trit_emit_add(&p, x, y, "sum");
    trit_value up = trit_emit_linear(&p, sum, &up_w, "up"), glu = trit_emit_glu(&p, up, up, trit_act_gelu);
    trit_value down = trit_emit_linear(&p, glu, &down_w, "down");
    trit_value scaled = trit_emit_scale(&p, down, 3.0f);
    trit_value picked = trit_emit_select(&p, scaled);
    trit_value plain = trit_emit_head(&p, picked, &table);
    static const uint8_t coarse[1];
    table.coarse = coarse;
    trit_value logits = trit_emit_head(&p, picked, &table); /* in two steps */
    assert_ok(trit_program_finish(&p, logits, &err));
    desc(&p, plain, trit_value_f32, trit_rows_outputs, vocab);
    desc(&p, x, trit_value_f32, trit_rows_tokens, dim);
    desc(&p, angles, trit_value_f32, trit_rows_tokens, 10);
    desc(&p, a8, trit_value_a8, trit_rows_tokens, dim);
    desc(&p, k, trit_value_f32, trit_rows_tokens, kv * head);
    desc(&p, qr, trit_value_f32, trit_rows_tokens, heads * head);
    desc(&p, y, trit_value_f32, trit_rows_tokens, heads * head);
    desc(&p, glu, trit_value_f32, trit_rows_tokens, ff);
    desc(&p, picked, trit_value_f32, trit_rows_outputs, dim);
    desc(&p, logits, trit_value_f32, trit_rows_outputs, vocab);
    static const trit_op_kind kinds[] = {trit_op_embed,  trit_op_angles,   trit_op_rms_norm, trit_op_quantize, trit_op_linear,
                                         trit_op_linear, trit_op_linear,   trit_op_rms_norm, trit_op_rope,     trit_op_rope,
                                         trit_op_kv_store, trit_op_attention, trit_op_add,   trit_op_linear,   trit_op_glu,
                                         trit_op_linear, trit_op_scale,    trit_op_select,   trit_op_linear,
                                         trit_op_quantize, trit_op_head_scan, trit_op_head};
    /* What a program may hold. */
    enum { list, both = list, call, view };
    static const int where[] = {
#define TRIT_OP(name, n_in, where, part, meaning) where,
#include "op/ops.def"
#undef TRIT_OP
    };
    bool seen[trit_n_op_kinds] = {false};
    assert_int_equal(p.n_ops, sizeof kinds / sizeof kinds[0]);
    for (size_t i = 0; i < p.n_ops; i++) {
        assert_int_equal(p.ops[i].kind, kinds[i]);
        assert_int_equal(p.ops[i].layer, 7);
        assert_non_null(p.ops[i].label);
        seen[kinds[i]] = true;
    }
    for (trit_op_kind kind = 0; kind < trit_n_op_kinds; kind++) assert_int_equal(seen[kind], where[kind] == list); /* a new op belongs here too */
    const trit_op *store = &p.ops[10], *attention = &p.ops[11];
    assert_true(store->in[0] == kr && store->in[1] == v && store->out == -1);
    assert_true(store->n_heads == kv && store->head_dim == head);
    assert_true(attention->in[0] == qr && attention->in[1] == -1 && attention->factor == 0.2f && attention->head_dim == head);
    assert_true(p.ops[0].factor == 2.0f && p.ops[7].n_heads == heads && p.ops[8].head_dim == head && p.ops[14].activation == trit_act_gelu);
    assert_string_equal(trit_op_name(trit_op_kv_store), "kv_store");
    check_plan(&p);
    trit_program_fini(&p);
}

/* A value that nobody reads still has a place of its own while it is written, and gives it back. */
static void unread_values_are_placed(void **state) {
    (void)state;
    trit_error err;
    trit_program p;
    trit_weight table = weight(trit_dtype_f32, 9, 16);
    trit_program_init(&p);
    trit_value x = trit_emit_embed(&p, &table, 1.0f);
    (void)trit_emit_scale(&p, x, 2.0f);
    trit_value b = trit_emit_scale(&p, x, 3.0f);
    trit_value logits = trit_emit_linear(&p, trit_emit_select(&p, b), &table, "logits");
    assert_ok(trit_program_finish(&p, logits, &err));
    check_plan(&p);
    assert_int_equal(p.n_slots, 4); /* two for tokens, two for outputs */
    trit_program_fini(&p);
}

/* The op list of an architecture over weights of any shape. */
static void check_arch(const char *name, trit_dtype dtype, trit_config c, bool tied) {
    trit_error err;
    trit_model m = {.config = c};
    m.config.embed_factor = m.config.residual_factor = 1;
    m.config.act_int8 = true;
    m.config.arch = trit_arch_for_gguf(name);
    assert_non_null(m.config.arch);
    m.layers = calloc(c.n_layers, sizeof *m.layers);
    assert_non_null(m.layers);
    m.token_embd = weight(trit_dtype_f16, c.vocab_size, c.dim);
    m.output_norm = weight(trit_dtype_f32, 1, c.dim);
    if (!tied) m.output = weight(trit_dtype_bf16, c.vocab_size, c.dim);
    m.rope = (trit_rope){.half = c.head_dim / 2, .neox = true, .magnitude = 1};
    trit_weight *w;
    size_t n = trit_layer_weights(&m, &w);
    assert_int_equal(n, c.n_layers * trit_n_layer_tensors);
    for (size_t i = 0; i < n; i++) {
        trit_layer_shape s = trit_layer_shape_of(&c, i % trit_n_layer_tensors);
        if (m.config.arch->required >> i % trit_n_layer_tensors & 1u) w[i] = weight(s.is_linear ? dtype : trit_dtype_f32, s.n_rows, s.n_cols);
    }
    trit_program_init(&m.program);
    trit_value hidden = m.config.arch->forward(&m, &m.program);
    desc(&m.program, hidden, trit_value_f32, trit_rows_outputs, c.dim);
    trit_value logits = trit_emit_linear(&m.program, hidden, tied ? &m.token_embd : &m.output, "output");
    assert_ok(trit_program_finish(&m.program, logits, &err));
    desc(&m.program, logits, trit_value_f32, trit_rows_outputs, c.vocab_size);
    check_plan(&m.program);
    unsigned stores = 0, attentions = 0, quantized = 0;
    for (size_t i = 0; i < m.program.n_ops; i++) {
        const trit_op *op = &m.program.ops[i];
        if (op->kind == trit_op_kv_store) assert_int_equal(op->layer, stores++);
        if (op->kind == trit_op_attention) assert_int_equal(op->layer, attentions++);
        quantized += op->kind == trit_op_quantize;
    }
    assert_int_equal(stores, c.n_layers);
    assert_int_equal(attentions, c.n_layers);
    assert_int_equal(quantized, dtype == trit_dtype_t2 ? 4 * c.n_layers : 0); /* q, k and v share one, gate and up another */
    size_t slots = m.program.n_slots;
    assert_true(slots <= 10); /* and do not grow with the layers */
    trit_program_fini(&m.program);
    free(m.layers);
}

static void architectures(void **state) {
    (void)state;
    static const trit_config configs[] = {
        {.n_layers = 1, .dim = 64, .ff_dim = 96, .n_heads = 2, .n_kv_heads = 1, .head_dim = 32, .vocab_size = 40},
        {.n_layers = 9, .dim = 2560, .ff_dim = 6912, .n_heads = 20, .n_kv_heads = 5, .head_dim = 128, .vocab_size = 128256},
        {.n_layers = 3, .dim = 3200, .ff_dim = 8640, .n_heads = 32, .n_kv_heads = 32, .head_dim = 100, .vocab_size = 32002},
        {.n_layers = 4, .dim = 2048, .ff_dim = 8192, .n_heads = 12, .n_kv_heads = 4, .head_dim = 256, .vocab_size = 7},
    };
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        check_arch("bitnet", trit_dtype_t2, configs[i], true);
        check_arch("bitnet", trit_dtype_i2_s, configs[i], false);
        check_arch("llama", trit_dtype_f16, configs[i], true);
        check_arch("llama", trit_dtype_t2, configs[i], false);
        check_arch("qwen2", trit_dtype_bf16, configs[i], true);
        check_arch("qwen3", trit_dtype_t2, configs[i], true);
        check_arch("gemma3", trit_dtype_t2, configs[i], true);
        check_arch("minicpm", trit_dtype_t2, configs[i], true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_emitter),
        cmocka_unit_test(unread_values_are_placed),
        cmocka_unit_test(architectures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
