/* Checks of products of bfloat16 pairs, for test_kernels.c, whose helpers it uses. */
#ifndef TRIT_TESTS_KERNEL_PAIRS_H
#define TRIT_TESTS_KERNEL_PAIRS_H

#include <float.h>

/* Any bits, with what is halfway, at the floor, infinite or no number among them. */
static float any_float(void) {
    static const uint32_t special[] = {0, 0x80000000u, 1, 0x237fffffu, 0x23800000u, 0x3f808000u, 0x3f818000u, 0x7f7fffffu, 0x7f800000u, 0xff800001u};
    return trit_f32_from_bits(next() % 5 == 0 ? special[next() % (sizeof special / sizeof special[0])] : next());
}

/* The nearest, without magnitudes below 2^-56. */
static uint16_t bf16_of(float x) {
    return fabsf(x) < 0x1p-56f ? (uint16_t)(trit_bits_from_f32(x) >> 16 & 0x8000u) : trit_bf16_from_f32(x);
}

static void check_bf16_round(const pair *p) {
    enum { most = 1033 };
    float x[most];
    uint16_t a[most], b[most];
    for (size_t i = 0; i < most; i++) x[i] = any_float();
    for (size_t n = 0; n <= most; n += n < 133 ? 1 : 100) {
        A(p, bf16_round)(a, x, n);
        for (size_t i = 0; i < n; i++) b[i] = bf16_of(x[i]);
        same_bytes(p, "rounded", a, b, n * sizeof *a);
    }
}

static void check_bf16_pairs(const pair *p) {
    enum { most = 1033 };
    float even[most], odd[most];
    uint32_t a[most], b[most];
    for (size_t i = 0; i < most; i++) even[i] = any_float(), odd[i] = any_float();
    for (size_t n = 0; n <= most; n += n < 133 ? 1 : 100) {
        A(p, bf16_pairs)(a, even, odd, n);
        for (size_t i = 0; i < n; i++) b[i] = bf16_of(even[i]) | (uint32_t)bf16_of(odd[i]) << 16;
        same_bytes(p, "pairs", a, b, n * sizeof *a);
    }
}

/* By the definition, one element at a time. */
static float sum_of_pairs(float y, const uint32_t *a, size_t a_col, const uint32_t *b, size_t b_row, size_t k) {
    for (size_t l = 0; l < k; l++)
        for (int odd = 1; odd >= 0; odd--) {
            const uint32_t u = odd ? a[l * a_col] & 0xffff0000u : a[l * a_col] << 16, v = odd ? b[l * b_row] & 0xffff0000u : b[l * b_row] << 16;
            const float product = trit_f32_from_bits(u) * trit_f32_from_bits(v);
            y += product;
            assert_false(y != 0 && fabsf(y) < FLT_MIN);
        }
    return y;
}

/* Large and small numbers, and pairs that take back what was added, so that sums end among the smallest floats. */
static void fill_pairs(uint32_t *x, size_t n, int least_exponent, int n_exponents) {
    uint32_t *random = bytes(n * sizeof *random);
    for (size_t i = 0; i < n; i++) {
        const uint32_t r = random[i], at = (uint32_t)(least_exponent + 127);
        const uint32_t low = (r & 0x807fu) | (at + (r >> 7 & 0xff) % (uint32_t)n_exponents) << 7;
        const uint32_t high = (r >> 16 & 0x807fu) | (at + (r >> 23 & 0xff) % (uint32_t)n_exponents) << 7;
        x[i] = r % 7 == 0 ? (low | (low ^ 0x8000u) << 16) : r % 11 == 0 ? low : low | high << 16;
    }
    free(random);
}

static void check_bf16_matmul(const pair *p) {
    static const int64_t sizes[][3] = {{1, 1, 1}, {6, 32, 5}, {7, 67, 3}, {13, 130, 9}, {5, 0, 4}, {2, 40, 0}, {19, 15, 21}, {9, 59, 7}, {6, 32, 200}};
    static const int ranges[][2] = {{-4, 8}, {-56, 3}, {-56, 100}};
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int turned = 0; turned < 2; turned++) {
                const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
                const size_t n_x = (size_t)((m + 1) * (k + 1)), n_u = (size_t)(k * (n + 3) + 1), n_y = (size_t)(m * (n + 2));
                uint32_t *x = bytes(n_x * 4), *u = bytes(n_u * 4);
                float *a = bytes(n_y * 4), *b = bytes(n_y * 4);
                fill_pairs(x, n_x, ranges[r][0], ranges[r][1]), fill_pairs(u, n_u, ranges[r][0], ranges[r][1]);
                memset(a, 0, n_y * 4), memset(b, 0, n_y * 4);
                trit_matmul q = {trit_dtype_f32, m, n, k, x, turned ? 1 : k + 1, turned ? m + 1 : 1, u, n + 3, a, n + 2, false};
                A(p, bf16_matmul)(&q);
                q.y = b;
                B(p, bf16_matmul)(&q);
                same_bytes(p, "product of pairs", a, b, n_y * 4);
                for (int64_t i = 0; i < m; i++)
                    for (int64_t j = 0; j < n; j++)
                        b[i * (n + 2) + j] = sum_of_pairs(0, x + i * q.a_row, (size_t)q.a_col, u + j, (size_t)q.b_row, (size_t)k);
                same_bytes(p, "sums of pairs", a, b, n_y * 4);
                for (size_t i = 0; i < n_y; i++) a[i] = i % (size_t)(n + 2) < (size_t)n ? NAN : 0;
                q.y = a;
                q.from_zero = true;
                A(p, bf16_matmul)(&q);
                same_bytes(p, "sums of pairs from zero", a, b, n_y * 4);
                free(x), free(u), free(a), free(b);
            }
}

#endif
