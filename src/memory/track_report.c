/* Leaks: the live blocks of a moment, grouped by tag and backtrace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/os.h"
#include "memory/track_insides.h"

typedef struct found_list {
    trit_track_block *blocks; /* [n] */
    size_t n, capacity;
} found_list;

static bool collect(found_list *found, const trit_tracker *t, uint64_t mark) {
    bool good = true;
    for (size_t i = 0; i < trit_track_n_shards && good; i++) {
        trit_track_shard *shard = &t->shards[i];
        void *blocks = found->blocks;
        pthread_mutex_lock(&shard->lock);
        good = trit_grow(&blocks, &found->capacity, found->n + shard->table.n, sizeof *found->blocks);
        found->blocks = blocks;
        for (size_t k = 0; k < shard->table.capacity && good; k++) {
            const trit_track_block *block = &shard->table.slots[k];
            if (block->address && (!mark || block->time_ns <= mark)) found->blocks[found->n++] = *block;
        }
        pthread_mutex_unlock(&shard->lock);
    }
    return good;
}

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare_places(const trit_track_block *a, const trit_track_block *b) {
    const int by_stack = compare_u64((uintptr_t)a->stack, (uintptr_t)b->stack);
    return by_stack ? by_stack : strcmp(a->tag ? a->tag : "", b->tag ? b->tag : "");
}

static int by_place(const void *a, const void *b) {
    return compare_places(a, b);
}

static int by_age(const void *a, const void *b) {
    const trit_leak *x = a, *y = b;
    return x->age_ns != y->age_ns ? compare_u64(y->age_ns, x->age_ns) : compare_u64(x->address, y->address);
}

/* A place remembers where it stood before places were sorted. */
typedef struct placed {
    trit_leak_place place;
    uint32_t at;
} placed;

static int by_bytes(const void *a, const void *b) {
    const placed *x = a, *y = b;
    return x->place.bytes != y->place.bytes ? compare_u64(y->place.bytes, x->place.bytes) : compare_u64(x->at, y->at);
}

/* Blocks in the order of places become leaks; *places gets one entry for each. */
static size_t group(const found_list *found, uint64_t now, trit_leaks *out, placed *places) {
    size_t n_places = 0;
    for (size_t i = 0; i < found->n; i++) {
        const trit_track_block *b = &found->blocks[i];
        const uint64_t age = now > b->time_ns ? now - b->time_ns : 0;
        if (!i || compare_places(b, b - 1) != 0) {
            places[n_places] = (placed){.at = (uint32_t)n_places};
            places[n_places++].place = (trit_leak_place){
                .tag = b->tag,
                .frames = b->stack ? (const void *const *)b->stack->frames : NULL,
                .n_frames = b->stack ? b->stack->n : 0,
                .youngest_ns = age,
            };
        }
        trit_leak_place *place = &places[n_places - 1].place;
        place->n_blocks++;
        place->bytes += b->bytes;
        if (age > place->oldest_ns) place->oldest_ns = age;
        if (age < place->youngest_ns) place->youngest_ns = age;
        out->bytes += b->bytes;
        out->blocks[i] = (trit_leak){b->address, b->bytes, age, b->thread, (uint32_t)(n_places - 1)};
    }
    return n_places;
}

static bool fill(trit_leaks *out, found_list *found) {
    uint64_t now = trit_os_clock_ns();
    if (found->n) qsort(found->blocks, found->n, sizeof *found->blocks, by_place);
    placed *places = trit_alloc(found->n, sizeof *places);
    uint32_t *moved_to = trit_alloc(found->n, sizeof *moved_to);
    out->blocks = trit_alloc(found->n, sizeof *out->blocks);
    out->places = trit_alloc(found->n, sizeof *out->places);
    const bool good = places && moved_to && out->blocks && out->places;
    if (good) {
        out->n_blocks = found->n;
        out->n_places = group(found, now, out, places);
        qsort(places, out->n_places, sizeof *places, by_bytes);
        for (size_t i = 0; i < out->n_places; i++) {
            out->places[i] = places[i].place;
            moved_to[places[i].at] = (uint32_t)i;
        }
        for (size_t i = 0; i < out->n_blocks; i++) out->blocks[i].place = moved_to[out->blocks[i].place];
        qsort(out->blocks, out->n_blocks, sizeof *out->blocks, by_age);
    }
    trit_free(moved_to);
    trit_free(places);
    return good;
}

trit_status trit_tracker_leaks(trit_leaks **out, trit_tracker *tracker, uint64_t mark, trit_error *err) {
    if (tracker->level < trit_tracking_standard)
        return trit_error_set(err, trit_unsupported, "pool %s: tracking at level %s keeps no live blocks", tracker->name,
                              trit_tracking_name(tracker->level));
    found_list found = {0};
    trit_leaks *leaks = trit_alloc_zero(1, sizeof *leaks);
    const bool good = leaks && collect(&found, tracker, mark) && fill(leaks, &found);
    trit_free(found.blocks);
    if (!good) {
        trit_leaks_free(leaks);
        return trit_error_memory(err, found.n * sizeof(trit_leak), "a list of live blocks");
    }
    *out = leaks;
    return trit_ok;
}

void trit_leaks_free(trit_leaks *leaks) {
    if (!leaks) return;
    trit_free(leaks->blocks);
    trit_free(leaks->places);
    trit_free(leaks);
}

