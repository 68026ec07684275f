/* Writes safetensors: one file, its tensors in the order of the calls without a hole, as the format demands.
 *
 *      u64 n | JSON of n bytes, padded with blanks to a multiple of 8 | data */
#include "base/alloc.h"
#include "base/error.h"
#include "io/items.h"
#include "tensor/bytes.h"

#include <inttypes.h>
#include <stdio.h>

struct trit_safetensors_writer {
    trit_items tensors;
};

trit_status trit_safetensors_writer_new(trit_safetensors_writer **out, trit_error *err) {
    trit_safetensors_writer *w = trit_alloc_zero(1, sizeof *w);
    if (!w) return trit_error_memory(err, sizeof *w, "a safetensors writer");
    *out = w;
    return trit_ok;
}

void trit_safetensors_writer_free(trit_safetensors_writer *w) {
    if (!w) return;
    trit_items_fini(&w->tensors);
    trit_free(w);
}

trit_status trit_safetensors_put_tensor(trit_safetensors_writer *w, const trit_file_tensor *tensor, trit_tensor_fill fill, void *context,
                                        uint64_t piece_bytes, trit_error *err) {
    const trit_dtype_traits *traits = trit_dtype_info(tensor->dtype);
    uint64_t n_bytes;
    if (!traits || !*traits->safetensors)
        return trit_error_set(err, trit_arg, "tensor %.*s: safetensors has no type %s", TRIT_STR_ARG(tensor->name),
                              traits ? traits->label : "like that");
    if (!trit_dtype_n_bytes(tensor->dtype, trit_file_tensor_n_rows(tensor), trit_file_tensor_n_cols(tensor), &n_bytes) || n_bytes != tensor->n_bytes)
        return trit_error_set(err, trit_arg, "tensor %.*s: %" PRIu64 " bytes are not the size of its shape as %s",
                              TRIT_STR_ARG(tensor->name), tensor->n_bytes, traits->label);
    return trit_items_add(&w->tensors, tensor, fill, context, piece_bytes, err);
}

static bool append(trit_text *out, const char *s) {
    return trit_text_append(out, s, strlen(s));
}

static bool append_u64(trit_text *out, const char *before, uint64_t v) {
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, v);
    return append(out, before) && append(out, number);
}

static bool append_entry(trit_text *out, const trit_file_tensor *t, uint64_t offset) {
    bool good = trit_json_write_str(out, t->name.p, t->name.n) && append(out, ":{\"dtype\":\"") &&
                append(out, trit_dtype_info(t->dtype)->safetensors) && append(out, "\",\"shape\":[");
    for (uint32_t i = 0; i < t->n_dims; i++) good = good && append_u64(out, i ? "," : "", t->shape[i]);
    return good && append_u64(out, "],\"data_offsets\":[", offset) && append_u64(out, ",", offset + t->n_bytes) && append(out, "]}");
}

static bool append_head(trit_text *out, const trit_items *tensors) {
    uint64_t offset = 0;
    bool good = trit_text_append(out, "\0\0\0\0\0\0\0\0", 8) && append(out, "{");
    for (size_t i = 0; i < tensors->n && good; i++) {
        good = append(out, i ? "," : "") && append_entry(out, &tensors->item[i].tensor, offset);
        offset += tensors->item[i].tensor.n_bytes;
    }
    good = good && append(out, "}");
    while (good && out->n % 8) good = append(out, " ");
    if (good) trit_store_u64((uint8_t *)out->data, out->n - 8);
    return good;
}

trit_status trit_safetensors_write(trit_safetensors_writer *w, const char *path, trit_error *err) {
    trit_text head = {0};
    trit_status status = trit_check_unique(w->tensors.item, w->tensors.n, sizeof *w->tensors.item, "tensor", err);
    if (status == trit_ok && !append_head(&head, &w->tensors)) status = trit_error_memory(err, head.n, "the head of a safetensors file");
    if (status == trit_ok) status = trit_items_write(&w->tensors, &head, 1, path, err);
    trit_text_fini(&head);
    return status;
}
