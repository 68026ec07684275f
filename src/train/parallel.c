/* Sums over processes by MPI, a bucket at a time:
 *
 *     tensors -> bucket [size, slice] -- all to all --> [size, slice]: this process's slice of every process's bucket
 *                                                       added in the order of ranks -> slice
 *             <- bucket [size, slice] <-- all gather -- slices of all
 *
 * As many bytes go over the wire as in a ring, and no library chooses the order of additions. */
#include <mpi.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/parallel.h"

enum { bucket_bytes = 4 << 20 };

static trit_status failed(int code, const char *what, trit_error *err) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int n = 0;
    (void)MPI_Error_string(code, text, &n);
    return trit_error_set(err, trit_device_error, "MPI, %s: %s", what, text);
}

trit_status trit_parallel_open(trit_parallel *p, trit_error *err) {
    int is_begun = 0, is_over = 0, level;
    *p = (trit_parallel){.rank = 0, .size = 1};
    if (trit_parallel_job_size() <= 1) return trit_ok;
    (void)MPI_Initialized(&is_begun);
    (void)MPI_Finalized(&is_over);
    if (is_over) return trit_error_set(err, trit_device_error, "MPI: ended before in this process; it cannot begin again");
    int code = is_begun ? MPI_SUCCESS : MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    if (code != MPI_SUCCESS) return failed(code, "beginning", err);
    p->ends_mpi = !is_begun;
    (void)MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &p->rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &p->size);
    p->buffer = trit_alloc_aligned(3, bucket_bytes);
    if (p->buffer) return trit_ok;
    trit_parallel_close(p);
    return trit_error_memory(err, (size_t)3 * bucket_bytes, "sums over processes");
}

void trit_parallel_close(trit_parallel *p) {
    trit_free(p->buffer);
    if (p->ends_mpi) (void)MPI_Finalize();
    *p = (trit_parallel){0};
}

/* One number says who failed and how: its rank times this, and the kind of its error. */
enum { n_kinds = 64 };
#define TRIT_STATUS(name, value, exit_code, text) _Static_assert((value) >= 0 && (value) < n_kinds, "no room for trit_" #name);
#include "trit/status.def"
#undef TRIT_STATUS

trit_status trit_parallel_agree(trit_parallel *p, trit_status own, trit_error *err) {
    if (p->size == 1) return own;
    int mine = own == trit_ok ? p->size * n_kinds : p->rank * n_kinds + (int)own, first = mine;
    int code = MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (own != trit_ok) return own;
    if (code != MPI_SUCCESS) return failed(code, "agreeing", err);
    if (first / n_kinds == p->size) return trit_ok;
    return trit_error_set(err, (trit_status)(first % n_kinds), "process %d of %d failed; its own message says why", first / n_kinds, p->size);
}

/* sum[i] = parts[0][i] + parts[1][i] + ..., parts `stride` elements apart. */
static void add_f32(float *sum, const float *parts, size_t n, size_t stride, int size) {
    memcpy(sum, parts, n * sizeof *sum);
    for (int r = 1; r < size; r++)
        for (size_t i = 0; i < n; i++) sum[i] += parts[(size_t)r * stride + i];
}

static void add_f64(double *sum, const double *parts, size_t n, size_t stride, int size) {
    memcpy(sum, parts, n * sizeof *sum);
    for (int r = 1; r < size; r++)
        for (size_t i = 0; i < n; i++) sum[i] += parts[(size_t)r * stride + i];
}

/* The bucket's first `bytes` become sums. What fills it up to whole slices is summed too, and means nothing. */
static trit_status sum_bucket(trit_parallel *p, size_t bytes, bool is_f64, trit_error *err) {
    const size_t item = is_f64 ? sizeof(double) : sizeof(float), n = bytes / item, slice = (n + (size_t)p->size - 1) / (size_t)p->size;
    char *mine = p->buffer, *theirs = mine + bucket_bytes, *sum = theirs + bucket_bytes;
    const MPI_Datatype type = is_f64 ? MPI_DOUBLE : MPI_FLOAT;
    memset(mine + bytes, 0, (slice * (size_t)p->size - n) * item);
    int code = MPI_Alltoall(mine, (int)slice, type, theirs, (int)slice, type, MPI_COMM_WORLD);
    if (code != MPI_SUCCESS) return failed(code, "summing", err);
    if (is_f64) add_f64((double *)(void *)sum, (const double *)(void *)theirs, slice, slice, p->size);
    else add_f32((float *)(void *)sum, (const float *)(void *)theirs, slice, slice, p->size);
    code = MPI_Allgather(sum, (int)slice, type, mine, (int)slice, type, MPI_COMM_WORLD);
    return code == MPI_SUCCESS ? trit_ok : failed(code, "summing", err);
}

/* Tensors follow each other in buckets, cut wherever one is full. */
typedef struct stretch {
    char *at;
    size_t n_bytes;
} stretch;

/* A place in them. */
typedef struct place {
    size_t i, offset;
} place;

/* Copies up to `room` bytes from *from on into the bucket, or out of it; returns how many, and moves on. */
static size_t pass(place *from, const stretch *s, size_t n, char *bucket, size_t room, bool into) {
    size_t done = 0;
    while (from->i < n && done < room) {
        const size_t left = s[from->i].n_bytes - from->offset, part = left < room - done ? left : room - done;
        char *at = s[from->i].at + from->offset;
        if (part) memcpy(into ? bucket + done : at, into ? at : bucket + done, part);
        done += part;
        from->offset += part;
        if (part == left) *from = (place){from->i + 1, 0};
    }
    return done;
}

static trit_status sum_stretches(trit_parallel *p, const stretch *s, size_t n, bool is_f64, trit_error *err) {
    const size_t item = is_f64 ? sizeof(double) : sizeof(float);
    const size_t room = (bucket_bytes / item - (size_t)p->size) * item; /* slices are rounded up */
    place next = {0, 0};
    for (;;) {
        place first = next;
        const size_t filled = pass(&next, s, n, p->buffer, room, true);
        if (!filled) return trit_ok;
        trit_status status = sum_bucket(p, filled, is_f64, err);
        if (status != trit_ok) return status;
        (void)pass(&first, s, n, p->buffer, filled, false);
    }
}

trit_status trit_parallel_sum(trit_parallel *p, trit_tensor *const *t, size_t n, trit_error *err) {
    if (p->size == 1 || n == 0) return trit_ok;
    stretch *s = trit_alloc(n, sizeof *s);
    trit_status status = trit_parallel_agree(p, s ? trit_ok : trit_error_memory(err, n * sizeof *s, "the list of tensors"), err);
    if (status != trit_ok) {
        trit_free(s);
        return status;
    }
    const bool is_f64 = t[0]->view.dtype == trit_dtype_f64;
    for (size_t i = 0; i < n; i++)
        s[i] = (stretch){t[i]->view.data, (size_t)trit_view_n_elements(&t[i]->view) * trit_dtype_bytes(t[i]->view.dtype)};
    status = sum_stretches(p, s, n, is_f64, err);
    trit_free(s);
    return status;
}

trit_status trit_parallel_sum_f64(trit_parallel *p, double *x, size_t n, trit_error *err) {
    return p->size == 1 ? trit_ok : sum_stretches(p, &(stretch){(char *)x, n * sizeof *x}, 1, true, err);
}
