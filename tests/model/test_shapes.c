/* Models of awkward shapes against a plain forward pass in double: heads of odd width, inputs that are no multiple of any block, one
 * layer, biases, part of a head rotated, both pairings of RoPE, a file's own divisors, tied and separate heads. */
#include "test.h"

#include <math.h>

#include "io/io.h"
#include "trit/trit.h"

enum { max_tensors = 128, max_tokens = 70 };

typedef struct shape {
    const char *arch;
    uint32_t n_layers, dim, ff, n_heads, n_kv_heads, head_dim, rope_dims, n_vocab;
    bool tied, biases, freqs, scales;
} shape;

typedef struct named {
    char name[64];
    uint32_t n_rows, n_cols;
    float *values;
} named;

static named tensors[max_tensors];
static size_t n_tensors;
static uint32_t seed;

static bool is_bitnet(const shape *s) {
    return strcmp(s->arch, "llama") != 0;
}

static float uniform(void) {
    return (float)test_lcg(&seed) / 32768.0f - 1;
}

/* Projections of BitNet are given as trits, which open as they are. */
static void put(trit_gguf_writer *w, const char *name, uint32_t n_rows, uint32_t n_cols, float centre, float spread, bool ternary) {
    trit_error err;
    named *t = &tensors[n_tensors++];
    assert_true(n_tensors <= max_tensors);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->n_rows = n_rows;
    t->n_cols = n_cols;
    t->values = malloc((size_t)n_rows * n_cols * sizeof *t->values);
    assert_non_null(t->values);
    for (size_t i = 0; i < (size_t)n_rows * n_cols; i++) {
        float u = uniform();
        t->values[i] = ternary ? (u > 0.33f ? spread : u < -0.33f ? -spread : 0) : centre + spread * u;
    }
    trit_file_tensor file = {.name = trit_str_from(t->name), .dtype = trit_dtype_f32, .n_dims = n_rows > 1 ? 2 : 1,
                        .data = (const uint8_t *)t->values, .n_bytes = (uint64_t)n_rows * n_cols * sizeof(float)};
    file.shape[0] = n_rows > 1 ? n_rows : n_cols;
    file.shape[1] = n_rows > 1 ? n_cols : 0;
    assert_ok(trit_gguf_put_tensor(w, &file, &err));
}

static void put_layer(trit_gguf_writer *w, const shape *s, uint32_t layer, const char *what, uint32_t n_rows, uint32_t n_cols, bool norm) {
    char name[64];
    snprintf(name, sizeof name, "blk.%u.%s.weight", layer, what);
    bool ternary = is_bitnet(s) && !norm;
    put(w, name, n_rows, n_cols, norm ? 1 : 0, norm ? 0.3f : ternary && s->scales ? 1 : 1.2f / sqrtf((float)n_cols), ternary);
    if (norm) return;
    snprintf(name, sizeof name, "blk.%u.%s.bias", layer, what);
    if (s->biases) put(w, name, 1, n_rows, 0, 0.4f, false);
    snprintf(name, sizeof name, "blk.%u.%s.scale", layer, what);
    if (s->scales) put(w, name, 1, 1, 1.2f / sqrtf((float)n_cols), 0, false);
}

static const char *make(const shape *s) {
    static const char path[] = TRIT_BINARY_DIR "/shape-model.gguf";
    trit_error err;
    trit_gguf_writer *w;
    char key[128];
    const struct {
        const char *name;
        uint32_t value;
    } keys[] = {{"block_count", s->n_layers},          {"embedding_length", s->dim},
                {"feed_forward_length", s->ff},        {"attention.head_count", s->n_heads},
                {"attention.head_count_kv", s->n_kv_heads}, {"attention.key_length", s->head_dim},
                {"rope.dimension_count", s->rope_dims}, {"vocab_size", s->n_vocab}};
    uint32_t q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim;
    n_tensors = 0;
    seed = 7;
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_ok(trit_gguf_put_str(w, "general.architecture", trit_str_from(s->arch), &err));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        snprintf(key, sizeof key, "%s.%s", s->arch, keys[i].name);
        assert_ok(trit_gguf_put_u32(w, key, keys[i].value, &err));
    }
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", s->arch);
    assert_ok(trit_gguf_put_f32(w, key, 1e-5f, &err));
    put(w, "token_embd.weight", s->n_vocab, s->dim, 0, 1, false);
    for (uint32_t l = 0; l < s->n_layers; l++) {
        put_layer(w, s, l, "attn_norm", 1, s->dim, true);
        put_layer(w, s, l, "attn_q", q, s->dim, false);
        put_layer(w, s, l, "attn_k", kv, s->dim, false);
        put_layer(w, s, l, "attn_v", kv, s->dim, false);
        if (is_bitnet(s)) put_layer(w, s, l, "attn_sub_norm", 1, q, true);
        put_layer(w, s, l, "attn_output", s->dim, q, false);
        put_layer(w, s, l, "ffn_norm", 1, s->dim, true);
        put_layer(w, s, l, "ffn_gate", s->ff, s->dim, false);
        put_layer(w, s, l, "ffn_up", s->ff, s->dim, false);
        if (is_bitnet(s)) put_layer(w, s, l, "ffn_sub_norm", 1, s->ff, true);
        put_layer(w, s, l, "ffn_down", s->dim, s->ff, false);
    }
    if (s->freqs) put(w, "rope_freqs.weight", 1, s->rope_dims / 2, 4, 3, false);
    put(w, "output_norm.weight", 1, s->dim, 1, 0.3f, false);
    if (!s->tied) put(w, "output.weight", s->n_vocab, s->dim, 0, 0.2f, false);
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    return path;
}

