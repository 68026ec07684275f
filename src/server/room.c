#include "server/room.h"

#include "server/state.h"

static bool wants_room(const trit_served *m) {
    return m->state == trit_served_absent && m->parked;
}

void trit_room_changed(trit_server *s) {
    bool wanted = false;
    for (size_t i = 0; i < s->n_models; i++) wanted = wanted || wants_room(&s->models[i]);
    for (size_t i = 0; i < s->n_models && !wanted; i++)
        if (s->models[i].state == trit_served_ready) s->models[i].leaving = false;
    for (size_t i = 0; i < s->n_models; i++) pthread_cond_signal(&s->models[i].work);
}

/* The one that is used least: nobody rather than somebody, and for the longest time. NULL: none can be asked to leave. */
static trit_served *find_leaver(trit_server *s) {
    trit_served *found = NULL;
    for (size_t i = 0; i < s->n_models; i++) {
        trit_served *m = &s->models[i];
        if (m->state != trit_served_ready || m->leaving || m->asked.model) continue;
        const bool busy = trit_served_is_used(m), found_busy = found && trit_served_is_used(found);
        if (!found || (found_busy && !busy) || (found_busy == busy && m->used_ns < found->used_ns)) found = m;
    }
    return found;
}

bool trit_room_for(const trit_served *m) {
    trit_server *s = m->server;
    uint32_t n_here = 0, n_leaving = 0, n_wanting = 0, n_before = 0;
    if (!s->opts.max_loaded) return true;
    for (size_t i = 0; i < s->n_models; i++) {
        const trit_served *other = &s->models[i];
        n_here += other->state != trit_served_absent;
        n_leaving += other->leaving;
        n_wanting += wants_room(other);
        n_before += wants_room(other) && other->parked->exchange->start_ns < m->parked->exchange->start_ns;
    }
    if (n_here + n_before < s->opts.max_loaded) return true;
    trit_served *leaver = n_here + n_wanting > s->opts.max_loaded + n_leaving ? find_leaver(s) : NULL;
    if (leaver) {
        leaver->leaving = true;
        pthread_cond_signal(&leaver->work);
    }
    return false;
}
