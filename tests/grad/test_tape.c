/* The tape itself: what is recorded, what is an error, what is freed, and that pausing, accumulating and checkpoints do what they say. */
#include "counting_malloc.h"
#include "grad/grad.h"
#include "test.h"
#include "trit/trit.h"

static trit_device *device;
static trit_error err;

/* Of doubles: a number (n = 0) or [n]. */
static trit_tensor *tensor(size_t n, const double *x) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_from(&t, device, trit_dtype_f64, n > 0, (const int64_t[]){(int64_t)n}, x, &err));
    return t;
}

static trit_tensor *number(double x) {
    return tensor(0, &x);
}

static double value(const trit_tensor *t, int64_t i) {
    double x;
    assert_non_null(t);
    assert_ok(trit_tensor_get(t, &i, &x, &err));
    return x;
}

static trit_tape *new_tape(void) {
    trit_tape *tape;
    assert_ok(trit_tape_new(&tape, &err));
    return tape;
}

static trit_tensor *watched(trit_tape *tape, size_t n, const double *x) {
    trit_tensor *t = tensor(n, x);
    assert_ok(trit_tape_watch(tape, t, &err));
    return t;
}

static trit_tensor *add(const trit_tensor *a, const trit_tensor *b) {
    trit_tensor *y = NULL;
    assert_ok(trit_tensor_add(&y, a, b, &err));
    return y;
}

static trit_tensor *mul(const trit_tensor *a, const trit_tensor *b) {
    trit_tensor *y = NULL;
    assert_ok(trit_tensor_mul(&y, a, b, &err));
    return y;
}

static trit_tensor *exp_of(const trit_tensor *a) {
    trit_tensor *y = NULL;
    assert_ok(trit_tensor_exp(&y, a, &err));
    return y;
}

static void free_all(size_t n, trit_tensor *const *t) {
    for (size_t i = 0; i < n; i++) trit_tensor_free(t[i]);
}
#define FREE(...) free_all(sizeof((trit_tensor *[]){__VA_ARGS__}) / sizeof(trit_tensor *), (trit_tensor *[]){__VA_ARGS__})

#define assert_error(call, wanted, words)                                          \
    do {                                                                           \
        assert_int_equal(call, wanted);                                            \
        if (!strstr(err.message, words)) fail_msg("the message: %s", err.message); \
    } while (0)

static size_t n_records(const trit_tape *tape) {
    size_t n = 0;
    for (const trit_record *r = tape->first; r; r = r->later) n++;
    return n;
}

/* d (x y + x) of several uses, twice: gradients add up until they are cleared. */
static void accumulates(void **state) {
    (void)state;
    trit_tape *tape = new_tape();
    const double xs[] = {2, 3}, ys[] = {5, 7}, ones[] = {1, 1};
    trit_tensor *x = watched(tape, 2, xs), *y = watched(tape, 2, ys), *seed = tensor(2, ones);
    for (int round = 1; round <= 3; round++) {
        trit_tensor *xy = mul(x, y), *sum = add(xy, x);
        assert_ok(trit_tape_backward(tape, sum, seed, &err));
        trit_tensor *gx = trit_tape_gradient(tape, x), *gy = trit_tape_gradient(tape, y);
        for (int64_t i = 0; i < 2; i++) {
            assert_true(value(gx, i) == round * (ys[i] + 1));
            assert_true(value(gy, i) == round * xs[i]);
        }
        assert_true(trit_tensor_is_contiguous(gx) && !trit_tensor_shares(gx, gy) && !trit_tensor_shares(gx, seed));
        FREE(xy, sum);
        assert_int_equal(n_records(tape), 2); /* only those watched are left */
    }
    trit_tape_clear(tape);
    assert_null(trit_tape_gradient(tape, x));
    trit_tensor *again = mul(x, x); /* still watched */
    assert_ok(trit_tape_backward(tape, again, seed, &err));
    assert_true(value(trit_tape_gradient(tape, x), 1) == 6);
    FREE(again, x, y, seed);
    trit_tape_free(tape);
}

