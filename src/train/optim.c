/* The parameters of an optimiser, the length of their gradients, and the step over all of them, see optim.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "train/optim_parts.h"

struct trit_optim {
    trit_optim_opts o;
    trit_optim_slot *slot; /* [n] owned */
    size_t n, capacity;
    uint64_t n_chunks;
    double *partial;       /* [n_chunks] owned: sums of squares */
    uint64_t t;            /* steps done */
};

trit_optim_opts trit_optim_opts_of(const trit_train_config *c, trit_team *team) {
    static const char *const names[] = {[trit_optim_adamw] = "adamw", [trit_optim_adam] = "adam", [trit_optim_sgd] = "sgd", [trit_optim_muon] = "muon"};
    trit_optim_opts o = {.beta1 = c->beta1, .beta2 = c->beta2, .eps = c->eps, .momentum = c->momentum,
                         .to_bf16 = trit_train_is(c->masters, "bf16"), .seed = (uint64_t)c->seed, .team = team};
    while (!trit_train_is(c->optimizer, names[o.kind])) o.kind++; /* the configuration holds one of them */
    return o;
}

trit_status trit_optim_new(trit_optim **out, const trit_optim_opts *opts, trit_error *err) {
    trit_optim *o = trit_alloc_zero(1, sizeof *o);
    if (!o) return trit_error_memory(err, sizeof *o, "the optimiser");
    o->o = *opts;
    *out = o;
    return trit_ok;
}

static void slot_fini(trit_optim_slot *s) {
    for (int k = 0; k < 2; k++) {
        trit_tensor_free(s->state[k]);
        trit_free(s->state_name[k]);
    }
}

void trit_optim_free(trit_optim *o) {
    if (!o) return;
    for (size_t i = 0; i < o->n; i++) slot_fini(&o->slot[i]);
    trit_free(o->slot);
    trit_free(o->partial);
    trit_free(o);
}

static trit_status add_state(trit_optim_slot *s, int k, const char *name, const char *suffix, trit_error *err) {
    char full[160];
    const int n = snprintf(full, sizeof full, "%s.%s", name, suffix);
    s->state_name[k] = trit_strndup(full, (size_t)n < sizeof full ? (size_t)n : sizeof full - 1);
    if (!s->state_name[k]) return trit_error_memory(err, sizeof full, "the optimiser");
    return trit_tensor_zeros(&s->state[k], trit_tensor_device(s->param), trit_dtype_f32, trit_tensor_n_dims(s->param), trit_tensor_shape(s->param), err);
}

trit_status trit_optim_add(trit_optim *o, const char *name, trit_tensor *param, bool decays, bool is_matrix, trit_error *err) {
    trit_optim_slot s = {.param = param, .n = trit_tensor_n_elements(param), .first_chunk = o->n_chunks, .decays = decays};
    s.by_muon = is_matrix && o->o.kind == trit_optim_muon;
    const uint64_t n_chunks = o->n_chunks + ((uint64_t)s.n + trit_optim_chunk - 1) / trit_optim_chunk;
    void *slots = o->slot;
    double *partial = trit_realloc(o->partial, n_chunks, sizeof *partial);
    if (partial) o->partial = partial;
    if (!partial || !trit_grow(&slots, &o->capacity, o->n + 1, sizeof *o->slot)) return trit_error_memory(err, sizeof s, "the optimiser");
    o->slot = slots;
    const bool is_adam = !s.by_muon && o->o.kind != trit_optim_sgd;
    trit_status status = add_state(&s, 0, name, is_adam ? "m" : "momentum", err);
    if (status == trit_ok && is_adam) status = add_state(&s, 1, name, "v", err);
    if (status != trit_ok) {
        slot_fini(&s);
        return status;
    }
    o->slot[o->n++] = s;
    o->n_chunks = n_chunks;
    return trit_ok;
}

/* ---- Over all elements in chunks ---- */

typedef struct pass {
    trit_optim *o;
    trit_tensor *const *grads;
    trit_adam_numbers decaying, plain; /* of parameters that decay, and others */
    double scale, lr, weight_decay;
} pass;

/* The slot that has the chunk, looked for from slot `from` on. */
static size_t slot_of(const trit_optim *o, size_t from, uint64_t chunk) {
    while (from + 1 < o->n && o->slot[from + 1].first_chunk <= chunk) from++;
    return from;
}

/* The part of a slot that a chunk is: where it begins, and its elements. */
static int64_t part_of(const trit_optim_slot *s, uint64_t chunk, int64_t *n) {
    const int64_t at = (int64_t)(chunk - s->first_chunk) * trit_optim_chunk;
    *n = s->n - at < trit_optim_chunk ? s->n - at : trit_optim_chunk;
    return at;
}

static float *elements(const trit_tensor *t) {
    return trit_tensor_data(t);
}

