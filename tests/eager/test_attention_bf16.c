/* Attention whose products are of bfloat16: beside exact sums within what the rounding of operands explains, forward and back; what is rounded; the same
 * bits for any number of threads and every tier; bad input. */
#include "test.h"

#include <float.h>
#include <math.h>

#include "base/rng.h"
#include "tensor/half.h"
#include "trit/trit.h"

static trit_error err;

typedef struct size {
    int64_t n, n_heads, n_kv_heads, d, length, window; /* rows see `window` rows of documents of `length` */
    double factor;
} size;

/* Blocks that are whole and that are not, documents of even and odd lengths, odd heads, groups, windows that begin inside a block. */
static const size sizes[] = {
    {1, 1, 1, 3, 1, 1, 1},        {130, 4, 2, 20, 130, 130, 0.2}, {150, 2, 2, 16, 37, 150, 0.4}, {145, 3, 1, 5, 101, 9, -0.5},
    {96, 2, 1, 32, 96, 1, 0},     {200, 2, 1, 7, 200, 60, 0.3},   {97, 1, 1, 64, 97, 97, 0.125}, {49, 2, 2, 33, 49, 49, 0.25},
};
enum { n_sizes = sizeof sizes / sizeof sizes[0] };

/* in: q, k, v, dy; out: y, dq, dk, dv. */
typedef struct run_of {
    float *in[4], *out[4];
    size_t n[4];
} run_of;

static int64_t first_of(const size *s, int64_t t) {
    const int64_t begin = t - t % s->length, low = t - s->window + 1;
    return low > begin ? low : begin;
}

static trit_tensor *numbers(trit_device *device, uint64_t seed, int64_t rows, int64_t cols) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_new(&t, device, trit_dtype_f32, 2, (int64_t[]){rows, cols}, &err));
    float *x = trit_tensor_data(t);
    for (int64_t i = 0; i < rows * cols; i++) x[i] = (float)(trit_rng_unit(seed, (uint64_t)i) * 2 - 1);
    return t;
}

static float *copied(const trit_tensor *t, size_t *n) {
    *n = (size_t)trit_tensor_n_elements(t);
    float *x = malloc((*n ? *n : 1) * sizeof *x);
    assert_non_null(x);
    memcpy(x, trit_tensor_data(t), *n * sizeof *x);
    return x;
}

static run_of run(const size *s, unsigned n_threads, const char *tier) {
    trit_device *device;
    trit_tape *tape;
    trit_tensor *in[4], *first = NULL, *y = NULL;
    run_of r = {.n = {0}};
    assert_ok(trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = n_threads, .cpu_tier = tier}, &err));
    assert_ok(trit_tape_new(&tape, &err));
    for (uint64_t i = 0; i < 4; i++) {
        in[i] = numbers(device, i, s->n, s->d * (i == 1 || i == 2 ? s->n_kv_heads : s->n_heads));
        if (i < 3) assert_ok(trit_tape_watch(tape, in[i], &err));
        r.in[i] = copied(in[i], &r.n[0]);
    }
    assert_ok(trit_tensor_new(&first, device, trit_dtype_i64, 1, &s->n, &err));
    for (int64_t t = 0; t < s->n; t++) ((int64_t *)trit_tensor_data(first))[t] = first_of(s, t);
    assert_ok(trit_tensor_attention_bf16(&y, in[0], in[1], in[2], first, s->n_heads, s->n_kv_heads, s->factor, &err));
    assert_ok(trit_tape_backward(tape, y, in[3], &err));
    r.out[0] = copied(y, &r.n[0]);
    for (int i = 0; i < 3; i++) {
        trit_tensor *g = NULL;
        assert_ok(trit_tensor_copy(&g, trit_tape_gradient(tape, in[i]), &err));
        r.out[i + 1] = copied(g, &r.n[i + 1]);
        trit_tensor_free(g);
    }
    trit_tape_free(tape);
    for (int i = 0; i < 4; i++) trit_tensor_free(in[i]);
    trit_tensor_free(first), trit_tensor_free(y);
    trit_device_close(device);
    return r;
}

static void run_free(run_of *r) {
    for (int i = 0; i < 4; i++) free(r->in[i]), free(r->out[i]);
}

/* ---- beside exact sums ---- */

/* An exact number, and how far a result may lie from it. */
typedef struct within {
    double at, by;
} within;

/* Two operands, each wrong by 2^-8 of itself at most: half of that is rounding to bfloat16, and the other half is more than rounding sums of this size
 * to floats. */
static const double of_two = 0x1p-7 + 0x1p-16;

static within dot(const float *a, const float *b, int64_t d) {
    within w = {0, 0};
    for (int64_t l = 0; l < d; l++) {
        w.at += (double)a[l] * (double)b[l];
        w.by += of_two * fabs((double)a[l] * (double)b[l]);
    }
    return w;
}

/* sum += p x, where p is wrong and both are rounded. */
static void add(within *sum, within p, double x) {
    sum->at += p.at * x;
    sum->by += fabs(x) * ((fabs(p.at) + p.by) * (1 + of_two) - fabs(p.at));
}

