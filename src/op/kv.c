/* The layout of the key-value cache. */
#include "base/alloc.h"
#include "op/op.h"

size_t trit_kv_row_bytes(const trit_kv_shape *s) {
    switch (s->form) {
    case trit_kv_form_f32: return (size_t)s->head_dim * 4;
    case trit_kv_form_f16: return (size_t)s->head_dim * 2;
    default: return ((size_t)s->head_dim + 3) / 4 * 4 + 4; /* int8 values, then a float scale */
    }
}

bool trit_kv_n_bytes(const trit_kv_shape *s, size_t *n_bytes) {
    size_t n = trit_kv_row_bytes(s);
    return trit_mul_size(n, trit_page_tokens, &n) && trit_mul_size(n, s->n_kv_heads, &n) && trit_mul_size(n, 2, &n) &&
           trit_mul_size(n, s->n_layers, &n) && trit_mul_size(n, s->n_pages, n_bytes);
}

size_t trit_kv_page_bytes(const trit_kv_shape *s) {
    return trit_kv_row_bytes(s) * trit_page_tokens * s->n_kv_heads * 2 * s->n_layers;
}

size_t trit_kv_offset(const trit_kv_shape *s, uint32_t page, uint32_t layer, uint32_t is_value, uint32_t head, uint32_t slot) {
    size_t at = ((size_t)page * s->n_layers + layer) * 2 + is_value;
    return ((at * s->n_kv_heads + head) * trit_page_tokens + slot) * trit_kv_row_bytes(s);
}
