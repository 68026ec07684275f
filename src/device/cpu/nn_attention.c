/* Attention of tensors, block by block (arXiv:2307.08691), with its gradient. A block is so many queries by as many keys:
 *
 *     s = k q^T                   [keys, queries]: queries are neighbours, so that maxima and sums go along vectors
 *     p = exp(s - most so far)    what was summed up before is made smaller where a larger score comes
 *     y += p^T v
 *
 * and back, with p = exp(s - logarithm of the sum) and delta = dy . y of a row:
 *
 *     dv += p dy,   ds = p (v dy^T - delta) factor,   dk += ds q,   dq += ds^T k
 *
 * Forward, each block of queries of each head is on its own. Back, what is on its own are the heads of keys and values in each stretch of rows
 * that sees nothing before it: all that is added to a row of dk or dv is added by one member, in one order.
 *
 * Products are of floats or, where the call asks for it, of bfloat16 pairs (nn_attention_pairs.h). */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "device/cpu/calls.h"
#include "kernel/turn.h"

/* Queries, and keys: whole tiles of the product's kernel. Columns that the kernels take at once. */
enum { attend_block = 48, attend_columns = 16 };

/* Queries [t, t + n) of a head, and the keys that they see together: [low, t + n). */
typedef struct block {
    int64_t t, n, head, kv_head, low;
    int64_t n_columns; /* n, and what fills a kernel's vector */
    const int64_t *first; /* [n] */
    int64_t all_see;   /* keys from here to t are seen by all of them */
} block;

#define T float
#define NAME(x) x##_f32
#include "device/cpu/nn_attention_type.h"

#define T double
#define NAME(x) x##_f64
#include "device/cpu/nn_attention_type.h"

/* F32 or F64. */
#define TYPED(w, name, ...) ((w)->type == trit_dtype_f32 ? name##_f32(__VA_ARGS__) : name##_f64(__VA_ARGS__))

/* The kernels attend_softmax and attend_grad for doubles. */
static void attend_f64(double *s, int64_t n_keys, double *most, double *by, double *sum) {
    for (int c = 0; c < attend_block; c++) {
        double m = most[c];
        for (int64_t i = 0; i < n_keys; i++)
            if (s[i * attend_block + c] > m) m = s[i * attend_block + c];
        const double off = isinf(m) ? 0 : m;
        by[c] = exp(most[c] - off);
        most[c] = m;
        sum[c] *= by[c];
        for (int64_t i = 0; i < n_keys; i++) {
            s[i * attend_block + c] = exp(s[i * attend_block + c] - off);
            sum[c] += s[i * attend_block + c];
        }
    }
}

static void attend_grad_f64(double *s, double *ds, int64_t n_keys, const double *log_sum, const double *delta, double factor) {
    for (int64_t i = 0; i < n_keys * attend_block; i++) {
        s[i] = exp(s[i] - log_sum[i % attend_block]);
        ds[i] = s[i] * (ds[i] - delta[i % attend_block]) * factor;
    }
}

/* Of one member. */
typedef struct scratch {
    void *q, *dy;            /* [d, block] */
    void *s, *ds;            /* [block of keys, block] */
    void *o;                 /* [block, d] */
    void *most, *by, *sum;   /* [block] */
    void *pairs;             /* nn_attention_pairs.h */
} scratch;

/* Queries [t, end) of a stretch that begins at `begin`. */
typedef struct bounds {
    int64_t begin, t, end;
} bounds;

