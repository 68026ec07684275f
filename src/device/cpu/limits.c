/* How fast this machine is at best: the probes of the device's tier (kernel.h) on all members of its team at once. */
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "device/cpu/cpu.h"

enum { n_passes = 3, compute_ns = 3000000 };

struct trit_probe {
    cpu_device *cpu;
    uint8_t *buffer; /* [n_bytes] */
    size_t n_bytes;
    double *rate;    /* [n_threads] steps a second */
    uint64_t (*clock_ns)(void); /* of the run: */
    bool is_float;              /* which probe */
    atomic_ullong result; /* keeps the compiler from leaving the work out */
};

/* Four times the last-level caches, so that little of a pass is still there in the next one; a quarter of the memory of a small
 * machine at most. */
static size_t buffer_bytes(void) {
    const uint64_t least = 256u << 20, caches = 4 * trit_os_cache_bytes(), memory = trit_os_memory_bytes() / 4;
    uint64_t n = caches > least ? caches : least;
    if (memory && n > memory) n = memory;
    return (size_t)n / 4096 * 4096;
}

static void part_of(const trit_probe *p, unsigned i, unsigned n, uint8_t **first, size_t *n_bytes) {
    uint64_t begin, end;
    trit_team_split(p->n_bytes, 4096, i, n, &begin, &end);
    *first = p->buffer + begin;
    *n_bytes = (size_t)(end - begin);
}

/* Each member writes what it will read, so that the system places the pages near it. */
static void touch_member(void *arg, unsigned i, unsigned n) {
    uint8_t *first;
    size_t n_bytes;
    part_of(arg, i, n, &first, &n_bytes);
    memset(first, 1 + (int)i, n_bytes);
}

static void read_member(void *arg, unsigned i, unsigned n) {
    trit_probe *p = arg;
    uint8_t *first;
    size_t n_bytes;
    part_of(p, i, n, &first, &n_bytes);
    atomic_fetch_xor(&p->result, p->cpu->kernels->probe_read(first, n_bytes));
}

/* Steps a second of this member, while all others run theirs. */
static void compute_member(void *arg, unsigned i, unsigned n) {
    enum { steps = 20000 };
    trit_probe *p = arg;
    const trit_kernels *k = p->cpu->kernels;
    _Alignas(64) uint8_t codes[128];
    _Alignas(64) int8_t tokens[128];
    float whole[16];
    (void)n;
    for (int j = 0; j < 128; j++) codes[j] = (uint8_t)(j % 3), tokens[j] = (int8_t)(j - 64);
    for (int j = 0; j < 16; j++) whole[j] = (float)(j % 4);
    uint64_t n_steps = 0, begin = p->clock_ns(), ns = 0;
    for (; ns < compute_ns; ns = p->clock_ns() - begin, n_steps += steps)
        atomic_fetch_xor(&p->result, p->is_float ? (unsigned)k->probe_float(whole, steps) : (unsigned)k->probe_int8(codes, tokens, steps));
    p->rate[i] = (double)n_steps / ((double)ns * 1e-9);
}

trit_status trit_probe_new(trit_probe **out, trit_device *device, trit_error *err) {
    if (device->vt != &trit_device_cpu)
        return trit_error_set(err, trit_unsupported, "limits are measured of the CPU alone so far, not of %s", device->vt->name);
    trit_probe *p = trit_alloc_zero(1, sizeof *p);
    if (!p) return trit_error_memory(err, sizeof *p, "the probe");
    p->cpu = (cpu_device *)device;
    p->n_bytes = buffer_bytes();
    p->buffer = trit_alloc_aligned(p->n_bytes, 1);
    p->rate = trit_alloc_zero(trit_team_size(p->cpu->team), sizeof *p->rate);
    if (!p->buffer || !p->rate) {
        size_t n_bytes = p->n_bytes;
        trit_probe_free(p);
        return trit_error_memory(err, n_bytes, "what the probe reads");
    }
    trit_team_run(p->cpu->team, touch_member, p);
    *out = p;
    return trit_ok;
}

void trit_probe_free(trit_probe *p) {
    if (!p) return;
    trit_free(p->buffer);
    trit_free(p->rate);
    trit_free(p);
}

/* The two best of several passes: what else the machine does only slows them, so where it does little they are close. */
typedef struct best_two {
    double best, second;
} best_two;

static void add_pass(best_two *b, double rate) {
    if (rate > b->best) *b = (best_two){rate, b->best};
    else if (rate > b->second) b->second = rate;
}

static bool agree(best_two b) {
    return b.best <= 1.25 * b.second;
}

static best_two compute(trit_probe *p, bool is_float) {
    best_two rates = {0};
    p->is_float = is_float;
    for (int pass = 0; pass < n_passes; pass++) {
        double sum = 0;
        trit_team_run(p->cpu->team, compute_member, p);
        for (unsigned i = 0; i < trit_team_size(p->cpu->team); i++) sum += p->rate[i];
        add_pass(&rates, sum);
    }
    return rates;
}

static void run(trit_probe *p, bool own_time, trit_limits *out, bool *is_quiet) {
    best_two read = {0};
    p->clock_ns = own_time ? trit_os_thread_ns : trit_os_clock_ns;
    for (int pass = 0; pass < n_passes; pass++) {
        uint64_t begin = p->clock_ns();
        trit_team_run(p->cpu->team, read_member, p);
        uint64_t ns = p->clock_ns() - begin;
        if (ns) add_pass(&read, (double)p->n_bytes / ((double)ns * 1e-9));
    }
    const best_two whole = compute(p, false), floats = compute(p, true);
    *out = (trit_limits){.read_bytes_s = read.best, .int8_macs_s = 256 * whole.best, .float_macs_s = 16 * floats.best};
    *is_quiet = agree(read) && agree(whole) && agree(floats);
}

void trit_probe_run(trit_probe *p, bool own_time, trit_limits *out) {
    bool is_quiet;
    run(p, own_time, out, &is_quiet);
}

trit_status trit_cpu_limits(trit_device *d, trit_limits *out, bool *is_quiet, trit_error *err) {
    trit_probe *probe;
    trit_status status = trit_probe_new(&probe, d, err);
    if (status != trit_ok) return status;
    run(probe, false, out, is_quiet);
    trit_probe_free(probe);
    return trit_ok;
}
