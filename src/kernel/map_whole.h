/* Functions of whole numbers of type T, a part of map_type.h: they wrap around, and division by 0 gives 0. */

static inline bool NAME(is_negative)(T a) {
    return a < (T)1 && a != 0; /* not a < 0, which compilers take for a mistake where T has no sign */
}

static inline T NAME(abs)(T a) {
    return a < (T)1 ? NAME(neg)(a) : a;
}

static inline T NAME(minimum)(T a, T b) {
    return a < b ? a : b;
}

static inline T NAME(maximum)(T a, T b) {
    return a > b ? a : b;
}

static inline T NAME(sign)(T a) {
    return (T)((a != 0) - 2 * NAME(is_negative)(a));
}

static inline T NAME(floor)(T a) {
    return a;
}

static inline T NAME(ceil)(T a) {
    return a;
}

static inline T NAME(round)(T a) {
    return a;
}

static inline T NAME(trunc)(T a) {
    return a;
}

static inline bool NAME(isnan)(T a) {
    (void)a;
    return false;
}

static inline bool NAME(isinf)(T a) {
    (void)a;
    return false;
}

static inline bool NAME(isfinite)(T a) {
    (void)a;
    return true;
}

/* The smallest number by -1 has no quotient of its type: it is the negative, which wraps around to itself. */
static inline bool NAME(is_minus_one)(T a) {
    return NAME(is_negative)(a) && NAME(neg)(a) == 1;
}

static inline T NAME(mod)(T a, T b) {
    if (b == 0 || NAME(is_minus_one)(b)) return 0;
    const T rest = (T)(a % b);
    return rest != 0 && NAME(is_negative)(a) != NAME(is_negative)(b) ? (T)(rest + b) : rest;
}

static inline T NAME(floor_div)(T a, T b) {
    if (b == 0) return 0;
    if (NAME(is_minus_one)(b)) return NAME(neg)(a);
    const bool rounds = a % b != 0 && NAME(is_negative)(a) != NAME(is_negative)(b);
    return (T)(a / b - rounds);
}

/* By squares; 1 for b < 1. */
static inline T NAME(pow)(T a, T b) {
    T power = 1;
    for (; b > 0; b = (T)(b >> 1)) {
        if (b & 1) power = NAME(mul)(power, a);
        a = NAME(mul)(a, a);
    }
    return power;
}

static inline T NAME(bit_not)(T a) {
    return (T)~a;
}

static inline T NAME(bit_and)(T a, T b) {
    return (T)(a & b);
}

static inline T NAME(bit_or)(T a, T b) {
    return (T)(a | b);
}

static inline T NAME(bit_xor)(T a, T b) {
    return (T)(a ^ b);
}

/* Is it no number of bits that T can be shifted by? */
static inline bool NAME(is_far)(T b) {
    return (uint64_t)b >= 8 * sizeof(T);
}

static inline T NAME(shift_left)(T a, T b) {
    if (NAME(is_far)(b)) return 0;
    return (T)((U)a << b);
}

/* Types narrower than int are shifted as int, whose upper bits are the sign. */
static inline T NAME(shift_right)(T a, T b) {
    const int bits = 8 * sizeof(T), most = bits < 32 ? bits : bits - 1;
    return (T)(a >> (NAME(is_far)(b) ? most : (int)b));
}