typedef struct attend_work {
    const cpu_device *cpu;
    trit_dtype type;
    int64_t size; /* bytes of an element */
    int64_t n_tokens, n_heads, n_kv_heads, d;
    double factor;
    const char *q, *k, *v, *y, *dy;
    const int64_t *first;
    char *out, *log_sums, *dq, *dk, *dv;
    bool are_pairs;
    uint32_t *k_rows, *v_rows, *keys; /* words: [n_kv_heads, n_tokens, half of d] twice, [n_kv_heads, n_tokens, d]; back, keys, else values */
    bounds *block;                 /* [n_blocks], none goes beyond a stretch */
    int64_t n_blocks;
    int64_t *stretch, n_stretches; /* [n_stretches + 1]: their first blocks, and n_blocks */
    int64_t n_members;
    unsigned char *room; /* [n_members, room_bytes] */
    int64_t room_bytes;
} attend_work;

static scratch scratch_of(const attend_work *w, unsigned member) {
    unsigned char *p = w->room + (int64_t)member * w->room_bytes;
    scratch s;
    void **const parts[] = {&s.q, &s.dy, &s.o, &s.s, &s.ds, &s.most, &s.by, &s.sum, &s.pairs};
    const int64_t n[] = {w->d, w->d, w->d, attend_block, attend_block, 1, 1, 1, 0};
    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++) {
        *parts[i] = p;
        p += n[i] * attend_block * w->size;
    }
    return s;
}

static const char *row(const attend_work *w, const char *x, int64_t n_heads, int64_t t, int64_t head) {
    return x + (t * n_heads + head) * w->d * w->size;
}

/* y += a b */
static void product(const attend_work *w, trit_matmul p) {
    p.type = w->type;
    w->cpu->kernels->matmul(&p);
}

static block block_at(const attend_work *w, const bounds *at, int64_t head) {
    block b = {.t = at->t, .n = at->end - at->t, .head = head, .kv_head = head / (w->n_heads / w->n_kv_heads), .low = at->t, .first = w->first + at->t};
    b.n_columns = (b.n + attend_columns - 1) / attend_columns * attend_columns;
    for (int64_t c = 0; c < b.n; c++) {
        if (b.first[c] < b.low) b.low = b.first[c];
        if (b.first[c] > b.all_see) b.all_see = b.first[c];
    }
    if (w->are_pairs) b.low -= (b.low - at->begin) % attend_block; /* blocks of keys are those of queries */
    return b;
}

static bool is_seen_whole(const block *b, int64_t key, int64_t n) {
    return key >= b->all_see && key + n <= b->t + 1;
}

/* s = k q^T of n keys. */
static void scores(const attend_work *w, const block *b, const char *k, const void *q, void *s, int64_t key, int64_t n) {
    product(w, (trit_matmul){.m = n, .n = b->n_columns, .k = w->d, .a = row(w, k, w->n_kv_heads, key, b->kv_head), .a_row = w->n_kv_heads * w->d,
                             .a_col = 1, .b = q, .b_row = attend_block, .y = s, .y_row = attend_block, .from_zero = true});
}

static void hide(const attend_work *w, const block *b, void *s, int64_t key, int64_t n) {
    if (!is_seen_whole(b, key, n)) TYPED(w, hide, s, n, key, b);
}

static int64_t keys_at(const block *b, int64_t key) {
    const int64_t left = b->t + b->n - key;
    return left < attend_block ? left : attend_block;
}

static void softmax(const attend_work *w, const scratch *s, const block *b, int64_t n) {
    if (w->type == trit_dtype_f64)
        attend_f64(s->s, n, s->most, s->by, s->sum);
    else
        w->cpu->kernels->attend_softmax(&(trit_attend){.s = s->s, .stride = attend_block, .n_keys = (uint32_t)n, .n = (uint32_t)b->n_columns,
                                               .most = s->most, .by = s->by, .sum = s->sum});
}

static void softmax_grad(const attend_work *w, const scratch *s, const block *b, int64_t n) {
    if (w->type == trit_dtype_f64)
        attend_grad_f64(s->s, s->ds, n, s->sum, s->by, w->factor);
    else
        w->cpu->kernels->attend_grad(&(trit_attend){.s = s->s, .stride = attend_block, .n_keys = (uint32_t)n, .n = (uint32_t)b->n_columns,
                                                    .ds = s->ds, .log_sum = s->sum, .delta = s->by, .factor = (float)w->factor});
}