/* ---- The forward pass, one token after the other ---- */

static const named *find(uint32_t layer, const char *what, const char *suffix) {
    char name[64];
    snprintf(name, sizeof name, "blk.%u.%s.%s", layer, what, suffix);
    for (size_t i = 0; i < n_tensors; i++)
        if (strcmp(tensors[i].name, name) == 0) return &tensors[i];
    return NULL;
}

static const named *find_end(const char *name) {
    for (size_t i = 0; i < n_tensors; i++)
        if (strcmp(tensors[i].name, name) == 0) return &tensors[i];
    return NULL;
}

static void norm(double *y, const double *x, const named *w) {
    double sum = 0;
    for (uint32_t i = 0; i < w->n_cols; i++) sum += x[i] * x[i];
    for (uint32_t i = 0; i < w->n_cols; i++) y[i] = x[i] / sqrt(sum / w->n_cols + 1e-5) * (double)w->values[i];
}

static void multiply(double *y, const double *x, const named *w) {
    for (uint32_t r = 0; r < w->n_rows; r++) {
        y[r] = 0;
        for (uint32_t c = 0; c < w->n_cols; c++) y[r] += (double)w->values[(size_t)r * w->n_cols + c] * x[c];
    }
}

static void project(double *y, const double *x, uint32_t layer, const char *what) {
    const named *w = find(layer, what, "weight"), *bias = find(layer, what, "bias"), *scale = find(layer, what, "scale");
    multiply(y, x, w);
    for (uint32_t r = 0; r < w->n_rows; r++) y[r] = y[r] * (scale ? (double)scale->values[0] : 1) + (bias ? (double)bias->values[r] : 0);
}

static void rotate(double *x, const shape *s, uint32_t n_heads, uint32_t position) {
    const named *divisors = find_end("rope_freqs.weight");
    uint32_t half = s->rope_dims / 2;
    for (uint32_t h = 0; h < n_heads; h++)
        for (uint32_t i = 0; i < half; i++) {
            double angle = position * pow(10000, -2.0 * i / s->rope_dims) / (divisors ? (double)divisors->values[i] : 1);
            double *a = x + h * s->head_dim + (is_bitnet(s) ? i : 2 * i), *b = is_bitnet(s) ? a + half : a + 1;
            double u = *a * cos(angle) - *b * sin(angle), v = *b * cos(angle) + *a * sin(angle);
            *a = u;
            *b = v;
        }
}

enum { widest = 512, most_layers = 3 };
static double keys[most_layers][max_tokens][widest], values[most_layers][max_tokens][widest];

static void attend(double *y, const double *q, const shape *s, uint32_t layer, uint32_t position) {
    for (uint32_t h = 0; h < s->n_heads; h++) {
        uint32_t kv = h / (s->n_heads / s->n_kv_heads) * s->head_dim;
        double score[max_tokens], sum = 0;
        for (uint32_t p = 0; p <= position; p++) {
            double dot = 0;
            for (uint32_t d = 0; d < s->head_dim; d++) dot += q[h * s->head_dim + d] * keys[layer][p][kv + d];
            sum += score[p] = exp(dot / sqrt(s->head_dim));
        }
        for (uint32_t d = 0; d < s->head_dim; d++) {
            y[h * s->head_dim + d] = 0;
            for (uint32_t p = 0; p <= position; p++) y[h * s->head_dim + d] += score[p] / sum * values[layer][p][kv + d];
        }
    }
}

static void forward(double *logits, const shape *s, int32_t token, uint32_t position) {
    static double x[widest], h[widest], a[widest], b[widest];
    for (uint32_t i = 0; i < s->dim; i++) x[i] = (double)find_end("token_embd.weight")->values[(size_t)token * s->dim + i];
    for (uint32_t l = 0; l < s->n_layers; l++) {
        norm(h, x, find(l, "attn_norm", "weight"));
        project(a, h, l, "attn_q");
        project(keys[l][position], h, l, "attn_k");
        project(values[l][position], h, l, "attn_v");
        rotate(a, s, s->n_heads, position);
        rotate(keys[l][position], s, s->n_kv_heads, position);
        attend(b, a, s, l, position);
        if (is_bitnet(s)) norm(b, b, find(l, "attn_sub_norm", "weight"));
        project(h, b, l, "attn_output");
        for (uint32_t i = 0; i < s->dim; i++) x[i] += h[i];
        norm(h, x, find(l, "ffn_norm", "weight"));
        project(a, h, l, "ffn_gate");
        project(b, h, l, "ffn_up");
        for (uint32_t i = 0; i < s->ff; i++) {
            double relu = a[i] > 0 ? a[i] : 0;
            a[i] = (is_bitnet(s) ? relu * relu : a[i] / (1 + exp(-a[i]))) * b[i];
        }
        if (is_bitnet(s)) norm(a, a, find(l, "ffn_sub_norm", "weight"));
        project(h, a, l, "ffn_down");
        for (uint32_t i = 0; i < s->dim; i++) x[i] += h[i];
    }
    norm(h, x, find_end("output_norm.weight"));
    multiply(logits, h, find_end(s->tied ? "token_embd.weight" : "output.weight"));
}

