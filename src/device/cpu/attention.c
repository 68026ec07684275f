/* Attention over the paged cache: which queries a member of the team takes, and the kernels that do it.
 *
 * A tile is up to max_queries query vectors that share the keys and values of one head: the query heads of a group, of one token or of
 * several that follow each other. A page is read once for all of them. Scores of all positions, softmax, weighted values: each
 * query's sums run over its own positions in rising order, q8 values page by page, so the results do not depend on the tile,
 * the chunk or the member. */
#include <assert.h>
#include <string.h>

#include "device/cpu/cpu.h"

static_assert((int)trit_kv_max_positions == (int)trit_page_tokens, "a page of values is what kv_mix_q8 takes");

enum { max_queries = trit_kv_max_queries };

/* Tokens of one sequence that follow each other: rows [row, row + n) of the batch. */
typedef struct run {
    uint32_t row, n;
} run;

/* Positions [first, end). */
typedef struct seen {
    uint32_t first, end;
} seen;

static seen seen_by(const trit_op *op, uint32_t position) {
    uint32_t end = position + 1;
    return (seen){op->window && op->window < end ? end - op->window : 0, end};
}

/* What a member's scratch holds for one tile. */
typedef struct work {
    float *score;  /* [max_queries, score_stride] */
    float *q, *y;  /* [max_queries, head_dim] */
    int16_t *q8;   /* [max_queries, trit_kv_query_width(head_dim)] */
    size_t score_stride;
} work;

static size_t rounded(size_t n) {
    return (n + 15) / 16 * 16;
}

static size_t score_stride_of(uint32_t context) {
    return rounded((size_t)context) + 16; /* rows a power of two apart would share few sets of the caches */
}

size_t trit_cpu_attention_floats(uint32_t context, uint32_t head_dim) {
    return max_queries * (score_stride_of(context) + 2 * rounded(head_dim) + trit_kv_query_width(head_dim) / 2);
}

static work work_of(const cpu_task *t) {
    const uint32_t d = t->op->head_dim;
    work w = {.score = cpu_scratch(t), .score_stride = score_stride_of(t->exec->context)};
    w.q = w.score + max_queries * w.score_stride;
    w.y = w.q + max_queries * rounded(d);
    w.q8 = (int16_t *)(void *)(w.y + max_queries * rounded(d));
    return w;
}

/* Queries t n_members + m of a tile: head first + m of the run's token t. */
typedef struct tile {
    const cpu_task *task;
    work w;
    run run;
    uint32_t kv_head, first_head, n_members;
} tile;

static float *head_of(const tile *t, trit_value v, uint32_t token, uint32_t member) {
    return (float *)cpu_value_row(t->task->exec, v, t->run.row + token) + (size_t)(t->first_head + member) * t->task->op->head_dim;
}

static seen seen_by_token(const tile *t, uint32_t token) {
    return seen_by(t->task->op, t->task->exec->batch->position[t->run.row + token]);
}

/* The positions of page p in `s`. */
static seen within_page(seen s, uint32_t p) {
    uint32_t first = p * trit_page_tokens, end = first + trit_page_tokens;
    return (seen){first < s.first ? s.first : first, end > s.end ? s.end : end};
}

static const uint8_t *rows_of(const tile *t, uint32_t is_value, uint32_t kv_head, uint32_t position) {
    const trit_exec *e = t->task->exec;
    const trit_batch *b = e->batch;
    uint32_t page = b->page_table[(size_t)b->sequence[t->run.row] * b->max_pages + position / trit_page_tokens];
    return e->cache + trit_kv_offset(&e->kv, page, t->task->op->layer, is_value, kv_head, position % trit_page_tokens);
}

/* The positions of `s`, a part of a page. */
static trit_kv_span span_of(const tile *t, uint32_t is_value, seen s) {
    return (trit_kv_span){.rows = rows_of(t, is_value, t->kv_head, s.first), .stride = trit_kv_row_bytes(&t->task->exec->kv), .n = s.end - s.first,
                          .d = t->task->op->head_dim};
}

