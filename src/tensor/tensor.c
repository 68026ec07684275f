/* Tensors and storage: owners and what a tensor says of itself. */
#include "tensor/tensor.h"

#include "base/alloc.h"
#include "base/error.h"

void trit_storage_retain(trit_storage *s) {
    atomic_fetch_add_explicit(&s->n_owners, 1, memory_order_relaxed);
}

void trit_storage_free(trit_storage *s) {
    if (s && atomic_fetch_sub_explicit(&s->n_owners, 1, memory_order_acq_rel) == 1) s->release(s);
}

static void release_borrowed(trit_storage *s) {
    trit_free(s);
}

bool trit_storage_is_borrowed(const trit_storage *s) {
    return s->release == release_borrowed;
}

trit_status trit_storage_new(trit_storage **out, void *data, size_t n_bytes, void (*release)(trit_storage *s), void *user, trit_error *err) {
    trit_storage *s = trit_alloc(1, sizeof *s);
    if (!s) return trit_error_memory(err, sizeof *s, "a tensor's storage");
    *s = (trit_storage){.data = data, .n_bytes = n_bytes, .release = release, .user = user};
    atomic_init(&s->n_owners, 1);
    *out = s;
    return trit_ok;
}

trit_status trit_storage_borrow(trit_storage **out, void *data, size_t n_bytes, trit_error *err) {
    return trit_storage_new(out, data, n_bytes, release_borrowed, NULL, err);
}

trit_node *trit_node_retain(trit_node *n) {
    if (n) atomic_fetch_add_explicit(&n->n_owners, 1, memory_order_relaxed);
    return n;
}

void trit_node_free(trit_node *n) {
    if (n && atomic_fetch_sub_explicit(&n->n_owners, 1, memory_order_acq_rel) == 1) n->release(n);
}

trit_status trit_tensor_make(trit_tensor **out, trit_device *device, trit_storage *storage, const trit_view *view, trit_error *err) {
    trit_tensor *t = trit_alloc(1, sizeof *t);
    if (!t) return trit_error_memory(err, sizeof *t, "a tensor");
    *t = (trit_tensor){.view = *view, .storage = storage, .device = device};
    atomic_init(&t->n_owners, 1);
    trit_storage_retain(storage);
    *out = t;
    return trit_ok;
}

trit_status trit_tensor_detached(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    return trit_tensor_make(out, t->device, t->storage, &t->view, err);
}

trit_tensor *trit_tensor_retain(trit_tensor *t) {
    if (t) atomic_fetch_add_explicit(&t->n_owners, 1, memory_order_relaxed);
    return t;
}

void trit_tensor_free(trit_tensor *t) {
    if (!t || atomic_fetch_sub_explicit(&t->n_owners, 1, memory_order_acq_rel) != 1) return;
    trit_storage_free(t->storage);
    trit_node_free(t->node);
    trit_free(t);
}

trit_status trit_tensor_check_write(const trit_tensor *t, const char *what, trit_error *err) {
    const char *why = t->node ? t->node->locked(t->node) : NULL;
    return why ? trit_error_set(err, trit_arg, "%s: written into a tensor that %s", what, why) : trit_ok;
}

trit_dtype trit_tensor_dtype(const trit_tensor *t) {
    return t->view.dtype;
}

uint32_t trit_tensor_n_dims(const trit_tensor *t) {
    return t->view.n_dims;
}

const int64_t *trit_tensor_shape(const trit_tensor *t) {
    return t->view.shape;
}

const int64_t *trit_tensor_strides(const trit_tensor *t) {
    return t->view.stride;
}

int64_t trit_tensor_n_elements(const trit_tensor *t) {
    return trit_view_n_elements(&t->view);
}

trit_device *trit_tensor_device(const trit_tensor *t) {
    return t->device;
}

size_t trit_tensor_n_bytes(const trit_tensor *t) {
    return (size_t)trit_elements_bytes(t->view.dtype, trit_tensor_n_elements(t));
}

bool trit_tensor_is_contiguous(const trit_tensor *t) {
    return trit_view_is_contiguous(&t->view);
}

bool trit_tensor_shares(const trit_tensor *a, const trit_tensor *b) {
    return a->storage == b->storage;
}

void *trit_tensor_data(const trit_tensor *t) {
    return t->view.data;
}

/* The address of an element. Errors: arg. */
static trit_status address_of(void **out, const trit_tensor *t, const int64_t *index, trit_error *err) {
    const trit_view *v = &t->view;
    int64_t at = 0;
    trit_status status = trit_dtype_check_plain(v->dtype, "single elements", err);
    if (status != trit_ok) return status;
    for (uint32_t d = 0; d < v->n_dims; d++) {
        const int64_t i = index[d] < 0 ? index[d] + v->shape[d] : index[d];
        if (i < 0 || i >= v->shape[d])
            return trit_error_set(err, trit_arg, "index %lld is outside dimension %u of %lld", (long long)index[d], d, (long long)v->shape[d]);
        at += i * v->stride[d];
    }
    *out = (char *)v->data + at * (int64_t)trit_dtype_bytes(v->dtype);
    return trit_ok;
}

trit_status trit_tensor_get(const trit_tensor *t, const int64_t *index, double *out, trit_error *err) {
    void *p;
    trit_status status = address_of(&p, t, index, err);
    if (status == trit_ok) *out = trit_element_get(t->view.dtype, p);
    return status;
}

trit_status trit_tensor_set(trit_tensor *t, const int64_t *index, double value, trit_error *err) {
    void *p;
    trit_status status = trit_tensor_check_write(t, "set", err);
    if (status == trit_ok) status = address_of(&p, t, index, err);
    if (status != trit_ok) return status;
    trit_element_set(t->view.dtype, p, value);
    t->storage->version++;
    return trit_ok;
}
