/* Prints the numbers of tests/quant/test_golden.c, as ggml computes them: for each type a hash of the floats that random bytes
 * mean, and a hash of the bytes that its quantizer makes of random floats; then those of tests/quant/test_fit.c, the mean squared
 * error of its quantizer on normal floats (sums of 12 random ones), without and with an importance of the columns. Not part of the
 * build; with a built ggml in GGML:
 *
 *   cc -I GGML/include tools/quant/golden.c -L GGML/build/src -l ggml-base -Wl,-rpath,GGML/build/src -o golden && ./golden */
#include <ggml.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { n = 64 * 256 };

static uint32_t lcg(uint32_t *s) {
    *s = *s * 1664525u + 1013904223u;
    return *s >> 16;
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const void *data, size_t n_bytes) {
    const uint8_t *p = data;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n_bytes; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* Mean of w (x - y)^2 over the mean of w x^2. */
static void print_error(enum ggml_type type, const char *name, size_t n_bytes) {
    static float x[n], y[n], w[n / 16];
    static uint8_t bytes[n * 4];
    uint32_t seed = 1;
    double plain[2] = {0}, weighted[2] = {0};
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 12; k++) x[i] += (float)lcg(&seed) / 65536 - 0.5f;
    for (size_t i = 0; i < n / 16; i++) w[i] = (float)(lcg(&seed) + 1) / 65536 * ((float)(lcg(&seed) + 1) / 65536);
    for (int by = 0; by < 2; by++) {
        ggml_quantize_chunk(type, x, bytes, 0, 16, n / 16, by ? w : NULL);
        ggml_get_type_traits(type)->to_float(bytes, y, n);
        double *sum = by ? weighted : plain;
        for (size_t i = 0; i < n; i++) {
            const double weight = by ? (double)w[i % (n / 16)] : 1, off = (double)x[i] - (double)y[i];
            sum[0] += weight * off * off;
            sum[1] += weight * (double)x[i] * (double)x[i];
        }
        memset(y, 0, sizeof y);
    }
    memset(x, 0, sizeof x);
    printf("%s: %.6f, %.6f (%zu bytes)\n", name, plain[0] / plain[1], weighted[0] / weighted[1], n_bytes);
}

int main(void) {
    static const enum ggml_type types[] = {
        GGML_TYPE_Q4_0,  GGML_TYPE_Q4_1,  GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0,   GGML_TYPE_Q2_K,  GGML_TYPE_Q3_K,
        GGML_TYPE_Q4_K,  GGML_TYPE_Q5_K,  GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_MXFP4, GGML_TYPE_NVFP4, GGML_TYPE_TQ1_0,
        GGML_TYPE_TQ2_0, GGML_TYPE_Q1_0, GGML_TYPE_Q2_0,
    };
    static uint8_t bytes[n * 4];
    static float x[n];
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        const struct ggml_type_traits *traits = ggml_get_type_traits(types[t]);
        const size_t n_bytes = n / (size_t)traits->blck_size * traits->type_size;
        uint32_t seed = (uint32_t)types[t];
        for (size_t i = 0; i < n_bytes; i++) bytes[i] = (uint8_t)lcg(&seed);
        traits->to_float(bytes, x, n);
        for (size_t i = 0; i < n; i++) {
            const uint32_t nan = 0x7fc00000u;
            if (x[i] != x[i]) memcpy(&x[i], &nan, sizeof nan);
        }
        const uint64_t decoded = hash(x, sizeof x);
        for (size_t i = 0; i < n; i++) x[i] = 4 * ((float)lcg(&seed) / 32768 - 1);
        ggml_quantize_chunk(types[t], x, bytes, 0, 16, n / 16, NULL);
        printf("%s: {%d, 0x%016llxu, 0x%016llxu}\n", traits->type_name, (int)types[t], (unsigned long long)decoded,
               (unsigned long long)hash(bytes, n_bytes));
        print_error(types[t], traits->type_name, n_bytes);
    }
    return 0;
}
