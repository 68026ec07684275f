/* Every rule beside finite differences in double: random small tensors that repeat, lie in strides, or have no elements. The list of ops
 * says which there are: an op without a rule, or without a sample here, fails the test with its name. */
#include <math.h>

#include "grad/grad.h"
#include "samples.h"
#include "test.h"
#include "trit/trit.h"

static trit_device *device;
static trit_error err;

static double uniform(uint32_t *s, double low, double high) {
    return low + (high - low) * (test_lcg(s) + 0.5) / 65536.0;
}

/* Indices of the element that is number i. */
static void index_of(int64_t *index, const trit_tensor *t, int64_t i) {
    for (uint32_t d = trit_tensor_n_dims(t); d-- > 0;) {
        index[d] = i % trit_tensor_shape(t)[d];
        i /= trit_tensor_shape(t)[d];
    }
}

/* Which ops tensors have. */
static bool is_called(trit_op_kind kind) {
    enum { list, both, call, view };
    static const int where[] = {
#define TRIT_OP(name, n_in, where, part, meaning) where,
#include "op/ops.def"
#undef TRIT_OP
    };
    return where[kind] != list;
}

enum { has_none, has_rule, ends };

static const int kind_of[trit_n_op_kinds] = {
#define TRIT_RULE(op, rule, a, b, c) [trit_op_##op] = has_rule,
#define TRIT_ENDS(op) [trit_op_##op] = ends,
#define TRIT_FLAT(op) [trit_op_##op] = ends,
#define TRIT_NONE(op) [trit_op_##op] = ends,
#include "grad/rules.def"
#undef TRIT_RULE
#undef TRIT_ENDS
#undef TRIT_FLAT
#undef TRIT_NONE
};

static void all_have_rules(void **state) {
    (void)state;
    bool good = true;
    for (trit_op_kind kind = 0; kind < trit_n_op_kinds; kind++) {
        if (!is_called(kind)) continue;
        if (kind_of[kind] == has_none) print_message("%s: no row in src/grad/rules.def\n", trit_op_name(kind));
        good = good && kind_of[kind] != has_none;
        if (kind_of[kind] != has_rule) continue;
        bool seen = false;
        for (int i = 0; i < n_samples; i++) seen = seen || samples[i].kind == kind;
        if (!seen) print_message("%s: no sample in tests/grad/samples.h\n", trit_op_name(kind));
        good = good && seen;
    }
    assert_true(good);
}

/* Elements in [low, high] in one of several layouts. */
static trit_tensor *random_tensor(uint32_t *s, uint32_t n, const int64_t *shape, double low, double high) {
    trit_tensor *t = NULL, *base = NULL;
    const uint32_t layout = test_lcg(s) % 3;
    int64_t other[trit_max_dims];
    trit_slice slices[trit_max_dims];
    for (uint32_t d = 0; d < n; d++) {
        other[d] = layout == 1 ? shape[n - 1 - d] : shape[d] * 2;
        slices[d] = (trit_slice){.kind = trit_slice_range, .step = test_lcg(s) % 2 ? 2 : -2};
    }
    if (layout == 1) { /* turned */
        assert_ok(trit_tensor_new(&base, device, trit_dtype_f64, n, other, &err));
        assert_ok(trit_tensor_permute(&t, base, NULL, &err));
    } else if (layout == 2) { /* every second one */
        assert_ok(trit_tensor_new(&base, device, trit_dtype_f64, n, other, &err));
        assert_ok(trit_tensor_slice(&t, base, n, slices, &err));
    } else {
        assert_ok(trit_tensor_new(&t, device, trit_dtype_f64, n, shape, &err));
    }
    trit_tensor_free(base);
    int64_t index[trit_max_dims];
    for (int64_t i = 0; i < trit_tensor_n_elements(t); i++) {
        index_of(index, t, i);
        assert_ok(trit_tensor_set(t, index, uniform(s, low, high), &err));
    }
    return t;
}

static void make_indices(sample_args *a, uint32_t *s) {
    if (!a->limit && !a->n_indices) return;
    assert_ok(trit_tensor_new(&a->indices, device, trit_dtype_i64, a->n_indices, a->indices_shape, &err));
    int64_t *p = trit_tensor_data(a->indices);
    for (int64_t i = 0; i < trit_tensor_n_elements(a->indices); i++) p[i] = pick(s, a->limit);
}

/* The sum of w * y. */
static double weighted(const trit_tensor *y, const double *w) {
    double sum = 0;
    int64_t index[trit_max_dims];
    for (int64_t i = 0; i < trit_tensor_n_elements(y); i++) {
        double value;
        index_of(index, y, i);
        assert_ok(trit_tensor_get(y, index, &value, &err));
        sum += w[i] * value;
    }
    return sum;
}