static void finish(const attend_work *w, const scratch *s, const block *b) {
    TYPED(w, finish, (void *)row(w, w->out, w->n_heads, b->t, b->head), w->n_heads * w->d, (void *)(w->log_sums + (b->t * w->n_heads + b->head) * w->size),
          w->n_heads, s->o, s->most, s->sum, b->n, w->d);
}

static void attend(const attend_work *w, const scratch *s, const block *b) {
    const int64_t q_row = w->n_heads * w->d, kv_row = w->n_kv_heads * w->d;
    TYPED(w, turn, s->q, (const void *)row(w, w->q, w->n_heads, b->t, b->head), q_row, b->n, w->d, w->factor);
    TYPED(w, begin, s->most, s->sum);
    for (int64_t key = b->low; key < b->t + b->n; key += attend_block) {
        const int64_t n = keys_at(b, key);
        scores(w, b, w->k, s->q, s->s, key, n);
        hide(w, b, s->s, key, n);
        softmax(w, s, b, n);
        if (key > b->low) TYPED(w, scale_rows, s->o, w->d, s->o, s->by, b->n, w->d);
        product(w, (trit_matmul){.m = b->n, .n = w->d, .k = n, .a = s->s, .a_row = 1, .a_col = attend_block,
                                 .b = row(w, w->v, w->n_kv_heads, key, b->kv_head), .b_row = kv_row, .y = s->o, .y_row = w->d, .from_zero = key == b->low});
    }
    finish(w, s, b);
}

/* dk, dv and dq of a block of queries. */
static void attend_back(const attend_work *w, const scratch *s, const block *b) {
    const int64_t q_row = w->n_heads * w->d, kv_row = w->n_kv_heads * w->d;
    const void *q = row(w, w->q, w->n_heads, b->t, b->head), *y = row(w, w->y, w->n_heads, b->t, b->head),
               *dy = row(w, w->dy, w->n_heads, b->t, b->head);
    TYPED(w, turn, s->q, q, q_row, b->n, w->d, w->factor);
    TYPED(w, turn, s->dy, dy, q_row, b->n, w->d, 1);
    TYPED(w, deltas, s->by, s->sum, dy, y, q_row, (const void *)(w->log_sums + (b->t * w->n_heads + b->head) * w->size), w->n_heads, b->n, w->d);
    for (int64_t key = b->low; key < b->t + b->n; key += attend_block) {
        const int64_t n = keys_at(b, key);
        const char *k = row(w, w->k, w->n_kv_heads, key, b->kv_head);
        scores(w, b, w->k, s->q, s->s, key, n);
        scores(w, b, w->v, s->dy, s->ds, key, n);
        hide(w, b, s->s, key, n);
        softmax_grad(w, s, b, n);
        product(w, (trit_matmul){.m = n, .n = w->d, .k = b->n, .a = s->s, .a_row = attend_block, .a_col = 1, .b = dy, .b_row = q_row,
                                 .y = (void *)row(w, w->dv, w->n_kv_heads, key, b->kv_head), .y_row = kv_row});
        product(w, (trit_matmul){.m = n, .n = w->d, .k = b->n, .a = s->ds, .a_row = attend_block, .a_col = 1, .b = q, .b_row = q_row,
                                 .y = (void *)row(w, w->dk, w->n_kv_heads, key, b->kv_head), .y_row = kv_row});
        product(w, (trit_matmul){.m = b->n, .n = w->d, .k = n, .a = s->ds, .a_row = 1, .a_col = attend_block, .b = k, .b_row = kv_row,
                                 .y = (void *)row(w, w->dq, w->n_heads, b->t, b->head), .y_row = q_row, .from_zero = key == b->low});
    }
}

#include "device/cpu/nn_attention_pairs.h"

