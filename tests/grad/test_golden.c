/* Random graphs whose gradients PyTorch computed (tools/make_grad_golden.py, the file says with which version): ours are within 1e-10 of the
 * largest of each tensor. TRIT_GRAPHS names another file of such graphs. */
#include <math.h>

#include "base/json.h"
#include "grad/grad.h"
#include "test.h"
#include "trit/trit.h"

enum { max_values = 128 };

static trit_device *device;
static trit_error err;

typedef trit_status fn1(trit_tensor **out, const trit_tensor *a, trit_error *err);
typedef trit_status fn2(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
typedef trit_status fn_fold(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err);
typedef trit_status fn_along(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err);

static trit_status variance(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *e) {
    return trit_tensor_var(out, t, n_axes, axes, 0, keepdims, e);
}

static trit_status upwards(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *e) {
    return trit_tensor_sort(out, t, axis, false, e);
}

#define ROW(name) {#name, trit_tensor_##name}
static const struct {
    const char *name;
    fn1 *fn;
} unary[] = {
    ROW(neg),  ROW(abs),  ROW(square), ROW(exp),   ROW(exp2), ROW(expm1),     ROW(sin),  ROW(cos),     ROW(tan),      ROW(atan), ROW(sinh),
    ROW(cosh), ROW(tanh), ROW(erf),    ROW(relu),  ROW(relu2), ROW(gelu),     ROW(gelu_tanh), ROW(silu), ROW(sigmoid), ROW(softplus), ROW(sqrt),
    ROW(rsqrt), ROW(reciprocal), ROW(log), ROW(log2), ROW(log10), ROW(log1p), ROW(asin), ROW(acos),    ROW(copy),
};
static const struct {
    const char *name;
    fn2 *fn;
} binary[] = {
    ROW(add), ROW(sub),   ROW(mul),     ROW(div),    ROW(pow),   ROW(mod),   ROW(minimum),
    ROW(maximum), ROW(atan2), ROW(hypot), ROW(matmul), ROW(inner), ROW(outer),
};
static const struct {
    const char *name;
    fn_fold *fn;
} folds[] = {ROW(sum), ROW(mean), ROW(max), ROW(min), ROW(logsumexp), ROW(prod), ROW(median), {"var", variance}};
static const struct {
    const char *name;
    fn_along *fn;
} along[] = {ROW(softmax), ROW(log_softmax), ROW(cumsum), ROW(cumprod), ROW(unsqueeze), {"sort", upwards}};
#undef ROW

static bool is(const trit_json *op, const char *name) {
    return trit_str_is(trit_json_as_str(trit_json_get(op, "op")), name);
}

static int64_t integer(const trit_json *op, const char *key) {
    return trit_json_as_int(trit_json_get(op, key), 0);
}

static uint32_t integers(const trit_json *op, const char *key, int64_t *out, size_t most) {
    const trit_json *list = trit_json_get(op, key);
    const size_t n = trit_json_length(list);
    assert_true(n <= most);
    for (size_t i = 0; i < n; i++) out[i] = trit_json_as_int(trit_json_at(list, i), 0);
    return (uint32_t)n;
}

static uint32_t axes_of(const trit_json *op, const char *key, int32_t *out) {
    int64_t wide[trit_max_dims];
    const uint32_t n = integers(op, key, wide, trit_max_dims);
    for (uint32_t i = 0; i < n; i++) out[i] = (int32_t)wide[i];
    return n;
}

/* first, count and step of one dimension. */
static trit_status slice(trit_tensor **out, const trit_tensor *x, const trit_json *op) {
    trit_slice slices[trit_max_dims] = {{.kind = trit_slice_full}};
    const int64_t axis = integer(op, "axis"), first = integer(op, "first"), step = integer(op, "step"), last = first + integer(op, "count") * step;
    slices[axis] = (trit_slice){.kind = trit_slice_range, .first = first, .last = last, .step = step, .has_first = true, .has_last = last >= 0};
    return trit_tensor_slice(out, x, (uint32_t)axis + 1, slices, &err);
}

/* Those with indices. */
static trit_status by_index(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, const trit_json *op) {
    int64_t shape[trit_max_dims], places[256];
    const uint32_t n_dims = integers(op, "shape", shape, trit_max_dims);
    const int32_t axis = (int32_t)integer(op, "axis");
    integers(op, "indices", places, 256);
    trit_tensor *index = NULL;
    assert_ok(trit_tensor_from(&index, device, trit_dtype_i64, n_dims, shape, places, &err));
    trit_status status = trit_unsupported;
    if (is(op, "where")) status = trit_tensor_where(out, index, a, b, &err);
    if (is(op, "take")) status = trit_tensor_take(out, a, index, axis, &err);
    if (is(op, "gather")) status = trit_tensor_gather(out, a, index, axis, &err);
    if (is(op, "scatter")) status = trit_tensor_scatter(out, a, index, b, axis, &err);
    if (is(op, "scatter_add")) status = trit_tensor_scatter_add(out, a, index, b, axis, &err);
    trit_tensor_free(index);
    return status;
}

static trit_status rope(trit_tensor **out, const trit_tensor *x, const trit_json *op) {
    double angle[256];
    const trit_json *list = trit_json_get(op, "angles");
    const int64_t rows = trit_tensor_shape(x)[0], n = (int64_t)trit_json_length(list);
    for (int64_t i = 0; i < n; i++) angle[i] = trit_json_as_real(trit_json_at(list, (size_t)i), NAN);
    trit_tensor *angles = NULL;
    assert_ok(trit_tensor_from(&angles, device, trit_dtype_f64, 2, (int64_t[]){rows, n / rows}, angle, &err));
    trit_status status = trit_tensor_rope(out, x, angles, integer(op, "heads"), integer(op, "neox"), &err);
    trit_tensor_free(angles);
    return status;
}

static trit_status attention(trit_tensor **out, const trit_tensor *const *in, const trit_json *op, double factor) {
    int64_t first[64];
    const int64_t n = integers(op, "first", first, 64);
    trit_tensor *positions = NULL;
    assert_ok(trit_tensor_from(&positions, device, trit_dtype_i64, 1, &n, first, &err));
    trit_status status = trit_tensor_attention(out, in[0], in[1], in[2], positions, integer(op, "heads"), integer(op, "kv_heads"), factor, &err);
    trit_tensor_free(positions);
    return status;
}

static trit_status apply(trit_tensor **out, const trit_json *op, trit_tensor *const *values) {
    const trit_json *inputs = trit_json_get(op, "in");
    const size_t n = trit_json_length(inputs);
    const trit_tensor *in[4] = {NULL};
    int64_t shape[trit_max_dims];
    int32_t axes[trit_max_dims];
    assert_true(n >= 1 && n <= 4);
    for (size_t i = 0; i < n; i++) in[i] = values[trit_json_as_int(trit_json_at(inputs, i), 0)];
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++)
        if (is(op, unary[i].name)) return unary[i].fn(out, in[0], &err);
    for (size_t i = 0; i < sizeof binary / sizeof *binary; i++)
        if (is(op, binary[i].name)) return binary[i].fn(out, in[0], in[1], &err);
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
        if (is(op, folds[i].name)) return folds[i].fn(out, in[0], axes_of(op, "axes", axes), axes, integer(op, "keepdims"), &err);
    for (size_t i = 0; i < sizeof along / sizeof *along; i++)
        if (is(op, along[i].name)) return along[i].fn(out, in[0], (int32_t)integer(op, "axis"), &err);
    const double number = trit_json_as_real(trit_json_get(op, "number"), 0);
    if (is(op, "add_number")) return trit_tensor_with_number(out, trit_tensor_add, in[0], number, &err);
    if (is(op, "mul_number")) return trit_tensor_with_number(out, trit_tensor_mul, in[0], number, &err);
    if (is(op, "leaky_relu")) return trit_tensor_leaky_relu(out, in[0], 0.1, &err);
    if (is(op, "reshape")) return trit_tensor_reshape(out, in[0], integers(op, "shape", shape, trit_max_dims), shape, &err);
    if (is(op, "expand")) return trit_tensor_expand(out, in[0], integers(op, "shape", shape, trit_max_dims), shape, &err);
    if (is(op, "concat")) return trit_tensor_concat(out, (uint32_t)n, in, (int32_t)integer(op, "axis"), &err);
    if (is(op, "stack")) return trit_tensor_stack(out, (uint32_t)n, in, (int32_t)integer(op, "axis"), &err);
    if (is(op, "slice")) return slice(out, in[0], op);
    if (is(op, "rms_norm")) return trit_tensor_rms_norm(out, in[0], in[1], integer(op, "heads"), number, &err);
    if (is(op, "rope")) return rope(out, in[0], op);
    if (is(op, "attention")) return attention(out, in, op, number);
    if (is(op, "glu")) return trit_tensor_glu(out, in[0], in[1], (trit_activation)integer(op, "activation"), &err);
    if (is(op, "permute")) {
        axes_of(op, "order", axes);
        return trit_tensor_permute(out, in[0], axes, &err);
    }
    if (is(op, "diagonal")) {
        axes_of(op, "axes", axes);
        return trit_tensor_diagonal(out, in[0], integer(op, "offset"), axes[0], axes[1], &err);
    }
    return by_index(out, in[0], in[1], op);
}