/* Both gradients of a sum are one tensor at first: neither may be changed through the other. */
static void gradients_are_apart(void **state) {
    (void)state;
    trit_tape *tape = new_tape();
    trit_tensor *x = watched(tape, 0, (double[]){2}), *y = watched(tape, 0, (double[]){3});
    trit_tensor *sum = add(x, y), *more = add(sum, x), *mid = mul(more, more);
    assert_ok(trit_tape_watch(tape, more, &err)); /* a result */
    assert_ok(trit_tape_backward(tape, mid, NULL, &err));
    trit_tensor *gx = trit_tape_gradient(tape, x), *gy = trit_tape_gradient(tape, y), *gm = trit_tape_gradient(tape, more);
    assert_true(value(gx, 0) == 28 && value(gy, 0) == 14 && value(gm, 0) == 14);
    assert_ok(trit_tensor_set(gy, NULL, 100, &err));
    assert_true(value(gx, 0) == 28 && value(gm, 0) == 14);
    /* The loss itself, watched. */
    assert_ok(trit_tape_backward(tape, x, NULL, &err));
    assert_true(value(trit_tape_gradient(tape, x), 0) == 29);
    FREE(x, y, sum, more, mid);
    trit_tape_free(tape);
}

static void errors_of_walks(void **state) {
    (void)state;
    trit_tape *tape = new_tape(), *other = new_tape();
    const double two[] = {1, 2};
    trit_tensor *x = watched(tape, 2, two), *plain = tensor(2, two), *z = watched(other, 2, two), *seed = number(1);
    trit_tensor *y = mul(x, x), *constant = mul(plain, plain), *out = NULL;
    assert_error(trit_tape_backward(tape, constant, NULL, &err), trit_arg, "not recorded");
    assert_error(trit_tape_backward(other, y, NULL, &err), trit_arg, "another tape");
    assert_error(trit_tape_backward(tape, y, NULL, &err), trit_arg, "[2]");
    assert_error(trit_tape_backward(tape, y, seed, &err), trit_arg, "shape [] for a loss of shape [2]");
    assert_error(trit_tensor_add(&out, x, z, &err), trit_arg, "two tapes");
    assert_null(out);
    assert_error(trit_tape_watch(other, y, &err), trit_arg, "another tape");
    trit_tensor *whole = NULL;
    assert_ok(trit_tensor_cast(&whole, x, trit_dtype_i32, &err));
    assert_error(trit_tape_watch(tape, whole, &err), trit_arg, "I32");
    assert_null(trit_record_of(whole)); /* gradients end at whole numbers */

    /* Walked twice. */
    assert_ok(trit_tape_backward(tape, y, plain, &err));
    assert_error(trit_tape_backward(tape, y, plain, &err), trit_arg, "trit_tape_retain");
    trit_tensor *late = mul(y, plain);
    assert_error(trit_tape_backward(tape, late, plain, &err), trit_arg, "before the tape was walked");
    assert_error(trit_tape_watch(tape, y, &err), trit_arg, "before the tape was walked");
    assert_true(value(trit_tape_gradient(tape, x), 1) == 8); /* as before the errors */
    FREE(late);
    trit_tape_retain(tape, true);
    late = mul(x, x);
    for (int i = 2; i < 5; i++) {
        assert_ok(trit_tape_backward(tape, late, plain, &err));
        assert_true(value(trit_tape_gradient(tape, x), 1) == 8 * i);
    }
    /* Cleared. */
    trit_tape_clear(tape);
    assert_error(trit_tape_backward(tape, late, plain, &err), trit_arg, "cleared");
    /* No rule. */
    trit_tensor *slope = NULL;
    assert_ok(trit_tensor_relu_grad(&slope, x, plain, &err));
    assert_error(trit_tape_backward(tape, slope, plain, &err), trit_unsupported, "relu_grad");
    assert_null(trit_tape_gradient(tape, x));
    FREE(x, plain, z, seed, y, constant, whole, late, slope);
    trit_tape_free(tape);
    trit_tape_free(other);
}