enum { name_size = 256 };

static double ms_of(uint64_t ns) {
    return (double)ns / 1e6;
}

static bool text_of_place(trit_text *out, const trit_leak_place *p) {
    bool good = trit_text_format(out, "%12llu bytes in %6llu blocks, %.1f to %.1f ms old, tag %s\n", (unsigned long long)p->bytes,
                                 (unsigned long long)p->n_blocks, ms_of(p->youngest_ns), ms_of(p->oldest_ns), p->tag ? p->tag : "(none)");
    char name[name_size];
    for (size_t i = 0; i < p->n_frames && good; i++) {
        trit_os_frame_name(name, sizeof name, p->frames[i]);
        good = trit_text_format(out, "%18s%s\n", "", name);
    }
    return good;
}

trit_status trit_leaks_text(const trit_leaks *leaks, trit_text *out, trit_error *err) {
    bool good = leaks->n_blocks ? trit_text_format(out, "%zu blocks are live, %llu bytes, from %zu places\n", leaks->n_blocks,
                                                   (unsigned long long)leaks->bytes, leaks->n_places)
                                : trit_text_format(out, "no block is live\n");
    for (size_t i = 0; i < leaks->n_places && good; i++) good = text_of_place(out, &leaks->places[i]);
    return good ? trit_ok : trit_error_memory(err, out->n, "a report of live blocks");
}

static bool json_of_place(trit_text *out, const trit_leak_place *p) {
    char name[name_size];
    bool good = trit_text_format(out, "{\"tag\":") &&
                (p->tag ? trit_json_write_str(out, p->tag, strlen(p->tag)) : trit_text_format(out, "null")) &&
                trit_text_format(out, ",\"n_blocks\":%llu,\"bytes\":%llu,\"oldest_ms\":", (unsigned long long)p->n_blocks,
                                 (unsigned long long)p->bytes) &&
                trit_json_write_f64(out, ms_of(p->oldest_ns)) && trit_text_format(out, ",\"youngest_ms\":") &&
                trit_json_write_f64(out, ms_of(p->youngest_ns)) && trit_text_format(out, ",\"frames\":[");
    for (size_t i = 0; i < p->n_frames && good; i++) {
        trit_os_frame_name(name, sizeof name, p->frames[i]);
        good = (!i || trit_text_append(out, ",", 1)) && trit_json_write_str(out, name, strlen(name));
    }
    return good && trit_text_format(out, "]}");
}

static bool json_of_block(trit_text *out, const trit_leak *b) {
    return trit_text_format(out, "{\"address\":\"0x%llx\",\"bytes\":%llu,\"age_ms\":", (unsigned long long)b->address,
                            (unsigned long long)b->bytes) &&
           trit_json_write_f64(out, ms_of(b->age_ns)) &&
           trit_text_format(out, ",\"thread\":%u,\"place\":%u}", (unsigned)b->thread, (unsigned)b->place);
}

trit_status trit_leaks_json(const trit_leaks *leaks, trit_text *out, trit_error *err) {
    bool good = trit_text_format(out, "{\"bytes\":%llu,\"n_blocks\":%zu,\"places\":[", (unsigned long long)leaks->bytes, leaks->n_blocks);
    for (size_t i = 0; i < leaks->n_places && good; i++)
        good = (!i || trit_text_append(out, ",", 1)) && json_of_place(out, &leaks->places[i]);
    good = good && trit_text_format(out, "],\"blocks\":[");
    for (size_t i = 0; i < leaks->n_blocks && good; i++)
        good = (!i || trit_text_append(out, ",", 1)) && json_of_block(out, &leaks->blocks[i]);
    good = good && trit_text_format(out, "]}");
    return good ? trit_ok : trit_error_memory(err, out->n, "a report of live blocks");
}

trit_status trit_tracking_of_env(trit_tracking *out, trit_error *err) {
    const char *name = trit_env_get("TRIT_MEMORY_TRACK");
    *out = trit_tracking_none;
    if (!name || trit_tracking_parse(out, name, NULL) == trit_ok) return trit_ok;
    return trit_error_set(err, trit_arg, "TRIT_MEMORY_TRACK: \"%s\" is not none, basic, standard or detailed", name);
}

void trit_tracker_log(trit_tracker *t) {
    trit_track_counts n;
    trit_leaks *leaks = NULL;
    trit_text text = {0};
    if (!t) return;
    trit_tracker_count(t, &n);
    trit_logf(trit_log_warn, "memory of %s: %llu blocks taken, %llu released, at most %.1f MB; %llu are live, %.1f MB; watching took %.1f MB", t->name,
              (unsigned long long)n.n_allocated, (unsigned long long)n.n_released, (double)n.peak_bytes / 1e6, (unsigned long long)n.live_blocks,
              (double)n.live_bytes / 1e6, (double)n.own_bytes / 1e6);
    if (trit_tracker_leaks(&leaks, t, 0, NULL) == trit_ok && leaks && leaks->n_blocks && trit_leaks_text(leaks, &text, NULL) == trit_ok)
        for (char *rest = NULL, *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            trit_logf(trit_log_warn, "%s", line);
    trit_text_fini(&text);
    trit_leaks_free(leaks);
}