/* Unit: a head of keys and values, and in it a block. */
static void pair_units(void *arg, unsigned member, uint64_t first, uint64_t last) {
    const attend_work *w = arg;
    (void)member;
    for (int64_t u = (int64_t)first; u < (int64_t)last; u++) pair_keys(w, &w->block[u % w->n_blocks], u / w->n_blocks);
}

/* Unit: a head, and in it a block. */
static void forward_units(void *arg, unsigned member, uint64_t first, uint64_t last) {
    const attend_work *w = arg;
    const scratch s = scratch_of(w, member);
    for (int64_t u = (int64_t)first; u < (int64_t)last; u++) {
        const block b = block_at(w, &w->block[u % w->n_blocks], u / w->n_blocks);
        (w->are_pairs ? attend_pairs : attend)(w, &s, &b);
    }
}

/* Unit: a stretch, and in it a head of keys and values. */
static void backward_units(void *arg, unsigned member, uint64_t first, uint64_t last) {
    const attend_work *w = arg;
    const int64_t group = w->n_heads / w->n_kv_heads;
    const scratch s = scratch_of(w, member);
    for (int64_t u = (int64_t)first; u < (int64_t)last; u++) {
        const int64_t stretch = u / w->n_kv_heads, kv_head = u % w->n_kv_heads;
        for (int64_t i = w->stretch[stretch]; i < w->stretch[stretch + 1] && w->are_pairs; i++) pair_keys(w, &w->block[i], kv_head);
        for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++)
            for (int64_t i = w->stretch[stretch]; i < w->stretch[stretch + 1]; i++) {
                const block b = block_at(w, &w->block[i], head);
                (w->are_pairs ? attend_pairs_back : attend_back)(w, &s, &b);
            }
    }
}

static trit_status check_first(const attend_work *w, trit_error *err) {
    for (int64_t t = 0; t < w->n_tokens; t++)
        if (w->first[t] < 0 || w->first[t] > t)
            return trit_error_set(err, trit_arg, "attention: row %lld sees rows from %lld on, not from within 0 ... %lld", (long long)t,
                                  (long long)w->first[t], (long long)t);
    return trit_ok;
}

/* A row begins a stretch where no row from it on sees one before it. */
static void find_stretches(attend_work *w) {
    int64_t n = 0, least = w->n_tokens;
    for (int64_t t = w->n_tokens; t-- > 0;) {
        if (w->first[t] < least) least = w->first[t];
        if (least == t) w->stretch[n++] = t;
    }
    for (int64_t i = 0; i < n / 2; i++) {
        const int64_t t = w->stretch[i];
        w->stretch[i] = w->stretch[n - 1 - i];
        w->stretch[n - 1 - i] = t;
    }
    w->stretch[n] = w->n_tokens;
    w->n_stretches = n;
    for (int64_t i = 0; i < n; i++) {
        const int64_t begin = w->stretch[i], end = w->stretch[i + 1];
        w->stretch[i] = w->n_blocks;
        for (int64_t t = begin; t < end; t += attend_block)
            w->block[w->n_blocks++] = (bounds){begin, t, end - t < attend_block ? end : t + attend_block};
    }
    w->stretch[n] = w->n_blocks;
}

/* What both directions begin with; q is input number `at`, k, v, first and the sums come after it. */
static attend_work work_of(cpu_device *cpu, const trit_call *call, uint32_t at) {
    attend_work w = {.cpu = cpu, .type = call->type, .size = (int64_t)trit_dtype_bytes(call->type), .n_tokens = call->in[at].shape[0],
                     .n_heads = call->attrs.n, .n_kv_heads = call->attrs.n2, .factor = call->attrs.a, .n_members = (int64_t)trit_team_size(cpu->team),
                     .are_pairs = call->attrs.n3 != 0};
    w.d = call->in[at].shape[1] / w.n_heads;
    w.q = call->in[at].data;
    w.k = call->in[at + 1].data;
    w.v = call->in[at + 2].data;
    w.first = call->in[at + 3].data;
    w.log_sums = call->in[at + 4].data;
    w.room_bytes = (3 * w.d + 2 * attend_block + 3) * attend_block * w.size;
    if (w.are_pairs) w.room_bytes += (pair_room(w.d) * (int64_t)sizeof(uint32_t) + trit_cache_line - 1) / trit_cache_line * trit_cache_line;
    return w;
}

