#include "quant/pack/rans.h"

#include "base/math.h"
#include "tensor/bytes.h"

static const uint64_t lowest = (uint64_t)1 << 31;
enum { all = 1 << trit_rans_bits };

static void set_starts(trit_rans_model *m) {
    m->start[0] = 0;
    m->start[1] = m->freq[0];
    m->start[2] = m->freq[0] + m->freq[1];
}

/* count / total of 2^16, to the nearest, within 1 and 2^16 - 1 for what occurs. total is 2^40 at most. */
static uint32_t share_of(uint64_t count, uint64_t total) {
    const uint64_t f = (count * all + total / 2) / total;
    if (count == 0) return 0;
    return f == 0 ? 1 : f >= all ? all - 1 : (uint32_t)f;
}

trit_rans_model trit_rans_model_of(const uint64_t counts[3]) {
    const uint64_t total = counts[0] + counts[1] + counts[2];
    trit_rans_model m;
    m.freq[0] = share_of(counts[0], total);
    m.freq[2] = share_of(counts[2], total);
    /* The zeros get the rest, at least 1 if there are any; rounding may have taken too much. */
    const uint32_t least = counts[1] > 0, sum = m.freq[0] + m.freq[2];
    uint32_t *larger = m.freq[0] > m.freq[2] ? &m.freq[0] : &m.freq[2];
    if (sum + least > all) *larger -= sum + least - all;
    m.freq[1] = all - m.freq[0] - m.freq[2];
    set_starts(&m);
    return m;
}

void trit_rans_model_put(const trit_rans_model *m, uint8_t *dst) {
    trit_store_u16(dst, (uint16_t)m->freq[0]);
    trit_store_u16(dst + 2, (uint16_t)m->freq[2]);
}

bool trit_rans_model_get(trit_rans_model *m, const uint8_t *p) {
    m->freq[0] = trit_load_u16(p);
    m->freq[2] = trit_load_u16(p + 2);
    if (m->freq[0] + m->freq[2] > all) return false;
    m->freq[1] = all - m->freq[0] - m->freq[2];
    set_starts(m);
    return true;
}

double trit_rans_cost(const trit_rans_model *m, const uint64_t counts[3]) {
    const double log2_e = 1.4426950408889634;
    double bits = 0;
    for (int s = 0; s < 3; s++)
        if (counts[s] && m->freq[s] < all) bits += (double)counts[s] * (trit_rans_bits - trit_log((double)m->freq[s]) * log2_e);
    return bits;
}

/* Coding makes x = q f + r to q 2^16 + r + start, which is more than 2^16 / f of x by 2^16 - f at most, and 2^31 or more. So with p =
 * f / 2^16 a trit costs log2(1 / p) bits and less than (1 - p) 2^-15 log2(e) beyond, which is less than 2^-15 of the former. The
 * states hold 31 bits each before the first trit, so words are never more than the bits of all lists. */
uint64_t trit_rans_room(double bits) {
    return trit_rans_states * sizeof(uint64_t) + sizeof(uint32_t) + (uint64_t)(bits * ((1 + 0x1p-14) / 8));
}

trit_rans_coder trit_rans_coder_at(uint8_t *end) {
    return (trit_rans_coder){{lowest, lowest, lowest, lowest}, end};
}

void trit_rans_put(trit_rans_coder *c, const trit_rans_model *m, const int8_t *trits, uint64_t n) {
    for (uint64_t i = n; i-- > 0;) {
        const int code = trits[i] + 1;
        const uint64_t f = m->freq[code];
        uint64_t x = c->x[i % trit_rans_states];
        if (x >= f << (63 - trit_rans_bits)) { /* x / f << 16 would leave the range */
            c->p -= sizeof(uint32_t);
            trit_store_u32(c->p, (uint32_t)x);
            x >>= 32;
        }
        c->x[i % trit_rans_states] = (x / f << trit_rans_bits) + x % f + m->start[code];
    }
}

uint8_t *trit_rans_coder_finish(trit_rans_coder *c) {
    for (int i = trit_rans_states; i-- > 0;) {
        c->p -= sizeof(uint64_t);
        trit_store_u64(c->p, c->x[i]);
    }
    return c->p;
}

bool trit_rans_open(trit_rans_decoder *d, const uint8_t *p, const uint8_t *end) {
    if (end - p < (ptrdiff_t)sizeof d->x) return false;
    for (int i = 0; i < trit_rans_states; i++) d->x[i] = trit_load_u64(p + 8 * i);
    d->p = p + sizeof d->x;
    d->end = end;
    d->is_bad = false;
    return true;
}

/* One trit. Of hostile bytes any state may come, and any step of it stays within 64 bits and within the three codes. */
static inline int8_t step(trit_rans_decoder *d, uint64_t *state, const trit_rans_model *m) {
    const uint64_t x = *state;
    const uint32_t slot = (uint32_t)x & (all - 1);
    const int code = (slot >= m->start[1]) + (slot >= m->start[2]);
    uint64_t y = m->freq[code] * (x >> trit_rans_bits) + slot - m->start[code];
    if (y < lowest) {
        if (d->end - d->p >= 4) {
            y = y << 32 | trit_load_u32(d->p);
            d->p += 4;
        } else {
            d->is_bad = true;
        }
    }
    *state = y;
    return (int8_t)(code - 1);
}

void trit_rans_get(trit_rans_decoder *d, const trit_rans_model *m, int8_t *trits, uint64_t n) {
    trit_rans_decoder now = *d; /* a copy that stays in registers */
    const trit_rans_model model = *m;
    uint64_t i = 0;
    for (; i + trit_rans_states <= n; i += trit_rans_states)
        for (unsigned k = 0; k < trit_rans_states; k++) trits[i + k] = step(&now, &now.x[k], &model);
    for (unsigned k = 0; i < n; i++, k++) trits[i] = step(&now, &now.x[k], &model);
    *d = now;
}

const uint8_t *trit_rans_close(const trit_rans_decoder *d) {
    for (int i = 0; i < trit_rans_states; i++)
        if (d->x[i] != lowest) return NULL;
    return d->is_bad ? NULL : d->p;
}
