/* What a core does at best, in thousand millions of multiply-adds a second of processor time, as JSON: of floats, and of pairs of bfloat16 where the
 * processor has VDPBF16PS (else null). Loops of instructions on registers; for tools/bench_train.py:
 *
 *     cc -O2 -march=native -ffp-contract=fast tools/peak.c -o peak && ./peak */
#include <stdio.h>
#include <time.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { vector_bytes = 64 };
#elif defined(__AVX__)
enum { vector_bytes = 32 };
#else
enum { vector_bytes = 16 };
#endif
typedef float vector __attribute__((vector_size(vector_bytes)));

/* Sums beside each other hide that a sum waits for the one before: up to 5 cycles, two instructions a cycle. They begin with different numbers, or the
 * compiler would make one of them. */
enum { n_lanes = vector_bytes / sizeof(float), n_chains = 12, n_turns = 2000000, n_rounds = 7 };

static volatile float half = 0.5f, one = 1, result;

static void floats(void) {
    const vector x = (vector){0} + half, y = (vector){0} + one;
    vector s[n_chains];
    for (int k = 0; k < n_chains; k++) s[k] = (vector){0} + half * (float)k;
    for (int i = 0; i < n_turns; i++) {
#pragma GCC unroll 12
        for (int k = 0; k < n_chains; k++) s[k] = s[k] * x + y;
    }
    for (int k = 0; k < n_chains; k++) result = s[k][0];
}

#ifdef __AVX512BF16__
static void pairs(void) {
    const __m512bh x = _mm512_cvtne2ps_pbh(_mm512_set1_ps(half), _mm512_set1_ps(one));
    __m512 s[n_chains];
    for (int k = 0; k < n_chains; k++) s[k] = _mm512_set1_ps(half * (float)k);
    for (int i = 0; i < n_turns; i++) {
#pragma GCC unroll 12
        for (int k = 0; k < n_chains; k++) s[k] = _mm512_dpbf16_ps(s[k], x, x);
    }
    for (int k = 0; k < n_chains; k++) result = _mm512_cvtss_f32(s[k]);
}
#endif

/* The best of some rounds: others on the machine only take from it. */
static double rate(void (*loop)(void), double per_instruction) {
    double best = 0;
    for (int i = 0; i < n_rounds; i++) {
        const clock_t before = clock();
        loop();
        const double seconds = (double)(clock() - before) / CLOCKS_PER_SEC, now = per_instruction * n_chains * n_turns / seconds * 1e-9;
        if (seconds > 0 && now > best) best = now;
    }
    return best;
}

int main(void) {
    printf("{\"float_gmac_s\": %.1f, ", rate(floats, n_lanes));
#ifdef __AVX512BF16__
    printf("\"bf16_gmac_s\": %.1f}\n", rate(pairs, 2 * n_lanes));
#else
    printf("\"bf16_gmac_s\": null}\n");
#endif
    return 0;
}
