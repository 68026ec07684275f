/* The timeline: the shards' rings put in one order, and as a file that viewers of traces open. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "memory/track_insides.h"

/* Events of one address lie in one shard in their order, so ties of the clock keep the order of collection. */
typedef struct ordered {
    trit_memory_event event;
    size_t at;
} ordered;

static int by_time(const void *a, const void *b) {
    const ordered *x = a, *y = b;
    if (x->event.time_ns != y->event.time_ns) return x->event.time_ns < y->event.time_ns ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

static size_t copy_ring(const trit_track_shard *shard, ordered *out, size_t at) {
    const size_t n = shard->n_written < shard->event_capacity ? shard->n_written : shard->event_capacity;
    for (size_t i = 0; i < n; i++) out[at + i] = (ordered){shard->events[(shard->n_written - n + i) % shard->event_capacity], at + i};
    return n;
}

trit_status trit_tracker_events(trit_memory_event **out, size_t *n, trit_tracker *t, trit_error *err) {
    if (t->level < trit_tracking_detailed)
        return trit_error_set(err, trit_unsupported, "pool %s: tracking at level %s keeps no timeline", t->name, trit_tracking_name(t->level));
    const size_t most = trit_track_n_shards * (size_t)trit_track_n_events;
    ordered *all = trit_alloc(most, sizeof *all);
    size_t n_events = 0;
    for (size_t i = 0; i < trit_track_n_shards && all; i++) {
        pthread_mutex_lock(&t->shards[i].lock);
        n_events += copy_ring(&t->shards[i], all, n_events);
        pthread_mutex_unlock(&t->shards[i].lock);
    }
    trit_memory_event *events = all ? trit_alloc(n_events, sizeof *events) : NULL;
    if (!events) {
        trit_free(all);
        return trit_error_memory(err, most * sizeof *all, "a timeline");
    }
    qsort(all, n_events, sizeof *all, by_time);
    for (size_t i = 0; i < n_events; i++) events[i] = all[i].event;
    trit_free(all);
    *out = events;
    *n = n_events;
    return trit_ok;
}

void trit_memory_events_free(trit_memory_event *events) {
    trit_free(events);
}

static bool write_name(trit_text *out, const char *s) {
    return trit_json_write_str(out, s ? s : "", s ? strlen(s) : 0);
}

static bool write_event(trit_text *out, const trit_memory_event *e, uint64_t start_ns) {
    const double us = (double)(e->time_ns - start_ns) / 1e3;
    return trit_text_format(out, "{\"name\":\"%s\",\"cat\":", e->is_release ? "release" : "allocate") && write_name(out, e->tag) &&
           trit_text_format(out, ",\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":%u,\"ts\":", (unsigned)e->thread) && trit_json_write_f64(out, us) &&
           trit_text_format(out, ",\"args\":{\"address\":\"0x%llx\",\"bytes\":%llu}},\n{\"name\":\"live bytes\",\"id\":",
                            (unsigned long long)e->address, (unsigned long long)e->bytes) &&
           write_name(out, e->device) && trit_text_format(out, ",\"ph\":\"C\",\"pid\":1,\"ts\":") && trit_json_write_f64(out, us) &&
           trit_text_format(out, ",\"args\":{\"bytes\":%llu}}", (unsigned long long)e->live_bytes);
}

trit_status trit_memory_events_json(const trit_memory_event *events, size_t n, trit_text *out, trit_error *err) {
    bool good = trit_text_format(out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    for (size_t i = 0; i < n && good; i++)
        good = (!i || trit_text_append(out, ",\n", 2)) && write_event(out, &events[i], events[0].time_ns);
    good = good && trit_text_format(out, "\n]}\n");
    return good ? trit_ok : trit_error_memory(err, out->n, "a timeline");
}