/* Tells the kernel that works on page p of `all` what to fetch meanwhile. A tile reads its pages of keys, then those of values; one that is alone with
 * its sequence goes on with the next head. One page takes less time than memory to answer for all of it. */
static void look_ahead(const tile *t, trit_kv_span *span, uint32_t is_value, seen all, uint32_t p) {
    enum { pages_ahead = 2 };
    const uint32_t first = all.first / trit_page_tokens, n = (all.end - 1) / trit_page_tokens - first + 1;
    uint32_t at = p - first + is_value * n + pages_ahead, head = t->kv_head;
    if (at >= 2 * n && t->run.n == t->task->exec->batch->n_tokens) at -= 2 * n, head++;
    if (at >= 2 * n || head >= t->task->exec->kv.n_kv_heads) return;
    const seen soon = within_page(all, first + at % n);
    span->next = rows_of(t, at >= n, head, soon.first);
    span->n_next = soon.end - soon.first;
}

/* Products of all queries with the keys of `keys`. Those with positions that a query does not see are never looked at. */
static void score_page(const tile *t, const float q8_scale[max_queries], trit_kv_span keys, uint32_t at) {
    const trit_kernels *k = t->task->exec->device->kernels;
    const uint32_t d = t->task->op->head_dim;
    const trit_kv_form form = t->task->exec->kv.form;
    const trit_kv_scores a = {.keys = keys, .q = t->w.q, .q8 = t->w.q8, .q8_scale = q8_scale,
                              .q_stride = form == trit_kv_form_q8 ? trit_kv_query_width(d) : rounded(d), .n_queries = t->run.n * t->n_members,
                              .score = t->w.score + at, .score_stride = t->w.score_stride};
    switch (form) {
    case trit_kv_form_f32: k->kv_scores_f32(&a); return;
    case trit_kv_form_f16: k->kv_scores_f16(&a); return;
    default: k->kv_scores_q8(&a);
    }
}

/* Adds `values` to the results of n_tokens tokens, which see all of them. */
static void mix_page(const tile *t, trit_kv_span values, uint32_t at, uint32_t token, uint32_t n_tokens) {
    const trit_kernels *k = t->task->exec->device->kernels;
    const uint32_t query = token * t->n_members;
    const size_t stride = rounded(t->task->op->head_dim);
    const trit_kv_mix a = {.values = values, .p = t->w.score + query * t->w.score_stride + at, .p_stride = t->w.score_stride,
                           .n_queries = n_tokens * t->n_members, .y = t->w.y + query * stride, .y_stride = stride};
    switch (t->task->exec->kv.form) {
    case trit_kv_form_f32: k->kv_mix_f32(&a); return;
    case trit_kv_form_f16: k->kv_mix_f16(&a); return;
    default: k->kv_mix_q8(&a);
    }
}

static void gather_queries(const tile *t, float q8_scale[max_queries]) {
    const trit_exec *e = t->task->exec;
    const uint32_t d = t->task->op->head_dim;
    for (uint32_t i = 0; i < t->run.n * t->n_members; i++) {
        const float *q = head_of(t, t->task->op->in[0], i / t->n_members, i % t->n_members);
        if (e->kv.form == trit_kv_form_q8)
            q8_scale[i] = e->device->kernels->kv_query_q8(t->w.q8 + i * trit_kv_query_width(d), q, d);
        else
            memcpy(t->w.q + i * rounded(d), q, d * sizeof *q);
    }
}

static void mix_all(const tile *t, seen all) {
    for (uint32_t p = all.first / trit_page_tokens; p * trit_page_tokens < all.end; p++) {
        const seen of_first = within_page(seen_by_token(t, 0), p), of_last = within_page(seen_by_token(t, t->run.n - 1), p);
        if (of_first.first == of_last.first && of_first.end == of_last.end) {
            trit_kv_span values = span_of(t, 1, of_first);
            look_ahead(t, &values, 1, all, p);
            mix_page(t, values, of_first.first - all.first, 0, t->run.n);
            continue;
        }
        for (uint32_t i = 0; i < t->run.n; i++) {
            seen s = within_page(seen_by_token(t, i), p);
            if (s.first < s.end) mix_page(t, span_of(t, 1, s), s.first - all.first, i, 1);
        }
    }
}

