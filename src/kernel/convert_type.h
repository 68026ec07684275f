/* Conversions from one element type to all others. Included by convert_template.h once for each type, with its ways to cut to
 * whole numbers and to round to halves, and
 *   S          the type as it stands in memory
 *   VALUE(s)   what an S stands for: a float, a double, or a whole number
 *   NAME(x)    x with the type's name behind it */

static void NAME(to_f32)(float *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (float)VALUE(x[i]);
}

static void NAME(to_f64)(double *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (double)VALUE(x[i]);
}

static void NAME(to_f16)(uint16_t *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = trit_f16_from_f32(TO_ODD(VALUE(x[i])));
}

static void NAME(to_bf16)(uint16_t *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = trit_bf16_from_f32(TO_ODD(VALUE(x[i])));
}

static void NAME(to_i8)(int8_t *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (int8_t)CUT(VALUE(x[i]), INT8_MIN, INT8_MAX);
}

static void NAME(to_i16)(int16_t *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (int16_t)CUT(VALUE(x[i]), INT16_MIN, INT16_MAX);
}

static void NAME(to_i32)(int32_t *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (int32_t)CUT64(VALUE(x[i]), INT32_MIN, INT32_MAX);
}

static void NAME(to_i64)(int64_t *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = CUT64(VALUE(x[i]), INT64_MIN, INT64_MAX);
}

static void NAME(to_u8)(uint8_t *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (uint8_t)CUT(VALUE(x[i]), 0, UINT8_MAX);
}

static void NAME(to_bool)(uint8_t *y, const S *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = VALUE(x[i]) != 0;
}

static void NAME(convert)(trit_dtype to, void *y, const void *x, size_t n) {
    switch (to) {
    case trit_dtype_f32: NAME(to_f32)(y, x, n); break;
    case trit_dtype_f64: NAME(to_f64)(y, x, n); break;
    case trit_dtype_f16: NAME(to_f16)(y, x, n); break;
    case trit_dtype_bf16: NAME(to_bf16)(y, x, n); break;
    case trit_dtype_i8: NAME(to_i8)(y, x, n); break;
    case trit_dtype_i16: NAME(to_i16)(y, x, n); break;
    case trit_dtype_i32: NAME(to_i32)(y, x, n); break;
    case trit_dtype_i64: NAME(to_i64)(y, x, n); break;
    case trit_dtype_u8: NAME(to_u8)(y, x, n); break;
    default: NAME(to_bool)(y, x, n); break;
    }
}

#undef S
#undef VALUE
#undef NAME
