#include "io/items.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/names.h"

enum { max_alignment = 64 };

trit_status trit_items_add(trit_items *items, const trit_file_tensor *tensor, trit_tensor_fill fill, void *context, uint64_t piece_bytes,
                           trit_error *err) {
    void *p = items->item;
    if (!trit_grow(&p, &items->capacity, items->n + 1, sizeof *items->item)) return trit_error_memory(err, items->n, "the tensors");
    items->item = p;
    char *name = trit_strndup(tensor->name.p, tensor->name.n);
    if (!name) return trit_error_memory(err, tensor->name.n, "a tensor's name");
    items->item[items->n] = (trit_item){*tensor, fill, context, piece_bytes};
    items->item[items->n++].tensor.name.p = name;
    return trit_ok;
}

void trit_items_fini(trit_items *items) {
    for (size_t i = 0; i < items->n; i++) trit_free((void *)(uintptr_t)items->item[i].tensor.name.p);
    trit_free(items->item);
    *items = (trit_items){0};
}

trit_status trit_check_unique(const void *things, size_t n, size_t stride, const char *kind, trit_error *err) {
    trit_names names;
    size_t twice;
    trit_str name;
    const trit_status status = trit_names_init(&names, things, n, stride, &twice);
    if (status == trit_memory) return trit_error_memory(err, n * 16, "the index of names");
    if (status == trit_ok) {
        trit_names_fini(&names);
        return trit_ok;
    }
    memcpy(&name, (const char *)things + twice * stride, sizeof name);
    return trit_error_set(err, trit_arg, "%s %.*s is put twice", kind, TRIT_STR_ARG(name));
}

/* Where the bytes go. */
typedef struct sink {
    FILE *file;
    const char *path; /* for messages */
    trit_error *err;
} sink;

static trit_status fail_write(const sink *to) {
    return trit_error_set(to->err, errno == ENOMEM ? trit_memory : trit_io, "%.200s: %s", to->path,
                          errno ? strerror(errno) : "cannot be written");
}

static trit_status write_bytes(const sink *to, const void *data, size_t n) {
    errno = 0;
    return n == 0 || fwrite(data, 1, n, to->file) == n ? trit_ok : fail_write(to);
}

/* The bytes of a tensor that are made now. `buffer` is reused. */
static trit_status write_filled(const sink *to, const trit_item *it, trit_text *buffer) {
    const uint64_t all = it->tensor.n_bytes, most = it->piece_bytes && it->piece_bytes < all ? it->piece_bytes : all;
    trit_file_tensor piece = it->tensor;
    trit_status status = trit_text_reserve(buffer, (size_t)most) ? trit_ok : trit_error_memory(to->err, (size_t)most, "a tensor to write");
    for (uint64_t at = 0; at < all && status == trit_ok; at += most) {
        piece.n_bytes = all - at < most ? all - at : most;
        status = it->fill(it->context, &piece, (uint8_t *)buffer->data, to->err);
        if (status == trit_ok) status = write_bytes(to, buffer->data, (size_t)piece.n_bytes);
    }
    return status;
}

static trit_status write_data(const sink *to, const trit_items *items, uint64_t alignment) {
    static const char zeros[max_alignment];
    trit_text buffer = {0};
    trit_status status = trit_ok;
    for (size_t i = 0; status == trit_ok && i < items->n; i++) {
        const trit_item *it = &items->item[i];
        if (it->fill) status = write_filled(to, it, &buffer);
        else status = write_bytes(to, it->tensor.data, (size_t)it->tensor.n_bytes);
        if (status == trit_ok) status = write_bytes(to, zeros, (size_t)((alignment - it->tensor.n_bytes % alignment) % alignment));
    }
    trit_text_fini(&buffer);
    return status;
}

/* Writes `part` and gives it the name `path`. */
static trit_status write_and_rename(const trit_items *items, const trit_text *head, uint64_t alignment, const char *part,
                                    const char *path, trit_error *err) {
    const sink to = {fopen(part, "wb"), part, err};
    if (!to.file) return fail_write(&to);
    trit_status status = write_bytes(&to, head->data, head->n);
    if (status == trit_ok) status = write_data(&to, items, alignment);
    if (fclose(to.file) != 0 && status == trit_ok) status = fail_write(&to);
    if (status == trit_ok && rename(part, path) != 0) status = fail_write(&to);
    if (status != trit_ok) remove(part);
    return status;
}

trit_status trit_items_write(const trit_items *items, const trit_text *head, uint64_t alignment, const char *path, trit_error *err) {
    trit_text part = {0};
    const bool named = trit_text_append(&part, path, strlen(path)) && trit_text_append(&part, ".part", 5);
    const trit_status status = named ? write_and_rename(items, head, alignment, part.data, path, err)
                                     : trit_error_memory(err, strlen(path), "the name of a file");
    trit_text_fini(&part);
    return status;
}