static trit_tensor *leaf(const trit_json *spec) {
    double x[256];
    int64_t shape[trit_max_dims];
    const trit_json *list = trit_json_get(spec, "values");
    const size_t n = trit_json_length(list);
    assert_true(n <= 256);
    for (size_t i = 0; i < n; i++) x[i] = trit_json_as_real(trit_json_at(list, i), NAN);
    trit_tensor *t = NULL;
    const uint32_t n_dims = integers(spec, "shape", shape, trit_max_dims);
    assert_ok(trit_tensor_from(&t, device, trit_dtype_f64, n_dims, shape, x, &err));
    return t;
}

/* Within 1e-10 of the largest; a gradient that is not there is zero. */
static bool is_near(const trit_tensor *got, const trit_json *want) {
    const double *g = got ? trit_tensor_data(got) : NULL;
    const size_t n = got ? (size_t)trit_tensor_n_elements(got) : trit_json_length(want);
    double largest = 1e-300, off = 0;
    for (size_t i = 0; i < n; i++) {
        const double w = trit_json_as_real(trit_json_at(want, i), 0), d = fabs((g ? g[i] : 0) - w);
        largest = fmax(largest, fabs(w));
        if (!(d <= off)) off = d;
    }
    /* Zeros that are sums of what cancels: of numbers around 1. */
    return off <= 1e-10 * largest || off <= 1e-13;
}