/* Writing where it would make gradients wrong. */
static void writes(void **state) {
    (void)state;
    trit_tape *tape = new_tape();
    const double two[] = {1, 2};
    trit_tensor *x = watched(tape, 2, two), *plain = tensor(2, two), *buffer = tensor(2, two), *y = mul(x, plain);
    assert_error(trit_tensor_add(&y, y, plain, &err), trit_arg, "new tensor");
    assert_error(trit_tensor_add(&y, plain, plain, &err), trit_arg, "recorded");
    assert_error(trit_tensor_add(&buffer, x, plain, &err), trit_arg, "new tensor");
    assert_error(trit_tensor_assign(x, plain, &err), trit_arg, "pause");
    assert_error(trit_tensor_set(x, (const int64_t[]){0}, 3, &err), trit_arg, "pause");
    assert_error(trit_tensor_set(y, (const int64_t[]){0}, 3, &err), trit_arg, "recorded");
    assert_true(value(x, 0) == 1 && value(y, 0) == 1 && value(buffer, 1) == 2);

    /* A kept input, through the tensor itself and through a view that no tape follows. */
    assert_ok(trit_tensor_add(&plain, plain, plain, &err));
    assert_error(trit_tape_backward(tape, y, buffer, &err), trit_arg, "backward of mul: elements of [2]");
    assert_null(trit_tape_gradient(tape, x));
    FREE(y);
    y = mul(x, x);
    trit_tape_pause(tape);
    assert_ok(trit_tensor_set(x, (const int64_t[]){0}, 3, &err)); /* a watched one, paused: allowed, and noticed */
    assert_error(trit_tensor_set(y, (const int64_t[]){0}, 3, &err), trit_arg, "recorded");
    trit_tape_resume(tape);
    assert_error(trit_tape_backward(tape, y, buffer, &err), trit_arg, "written into");
    FREE(y);
    /* A result that goes on after a view of it was written into. */
    trit_tensor *e = add(x, x), *view = NULL;
    assert_ok(trit_tape_detach(&view, e, &err));
    assert_ok(trit_tensor_assign(view, plain, &err));
    trit_tensor *late = NULL;
    assert_error(trit_tensor_mul(&late, e, e, &err), trit_arg, "a result of add, was written into");
    /* What no rule needs may be written into: the sum keeps nothing. */
    trit_tensor *sum = add(x, plain);
    assert_ok(trit_tensor_add(&plain, plain, plain, &err));
    assert_ok(trit_tape_backward(tape, sum, buffer, &err));
    assert_true(value(trit_tape_gradient(tape, x), 1) == 2);
    /* And what was walked. */
    assert_ok(trit_tensor_add(&sum, plain, plain, &err));
    FREE(x, plain, buffer, e, view, sum);
    trit_tape_free(tape);
}

static void pauses(void **state) {
    (void)state;
    trit_tape *tape = new_tape();
    trit_tensor *x = watched(tape, 0, (double[]){2}), *buffer = number(0);
    trit_tape_pause(tape);
    trit_tape_pause(tape);
    trit_tensor *a = mul(x, x);
    trit_tape_resume(tape);
    trit_tensor *b = mul(x, x);
    assert_ok(trit_tensor_mul(&buffer, x, x, &err));
    trit_tape_resume(tape);
    trit_tape_resume(tape); /* one too many is fine */
    trit_tensor *c = mul(x, x), *loose = NULL;
    assert_null(trit_record_of(a));
    assert_null(trit_record_of(b));
    assert_non_null(trit_record_of(c));
    assert_ok(trit_tape_detach(&loose, c, &err));
    assert_true(trit_tensor_shares(loose, c));
    trit_tensor *y = mul(c, loose); /* only one factor has a gradient */
    assert_ok(trit_tape_backward(tape, y, NULL, &err));
    assert_true(value(trit_tape_gradient(tape, x), 0) == 16);
    FREE(x, buffer, a, b, c, loose, y);
    trit_tape_free(tape);
}

/* Tensors outlive their tape, and tapes their tensors. */
/* What a paused tape has recorded is no part of another tape's walk: d(x w) by w, then d(x^2) by x. */
static void two_tapes(void **state) {
    (void)state;
    trit_tape *a = new_tape(), *b = new_tape();
    trit_tensor *x = watched(a, 0, &(double){2}), *w = watched(b, 0, &(double){3}), *q = mul(x, x);
    trit_tape_pause(a);
    trit_tensor *y = mul(x, w), *mask = NULL;
    assert_ok(trit_tape_backward(b, y, NULL, &err));
    trit_tape_resume(a);
    assert_ok(trit_tape_backward(a, q, NULL, &err));
    assert_true(value(trit_tape_gradient(b, w), 0) == 2 && value(trit_tape_gradient(a, x), 0) == 4);
    /* Comparisons are not recorded, so they may be written into what is there. */
    assert_ok(trit_tensor_full(&mask, device, trit_dtype_bool, 0, NULL, 0, &err));
    assert_ok(trit_tensor_gt(&mask, x, q, &err));
    free_all(5, (trit_tensor *const[]){x, w, q, y, mask});
    trit_tape_free(a);
    trit_tape_free(b);
}