static void attend(const tile *t) {
    const trit_kernels *k = t->task->exec->device->kernels;
    const trit_op *op = t->task->op;
    const seen all = {seen_by_token(t, 0).first, seen_by_token(t, t->run.n - 1).end};
    float q8_scale[max_queries], sum[max_queries];
    gather_queries(t, q8_scale);
    for (uint32_t p = all.first / trit_page_tokens; p * trit_page_tokens < all.end; p++) {
        seen s = within_page(all, p);
        trit_kv_span keys = span_of(t, 0, s);
        look_ahead(t, &keys, 0, all, p);
        score_page(t, q8_scale, keys, s.first - all.first);
    }
    for (uint32_t i = 0; i < t->run.n * t->n_members; i++) {
        seen s = seen_by_token(t, i / t->n_members);
        sum[i] = k->softmax_exp(t->w.score + i * t->w.score_stride + (s.first - all.first), s.end - s.first, op->factor);
    }
    memset(t->w.y, 0, t->run.n * t->n_members * rounded(op->head_dim) * sizeof *t->w.y);
    mix_all(t, all);
    for (uint32_t i = 0; i < t->run.n * t->n_members; i++)
        k->scale(head_of(t, op->out, i / t->n_members, i % t->n_members), t->w.y + i * rounded(op->head_dim), 1.0f / sum[i], op->head_dim);
}

/* The run of at most `most` tokens that begins at a row. */
static run run_at(const trit_batch *b, uint32_t row, uint32_t most) {
    run r = {row, 1};
    while (r.n < most && row + r.n < b->n_tokens && b->sequence[row + r.n] == b->sequence[row] &&
           b->position[row + r.n] == b->position[row] + r.n)
        r.n++;
    return r;
}

/* Positions that the tokens of a run see together: what one query head of it costs. */
static uint64_t cost_of(const cpu_task *t, run r) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < r.n; i++) {
        seen s = seen_by(t->op, t->exec->batch->position[r.row + i]);
        n += s.end - s.first;
    }
    return n;
}

/* How many of n things of the same cost begin within [0, limit). */
static uint32_t n_before(uint64_t limit, uint64_t cost, uint32_t n) {
    uint64_t k = cost ? (limit + cost - 1) / cost : n;
    return k < n ? (uint32_t)k : n;
}

/* Key head by key head, so that a head's pages are still in the cache for the next run of tokens, the work stands in a row, and each member
 * takes an equal part of it: the query heads that begin in its part. */
void trit_cpu_attention(const cpu_task *t) {
    const trit_batch *b = t->exec->batch;
    const uint32_t n_kv_heads = t->exec->kv.n_kv_heads, group = t->op->n_heads / n_kv_heads;
    const uint32_t most = group < max_queries ? max_queries / group : 1;
    uint64_t total = 0, done = 0;
    for (uint32_t row = 0; row < b->n_tokens; row++) total += cost_of(t, (run){row, 1});
    total *= t->op->n_heads;
    const uint64_t begin = total * t->i / t->n, end = total * (t->i + 1) / t->n;
    tile one = {.task = t, .w = work_of(t)};
    for (one.kv_head = 0; one.kv_head < n_kv_heads; one.kv_head++)
        for (uint32_t row = 0; row < b->n_tokens; row += one.run.n) {
            one.run = run_at(b, row, most);
            const uint64_t cost = cost_of(t, one.run);
            uint32_t first = n_before(begin > done ? begin - done : 0, cost, group), last = n_before(end > done ? end - done : 0, cost, group);
            for (; first < last; first += one.n_members) {
                one.first_head = one.kv_head * group + first;
                one.n_members = last - first < max_queries ? last - first : max_queries;
                attend(&one);
            }
            done += cost * group;
        }
}
