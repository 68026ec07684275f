/* What kernels with AVX-512 VNNI share. */
#ifndef TRIT_KERNEL_X86_DPBUSD_ZMM_H
#define TRIT_KERNEL_X86_DPBUSD_ZMM_H

#include <immintrin.h>
#include <stdint.h>

/* sums += codes (unsigned) * x[0..3], from memory for sure: compilers load the activations by themselves and copy sums about, which costs up to 15 %. */
static inline __m512i dot_from_memory(__m512i sums, __m512i codes, const int8_t *x) {
    typedef struct four {
        int8_t x[4];
    } four;
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sums) : "v"(codes), "m"(*(const four *)x));
    return sums;
}

#endif