static trit_status both_ways(void *user, trit_tensor *const *in, size_t n_in, trit_tensor **out, size_t n_out, trit_error *e) {
    (void)user, (void)n_in, (void)n_out;
    trit_status status = trit_tensor_square(&out[0], in[0], e);
    return status == trit_ok ? trit_tensor_neg(&out[1], in[0], e) : status;
}

/* A checkpoint is walked once for all of its results, unless the tape retains it. */
static void two_losses_of_a_checkpoint(void **state) {
    (void)state;
    for (int retains = 0; retains < 2; retains++) {
        trit_tape *tape = new_tape();
        trit_tensor *x = watched(tape, 0, &(double){3}), *out[2] = {NULL};
        trit_tape_retain(tape, retains);
        assert_ok(trit_tape_checkpoint(tape, both_ways, NULL, &x, 1, out, 2, &err));
        assert_ok(trit_tape_backward(tape, out[0], NULL, &err));
        const trit_status second = trit_tape_backward(tape, out[1], NULL, &err);
        assert_int_equal(second, retains ? trit_ok : trit_arg);
        assert_true(value(trit_tape_gradient(tape, x), 0) == (retains ? 5 : 6));
        free_all(3, (trit_tensor *const[]){x, out[0], out[1]});
        trit_tape_free(tape);
    }
}

static void lifetimes(void **state) {
    (void)state;
    trit_tape *tape = new_tape();
    trit_tensor *x = watched(tape, 0, (double[]){2}), *y = mul(x, x), *z = exp_of(y);
    trit_tape_free(tape);
    trit_tensor *w = mul(z, y);
    assert_null(trit_record_of(w));
    assert_ok(trit_tensor_add(&x, x, x, &err)); /* no tape, no lock */
    tape = new_tape();
    assert_ok(trit_tape_watch(tape, x, &err)); /* another one */
    FREE(y, z, w);
    y = mul(x, x);
    z = exp_of(y);
    FREE(x, y);
    assert_int_equal(n_records(tape), 3);
    assert_ok(trit_tape_backward(tape, z, NULL, &err)); /* nobody asks for the gradient any more */
    assert_int_equal(n_records(tape), 1);
    FREE(z);
    assert_int_equal(n_records(tape), 0);
    trit_tape_free(tape);
    trit_tape_free(NULL);
}

static size_t kept(const trit_tape *tape) {
    size_t n;
    assert_ok(trit_tape_bytes(tape, &n, &err));
    return n;
}

/* What is dropped is not kept, and a long chain is freed without a deep stack. */
static void freeing(void **state) {
    (void)state;
    trit_tape *tape = new_tape();
    trit_tensor *x = watched(tape, 0, (double[]){1}), *y = trit_tensor_retain(x);
    for (int i = 0; i < 200000; i++) {
        trit_tensor *z = add(y, x);
        trit_tensor_free(y);
        y = z;
    }
    assert_int_equal(n_records(tape), 200001);
    trit_tensor_free(y);
    assert_int_equal(n_records(tape), 1);
    trit_tensor *a = exp_of(x), *b = mul(a, a); /* the results of exp, which mul has too, and not that of mul */
    assert_int_equal(kept(tape), 8);
    trit_tape_retain(tape, true);
    assert_ok(trit_tape_backward(tape, b, NULL, &err));
    assert_int_equal(kept(tape), 8);
    trit_tape_retain(tape, false);
    assert_ok(trit_tape_backward(tape, b, NULL, &err));
    assert_int_equal(kept(tape), 0);
    FREE(a, b, x);
    trit_tape_free(tape);
}

/* Something with several layers, shared inputs, and a tensor that is not an input:
 * out[0] = exp(x w) x + tanh(x w), out[1] = out[0] b, out[2] = x. */
typedef struct layer {
    trit_tensor *w;
    trit_tape *tape;
    size_t n_bytes; /* that the tape keeps during the call */
    int n_calls, fails_at, shrinks_at;
} layer;

