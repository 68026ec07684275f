/* What training adds to the kernels: gradients of rows, rounded activations, blocks of attention, the way back through trits. Part of
 * test_kernels.c, in the middle of which it stands: what draws and compares is there. */
#ifndef TRIT_TESTS_KERNEL_GRADIENTS_H
#define TRIT_TESTS_KERNEL_GRADIENTS_H

static void check_norm_grad(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < n_moods; mood++) {
            uint32_t n = lengths[i];
            float *x = floats(n, (enum mood)mood), *w = floats(n, (enum mood)mood), *dy = floats(n, (enum mood)mood), *a = canaries(n), *b = canaries(n),
                  *c = canaries(n), *d = canaries(n);
            A(p, norm_grad)(a + margin, c + margin, dy, x, w, n, 1e-5f);
            B(p, norm_grad)(b + margin, d + margin, dy, x, w, n, 1e-5f);
            same_floats(p, "of x", a, b, n + 2 * margin);
            same_floats(p, "of w", c, d, n + 2 * margin);
            free(x), free(w), free(dy), free(a), free(b), free(c), free(d);
        }
}

static void compare_slopes(const pair *p, size_t n, const float *dy, const float *g, const float *u) {
    float *a = canaries(n), *b = canaries(n), *c = canaries(n), *d = canaries(n);
    A(p, silu_grad)(a + margin, c + margin, dy, g, u, n);
    B(p, silu_grad)(b + margin, d + margin, dy, g, u, n);
    same_floats(p, "of the gate", a, b, n + 2 * margin);
    same_floats(p, "of the other", c, d, n + 2 * margin);
    free(a), free(b), free(c), free(d);
}

static void check_slopes(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < n_moods; mood++) {
            size_t n = lengths[i];
            float *dy = floats(n, (enum mood)mood), *g = floats(n, (enum mood)mood), *u = floats(n, (enum mood)mood);
            compare_slopes(p, n, dy, g, u);
            free(dy), free(g), free(u);
        }
    enum { many = 1 << 18 }; /* evenly over all bit patterns */
    float *g = malloc(many * sizeof *g), *one = malloc(many * sizeof *one);
    for (size_t i = 0; i < many; i++) g[i] = trit_f32_from_bits((uint32_t)i * 16384 + next() % 16384), one[i] = 1.0f;
    compare_slopes(p, many, one, g, one);
    free(g), free(one);
}

static void check_a8_round(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < n_moods; mood++) {
            size_t n = lengths[i];
            float *x = floats(n, (enum mood)mood), *a = canaries(n), *b = canaries(n), lambda = mood == calm ? 1.0f : 0.3f;
            A(p, a8_round)(a + margin, x, n, lambda);
            B(p, a8_round)(b + margin, x, n, lambda);
            same_floats(p, "row", a, b, n + 2 * margin);
            free(x), free(a), free(b);
        }
}

/* Some scores are hidden, and of some queries all. */
static void check_attend(const pair *p) {
    for (uint32_t n_keys = 0; n_keys < 60; n_keys += 1 + n_keys / 5)
        for (int mood = 0; mood < n_moods; mood++) {
            const uint32_t n = 16 * (1 + next() % 3);
            const size_t stride = n + 16 * (next() % 2), size = n_keys * stride;
            float *s[2], *ds[2], *most[2], *sum[2], *by[2];
            for (int i = 0; i < 2; i++) s[i] = canaries(size), ds[i] = canaries(size), most[i] = canaries(n), sum[i] = canaries(n), by[i] = canaries(n);
            for (size_t i = 0; i < size; i++)
                for (int k = 0; k < 2; k++) {
                    s[k][margin + i] = k ? s[0][margin + i] : (i % n < 3 || next() % 5 == 0) ? -INFINITY : number((enum mood)mood);
                    ds[k][margin + i] = k ? ds[0][margin + i] : number((enum mood)mood);
                }
            for (uint32_t c = 0; c < n; c++)
                for (int k = 0; k < 2; k++) {
                    most[k][margin + c] = k ? most[0][margin + c] : next() % 3 ? -INFINITY : uniform();
                    sum[k][margin + c] = k ? sum[0][margin + c] : uniform();
                }
            for (int i = 0; i < 2; i++) {
                const trit_attend a = {.s = s[i] + margin, .stride = stride, .n_keys = n_keys, .n = n, .most = most[i] + margin, .by = by[i] + margin,
                                       .sum = sum[i] + margin, .ds = ds[i] + margin, .log_sum = sum[0] + margin, .delta = by[0] + margin, .factor = 0.3f};
                if (strcmp(p->row->slot, "attend_softmax") == 0)
                    i ? B(p, attend_softmax)(&a) : A(p, attend_softmax)(&a);
                else
                    i ? B(p, attend_grad)(&a) : A(p, attend_grad)(&a);
            }
            same_floats(p, "weights", s[0], s[1], size + 2 * margin);
            same_floats(p, "gradients", ds[0], ds[1], size + 2 * margin);
            same_floats(p, "largest", most[0], most[1], n + 2 * margin);
            same_floats(p, "factor", by[0], by[1], n + 2 * margin);
            same_floats(p, "sum", sum[0], sum[1], n + 2 * margin);
            for (int i = 0; i < 2; i++) free(s[i]), free(ds[i]), free(most[i]), free(sum[i]), free(by[i]);
        }
}

