/* A tour of conversion: the same numbers in narrower types, what each loses, and whole numbers with a scale.
 *
 *   cc conversion.c $(pkg-config --cflags --libs trit) && ./a.out */
#include <stdio.h>
#include <stdlib.h>

#include <trit/trit.h>

static trit_error err;

static void need(trit_status status) {
    if (status == trit_ok) return;
    fprintf(stderr, "%s\n", err.message);
    exit(1);
}

/* The largest |a - b|. */
static double distance(const trit_tensor *a, const trit_tensor *b) {
    trit_tensor *d = NULL, *most = NULL;
    double value;
    need(trit_tensor_sub(&d, a, b, &err));
    need(trit_tensor_abs(&d, d, &err));
    need(trit_tensor_max(&most, d, 0, NULL, false, &err));
    need(trit_tensor_get(most, NULL, &value, &err));
    trit_tensor_free(d);
    trit_tensor_free(most);
    return value;
}

int main(void) {
    trit_device *cpu;
    need(trit_device_open(&cpu, "cpu", NULL, &err));
    trit_tensor *x = NULL;
    need(trit_tensor_randn(&x, cpu, trit_dtype_f32, 2, (int64_t[]){256, 1024}, 1, &err));
    need(trit_tensor_with_number(&x, trit_tensor_mul, x, 40, &err));

    const trit_dtype types[] = {trit_dtype_f16, trit_dtype_bf16, trit_dtype_i32, trit_dtype_i8};
    printf("type   changed     beyond the type   largest error\n");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        trit_tensor *y = NULL;
        trit_cast_stats stats = {0};
        need(trit_tensor_cast_with(&y, x, types[i], &(trit_cast_opts){.rounding = trit_cast_even}, &stats, &err));
        printf("%-5s %6.1f %%   %15llu   %13g\n", trit_dtype_label(types[i]), 100.0 * (double)stats.n_changed / (double)stats.n_elements,
               (unsigned long long)stats.n_outside, stats.max_error);
        trit_tensor_free(y);
    }

    const char *const names[] = {"int8", "uint8", "int4", "uint4"};
    printf("\nlevels  a scale for all   a scale for each row (largest error)\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const trit_levels *levels = trit_levels_of(names[i]);
        printf("%-6s", names[i]);
        for (uint32_t n_axes = 2; n_axes > 0; n_axes--) {
            trit_tensor *scale = NULL, *zero = NULL, *y = NULL;
            need(trit_tensor_find_levels(&scale, &zero, x, levels, n_axes, (int32_t[]){1, 0}, &err));
            need(trit_tensor_fake_quantize(&y, x, scale, zero, levels, &err));
            printf("  %15.4g", distance(x, y));
            trit_tensor_free(scale);
            trit_tensor_free(zero);
            trit_tensor_free(y);
        }
        printf("\n");
    }

    /* Within the storage that is there, which stays as large as it was: no second tensor is needed meanwhile. */
    need(trit_tensor_cast_in_place(x, trit_dtype_f16, &err));
    printf("\nx is %s now, in its own place\n", trit_dtype_label(trit_tensor_dtype(x)));
    trit_tensor_free(x);
    trit_device_close(cpu);
    return 0;
}
