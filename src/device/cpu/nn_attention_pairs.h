/* Attention whose products are of bfloat16 pairs (trit_kernels.bf16_matmul): operands are rounded and paired along what a product sums over, each as few
 * times as there are ways to sum over it; scores, weights and sums stay floats. Included by nn_attention.c.
 *
 *     k q^T, v dy^T   pairs of neighbours of a head's row; q and dy turned, as in floats
 *     p^T v, ds^T k   pairs of keys, i and i + half a block: two halves of a block of scores become pairs at once
 *     p dy, ds q      pairs of queries, neighbours of a block of scores
 *
 * So that keys have one partner, blocks of keys begin where blocks of queries do. */

/* Of one member: words. */
typedef struct pair_scratch {
    uint32_t *rows;       /* [block, half of d] on the way */
    uint32_t *q, *dy;     /* [half of d, block] */
    uint32_t *qs, *dys;   /* [half a block, d] */
    uint32_t *p;          /* of a block of scores; of queries [keys, half a block], of keys [half a block, queries] */
    float *row;           /* [d] */
} pair_scratch;

static int64_t half_of(int64_t n) {
    return (n + 1) / 2;
}

/* Words for a member. */
static int64_t pair_room(int64_t d) {
    return (3 * half_of(d) + d + attend_block / 2) * attend_block + d;
}

static pair_scratch pair_scratch_of(void *room, int64_t d) {
    pair_scratch s;
    uint32_t *p = room, **const parts[] = {&s.rows, &s.q, &s.dy, &s.qs, &s.dys, &s.p};
    const int64_t n[] = {2 * half_of(d), 2 * half_of(d), 2 * half_of(d), d, d, attend_block};
    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++) {
        *parts[i] = p;
        p += n[i] * (attend_block / 2);
    }
    s.row = (float *)(void *)p;
    return s;
}

/* A row's neighbours as [half of d] words. */
static void pair_row(const attend_work *w, uint32_t *y, const float *x) {
    uint16_t *halves = (uint16_t *)(void *)y;
    w->cpu->kernels->bf16_round(halves, x, (size_t)w->d);
    if (w->d % 2) memset(halves + w->d, 0, sizeof *halves);
}

/* n rows as pairs of rows i and i + apart, each at `step` from the last; one that is not there counts as zeros. */
static void pair_rows(const attend_work *w, uint32_t *y, const float *x, int64_t x_row, int64_t n, int64_t step, int64_t apart) {
    for (int64_t i = 0; i < half_of(n); i++, y += w->d) {
        const float *even = x + i * step * x_row, *odd = even + apart * x_row;
        const bool is_alone = i * step + apart >= n;
        w->cpu->kernels->bf16_pairs(y, even, is_alone ? even : odd, (size_t)w->d);
        for (int64_t j = 0; j < w->d && is_alone; j++) y[j] &= 0xffffu;
    }
}

/* n rows times a factor become columns; others are 0. */
static void pair_turned(const attend_work *w, const pair_scratch *s, uint32_t *y, const float *x, int64_t x_row, int64_t n, double factor) {
    const int64_t width = half_of(w->d), even = width / 2 * 2;
    for (int64_t c = 0; c < n; c++) {
        if (factor != 1) w->cpu->kernels->scale(s->row, x + c * x_row, (float)factor, (size_t)w->d);
        pair_row(w, s->rows + c * width, factor != 1 ? s->row : x + c * x_row);
    }
    memset(s->rows + n * width, 0, (size_t)((attend_block - n) * width) * sizeof *s->rows);
    for (int64_t j = 0; j < even; j += 2)
        for (int64_t c = 0; c < attend_block; c += 2)
            trit_turn_pairs(y + j * attend_block + c, attend_block * sizeof *y, s->rows + c * width + j, (size_t)width * sizeof *y);
    for (int64_t c = 0; c < attend_block && even < width; c++) y[even * attend_block + c] = s->rows[c * width + even];
}

/* What a block's product wants of keys or values, as the passes below write it. */
static uint32_t *row_pairs(const attend_work *w, uint32_t *pairs, int64_t key, int64_t kv_head) {
    return pairs + (kv_head * w->n_tokens + key) * half_of(w->d);
}

static uint32_t *key_pairs(const attend_work *w, uint32_t *pairs, int64_t key, int64_t kv_head) {
    return pairs + (kv_head * w->n_tokens + key) * w->d;
}

/* A block of keys and values of a head. */
static void pair_keys(const attend_work *w, const bounds *at, int64_t kv_head) {
    const int64_t kv_row = w->n_kv_heads * w->d, key = at->t, n = at->end - at->t;
    const float *k = (const void *)row(w, w->k, w->n_kv_heads, key, kv_head), *v = (const void *)row(w, w->v, w->n_kv_heads, key, kv_head);
    for (int64_t i = 0; i < n; i++) {
        pair_row(w, row_pairs(w, w->k_rows, key + i, kv_head), k + i * kv_row);
        if (w->dy) pair_row(w, row_pairs(w, w->v_rows, key + i, kv_head), v + i * kv_row);
    }
    pair_rows(w, key_pairs(w, w->keys, key, kv_head), w->dy ? k : v, kv_row, n, 1, half_of(n));
}

/* y += a b of pairs. */
static void pair_product(const attend_work *w, trit_matmul p) {
    w->cpu->kernels->bf16_matmul(&p);
}

static void pair_scores(const attend_work *w, const block *b, uint32_t *k, const uint32_t *q, float *s, int64_t key, int64_t n) {
    const int64_t width = half_of(w->d);
    pair_product(w, (trit_matmul){.m = n, .n = b->n_columns, .k = width, .a = row_pairs(w, k, key, b->kv_head), .a_row = width, .a_col = 1, .b = q,
                                  .b_row = attend_block, .y = s, .y_row = attend_block, .from_zero = true});
}