static trit_status call(trit_tensor **out, const sample *s, trit_tensor *const *in, const sample_args *a) {
    return s->f1 ? s->f1(out, in[0], &err) : s->f2 ? s->f2(out, in[0], in[1], &err) : s->fn(out, in, a, &err);
}

static double moved(const sample *s, trit_tensor *const *in, const sample_args *args, trit_tensor *t, const int64_t *index, double x,
                    const double *w) {
    assert_ok(trit_tensor_set(t, index, x, &err));
    trit_tensor *y = NULL;
    assert_ok(call(&y, s, in, args));
    const double sum = weighted(y, w);
    trit_tensor_free(y);
    return sum;
}

/* Each element of an input a little up and down. */
static void check_input(const sample *s, trit_tape *tape, trit_tensor *const *in, uint32_t i, const sample_args *args, const double *w) {
    trit_tensor *t = in[i], *g = trit_tape_gradient(tape, t);
    int64_t index[trit_max_dims];
    for (int64_t e = 0; e < trit_tensor_n_elements(t); e++) {
        double x, got = 0;
        index_of(index, t, e);
        assert_ok(trit_tensor_get(t, index, &x, &err));
        if (g) assert_ok(trit_tensor_get(g, index, &got, &err));
        const double h = 1e-5;
        const double up = moved(s, in, args, t, index, x + h, w), down = moved(s, in, args, t, index, x - h, w);
        assert_ok(trit_tensor_set(t, index, x, &err));
        const double want = (up - down) / (2 * h);
        if (!(fabs(got - want) <= 2e-6 * (1 + fabs(want))))
            fail_msg("%s: d input %u [element %lld, x = %g]: got %.9g, finite differences %.9g", trit_op_name(s->kind), i, (long long)e, x, got, want);
    }
    if (g) {
        assert_int_equal(trit_tensor_n_dims(g), trit_tensor_n_dims(t));
        assert_memory_equal(trit_tensor_shape(g), trit_tensor_shape(t), trit_tensor_n_dims(t) * sizeof(int64_t));
    }
}

/* Did the sample record the op that it is for? */
static bool recorded(const trit_tape *tape, trit_op_kind kind) {
    for (const trit_record *r = tape->first; r; r = r->later)
        if (r->step && r->kind == kind) return true;
    return false;
}

static void check_sample(const sample *s, uint32_t *seed, int round) {
    sample_args args = {.axis = 0};
    s->draw(&args, seed);
    make_indices(&args, seed);
    trit_tape *tape;
    trit_tensor *in[max_in] = {NULL}, *y = NULL, *g = NULL;
    assert_ok(trit_tape_new(&tape, &err));
    for (uint32_t i = 0; i < s->n_in; i++) {
        in[i] = random_tensor(seed, args.n_dims[i], args.shape[i], s->low, s->high);
        if (s->n_in == 1 || (uint32_t)round % (s->n_in + 1) != i) assert_ok(trit_tape_watch(tape, in[i], &err)); /* not always all */
    }
    assert_ok(call(&y, s, in, &args));
    assert_true(recorded(tape, s->kind));
    const int64_t n = trit_tensor_n_elements(y);
    double *w = malloc((size_t)(n + 1) * sizeof *w);
    for (int64_t i = 0; i < n; i++) w[i] = uniform(seed, -1, 1);
    assert_ok(trit_tensor_from(&g, device, trit_dtype_f64, trit_tensor_n_dims(y), trit_tensor_shape(y), w, &err));
    assert_ok(trit_tape_backward(tape, y, g, &err));
    trit_tape_pause(tape);
    for (uint32_t i = 0; i < s->n_in; i++)
        if (s->n_in == 1 || (uint32_t)round % (s->n_in + 1) != i) check_input(s, tape, in, i, &args, w);
    for (uint32_t i = 0; i < s->n_in; i++) trit_tensor_free(in[i]);
    trit_tensor_free(args.indices);
    trit_tensor_free(y);
    trit_tensor_free(g);
    free(w);
    trit_tape_free(tape);
}

static void finite_differences(void **state) {
    (void)state;
    const char *text = getenv("TRIT_CASES");
    const int rounds = text ? atoi(text) : 30;
    uint32_t seed = 1;
    for (int i = 0; i < n_samples; i++)
        for (int round = 0; round < rounds; round++) check_sample(&samples[i], &seed, round);
    print_message("%d samples, %d rounds each\n", n_samples, rounds);
}

static int open_device(void **state) {
    (void)state;
    return trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 1}, &err) != trit_ok;
}

static int close_device(void **state) {
    (void)state;
    trit_device_close(device);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_have_rules), cmocka_unit_test(finite_differences)};
    return cmocka_run_group_tests(tests, open_device, close_device);
}
