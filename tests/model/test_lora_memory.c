/* Adapters without memory: opening a model with one, merging it and writing its other form, at each allocation in turn an error and no leak. */
#include "test.h"

#include "counting_malloc.h"

#include "base/os.h"
#include "model/lora.h"
#include "model/model.h"
#include "trit/trit.h"

#if TRIT_COUNTS_MALLOC
#define OUT(name) TRIT_BINARY_DIR "/lora-memory-" name

static trit_error err;
static char base[1024];
static const trit_lora_opts lora = {.path = OUT("peft")};

static trit_status open_beside(void) {
    trit_model *m;
    const trit_status status = trit_model_open(&m, base, &(trit_model_opts){.loras = &lora, .n_loras = 1}, &err);
    if (status == trit_ok) trit_model_close(m);
    return status;
}

static trit_status merge(void) {
    const trit_convert_opts o = {.loras = &lora, .n_loras = 1, .n_threads = 1}; /* the C library's own memory for more stays */
    return trit_convert(base, OUT("merged.gguf"), &o, NULL, &err);
}

static trit_status to_gguf(void) {
    return trit_lora_convert(OUT("peft"), OUT("adapter.gguf"), base, false, &err);
}

static trit_status to_folder(void) {
    return trit_lora_convert(OUT("adapter.gguf"), OUT("again"), base, true, &err);
}

static void fail_each(const char *what, trit_status (*call)(void)) {
    assert_ok(call());
    for (long n = 0;; n++) {
        const long before = atomic_load(&live);
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, n);
        const trit_status status = call();
        const bool reached = atomic_load(&n_calls) > n;
        atomic_store(&fail_at, -1);
        if (atomic_load(&live) != before) fail_msg("%s: allocation %ld fails and %ld blocks stay", what, n, atomic_load(&live) - before);
        if (!reached) {
            print_message("%s: %ld allocations\n", what, n);
            assert_int_equal(status, trit_ok);
            break;
        }
        if (status != trit_ok && status != trit_memory && status != trit_io) fail_msg("%s: allocation %ld: %s", what, n, err.message);
    }
}

/* A pair for the first projection of the reference model. */
static void make_adapter(void) {
    trit_model *m;
    assert_ok(trit_model_open(&m, base, &(trit_model_opts){.no_weights = true}, &err));
    const trit_layer_shape shape = trit_layer_shape_of(&m->config, trit_layer_attn_q);
    float *a = calloc(2 * (size_t)shape.n_cols, sizeof *a), *b = calloc(2 * (size_t)shape.n_rows, sizeof *b);
    assert_true(a && b);
    for (uint32_t i = 0; i < 2 * shape.n_cols; i++) a[i] = 0.01f * (float)(i % 7);
    for (uint32_t i = 0; i < 2 * shape.n_rows; i++) b[i] = 0.01f * (float)(i % 5);
    const trit_lora_part part = {.layer_tensor = trit_layer_attn_q, .rank = 2, .matrix = {a, b}, .scaling = 0.5};
    assert_ok(trit_os_make_dir(OUT("peft"), &err));
    assert_ok(trit_lora_write_peft(&(trit_lora_out){.model = m, .part = &part, .n = 1}, OUT("peft"), &err));
    free(a);
    free(b);
    trit_model_close(m);
}

static void each_allocation(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    snprintf(base, sizeof base, "%s", test_shared("spec/examples/tiny_i2s.gguf"));
    make_adapter();
    fail_each("beside", open_beside);
    fail_each("merged", merge);
    fail_each("to GGUF", to_gguf);
    fail_each("to a folder", to_folder);
}
#else
static void each_allocation(void **state) {
    (void)state;
    print_message("skipped: this C library's malloc cannot be replaced\n");
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