static trit_status run_layer(void *user, trit_tensor *const *in, size_t n_in, trit_tensor **out, size_t n_out, trit_error *e) {
    layer *l = user;
    const trit_tensor *x = in[0];
    trit_tensor *xw = NULL, *grown = NULL, *bent = NULL, *product = NULL;
    l->n_calls++;
    if (l->tape && trit_tape_bytes(l->tape, &l->n_bytes, e) != trit_ok) return e->status;
    trit_status status = l->n_calls == l->fails_at ? trit_io : trit_tensor_mul(&xw, x, l->w, e);
    if (status == trit_ok) status = trit_tensor_exp(&grown, xw, e);
    if (status == trit_ok) status = trit_tensor_tanh(&bent, xw, e);
    if (status == trit_ok) status = trit_tensor_mul(&product, grown, x, e);
    if (status == trit_ok) status = trit_tensor_add(&out[0], product, bent, e);
    if (status == trit_ok && n_out > 1) status = trit_tensor_mul(&out[1], out[0], in[n_in - 1], e);
    if (status == trit_ok && n_out > 2) out[2] = trit_tensor_retain(in[0]);
    if (status == trit_ok && l->n_calls == l->shrinks_at) {
        trit_tensor *part = NULL;
        status = trit_tensor_slice(&part, out[0], 1, &(trit_slice){.kind = trit_slice_index}, e);
        trit_tensor_free(out[0]);
        out[0] = part;
    }
    FREE(xw, grown, bent, product);
    return status;
}

enum { many = 37 };

/* A net of two such layers around other things; with or without checkpoints, which may lie in each other. Gradients of x, w and b. */
static trit_status outer_layer(void *user, trit_tensor *const *in, size_t n_in, trit_tensor **out, size_t n_out, trit_error *e) {
    layer *l = user;
    return trit_tape_checkpoint(l->tape, run_layer, user, in, n_in, out, n_out, e);
}

static void run_net(int mode, double gradients[3][many], size_t *n_kept) {
    uint32_t s = 7;
    double values[3][many];
    trit_tensor *leaf[3];
    trit_tape *tape = new_tape();
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < many; j++) values[i][j] = test_lcg(&s) / 65536.0 - 0.3;
        leaf[i] = watched(tape, many, values[i]);
    }
    layer l = {.w = leaf[1], .tape = tape};
    trit_tensor *first[3] = {NULL}, *second[3] = {NULL}, *base = exp_of(leaf[0]);
    trit_tensor *in[] = {base, leaf[2]};
    trit_tape_fn *fn = mode == 2 ? outer_layer : run_layer;
    if (mode == 0) {
        assert_ok(run_layer(&l, in, 2, first, 3, &err));
    } else {
        assert_ok(trit_tape_checkpoint(tape, fn, &l, in, 2, first, 3, &err));
    }
    trit_tensor *between = mul(first[1], first[2]), *more = add(between, base), *in2[] = {more, leaf[2]};
    if (mode == 0) {
        assert_ok(run_layer(&l, in2, 2, second, 3, &err));
    } else {
        assert_ok(trit_tape_checkpoint(tape, fn, &l, in2, 2, second, 3, &err));
    }
    trit_tensor *loss = mul(second[1], second[0]), *end = add(loss, second[2]), *seed = tensor(many, values[0]);
    *n_kept = kept(tape);
    assert_ok(trit_tape_backward(tape, end, seed, &err));
    if (mode == 1) {
        assert_int_equal(l.n_calls, 4);
        assert_true(l.n_bytes < *n_kept); /* the second layer was walked: it keeps nothing any more */
    }
    for (int i = 0; i < 3; i++) memcpy(gradients[i], trit_tensor_data(trit_tape_gradient(tape, leaf[i])), sizeof gradients[i]);
    free_all(3, leaf);
    free_all(3, first);
    free_all(3, second);
    FREE(base, between, more, loss, end, seed);
    assert_int_equal(n_records(tape), 0);
    trit_tape_free(tape);
}

static void checkpoints(void **state) {
    (void)state;
    double plain[3][many], other[3][many];
    size_t n_plain, n_other;
    run_net(0, plain, &n_plain);
    for (int mode = 1; mode <= 2; mode++) {
        run_net(mode, other, &n_other);
        assert_memory_equal(other, plain, sizeof plain);
        print_message("mode %d: %zu bytes kept, %zu without\n", mode, n_other, n_plain);
        assert_true(n_other < n_plain);
    }
}