/* What a query adds to all results. */
static void query(const size *s, const run_of *r, within *const want[4], int64_t t, int64_t head) {
    const int64_t d = s->d, kv = head / (s->n_heads / s->n_kv_heads), low = first_of(s, t), at = (t * s->n_heads + head) * d;
    const float *q = r->in[0] + at, *dy = r->in[3] + at;
    within *p = calloc((size_t)s->n, sizeof *p), delta = {0, 0};
    double most = -INFINITY, sum = 0, shift = 0;
    assert_non_null(p);
    for (int64_t j = low; j <= t; j++) {
        p[j] = dot(q, r->in[1] + (j * s->n_kv_heads + kv) * d, d);
        p[j].at *= s->factor;
        most = fmax(most, p[j].at);
        shift = fmax(shift, fabs(s->factor) * p[j].by);
    }
    for (int64_t j = low; j <= t; j++) sum += exp(p[j].at - most);
    for (int64_t j = low; j <= t; j++) { /* scores are wrong by `shift`, so is the logarithm of their sum */
        p[j].at = exp(p[j].at - most) / sum;
        p[j].by = p[j].at * expm1(2 * shift);
        for (int64_t l = 0; l < d; l++) {
            add(&want[0][at + l], p[j], (double)r->in[2][(j * s->n_kv_heads + kv) * d + l]);
            add(&want[3][(j * s->n_kv_heads + kv) * d + l], p[j], (double)dy[l]);
        }
    }
    for (int64_t l = 0; l < d; l++) {
        delta.at += (double)dy[l] * want[0][at + l].at;
        delta.by += fabs((double)dy[l]) * want[0][at + l].by;
    }
    for (int64_t j = low; j <= t; j++) {
        const int64_t key = (j * s->n_kv_heads + kv) * d;
        const within dp = dot(dy, r->in[2] + key, d);
        const double off = fabs(dp.at - delta.at), by = dp.by + delta.by;
        const within ds = {p[j].at * (dp.at - delta.at) * s->factor, fabs(s->factor) * ((p[j].at + p[j].by) * (off + by) - p[j].at * off)};
        for (int64_t l = 0; l < d; l++) {
            add(&want[1][at + l], ds, (double)r->in[1][key + l]);
            add(&want[2][key + l], ds, (double)q[l]);
        }
    }
    free(p);
}

static void beside_exact_sums(void **state) {
    (void)state;
    static const char *const names[] = {"y", "dq", "dk", "dv"};
    for (size_t i = 0; i < n_sizes; i++) {
        const size *s = &sizes[i];
        run_of r = run(s, 2, NULL);
        within *want[4];
        for (int k = 0; k < 4; k++) assert_non_null(want[k] = calloc(r.n[k], sizeof *want[k]));
        for (int64_t t = 0; t < s->n; t++)
            for (int64_t head = 0; head < s->n_heads; head++) query(s, &r, want, t, head);
        for (int k = 0; k < 4; k++)
            for (size_t j = 0; j < r.n[k]; j++) {
                const double got = (double)r.out[k][j];
                if (!(fabs(got - want[k][j].at) <= want[k][j].by + 1e-6))
                    fail_msg("size %zu: %s[%zu] = %.9g, not %.9g +- %.3g", i, names[k], j, got, want[k][j].at, want[k][j].by);
            }
        for (int k = 0; k < 4; k++) free(want[k]);
        run_free(&r);
    }
}

/* Rows that see only themselves: their weight is 1 and the result what was rounded, and so is what v's gradient is made of; the score has no gradient but
 * for the rounding. */
static void rounds_operands(void **state) {
    (void)state;
    const size s = {61, 2, 2, 9, 61, 1, 0.5};
    run_of r = run(&s, 1, NULL);
    for (size_t i = 0; i < r.n[0]; i++) {
        assert_true(r.out[0][i] == trit_f32_from_bf16(trit_bf16_from_f32(r.in[2][i])));
        assert_true(r.out[3][i] == trit_f32_from_bf16(trit_bf16_from_f32(r.in[3][i])));
    }
    run_free(&r);
}

/* ---- the same bits ---- */

static void assert_same(const run_of *a, const run_of *b) {
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a->n[i], b->n[i]);
        assert_memory_equal(a->out[i], b->out[i], a->n[i] * sizeof(float));
    }
}

static void same_bits(void **state) {
    (void)state;
    const size large = {700, 6, 3, 24, 331, 331, 0.2}; /* enough for threads to share */
    for (size_t i = 0; i <= n_sizes; i++) {
        const size *s = i < n_sizes ? &sizes[i] : &large;
        run_of one = run(s, 1, NULL);
        for (unsigned n = 2; n < 4; n++) {
            run_of more = run(s, n, NULL);
            assert_same(&one, &more);
            run_free(&more);
        }
        int runs_here;
        const char *needs, *tier;
        for (size_t t = 0; (tier = trit_cpu_tier_at(t, &needs, &runs_here)); t++) {
            if (!runs_here) continue;
            run_of other = run(s, 2, tier);
            assert_same(&one, &other);
            run_free(&other);
        }
        run_free(&one);
    }
}

static void refused(void **state) {
    (void)state;
    trit_device *device;
    trit_tensor *x = NULL, *first = NULL, *y = NULL;
    const int64_t n = 4;
    assert_ok(trit_device_open(&device, "cpu", NULL, &err));
    assert_ok(trit_tensor_zeros(&x, device, trit_dtype_f64, 2, (int64_t[]){4, 12}, &err));
    assert_ok(trit_tensor_zeros(&first, device, trit_dtype_i64, 1, &n, &err));
    assert_int_equal(trit_tensor_attention_bf16(&y, x, x, x, first, 4, 4, 1, &err), trit_arg);
    assert_string_equal(err.message, "attention: elements of F64; in bfloat16 it takes F32");
    trit_tensor_free(x), trit_tensor_free(first);
    trit_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(beside_exact_sums), cmocka_unit_test(rounds_operands), cmocka_unit_test(same_bits),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
