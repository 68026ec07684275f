/* What the t3 kernels with dpbusd share; the including file names its vectors' instructions in T3_OP(add_epi32) and T3_DPBUSD.
 *
 * One token needs no codes. With f the byte, next = 3 f modulo 256 and d the code that went out at the top, 3 f - next = 256 d: what
 * is left of a byte cancels in sums of products, 256 sum(d q) = 3 sum(f q) - sum(next q). So two products take the place of comparisons.
 * Modulo 2^32 that is exact while 256 sum(d q) stays within 2^31: 2^23 / 256 = 2^15 inputs of a plane, which are 512 blocks.
 *
 * Vector instructions for 5 weights of each byte, one token: 5 times 3 of two additions, 10 dpbusd: 20, which is 4 for a vector of
 * weights (T2: 8 or 9 for 4 vectors). The five activations are loaded by broadcasts, which take no arithmetic unit. By masks and codes it
 * would be 33; with VBMI's table look-ups 16, but p5 of Intel's processors does them one at a time. */
#ifndef TRIT_KERNEL_X86_T3_VNNI_H
#define TRIT_KERNEL_X86_T3_VNNI_H

typedef struct t3_sums {
    t2_wide now, next; /* sums of f q, of next q */
} t3_sums;

typedef t2_wide t3_dots;

static inline t3_sums t3_zero(void) {
    return (t3_sums){t2_wide_zero(), t2_wide_zero()};
}

static inline t3_dots t3_dots_zero(void) {
    return t2_wide_zero();
}

static inline t2_bytes t3_load(const void *p) {
    return t2_load(p);
}

static inline t2_bytes t3_times3(t2_bytes f) {
    return T3_OP(add_epi8)(f, T3_OP(add_epi8)(f, f));
}

static inline t3_sums t3_add(t3_sums sums, t2_bytes f, t2_bytes next, t2_bytes four) {
    return (t3_sums){T3_DPBUSD(sums.now, f, four), T3_DPBUSD(sums.next, next, four)};
}

static inline t2_wide t3_settle(t2_wide wide, t3_sums sums) {
    const t2_wide thrice = T3_OP(add_epi32)(sums.now, T3_OP(add_epi32)(sums.now, sums.now));
    return T3_OP(add_epi32)(wide, T3_OP(srai_epi32)(T3_OP(sub_epi32)(thrice, sums.next), 8));
}

static inline t3_dots t3_dot(t3_dots dots, t2_bytes codes, t2_bytes four) {
    return T3_DPBUSD(dots, codes, four);
}

static inline t2_wide t3_widen(t2_wide wide, t3_dots dots) {
    return T3_OP(add_epi32)(wide, dots);
}

enum { T3_OFFSET = 1, T3_SPAN = 256, T3_PLANES = trit_t3_planes };

#endif
