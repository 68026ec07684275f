/* Events become blocks with a birth and a death; then each search looks at them. */
#include "memory/patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

static const struct {
    const char *name;
    bool (*find)(const trit_trace *trace, trit_pattern *out);
} kinds[trit_n_patterns] = {
    [trit_pattern_sizes] = {"sizes", trit_pattern_find_sizes},
    [trit_pattern_device] = {"device", trit_pattern_find_device},
    [trit_pattern_fragmentation] = {"fragmentation", trit_pattern_find_fragmentation},
    [trit_pattern_period] = {"period", trit_pattern_find_period},
    [trit_pattern_leak] = {"leak", trit_pattern_find_leak},
};

enum { fewest_blocks = 64 };

const char *trit_pattern_name(trit_pattern_kind kind) {
    return (unsigned)kind < trit_n_patterns ? kinds[kind].name : NULL;
}

int trit_compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static unsigned device_of(trit_trace *trace, const char *name) {
    if (!name) name = "";
    for (unsigned i = 0; i < trace->n_devices; i++)
        if (trace->devices[i] == name || strcmp(trace->devices[i], name) == 0) return i;
    if (trace->n_devices == trit_trace_max_devices) return trit_trace_max_devices - 1;
    trace->devices[trace->n_devices] = name;
    return trace->n_devices++;
}

/* An event with what pairs it: events of one address of one device stand together, in the order of time. */
typedef struct paired {
    const trit_memory_event *event;
    unsigned device;
} paired;

static int by_address(const void *a, const void *b) {
    const paired *x = a, *y = b;
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    if (x->event->address != y->event->address) return x->event->address < y->event->address ? -1 : 1;
    return x->event < y->event ? -1 : 1;
}

static int by_birth(const void *a, const void *b) {
    const trit_trace_block *x = a, *y = b;
    if (x->birth != y->birth) return x->birth < y->birth ? -1 : 1;
    return (x->address > y->address) - (x->address < y->address);
}

/* One block for each allocation, and for each release without one. */
static void pair_events(trit_trace *trace, const paired *order, size_t n, uint64_t start_ns) {
    for (size_t i = 0; i < n; i++) {
        const trit_memory_event *e = order[i].event;
        const double at = (double)(e->time_ns - start_ns) / 1e9;
        trit_trace_block *block = &trace->blocks[trace->n++];
        *block = (trit_trace_block){.address = e->address, .bytes = e->bytes, .birth = at, .death = trace->seconds, .device = order[i].device};
        block->is_early = e->is_release;
        block->is_live = !e->is_release;
        if (e->is_release) {
            block->birth = 0;
            block->death = at;
        } else if (i + 1 < n && order[i + 1].device == order[i].device && order[i + 1].event->address == e->address &&
                   order[i + 1].event->is_release) {
            block->death = (double)(order[++i].event->time_ns - start_ns) / 1e9;
            block->is_live = false;
        }
    }
}

static bool read_trace(trit_trace *trace, const trit_memory_event *events, size_t n) {
    paired *order = trit_alloc(n, sizeof *order);
    trace->blocks = trit_alloc(n, sizeof *trace->blocks);
    const bool good = order && trace->blocks;
    if (good) {
        trace->seconds = (double)(events[n - 1].time_ns - events[0].time_ns) / 1e9;
        for (size_t i = 0; i < n; i++) order[i] = (paired){&events[i], device_of(trace, events[i].device)};
        qsort(order, n, sizeof *order, by_address);
        pair_events(trace, order, n, events[0].time_ns);
        qsort(trace->blocks, trace->n, sizeof *trace->blocks, by_birth);
    }
    trit_free(order);
    return good;
}

trit_status trit_patterns_find(trit_pattern out[trit_n_patterns], const trit_memory_event *events, size_t n, trit_error *err) {
    for (size_t i = 1; i < n; i++)
        if (events[i].time_ns < events[i - 1].time_ns) return trit_error_set(err, trit_arg, "event %zu is older than the one before it", i);
    trit_trace trace = {0};
    bool good = !n || read_trace(&trace, events, n);
    for (int kind = 0; kind < trit_n_patterns && good; kind++) {
        trit_pattern found = {.kind = (trit_pattern_kind)kind, .advice = "none"};
        if (trace.n >= fewest_blocks && trace.seconds > 0) good = kinds[kind].find(&trace, &found);
        found.is_found = found.confidence > 0;
        if (good) out[kind] = found;
    }
    trit_free(trace.blocks);
    return good ? trit_ok : trit_error_memory(err, n * sizeof *trace.blocks, "an analysis of allocations");
}
