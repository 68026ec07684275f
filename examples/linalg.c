/* A tour of linear algebra: a polynomial fitted to noisy points, what the least singular values say of it, and errors that explain.
 *
 *   cc linalg.c $(pkg-config --cflags --libs trit) && ./a.out */
#include <stdio.h>
#include <stdlib.h>

#include <trit/trit.h>

static trit_error err;

static void need(trit_status status) {
    if (status == trit_ok) return;
    fprintf(stderr, "%s\n", err.message);
    exit(status == trit_unsupported ? 77 : 1); /* a build without LAPACK */
}

static void show(const char *what, const trit_tensor *t) {
    trit_text text = {0};
    need(trit_tensor_text(&text, t, &err));
    printf("%s\n%s\n\n", what, text.data);
    trit_text_fini(&text);
}

/* Columns 1, x, x^2 ... of a polynomial with n coefficients, [elements of x, n]. */
static trit_tensor *powers(const trit_tensor *x, int64_t n) {
    trit_tensor *column = NULL, *exponents = NULL, *result = NULL;
    need(trit_tensor_unsqueeze(&column, x, 1, &err));
    need(trit_tensor_arange(&exponents, trit_tensor_device(x), trit_dtype_f64, 0, (double)n, 1, &err));
    need(trit_tensor_pow(&result, column, exponents, &err)); /* [m, 1] and [n] repeat to [m, n] */
    trit_tensor_free(column);
    trit_tensor_free(exponents);
    return result;
}

int main(void) {
    trit_device *cpu;
    need(trit_device_open(&cpu, "cpu", NULL, &err));

    /* y = 1 - 2 x + 3 x^2, with a little noise, at 50 places. */
    trit_tensor *x = NULL, *truth = NULL, *noise = NULL, *y = NULL;
    need(trit_tensor_linspace(&x, cpu, trit_dtype_f64, -1, 1, 50, &err));
    trit_tensor *a = powers(x, 3);
    need(trit_tensor_from(&truth, cpu, trit_dtype_f64, 1, (int64_t[]){3}, (double[]){1, -2, 3}, &err));
    need(trit_tensor_matmul(&y, a, truth, &err));
    need(trit_tensor_randn(&noise, cpu, trit_dtype_f64, 1, (int64_t[]){50}, 7, &err));
    need(trit_tensor_with_number(&noise, trit_tensor_mul, noise, 0.01, &err));
    need(trit_tensor_add(&y, y, noise, &err));

    trit_tensor *fit = NULL, *squares = NULL, *singular = NULL;
    need(trit_tensor_lstsq(&fit, &squares, NULL, &singular, a, y, -1, &err));
    show("coefficients by least squares, of 1 - 2 x + 3 x^2", fit);

    /* The same by the QR factorization: r c = q^T y. */
    trit_tensor *q = NULL, *r = NULL, *turned = NULL, *right = NULL, *same = NULL;
    need(trit_tensor_qr(&q, &r, a, false, &err));
    need(trit_tensor_permute(&turned, q, NULL, &err));
    need(trit_tensor_matmul(&right, turned, y, &err));
    need(trit_tensor_solve_triangular(&same, r, right, true, false, false, &err));
    show("by QR", same);

    /* With 15 coefficients the columns look nearly alike. */
    trit_tensor *wide = powers(x, 15), *few = NULL, *many = NULL;
    need(trit_tensor_cond(&few, a, trit_norm_two, &err));
    need(trit_tensor_cond(&many, wide, trit_norm_two, &err));
    show("condition with 3 columns", few);
    show("condition with 15", many);

    /* What has no solution says why. */
    trit_tensor *flat = NULL, *never = NULL;
    need(trit_tensor_from(&flat, cpu, trit_dtype_f64, 2, (int64_t[]){2, 2}, (double[]){1, 2, 2, 4}, &err));
    if (trit_tensor_inv(&never, flat, &err) != trit_ok) puts(err.message);
    if (trit_tensor_cholesky(&never, flat, false, &err) != trit_ok) puts(err.message);

    trit_tensor *all[] = {x, truth, noise, y, a, fit, squares, singular, q, r, turned, right, same, wide, few, many, flat};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    trit_device_close(cpu);
    return 0;
}