static void errors_of_checkpoints(void **state) {
    (void)state;
    trit_tape *tape = new_tape();
    const double two[] = {1, 2};
    trit_tensor *x = watched(tape, 2, two), *w = watched(tape, 2, two), *plain = tensor(2, two), *seed = number(1), *in[] = {x, plain};
    trit_tensor *out[3] = {NULL}, *out4[4] = {NULL};
    layer l = {.w = w, .fails_at = 1};
    assert_int_equal(trit_tape_checkpoint(tape, run_layer, &l, in, 2, out, 2, &err), trit_io);
    assert_null(out[0]);
    l = (layer){.w = w, .fails_at = 2};
    assert_ok(trit_tape_checkpoint(tape, run_layer, &l, in, 2, out, 2, &err));
    assert_int_equal(trit_tape_backward(tape, out[1], plain, &err), trit_io);
    assert_null(trit_tape_gradient(tape, x));
    FREE(out[0], out[1]);
    l = (layer){.w = w, .shrinks_at = 2};
    assert_ok(trit_tape_checkpoint(tape, run_layer, &l, in, 2, out, 2, &err));
    assert_error(trit_tape_backward(tape, out[1], plain, &err), trit_arg, "result 0 of the second call");
    FREE(out[0], out[1]);
    l = (layer){.w = w};
    assert_ok(trit_tape_checkpoint(tape, run_layer, &l, in, 2, out, 2, &err));
    assert_ok(trit_tensor_add(&plain, plain, plain, &err));
    assert_error(trit_tape_backward(tape, out[0], plain, &err), trit_arg, "backward of checkpoint");
    FREE(out[0], out[1]);
    /* One result of the two, and a walk that is retained. */
    trit_tape_retain(tape, true);
    assert_ok(trit_tape_checkpoint(tape, run_layer, &l, in, 2, out, 2, &err));
    assert_ok(trit_tape_backward(tape, out[0], plain, &err));
    const double once = value(trit_tape_gradient(tape, w), 1);
    assert_ok(trit_tape_backward(tape, out[0], plain, &err));
    assert_true(value(trit_tape_gradient(tape, w), 1) == 2 * once);
    FREE(out[0], out[1]);
    /* A result that is missing. */
    l = (layer){.w = w};
    assert_error(trit_tape_checkpoint(tape, run_layer, &l, in, 2, out4, 4, &err), trit_arg, "no result 3");
    trit_tape_pause(tape);
    l = (layer){.w = w};
    assert_ok(trit_tape_checkpoint(tape, run_layer, &l, in, 2, out, 1, &err));
    assert_null(trit_record_of(out[0]));
    FREE(x, w, plain, seed, out[0]);
    trit_tape_free(tape);
}

/* Sums over what was repeated have one order for any number of threads. */
static void same_bits(void **state) {
    (void)state;
    enum { rows = 300, cols = 257 };
    static float grad[2][cols + rows * cols];
    for (unsigned n = 1; n <= 2; n++) {
        trit_device *d = NULL;
        trit_tape *tape = new_tape();
        assert_ok(trit_device_open(&d, "cpu", &(trit_device_opts){.n_threads = n}, &err));
        trit_tensor *x = NULL, *w = NULL, *seed = NULL, *bent = NULL, *y = NULL, *z = NULL;
        assert_ok(trit_tensor_randn(&x, d, trit_dtype_f32, 2, (const int64_t[]){rows, cols}, 1, &err));
        assert_ok(trit_tensor_randn(&w, d, trit_dtype_f32, 1, (const int64_t[]){cols}, 2, &err));
        assert_ok(trit_tensor_randn(&seed, d, trit_dtype_f32, 2, (const int64_t[]){rows, cols}, 3, &err));
        assert_ok(trit_tape_watch(tape, x, &err));
        assert_ok(trit_tape_watch(tape, w, &err));
        assert_ok(trit_tensor_silu(&bent, x, &err));
        assert_ok(trit_tensor_mul(&y, bent, w, &err));
        assert_ok(trit_tensor_div(&z, y, w, &err));
        assert_ok(trit_tape_backward(tape, z, seed, &err));
        memcpy(grad[n - 1], trit_tensor_data(trit_tape_gradient(tape, w)), cols * sizeof(float));
        memcpy(grad[n - 1] + cols, trit_tensor_data(trit_tape_gradient(tape, x)), rows * cols * sizeof(float));
        FREE(x, w, seed, bent, y, z);
        trit_tape_free(tape);
        trit_device_close(d);
    }
    assert_memory_equal(grad[0], grad[1], sizeof grad[0]);
}

