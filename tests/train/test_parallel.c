/* Sums over processes. Alone it has one process; tests/e2e/test_mpi.sh starts it as several where MPI is built in. */
#include <math.h>

#include "test.h"
#include "train/parallel.h"
#include "trit/trit.h"

static trit_error err;

/* Large and small, so that another order of additions would give other bits. */
static float part(int rank, int64_t i) {
    return (float)((rank % 2 ? 1e-3 : 1e3) * sin((double)(i + 1) * (rank + 2)));
}

static float sum_in_order(int size, int64_t i) {
    float sum = part(0, i);
    for (int r = 1; r < size; r++) sum += part(r, i);
    return sum;
}

/* Tensors that fill less than a bucket, end in the middle of one and need several; empty ones, one element. */
static void sums_have_the_order_of_ranks(void **state) {
    static const int64_t sizes[] = {1, 0, 5, 1 << 20, 3, 1500007, 0, 2};
    enum { n = sizeof sizes / sizeof sizes[0] };
    (void)state;
    trit_parallel p;
    trit_device *device = NULL;
    trit_tensor *t[n] = {NULL};
    assert_ok(trit_parallel_open(&p, &err));
    assert_ok(trit_device_open(&device, NULL, NULL, &err));
    for (size_t k = 0; k < n; k++) {
        assert_ok(trit_tensor_zeros(&t[k], device, trit_dtype_f32, 1, &sizes[k], &err));
        float *x = trit_tensor_data(t[k]);
        for (int64_t i = 0; i < sizes[k]; i++) x[i] = part(p.rank, i + (int64_t)k);
    }
    assert_ok(trit_parallel_sum(&p, t, n, &err));
    for (size_t k = 0; k < n; k++) {
        const float *x = trit_tensor_data(t[k]);
        for (int64_t i = 0; i < sizes[k]; i++)
            if (memcmp(&x[i], &(float){sum_in_order(p.size, i + (int64_t)k)}, sizeof *x) != 0)
                fail_msg("process %d of %d, tensor %zu, element %lld: %.9g", p.rank, p.size, k, (long long)i, (double)x[i]);
        trit_tensor_free(t[k]);
    }
    double d[3] = {p.rank + 1, 0.5, -p.rank};
    assert_ok(trit_parallel_sum_f64(&p, d, 3, &err));
    assert_true(d[0] == p.size * (p.size + 1) / 2.0 && d[1] == 0.5 * p.size && d[2] == -p.size * (p.size - 1) / 2.0);

    /* One that failed is seen by all. */
    assert_ok(trit_parallel_agree(&p, trit_ok, &err));
    const bool fails = p.rank == p.size - 1;
    trit_status status = trit_parallel_agree(&p, fails ? trit_numeric : trit_ok, &err);
    assert_int_equal(status, trit_numeric);
    if (!fails) assert_non_null(strstr(err.message, "failed; its own message"));
    trit_device_close(device);
    trit_parallel_close(&p);
}

/* A launcher's environment means a job, and a build without MPI says so rather than run as many times. */
static void a_job_without_mpi_is_refused(void **state) {
    (void)state;
    trit_parallel p;
    if (trit_parallel_job_size() > 1) skip();
    setenv("PMI_SIZE", "4", 1);
    assert_int_equal(trit_parallel_job_size(), 4);
#ifndef TRIT_MPI
    assert_int_equal(trit_parallel_open(&p, &err), trit_unsupported);
    assert_non_null(strstr(err.message, "one of 4 processes"));
#endif
    setenv("PMI_SIZE", "many", 1);
    assert_int_equal(trit_parallel_job_size(), 0);
    unsetenv("PMI_SIZE");
    assert_ok(trit_parallel_open(&p, &err));
    assert_true(p.rank == 0 && p.size == 1);
    trit_parallel_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_without_mpi_is_refused),
        cmocka_unit_test(sums_have_the_order_of_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