static bool replay(const trit_json *graph, size_t number) {
    const trit_json *leaves = trit_json_get(graph, "leaves"), *ops = trit_json_get(graph, "ops"), *gradients = trit_json_get(graph, "gradients");
    const size_t n_leaves = trit_json_length(leaves), n_ops = trit_json_length(ops);
    trit_tensor *values[max_values] = {NULL};
    trit_tape *tape;
    assert_true(n_leaves + n_ops <= max_values && n_ops > 0);
    assert_ok(trit_tape_new(&tape, &err));
    for (size_t i = 0; i < n_leaves; i++) {
        values[i] = leaf(trit_json_at(leaves, i));
        assert_ok(trit_tape_watch(tape, values[i], &err));
    }
    for (size_t i = 0; i < n_ops; i++) assert_ok(apply(&values[n_leaves + i], trit_json_at(ops, i), values));
    const trit_tensor *loss = values[n_leaves + n_ops - 1];
    assert_ok(trit_tape_backward(tape, loss, NULL, &err));
    double got;
    assert_ok(trit_tensor_get(loss, NULL, &got, &err));
    const double want = trit_json_as_real(trit_json_get(graph, "loss"), NAN);
    bool good = fabs(got - want) <= 1e-11 * (1 + fabs(want));
    if (!good) print_message("graph %zu: %.15g, not %.15g\n", number, got, want);
    for (size_t i = 0; i < n_leaves; i++) {
        const bool near = is_near(trit_tape_gradient(tape, values[i]), trit_json_at(gradients, i));
        if (!near) print_message("graph %zu: gradient of leaf %zu\n", number, i);
        good = good && near;
    }
    for (size_t i = 0; i < n_leaves + n_ops; i++) trit_tensor_free(values[i]);
    trit_tape_free(tape);
    return good;
}

static void graphs(void **state) {
    (void)state;
    const char *path = getenv("TRIT_GRAPHS");
    size_t n_bytes, n_bad = 0;
    char *text = test_read(path ? path : test_source("tests/grad/golden.json"), &n_bytes);
    trit_json *document = NULL;
    assert_ok(trit_json_parse(&document, text, n_bytes, "graphs", &err));
    assert_ok(trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 1}, &err));
    const trit_json *list = trit_json_get(document, "graphs");
    const size_t n = trit_json_length(list);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) n_bad += !replay(trit_json_at(list, i), i);
    print_message("%zu graphs, %zu bad\n", n, n_bad);
    trit_device_close(device);
    trit_json_free(document);
    free(text);
    assert_int_equal(n_bad, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
