/* Which instruction-set tiers this processor and its operating system can run. x86 is asked by CPUID and XGETBV (a register
 * file counts only when the system saves it), AArch64 by the hardware words that Linux hands to a program or by sysctl on
 * macOS. Everything is read anew at each call: it is asked a few times in a program's life, and so nothing needs a lock. */
#include "base/cpu.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

enum family { family_any, family_x86, family_arm };

static const struct {
    const char *name, *text;
    enum family family;
} tiers[trit_n_cpu_tiers] = {
#define TRIT_CPU_TIER(name, family, text) {#name, text, family_##family},
#include "base/cpu_tiers.def"
#undef TRIT_CPU_TIER
};

const char *trit_cpu_tier_name(trit_cpu_tier tier) {
    return (unsigned)tier < trit_n_cpu_tiers ? tiers[tier].name : "unknown";
}

const char *trit_cpu_tier_text(trit_cpu_tier tier) {
    return (unsigned)tier < trit_n_cpu_tiers ? tiers[tier].text : "unknown";
}

#if defined(__x86_64__)

typedef struct cpuid_words {
    unsigned a, b, c, d;
} cpuid_words;

static cpuid_words cpuid(unsigned leaf, unsigned subleaf) {
    cpuid_words w = {0, 0, 0, 0};
    if (!__get_cpuid_count(leaf, subleaf, &w.a, &w.b, &w.c, &w.d)) memset(&w, 0, sizeof w);
    return w;
}

/* Which register files the system saves at a task switch: bit 1 SSE, 2 AVX, 5..7 AVX-512. Zero without OSXSAVE. */
static unsigned saved_state(void) {
    if (!(cpuid(1, 0).c >> 27 & 1u)) return 0;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool all_bits(unsigned word, unsigned bits) {
    return (word & bits) == bits;
}

bool trit_cpu_has(trit_cpu_tier tier) {
    enum { ssse3 = 1u << 9, sse41 = 1u << 19, avx = 1u << 28, f16c = 1u << 29 }; /* 1.c */
    enum { avx2 = 1u << 5, avx512f = 1u << 16, avx512dq = 1u << 17, avx512bw = 1u << 30 }; /* 7.b */
    enum { avx512vnni = 1u << 11 }; /* 7.c */
    enum { avxvnni = 1u << 4, avx512bf16 = 1u << 5 }; /* 7.1.a */
    const unsigned avx512vl = 1u << 31; /* 7.b */
    const unsigned state_avx = 0x6, state_avx512 = 0xe6;

    cpuid_words one = cpuid(1, 0), seven = cpuid(7, 0);
    unsigned state = saved_state();
    bool has_avx2 = all_bits(one.c, avx | f16c) && all_bits(seven.b, avx2) && all_bits(state, state_avx);
    bool has_avx512 = has_avx2 && all_bits(seven.b, avx512f | avx512dq | avx512bw | avx512vl) && all_bits(state, state_avx512);
    switch (tier) {
    case trit_cpu_scalar: return true;
    case trit_cpu_sse41: return all_bits(one.c, ssse3 | sse41);
    case trit_cpu_avx2: return has_avx2;
    case trit_cpu_avxvnni: return has_avx2 && seven.a >= 1 && all_bits(cpuid(7, 1).a, avxvnni);
    case trit_cpu_avx512: return has_avx512;
    case trit_cpu_avx512vnni: return has_avx512 && all_bits(seven.c, avx512vnni);
    case trit_cpu_avx512bf16: return has_avx512 && all_bits(seven.c, avx512vnni) && seven.a >= 1 && all_bits(cpuid(7, 1).a, avx512bf16);
    default: return false;
    }
}

/* Three leaves of sixteen characters. */
const char *trit_cpu_name(void) {
    static _Thread_local char brand[49];
    for (unsigned i = 0; i < 3; i++) {
        cpuid_words w = cpuid(0x80000002u + i, 0);
        memcpy(brand + 16 * i, &w, 16);
    }
    brand[48] = '\0';
    return brand + strspn(brand, " ");
}

#elif defined(__aarch64__)

#if defined(__linux__)
const char *trit_cpu_name(void) {
    return "";
}

static bool has_dotprod(void) {
    return getauxval(AT_HWCAP) >> 20 & 1u; /* HWCAP_ASIMDDP */
}

static bool has_i8mm(void) {
    return getauxval(AT_HWCAP2) >> 13 & 1u; /* HWCAP2_I8MM */
}
#elif defined(__APPLE__)
const char *trit_cpu_name(void) {
    static _Thread_local char brand[64];
    size_t n = sizeof brand - 1;
    if (sysctlbyname("machdep.cpu.brand_string", brand, &n, NULL, 0) != 0) brand[0] = '\0';
    return brand;
}

static bool feature(const char *name) {
    int value = 0;
    size_t n = sizeof value;
    return sysctlbyname(name, &value, &n, NULL, 0) == 0 && value != 0;
}

static bool has_dotprod(void) {
    return feature("hw.optional.arm.FEAT_DotProd");
}

static bool has_i8mm(void) {
    return feature("hw.optional.arm.FEAT_I8MM");
}
#else
const char *trit_cpu_name(void) {
    return "";
}

static bool has_dotprod(void) {
    return false;
}

static bool has_i8mm(void) {
    return false;
}
#endif

bool trit_cpu_has(trit_cpu_tier tier) {
    switch (tier) {
    case trit_cpu_scalar:
    case trit_cpu_neon: return true; /* AdvSIMD is part of AArch64 */
    case trit_cpu_dotprod: return has_dotprod();
    case trit_cpu_i8mm: return has_dotprod() && has_i8mm();
    default: return false;
    }
}

#else

const char *trit_cpu_name(void) {
    return "";
}

bool trit_cpu_has(trit_cpu_tier tier) {
    return tier == trit_cpu_scalar;
}

#endif

static bool runs_family(enum family family) {
    for (trit_cpu_tier t = 0; t < trit_n_cpu_tiers; t++)
        if (tiers[t].family == family && trit_cpu_has(t)) return true;
    return false;
}

trit_status trit_cpu_best(trit_cpu_tier *out, const char *cap, trit_error *err) {
    trit_cpu_tier limit = trit_n_cpu_tiers, best = trit_cpu_scalar;
    if (cap && *cap) {
        for (limit = 0; limit < trit_n_cpu_tiers && strcmp(cap, tiers[limit].name) != 0; limit++) {}
        if (limit == trit_n_cpu_tiers) return trit_error_set(err, trit_arg, "instruction-set tier \"%s\" is unknown", cap);
        if (!runs_family(tiers[limit].family)) limit = trit_n_cpu_tiers;
    }
    for (trit_cpu_tier t = 0; t < trit_n_cpu_tiers; t++)
        if (t <= limit && trit_cpu_has(t)) best = t;
    *out = best;
    return trit_ok;
}