/* The numbers of four rows' trits, as the kernel reads them; rows that there are not have digit 1. */
static uint16_t *quads_of(const int8_t *trits, uint32_t n_rows, uint32_t k) {
    const uint32_t n_tiles = (n_rows + 15) / 16;
    uint16_t *quads = bytes((size_t)n_tiles * k * 8);
    for (uint32_t tile = 0; tile < n_tiles; tile++)
        for (uint32_t c = 0; c < k; c++)
            for (uint32_t q = 0; q < 4; q++) {
                int number = 0;
                for (uint32_t i = 4; i-- > 0;) {
                    const uint32_t r = tile * 16 + q * 4 + i;
                    number = 3 * number + 1 + (r < n_rows ? trits[r * k + c] : 0);
                }
                quads[(tile * k + c) * 4 + q] = (uint16_t)(number * trit_quad_tokens);
            }
    return quads;
}

/* An element of the product, as kernel.h says it. */
static float quads_sum(const int8_t *trits, const float *scale, uint32_t n_rows, uint32_t k, const float *x, uint32_t c) {
    float y = 0.0f;
    for (uint32_t r = 0; r < n_rows; r += 4) {
        float term[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        for (uint32_t i = 0; i < 4 && r + i < n_rows; i++) {
            const int trit = trits[(r + i) * k + c];
            if (trit) term[i] = (float)trit * (x[r + i] * scale[r + i]);
        }
        y += (term[0] + term[1]) + (term[2] + term[3]);
    }
    return y;
}

/* The same by quads_i16_mul. */
static float quads_i16_sum(const int8_t *trits, const float *scale, uint32_t n_rows, uint32_t k, const float *x, uint32_t c) {
    float y = 0.0f;
    for (uint32_t b = 0; b < n_rows; b += 32) {
        const uint32_t end = n_rows - b < 32 ? n_rows : b + 32;
        float most = 0x1p-100f;
        int sum = 0;
        for (uint32_t r = b; r < end; r++) {
            const float size = fabsf(x[r] * scale[r]);
            if (!isfinite(size)) return NAN;
            most = size > most ? size : most;
        }
        for (uint32_t r = b; r < end; r++) sum += trits[r * k + c] * (int)nearbyintf(x[r] * scale[r] * (1023.0f / most));
        y += (float)sum * (most / 1023.0f);
    }
    return y;
}

static void check_quads(const pair *p) {
    static const uint32_t sizes[][3] = {{1, 1, 1}, {16, 16, 16}, {17, 33, 19}, {40, 5, 32}, {5, 100, 3}, {320, 48, 17}, {64, 64, 1}, {33, 20, 65}, {96, 7, 48}};
    const bool is_i16 = strcmp(p->row->slot, "quads_i16_mul") == 0;
    for (size_t s = 0; s < n_moods * sizeof sizes / sizeof sizes[0]; s++) {
        const uint32_t n_rows = sizes[s / n_moods][0], k = sizes[s / n_moods][1], n_tokens = sizes[s / n_moods][2];
        const size_t x_stride = n_rows + 3, y_stride = k + 2, n_y = n_tokens * y_stride;
        float *x = floats((n_tokens - 1) * x_stride + n_rows, s % n_moods), *scale = floats(n_rows, calm), *room = bytes((size_t)k * 128);
        float *a = canaries(n_y), *b = canaries(n_y);
        int8_t *trits = bytes((size_t)n_rows * k);
        for (size_t i = 0; i < (size_t)n_rows * k; i++) trits[i] = (int8_t)((int)(next() % 3) - 1);
        uint16_t *quads = quads_of(trits, n_rows, k);
        trit_quads_mul q = {.quads = quads, .scale = scale, .n_rows = n_rows, .k = k, .x = x, .x_stride = x_stride, .n_tokens = n_tokens, .y = a + margin,
                            .y_stride = y_stride, .room = room};
        A(p, quads_mul)(&q);
        q.y = b + margin;
        B(p, quads_mul)(&q);
        same_floats(p, "product", a, b, n_y + 2 * margin);
        for (uint32_t t = 0; t < n_tokens; t++)
            for (uint32_t c = 0; c < k; c++)
                b[margin + t * y_stride + c] = (is_i16 ? quads_i16_sum : quads_sum)(trits, scale, n_rows, k, x + t * x_stride, c);
        same_floats(p, "product counted out", a, b, n_y + 2 * margin);
        free(x), free(scale), free(room), free(a), free(b), free(trits), free(quads);
    }
}

/* Zeros of both signs are none, whatever else is. */
static void check_nonzeros(const pair *p) {
    enum { n = 5, all = n * trit_sparse_depth };
    float *x = floats(all, wild);
    uint64_t a[n + 1], b[n + 1];
    a[n] = b[n] = 77;
    for (size_t i = 0; i < all; i++) x[i] = next() % 3 == 0 ? 0.0f : next() % 3 == 0 ? -0.0f : next() % 9 == 0 ? NAN : x[i];
    A(p, nonzeros)(a, x, n);
    B(p, nonzeros)(b, x, n);
    same_bytes(p, "bits", a, b, sizeof a);
    for (size_t i = 0; i < all; i++) {
        const bool is_set = a[i / trit_sparse_depth] >> i % trit_sparse_depth & 1;
        if (is_set == (x[i] == 0)) fail_msg("nonzeros: the bit of %g is %d", (double)x[i], is_set);
    }
    free(x);
}

/* Each width, rows without any column, and columns that always count. */
static void check_sparse(const pair *p) {
    for (uint32_t width = 16; width <= trit_sparse_width; width += 16)
        for (int mood = 0; mood < n_moods; mood++) {
            const uint32_t m = 1 + next() % 9;
            const size_t y_row = width + 16 * (next() % 3), n_y = m * y_row;
            const uint64_t always = next() % 2 ? 0 : (uint64_t)1 << next() % 64;
            float *x = floats(m * trit_sparse_depth, (enum mood)mood), *w = bytes(trit_sparse_depth * width * sizeof *w), *a = bytes(n_y * sizeof *a),
                  *b = bytes(n_y * sizeof *b), *c = bytes(n_y * sizeof *c);
            uint64_t bits[9];
            for (size_t i = 0; i < m; i++) bits[i] = next() % 5 == 0 ? 0 : (uint64_t)next() << 32 | next();
            for (size_t i = 0; i < trit_sparse_depth * width; i++) w[i] = number((enum mood)mood);
            for (size_t i = 0; i < n_y; i++) a[i] = b[i] = c[i] = number((enum mood)mood);
            trit_sparse_mul q = {.m = m, .width = width, .a = x, .bits = bits, .always = always, .b = w, .y = a, .y_row = y_row};
            A(p, sparse_mul)(&q);
            q.y = b;
            B(p, sparse_mul)(&q);
            same_floats(p, "product", a, b, n_y);
            for (size_t i = 0; i < m; i++)
                for (size_t l = 0; l < trit_sparse_depth; l++)
                    for (size_t j = 0; j < width && (bits[i] | always) >> l & 1; j++) c[i * y_row + j] += x[i * trit_sparse_depth + l] * w[l * width + j];
            same_floats(p, "product counted out", a, c, n_y);
            free(x), free(w), free(a), free(b), free(c);
        }
}

#endif
