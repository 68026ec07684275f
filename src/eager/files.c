/* Tensors in files: between the containers of io/ and tensors on a device. */
#include "trit/arrays.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "eager/eager.h"
#include "io/io.h"
#include "io/items.h"
#include "io/npy.h"
#include "io/zip.h"

struct trit_tensors {
    uint32_t n;
    char **name;          /* [n] owned */
    trit_tensor **tensor; /* [n] owned */
};

static bool ends_with(const char *s, const char *end) {
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* ---- reading ---- */

static void swap_bytes(void *data, int64_t n, size_t size) {
    uint8_t *p = data;
    for (int64_t i = 0; i < n; i++, p += size)
        for (size_t k = 0; k < size / 2; k++) {
            const uint8_t b = p[k];
            p[k] = p[size - 1 - k];
            p[size - 1 - k] = b;
        }
}

/* A tensor with a copy of the file's elements. */
static trit_status from_file(trit_tensor **out, trit_device *device, const trit_file_tensor *t, bool is_fortran, bool is_big_endian, trit_error *err) {
    int64_t shape[trit_max_dims];
    for (uint32_t d = 0; d < t->n_dims; d++) shape[d] = (int64_t)t->shape[is_fortran ? t->n_dims - 1 - d : d];
    if (!trit_dtype_is_plain(t->dtype) && !trit_dtype_is_blocks(t->dtype))
        return trit_error_set(err, trit_unsupported, "tensor %.*s: tensors of type %s are files' alone (trit convert)", TRIT_STR_ARG(t->name),
                              trit_dtype_label(t->dtype));
    trit_tensor *made;
    trit_status status = trit_tensor_new(&made, device, t->dtype, t->n_dims, shape, err);
    if (status != trit_ok) return status;
    if (t->n_bytes) memcpy(made->view.data, t->data, (size_t)t->n_bytes);
    if (is_big_endian) swap_bytes(made->view.data, trit_tensor_n_elements(made), trit_dtype_bytes(t->dtype));
    if (!is_fortran) {
        *out = made;
        return trit_ok;
    }
    status = trit_tensor_permute(out, made, NULL, err);
    trit_tensor_free(made);
    return status;
}

static trit_status from_npy(trit_tensor **out, trit_device *device, const uint8_t *data, size_t n, const char *what, trit_error *err) {
    trit_npy npy;
    trit_status status = trit_npy_parse(&npy, data, n, what, err);
    return status == trit_ok ? from_file(out, device, &npy.tensor, npy.is_fortran, npy.is_big_endian, err) : status;
}

trit_status trit_tensor_load(trit_tensor **out, trit_device *device, const char *path, trit_error *err) {
    trit_file_map map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = from_npy(out, device, map.data, map.n, path, err);
    trit_os_unmap(&map);
    return status;
}

static trit_status set_new(trit_tensors **out, uint64_t n, trit_error *err) {
    trit_tensors *set = trit_alloc_zero(1, sizeof *set);
    if (set && n <= UINT32_MAX) {
        set->name = trit_alloc_zero((size_t)n, sizeof *set->name);
        set->tensor = trit_alloc_zero((size_t)n, sizeof *set->tensor);
    }
    if (!set || !set->name || !set->tensor) {
        trit_tensors_free(set);
        return trit_error_memory(err, (size_t)n * sizeof *set->tensor, "a set of tensors");
    }
    *out = set;
    return trit_ok;
}

/* The next place of a set, which has room, named. */
static trit_status set_name(trit_tensors *set, trit_str name, trit_error *err) {
    set->name[set->n] = trit_strndup(name.p, name.n);
    return set->name[set->n++] ? trit_ok : trit_error_memory(err, name.n, "a tensor's name");
}

/* All tensors of a file that lists them. */
typedef const trit_file_tensor *tensor_at(const void *file, uint64_t i);

static trit_status load_all(trit_tensors **out, trit_device *device, const void *file, uint64_t n, tensor_at *at, trit_error *err) {
    trit_tensors *set = NULL;
    trit_status status = set_new(&set, n, err);
    for (uint64_t i = 0; i < n && status == trit_ok; i++) {
        const trit_file_tensor *t = at(file, i);
        status = set_name(set, t->name, err);
        if (status == trit_ok) status = from_file(&set->tensor[i], device, t, false, false, err);
    }
    if (status == trit_ok)
        *out = set;
    else
        trit_tensors_free(set);
    return status;
}

static const trit_file_tensor *of_safetensors(const void *file, uint64_t i) {
    return trit_safetensors_tensor_at(file, i);
}

static trit_status load_safetensors(trit_tensors **out, trit_device *device, const char *path, trit_error *err) {
    trit_safetensors *file;
    trit_status status = trit_safetensors_open(&file, path, err);
    if (status != trit_ok) return status;
    status = load_all(out, device, file, trit_safetensors_n_tensors(file), of_safetensors, err);
    trit_safetensors_close(file);
    return status;
}

static const trit_file_tensor *of_gguf(const void *file, uint64_t i) {
    return trit_gguf_tensor_at(file, i);
}

static trit_status load_gguf(trit_tensors **out, trit_device *device, const char *path, trit_error *err) {
    trit_gguf *file;
    trit_status status = trit_gguf_open(&file, path, err);
    if (status != trit_ok) return status;
    status = load_all(out, device, file, trit_gguf_n_tensors(file), of_gguf, err);
    trit_gguf_close(file);
    return status;
}

static trit_status load_npz(trit_tensors **out, trit_device *device, const char *path, trit_error *err) {
    trit_file_map map;
    trit_zip zip = {0};
    trit_tensors *set = NULL;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_zip_open(&zip, map, path, err);
    if (status == trit_ok) status = set_new(&set, zip.n, err);
    for (size_t i = 0; i < zip.n && status == trit_ok; i++) {
        trit_str name = zip.entry[i].name;
        if (name.n >= 4 && memcmp(name.p + name.n - 4, ".npy", 4) == 0) name.n -= 4;
        status = set_name(set, name, err);
        if (status == trit_ok) status = from_npy(&set->tensor[i], device, zip.entry[i].data, (size_t)zip.entry[i].n, set->name[i], err);
    }
    trit_zip_close(&zip);
    trit_os_unmap(&map);
    if (status == trit_ok)
        *out = set;
    else
        trit_tensors_free(set);
    return status;
}

trit_status trit_tensors_load(trit_tensors **out, trit_device *device, const char *path, trit_error *err) {
    if (ends_with(path, ".safetensors")) return load_safetensors(out, device, path, err);
    if (ends_with(path, ".npz")) return load_npz(out, device, path, err);
    if (ends_with(path, ".gguf")) return load_gguf(out, device, path, err);
    return trit_error_set(err, trit_arg, "%.200s: tensors are read from .npz, .safetensors and .gguf files", path);
}

void trit_tensors_free(trit_tensors *set) {
    if (!set) return;
    for (uint32_t i = 0; set->name && set->tensor && i < set->n; i++) {
        trit_free(set->name[i]);
        trit_tensor_free(set->tensor[i]);
    }
    trit_free(set->name);
    trit_free(set->tensor);
    trit_free(set);
}

uint32_t trit_tensors_n(const trit_tensors *set) {
    return set->n;
}

const char *trit_tensors_name(const trit_tensors *set, uint32_t i) {
    return i < set->n ? set->name[i] : NULL;
}

trit_tensor *trit_tensors_at(const trit_tensors *set, uint32_t i) {
    return i < set->n ? set->tensor[i] : NULL;
}

trit_tensor *trit_tensors_find(const trit_tensors *set, const char *name) {
    for (uint32_t i = 0; i < set->n; i++)
        if (strcmp(set->name[i], name) == 0) return set->tensor[i];
    return NULL;
}

/* ---- writing ---- */

/* A contiguous tensor as files have them. */
static trit_file_tensor file_tensor_of(const trit_tensor *t, const char *name) {
    trit_file_tensor f = {.name = trit_str_from(name), .dtype = t->view.dtype, .n_dims = t->view.n_dims, .data = t->view.data,
                          .n_bytes = trit_tensor_n_bytes(t)};
    for (uint32_t d = 0; d < f.n_dims; d++) f.shape[d] = (uint64_t)t->view.shape[d];
    return f;
}

trit_status trit_tensor_save(const char *path, const trit_tensor *t, trit_error *err) {
    trit_tensor *whole = NULL;
    trit_text head = {0};
    trit_items items = {0};
    trit_status status = trit_eager_contiguous(&whole, t, t->view.dtype, err);
    if (status != trit_ok) return status;
    const trit_file_tensor f = file_tensor_of(whole, path);
    status = trit_npy_head(&head, &f, err);
    if (status == trit_ok) status = trit_items_add(&items, &f, NULL, NULL, 0, err);
    if (status == trit_ok) status = trit_items_write(&items, &head, 1, path, err);
    trit_items_fini(&items);
    trit_text_fini(&head);
    trit_tensor_free(whole);
    return status;
}

static trit_status save_safetensors(const char *path, uint32_t n, const char *const *names, trit_tensor *const *whole, trit_error *err) {
    trit_safetensors_writer *w;
    trit_status status = trit_safetensors_writer_new(&w, err);
    if (status != trit_ok) return status;
    for (uint32_t i = 0; i < n && status == trit_ok; i++) {
        const trit_file_tensor f = file_tensor_of(whole[i], names[i]);
        status = trit_safetensors_put_tensor(w, &f, NULL, NULL, 0, err);
    }
    if (status == trit_ok) status = trit_safetensors_write(w, path, err);
    trit_safetensors_writer_free(w);
    return status;
}

static trit_status save_gguf(const char *path, uint32_t n, const char *const *names, trit_tensor *const *whole, trit_error *err) {
    trit_gguf_writer *w;
    trit_status status = trit_gguf_writer_new(&w, err);
    if (status != trit_ok) return status;
    for (uint32_t i = 0; i < n && status == trit_ok; i++) {
        const trit_file_tensor f = file_tensor_of(whole[i], names[i]);
        status = trit_gguf_put_tensor(w, &f, err);
    }
    if (status == trit_ok) status = trit_gguf_write(w, path, err);
    trit_gguf_writer_free(w);
    return status;
}

static trit_status save_npz(const char *path, uint32_t n, const char *const *names, trit_tensor *const *whole, trit_error *err) {
    trit_zip_item *item = trit_alloc_zero(n, sizeof *item);
    trit_text *text = trit_alloc_zero(2 * (size_t)n, sizeof *text); /* of each a name and a head */
    trit_status status = item && text ? trit_ok : trit_error_memory(err, n * sizeof *text, "an archive");
    for (uint32_t i = 0; i < n && status == trit_ok; i++) {
        const trit_file_tensor f = file_tensor_of(whole[i], names[i]);
        trit_text *name = &text[2 * i], *head = &text[2 * i + 1];
        if (!trit_text_append(name, names[i], strlen(names[i])) || !trit_text_append(name, ".npy", 4))
            status = trit_error_memory(err, strlen(names[i]), "a tensor's name");
        if (status == trit_ok) status = trit_npy_head(head, &f, err);
        if (status == trit_ok)
            item[i] = (trit_zip_item){{name->data, name->n}, {head->data, head->n}, {(const char *)f.data, (size_t)f.n_bytes}};
    }
    if (status == trit_ok) status = trit_zip_write(item, n, path, err);
    for (size_t i = 0; text && i < 2 * (size_t)n; i++) trit_text_fini(&text[i]);
    trit_free(text);
    trit_free(item);
    return status;
}

trit_status trit_tensors_save(const char *path, uint32_t n, const char *const *names, const trit_tensor *const *tensors, trit_error *err) {
    trit_status (*const save)(const char *, uint32_t, const char *const *, trit_tensor *const *, trit_error *) =
        ends_with(path, ".npz")           ? save_npz
        : ends_with(path, ".safetensors") ? save_safetensors
        : ends_with(path, ".gguf")        ? save_gguf
                                          : NULL;
    if (!save) return trit_error_set(err, trit_arg, "%.200s: tensors are written as .npz, .safetensors and .gguf files", path);
    trit_tensor **whole = trit_alloc_zero(n, sizeof *whole);
    trit_status status = whole ? trit_ok : trit_error_memory(err, n * sizeof *whole, "tensors to write");
    for (uint32_t i = 0; i < n && status == trit_ok; i++) status = trit_eager_contiguous(&whole[i], tensors[i], tensors[i]->view.dtype, err);
    if (status == trit_ok) status = save(path, n, names, whole, err);
    for (uint32_t i = 0; whole && i < n; i++) trit_tensor_free(whole[i]);
    trit_free(whole);
    return status;
}
