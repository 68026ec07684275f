/* Values of GGUF keys. Writers disagree on the widths of numbers, so any integer type answers for any integer key. */
#include "io/io.h"
#include "tensor/bytes.h"

static uint64_t n_items(const trit_gguf_kv *kv) {
    return kv ? kv->n : 0;
}

bool trit_gguf_int(const trit_gguf_kv *kv, uint64_t i, int64_t *out) {
    if (i >= n_items(kv)) return false;
    const uint8_t *p = kv->data;
    switch (kv->item_type) {
    case trit_gguf_u8: *out = p[i]; return true;
    case trit_gguf_i8: *out = (int8_t)p[i]; return true;
    case trit_gguf_u16: *out = trit_load_u16(p + 2 * i); return true;
    case trit_gguf_i16: *out = (int16_t)trit_load_u16(p + 2 * i); return true;
    case trit_gguf_u32: *out = trit_load_u32(p + 4 * i); return true;
    case trit_gguf_i32: *out = (int32_t)trit_load_u32(p + 4 * i); return true;
    case trit_gguf_i64: *out = (int64_t)trit_load_u64(p + 8 * i); return true;
    case trit_gguf_u64:
        if (trit_load_u64(p + 8 * i) > INT64_MAX) return false;
        *out = (int64_t)trit_load_u64(p + 8 * i);
        return true;
    case trit_gguf_f32:
    case trit_gguf_f64:
    case trit_gguf_bool:
    case trit_gguf_string:
    case trit_gguf_array: break;
    }
    return false;
}

bool trit_gguf_real(const trit_gguf_kv *kv, uint64_t i, double *out) {
    int64_t integer;
    if (i >= n_items(kv)) return false;
    if (kv->item_type == trit_gguf_f32) *out = (double)trit_load_f32(kv->data + 4 * i);
    else if (kv->item_type == trit_gguf_f64) *out = trit_load_f64(kv->data + 8 * i);
    else if (kv->item_type == trit_gguf_u64) *out = (double)trit_load_u64(kv->data + 8 * i);
    else if (trit_gguf_int(kv, i, &integer)) *out = (double)integer;
    else return false;
    return true;
}

bool trit_gguf_bool_value(const trit_gguf_kv *kv, bool *out) {
    if (!kv || kv->type != trit_gguf_bool) return false;
    *out = kv->data[0] != 0;
    return true;
}

/* The string at *p, which moves behind it. Its length was checked when the file was opened. */
static trit_str next_string(const uint8_t **p) {
    const trit_str s = {(const char *)*p + 8, (size_t)trit_load_u64(*p)};
    *p += 8 + s.n;
    return s;
}

bool trit_gguf_str(const trit_gguf_kv *kv, trit_str *out) {
    if (!kv || kv->type != trit_gguf_string) return false;
    const uint8_t *p = kv->data;
    *out = next_string(&p);
    return true;
}

bool trit_gguf_strs(const trit_gguf_kv *kv, trit_str *out) {
    if (!kv || kv->type != trit_gguf_array || kv->item_type != trit_gguf_string) return false;
    const uint8_t *p = kv->data;
    for (uint64_t i = 0; i < kv->n; i++) out[i] = next_string(&p);
    return true;
}