/* Halves and floats in one graph: every gradient has the type of its tensor. */
static void types(void **state) {
    (void)state;
    static const trit_dtype dtypes[] = {trit_dtype_f16, trit_dtype_bf16, trit_dtype_f32, trit_dtype_f64};
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            trit_tape *tape = new_tape();
            trit_tensor *a = NULL, *b = NULL, *y = NULL, *wide = NULL, *z = NULL;
            assert_ok(trit_tensor_full(&a, device, dtypes[i], 1, (const int64_t[]){3}, 1.5, &err));
            assert_ok(trit_tensor_full(&b, device, dtypes[j], 0, NULL, 2, &err));
            assert_ok(trit_tape_watch(tape, a, &err));
            assert_ok(trit_tape_watch(tape, b, &err));
            assert_ok(trit_tensor_mul(&y, a, b, &err));
            assert_ok(trit_tensor_cast(&wide, y, trit_dtype_f64, &err));
            assert_ok(trit_tensor_slice(&z, wide, 1, &(trit_slice){.kind = trit_slice_index, .first = 1}, &err));
            assert_ok(trit_tape_backward(tape, z, NULL, &err));
            const trit_tensor *ga = trit_tape_gradient(tape, a), *gb = trit_tape_gradient(tape, b);
            assert_int_equal(trit_tensor_dtype(ga), dtypes[i]);
            assert_int_equal(trit_tensor_dtype(gb), dtypes[j]);
            assert_true(value(ga, 0) == 0 && value(ga, 1) == 2 && value(gb, 0) == 1.5);
            FREE(a, b, y, wide, z);
            trit_tape_free(tape);
        }
    }
}

#if TRIT_COUNTS_MALLOC
/* One step of training, which stops at the first error. */
static trit_status step(void) {
    trit_error e;
    const double two[] = {1, 2};
    const int64_t shape[] = {2}, wide[] = {3, 2};
    trit_tape *tape = NULL;
    trit_tensor *x = NULL, *w = NULL, *y = NULL, *out[2] = {NULL}, *z = NULL, *seed = NULL;
    layer l = {.n_calls = 0};
    trit_status status = trit_tape_new(&tape, &e);
    if (status == trit_ok) status = trit_tensor_from(&x, device, trit_dtype_f64, 1, shape, two, &e);
    if (status == trit_ok) status = trit_tensor_from(&w, device, trit_dtype_f64, 1, shape, two, &e);
    if (status == trit_ok) status = trit_tape_watch(tape, x, &e);
    if (status == trit_ok) status = trit_tape_watch(tape, w, &e);
    l.w = w;
    if (status == trit_ok) status = trit_tensor_div(&y, x, w, &e);
    if (status == trit_ok) status = trit_tape_checkpoint(tape, run_layer, &l, (trit_tensor *[]){y, w}, 2, out, 2, &e);
    if (status == trit_ok) status = trit_tensor_expand(&z, out[1], 2, wide, &e);
    if (status == trit_ok) status = trit_tensor_ones(&seed, device, trit_dtype_f64, 2, wide, &e);
    for (int i = 0; i < 2 && status == trit_ok; i++) {
        trit_tape_retain(tape, i == 0);
        status = trit_tape_backward(tape, z, seed, &e);
    }
    FREE(x, w, y, out[0], out[1], z, seed);
    trit_tape_free(tape);
    return status;
}

/* Every allocation fails once: an error, and nothing is lost. */
static void no_memory(void **state) {
    (void)state;
    assert_int_equal(step(), trit_ok);
    const long before = atomic_load(&live);
    trit_status status = trit_memory;
    long n = 0;
    for (; status != trit_ok; n++) {
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, n);
        status = step();
        atomic_store(&fail_at, -1);
        assert_true(status == trit_ok || status == trit_memory);
        assert_int_equal(atomic_load(&live), before);
    }
    print_message("%ld allocations failed in turn\n", n - 1);
    assert_true(n > 50);
}
#else
static void no_memory(void **state) {
    (void)state;
    skip();
}
#endif

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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accumulates), cmocka_unit_test(gradients_are_apart),   cmocka_unit_test(errors_of_walks), cmocka_unit_test(writes),
        cmocka_unit_test(pauses),      cmocka_unit_test(lifetimes),             cmocka_unit_test(freeing),         cmocka_unit_test(checkpoints),
        cmocka_unit_test(two_tapes),   cmocka_unit_test(two_losses_of_a_checkpoint),
        cmocka_unit_test(types),       cmocka_unit_test(errors_of_checkpoints), cmocka_unit_test(same_bits),       cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