static void share(const attend_work *w, int64_t n_units, void (*units)(void *arg, unsigned member, uint64_t first, uint64_t last)) {
    if (trit_cpu_is_serial(w->cpu, n_units, 1, trit_cpu_work(w->n_tokens, w->n_heads * w->d)))
        units((void *)(uintptr_t)w, 0, 0, (uint64_t)n_units);
    else
        trit_team_share(w->cpu->team, (uint64_t)n_units, 1, units, (void *)(uintptr_t)w);
}

static trit_status run(attend_work *w, bool is_back, trit_error *err) {
    const size_t n = (size_t)w->n_tokens, n_kv = n * (size_t)w->n_kv_heads, n_rows = w->are_pairs ? n_kv * (size_t)half_of(w->d) : 0;
    const size_t n_words = w->are_pairs ? (is_back ? 2 : 1) * n_rows + n_kv * (size_t)w->d : 0;
    w->stretch = trit_alloc(n + 1, sizeof *w->stretch);
    w->block = trit_alloc(n, sizeof *w->block);
    w->room = trit_alloc_aligned((size_t)w->n_members, (size_t)w->room_bytes);
    uint32_t *words = trit_alloc_aligned(n_words, sizeof *words);
    const bool has_room = w->stretch && w->block && w->room && words;
    if (has_room) {
        w->keys = words;
        w->k_rows = words + n_kv * (size_t)w->d;
        w->v_rows = w->k_rows + n_rows;
        find_stretches(w);
        if (w->are_pairs && !is_back) share(w, w->n_blocks * w->n_kv_heads, pair_units);
        if (is_back)
            share(w, w->n_stretches * w->n_kv_heads, backward_units);
        else
            share(w, w->n_blocks * w->n_heads, forward_units);
    }
    trit_free(w->stretch);
    trit_free(w->block);
    trit_free(w->room);
    trit_free(words);
    return has_room ? trit_ok : trit_error_memory(err, n * (sizeof *w->stretch + sizeof *w->block) + n_words * sizeof *words +
                                                           (uint64_t)(w->n_members * w->room_bytes), "blocks of attention");
}

static trit_status forward(cpu_device *cpu, const trit_call *call, trit_error *err) {
    attend_work w = work_of(cpu, call, 0);
    trit_status status = check_first(&w, err);
    w.out = call->out.data;
    return status == trit_ok ? run(&w, false, err) : status;
}

static trit_status backward(cpu_device *cpu, const trit_call *call, trit_error *err) {
    attend_work w = work_of(cpu, call, 2);
    const int64_t n_kv = w.n_tokens * w.n_kv_heads * w.d * w.size;
    trit_status status = check_first(&w, err); /* whoever has the elements may have written into them since */
    if (status != trit_ok) return status;
    w.dy = call->in[0].data;
    w.y = call->in[1].data;
    w.dq = call->out.data;
    w.dk = w.dq + w.n_tokens * w.n_heads * w.d * w.size;
    w.dv = w.dk + n_kv;
    memset(w.dk, 0, (size_t)(2 * n_kv));
    return run(&w, true, err);
}

trit_status trit_cpu_call_nn_attention(cpu_device *cpu, const trit_call *call, trit_error *err) {
    if (trit_view_n_elements(&call->out) == 0) return trit_ok;
    return call->kind == trit_op_attention ? forward(cpu, call, err) : backward(cpu, call, err);
}