/* Pairs of keys of n rows of scores. */
static void pair_halves(const attend_work *w, uint32_t *y, float *s, int64_t n) {
    if (n % 2) memset(s + n * attend_block, 0, attend_block * sizeof *s);
    w->cpu->kernels->bf16_pairs(y, s, s + half_of(n) * attend_block, (size_t)(half_of(n) * attend_block));
}

/* y [n, d] += p^T x, p as pair_halves left it, x the pairs of a block of keys. */
static void pair_mix(const attend_work *w, const block *b, const uint32_t *p, const uint32_t *x, int64_t n_keys, float *y, int64_t y_row, bool from_zero) {
    pair_product(w, (trit_matmul){.m = b->n, .n = w->d, .k = half_of(n_keys), .a = p, .a_row = 1, .a_col = attend_block, .b = x, .b_row = w->d, .y = y,
                                  .y_row = y_row, .from_zero = from_zero});
}

/* y [n_keys, d] += p x, where p is rounded as it stands and x are pairs of queries. */
static void pair_spread(const attend_work *w, const block *b, const float *p, uint32_t *pairs, const uint32_t *x, int64_t n_keys, void *y) {
    w->cpu->kernels->bf16_round((uint16_t *)(void *)pairs, p, (size_t)(n_keys * attend_block));
    pair_product(w, (trit_matmul){.m = n_keys, .n = w->d, .k = half_of(b->n), .a = pairs, .a_row = attend_block / 2, .a_col = 1, .b = x, .b_row = w->d,
                                  .y = y, .y_row = w->n_kv_heads * w->d});
}

/* What is beyond n_columns of blocks of scores is rounded with the rest, and used by nobody. */
static void pair_begin(const attend_work *w, const scratch *s, const block *b) {
    if (b->n_columns == attend_block) return;
    memset(s->s, 0, (size_t)(attend_block * attend_block * w->size));
    memset(s->ds, 0, (size_t)(attend_block * attend_block * w->size));
}

static void attend_pairs(const attend_work *w, const scratch *s, const block *b) {
    const pair_scratch u = pair_scratch_of(s->pairs, w->d);
    pair_begin(w, s, b);
    pair_turned(w, &u, u.q, (const void *)row(w, w->q, w->n_heads, b->t, b->head), w->n_heads * w->d, b->n, w->factor);
    begin_f32(s->most, s->sum);
    for (int64_t key = b->low; key < b->t + b->n; key += attend_block) {
        const int64_t n = keys_at(b, key);
        pair_scores(w, b, w->k_rows, u.q, s->s, key, n);
        hide(w, b, s->s, key, n);
        softmax(w, s, b, n);
        if (key > b->low) scale_rows_f32(s->o, w->d, s->o, s->by, b->n, w->d);
        pair_halves(w, u.p, s->s, n);
        pair_mix(w, b, u.p, key_pairs(w, w->keys, key, b->kv_head), n, s->o, w->d, key == b->low);
    }
    finish(w, s, b);
}

/* deltas_f32 with sums in the lanes of the kernels. */
static void pair_deltas(const attend_work *w, const scratch *s, const block *b, const float *dy, const float *y) {
    const int64_t q_row = w->n_heads * w->d;
    const float *log_sums = (const void *)(w->log_sums + (b->t * w->n_heads + b->head) * w->size);
    float *delta = s->by, *log_sum = s->sum;
    for (int64_t c = 0; c < attend_block; c++) {
        delta[c] = 0;
        log_sum[c] = c < b->n ? log_sums[c * w->n_heads] : 0;
        if (c < b->n)
            w->cpu->kernels->f32_mul(&(trit_float_mul){.w = y + c * q_row, .k = (uint32_t)w->d, .x = dy + c * q_row, .n_tokens = 1, .y = delta + c}, 0, 1);
    }
}

static void attend_pairs_back(const attend_work *w, const scratch *s, const block *b) {
    const int64_t q_row = w->n_heads * w->d;
    const float *q = (const void *)row(w, w->q, w->n_heads, b->t, b->head), *dy = (const void *)row(w, w->dy, w->n_heads, b->t, b->head);
    const pair_scratch u = pair_scratch_of(s->pairs, w->d);
    pair_begin(w, s, b);
    pair_turned(w, &u, u.q, q, q_row, b->n, w->factor);
    pair_turned(w, &u, u.dy, dy, q_row, b->n, 1);
    pair_rows(w, u.qs, q, q_row, b->n, 2, 1);
    pair_rows(w, u.dys, dy, q_row, b->n, 2, 1);
    pair_deltas(w, s, b, dy, (const void *)row(w, w->y, w->n_heads, b->t, b->head));
    for (int64_t key = b->low; key < b->t + b->n; key += attend_block) {
        const int64_t n = keys_at(b, key);
        pair_scores(w, b, w->k_rows, u.q, s->s, key, n);
        pair_scores(w, b, w->v_rows, u.dy, s->ds, key, n);
        hide(w, b, s->s, key, n);
        softmax_grad(w, s, b, n);
        pair_spread(w, b, s->s, u.p, u.dys, n, (char *)(uintptr_t)row(w, w->dv, w->n_kv_heads, key, b->kv_head));
        pair_spread(w, b, s->ds, u.p, u.qs, n, (char *)(uintptr_t)row(w, w->dk, w->n_kv_heads, key, b->kv_head));
        pair_halves(w, u.p, s->ds, n);
        pair_mix(w, b, u.p, key_pairs(w, w->keys, key, b->kv_head), n, (float *)(uintptr_t)row(w, w->dq, w->n_heads, b->t, b->head), q_row, key == b->low);
    }
}