static double squares(const float *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

double trit_optim_sum_squares(const float *x, int64_t n) {
    double sum = 0;
    for (int64_t at = 0; at < n; at += trit_optim_chunk) sum += squares(x + at, n - at < trit_optim_chunk ? n - at : trit_optim_chunk);
    return sum;
}

static void norm_part(void *arg, unsigned i, uint64_t first, uint64_t last) {
    const pass *p = arg;
    size_t k = 0;
    (void)i;
    for (uint64_t chunk = first; chunk < last; chunk++) {
        int64_t n;
        k = slot_of(p->o, k, chunk);
        const int64_t at = part_of(&p->o->slot[k], chunk, &n);
        p->o->partial[chunk] = p->grads[k] ? squares(elements(p->grads[k]) + at, n) : 0;
    }
}

double trit_optim_norm(trit_optim *o, trit_tensor *const *grads) {
    pass p = {.o = o, .grads = grads};
    double sum = 0;
    trit_team_share(o->o.team, o->n_chunks, 4, norm_part, &p);
    for (uint64_t i = 0; i < o->n_chunks; i++) sum += o->partial[i];
    return sqrt(sum);
}

double trit_optim_clip(double norm, double clip) {
    const double factor = clip / (norm + 1e-6);
    return clip > 0 && factor < 1 ? factor : 1;
}

void trit_round_bf16(float *p, int64_t n, uint64_t seed, uint64_t first) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &p[i], sizeof bits);
        if ((bits & 0x7f800000u) == 0x7f800000u) continue; /* not finite */
        bits = (bits + ((uint32_t)trit_rng_u64(seed, first + (uint64_t)i) & 0xffffu)) & 0xffff0000u;
        memcpy(&p[i], &bits, sizeof bits);
    }
}

/* The part of a slot from element `at` on, after step t. */
static void round_part(const trit_optim *o, const trit_optim_slot *s, int64_t at, int64_t n) {
    if (o->o.to_bf16) trit_round_bf16(elements(s->param) + at, n, trit_rng_u64(o->o.seed, o->t), s->first_chunk * trit_optim_chunk + (uint64_t)at);
}

static void step_part(void *arg, unsigned i, uint64_t first, uint64_t last) {
    const pass *p = arg;
    const trit_optim_opts *o = &p->o->o;
    size_t k = 0;
    (void)i;
    for (uint64_t chunk = first; chunk < last; chunk++) {
        int64_t n;
        k = slot_of(p->o, k, chunk);
        const trit_optim_slot *s = &p->o->slot[k];
        if (!p->grads[k] || s->by_muon) continue;
        const int64_t at = part_of(s, chunk, &n);
        float *param = elements(s->param) + at, *state = elements(s->state[0]) + at;
        const float *grad = elements(p->grads[k]) + at;
        if (o->kind == trit_optim_sgd)
            trit_sgd_update(param, grad, state, n, (float)p->scale, (float)p->lr, (float)(s->decays ? p->weight_decay : 0), (float)o->momentum);
        else
            trit_adam_update(param, grad, state, elements(s->state[1]) + at, n, s->decays ? &p->decaying : &p->plain);
        round_part(p->o, s, at, n);
    }
}

trit_status trit_optim_step(trit_optim *o, trit_tensor *const *grads, double scale, double lr, double weight_decay, trit_error *err) {
    pass p = {.o = o, .grads = grads, .scale = scale, .lr = lr, .weight_decay = weight_decay};
    trit_status status = trit_ok;
    o->t++;
    p.decaying = trit_adam_numbers_of(&o->o, o->t, scale, lr, weight_decay);
    p.plain = trit_adam_numbers_of(&o->o, o->t, scale, lr, 0);
    trit_team_share(o->o.team, o->n_chunks, 4, step_part, &p);
    for (size_t i = 0; i < o->n && status == trit_ok; i++) {
        trit_optim_slot *s = &o->slot[i];
        if (!s->by_muon || !grads[i]) continue;
        status = trit_muon_update(s, grads[i], scale, lr, s->decays ? weight_decay : 0, o->o.momentum, err);
        round_part(o, s, 0, s->n);
    }
    return status;
}

/* ---- For checkpoints ---- */

uint64_t trit_optim_steps(const trit_optim *o) {
    return o->t;
}

void trit_optim_set_steps(trit_optim *o, uint64_t n) {
    o->t = n;
}

trit_tensor *trit_optim_state_at(const trit_optim *o, size_t i, const char **name) {
    for (size_t k = 0; k < o->n; k++)
        for (int j = 0; j < 2 && o->slot[k].state[j]; j++)
            if (i-- == 0) {
                *name = o->slot[k].state_name[j];
                return o->slot[k].state[j];
            }
    return NULL;
}