/* ---- */

static float seen[max_tokens][widest];

static void keep(void *user, uint32_t pos, const float *logits, uint32_t n) {
    (void)user;
    assert_true(pos < max_tokens && n <= widest);
    memcpy(seen[pos], logits, n * sizeof *logits);
}

static void run(const char *path, const trit_model_opts *mo, const trit_engine_opts *eo, const int32_t *prompt) {
    trit_error err;
    trit_model *m;
    trit_engine *e;
    const trit_event *events;
    size_t n;
    assert_ok(trit_model_open(&m, path, mo, &err));
    assert_ok(trit_engine_new(&e, m, eo, &err));
    trit_request q = {.prompt = prompt, .n_prompt = max_tokens, .prefill_only = true, .all_logits = true, .on_logits = keep};
    assert_ok(trit_engine_submit(e, &q, NULL, &err));
    while (!trit_engine_idle(e)) {
        assert_ok(trit_engine_step(e, &events, &n, &err));
        for (size_t i = 0; i < n; i++)
            if (events[i].error) fail_msg("%s", events[i].error->message);
    }
    trit_engine_free(e);
    trit_model_close(m);
}

/* Largest difference of a logit from the reference, as a part of the largest logit. */
static double difference(const shape *s, const int32_t *prompt) {
    double worst = 0, largest = 0, logits[widest];
    for (uint32_t p = 0; p < max_tokens; p++) {
        forward(logits, s, prompt[p], p);
        for (uint32_t i = 0; i < s->n_vocab; i++) {
            const double d = fabs(logits[i] - (double)seen[p][i]), size = fabs(logits[i]); /* no fmax: GCC 12 for AArch64 trips over it */
            if (!(d <= worst)) worst = d;
            if (!(size <= largest)) largest = size;
        }
    }
    return worst / largest;
}

static void awkward_shapes(void **state) {
    (void)state;
    static const shape shapes[] = {
        {.arch = "llama", .n_layers = 1, .dim = 50, .ff = 75, .n_heads = 2, .n_kv_heads = 1, .head_dim = 25, .rope_dims = 24, .n_vocab = 33, .tied = true},
        {.arch = "llama", .n_layers = 2, .dim = 3, .ff = 1, .n_heads = 3, .n_kv_heads = 3, .head_dim = 2, .rope_dims = 2, .n_vocab = 2},
        {.arch = "llama", .n_layers = 2, .dim = 96, .ff = 200, .n_heads = 6, .n_kv_heads = 2, .head_dim = 40, .rope_dims = 40, .n_vocab = 100,
         .biases = true, .freqs = true},
        {.arch = "bitnet-b1.58", .n_layers = 2, .dim = 200, .ff = 340, .n_heads = 2, .n_kv_heads = 2, .head_dim = 100, .rope_dims = 100,
         .n_vocab = 50, .tied = true},
        {.arch = "bitnet-b1.58", .n_layers = 3, .dim = 65, .ff = 129, .n_heads = 4, .n_kv_heads = 2, .head_dim = 17, .rope_dims = 6,
         .n_vocab = 31, .biases = true, .scales = true, .freqs = true},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const shape *s = &shapes[i];
        const char *path = make(s);
        int32_t prompt[max_tokens];
        uint32_t draw = 99;
        for (int k = 0; k < max_tokens; k++) prompt[k] = (int32_t)(test_lcg(&draw) % s->n_vocab);
        static const struct {
            trit_kv_type kv;
            uint32_t chunk;
            double bound;
        } ways[] = {{trit_kv_f32, 0, 2e-5}, {trit_kv_f32, 1, 2e-5}, {trit_kv_f16, 7, 4e-3}, {trit_kv_q8, 33, 6e-2}};
        for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) {
            run(path, &(trit_model_opts){.activations = "float"}, &(trit_engine_opts){.kv = ways[k].kv, .chunk = ways[k].chunk}, prompt);
            double d = difference(s, prompt);
            if (!(d <= ways[k].bound)) fail_msg("shape %zu, way %zu: logits differ by %g", i, k, d);
        }
        run(path, NULL, &(trit_engine_opts){.kv = trit_kv_f32}, prompt); /* int8 where projections are ternary */
        double d = difference(s, prompt);
        print_message("%s %u x %u: int8 activations differ by %.4f\n", s->arch, s->n_layers, s->dim, d);
        assert_true(d <= (is_bitnet(s) ? 0.1 : 2e-5));
        for (size_t t = 0; t < n_tensors; t++) free(tensors[t].values);
        remove(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(awkward_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
