/* Which type two types meet in: NumPy 2's table. Whole numbers and floats meet in a float that holds all values of both where there
 * is one; F16 and BF16, of which neither holds the other, in F32. */
#include "base/error.h"
#include "tensor/tensor.h"

enum kind { kind_bool, kind_integer, kind_float };

static enum kind kind_of(trit_dtype t) {
    return t == trit_dtype_bool ? kind_bool : trit_dtype_is_float(t) ? kind_float : kind_integer;
}

/* Bits that a whole number needs of a float's 11 (F16), 8 (BF16), 24 and 53. */
static trit_dtype float_for(trit_dtype integer, trit_dtype f) {
    if (integer == trit_dtype_i8 || integer == trit_dtype_u8) return f;
    if (integer == trit_dtype_i16) return f == trit_dtype_f64 ? f : trit_dtype_f32;
    return trit_dtype_f64;
}

static trit_dtype meet_floats(trit_dtype a, trit_dtype b) {
    if (a == trit_dtype_f64 || b == trit_dtype_f64) return trit_dtype_f64;
    return a == b ? a : trit_dtype_f32;
}

static trit_dtype meet_integers(trit_dtype a, trit_dtype b) {
    if (a == b) return a;
    if (a == trit_dtype_u8 || b == trit_dtype_u8) { /* a signed one that holds 255 */
        const trit_dtype s = a == trit_dtype_u8 ? b : a;
        return s == trit_dtype_i8 ? trit_dtype_i16 : s;
    }
    return trit_dtype_bytes(a) > trit_dtype_bytes(b) ? a : b;
}

trit_status trit_dtype_promote(trit_dtype *out, trit_dtype a, trit_dtype b, trit_error *err) {
    if (!trit_dtype_is_plain(a) || !trit_dtype_is_plain(b)) {
        const char *x = trit_dtype_label(a), *y = trit_dtype_label(b);
        return trit_error_set(err, trit_arg, "types %s and %s do not meet: only plain ones do; cast to F32 first", x ? x : "unknown",
                              y ? y : "unknown");
    }
    const enum kind ka = kind_of(a), kb = kind_of(b);
    if (ka == kind_bool || kb == kind_bool)
        *out = ka == kind_bool ? b : a;
    else if (ka == kb)
        *out = ka == kind_float ? meet_floats(a, b) : meet_integers(a, b);
    else
        *out = ka == kind_float ? float_for(b, a) : float_for(a, b);
    return trit_ok;
}

/* Floats first: I8 and U8 would meet in I16, whose values F16 does not hold. */
trit_status trit_dtype_promote_all(trit_dtype *out, uint32_t n, const trit_tensor *const *tensors, trit_error *err) {
    trit_dtype t = trit_dtype_bool; /* which meets every type in that type */
    trit_status status = trit_ok;
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < n && status == trit_ok; i++)
            if (trit_dtype_is_float(tensors[i]->view.dtype) == (pass == 0)) status = trit_dtype_promote(&t, t, tensors[i]->view.dtype, err);
    *out = t;
    return status;
}

bool trit_dtype_can_become(trit_dtype from, trit_dtype to) {
    if (!trit_dtype_is_plain(from) || !trit_dtype_is_plain(to)) return from == to;
    return kind_of(from) <= kind_of(to);
}
