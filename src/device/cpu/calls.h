/* The CPU's side of calls on tensors: what the parts of ops.def share.
 *
 * A call's elements are taken in the order of its result, in blocks that fit the first-level cache. A cursor turns any view into
 * blocks of neighbours of the type that the kernel wants: where they lie so already it gives their address, else it gathers. */
#ifndef TRIT_DEVICE_CPU_CALLS_H
#define TRIT_DEVICE_CPU_CALLS_H

#include <stdatomic.h>

#include "device/cpu/cpu.h"

enum { trit_cpu_block = 1024, trit_cpu_block_bytes = trit_cpu_block * 8 };

/* Elements of a call from which on it is worth dividing among the team. */
enum { trit_cpu_serial_elements = 1 << 15 };

typedef struct cpu_cursor {
    const trit_kernels *kernels;
    trit_view view; /* collapsed */
    trit_dtype type; /* in which elements are wanted */
    bool is_direct;  /* they lie as they are wanted */
    bool is_single;  /* one element, repeated */
    size_t filled_bytes; /* of `block`, with it */
    int64_t index[trit_max_dims];
    char *at; /* the element at `index` */
    _Alignas(64) unsigned char block[trit_cpu_block_bytes], raw[trit_cpu_block_bytes];
} cpu_cursor;

/* At element `first` of the view's own order. */
void trit_cpu_cursor_init(cpu_cursor *c, const cpu_device *cpu, const trit_view *view, trit_dtype type, int64_t first);
/* The next n elements, valid until the next call; n <= trit_cpu_block where they are not direct. */
const void *trit_cpu_cursor_load(cpu_cursor *c, size_t n);
/* Where the next n elements may be written; store then puts them in their places. */
void *trit_cpu_cursor_target(cpu_cursor *c);
void trit_cpu_cursor_store(cpu_cursor *c, size_t n);
/* n elements on, within the last dimension or to its end. */
void trit_cpu_cursor_advance(cpu_cursor *c, int64_t n);

/* Copies n elements of `size` bytes that stand `from_stride` elements apart to places `to_stride` elements apart. */
void trit_cpu_copy_strided(char *to, int64_t to_stride, const char *from, int64_t from_stride, size_t n, size_t size);

/* A view as rows: `along` is the row at the first element of `across`, whose elements are where rows begin. */
typedef struct cpu_rows {
    trit_view across, along;
} cpu_rows;

/* Rows run along the dimensions of `axes`, a bit each. */
void trit_cpu_rows_init(cpu_rows *r, const trit_view *v, uint32_t axes);
/* A row that begins at `at`. */
trit_view trit_cpu_row(const cpu_rows *r, void *at);

/* Are they better walked beside each other than one after the other? There are several whose steps are shorter than those along a row, or rows
 * are short. */
bool trit_cpu_rows_stand_across(const cpu_rows *r);

/* Does the caller do all n alone, since there is one step, one member, or too little work? */
bool trit_cpu_is_serial(const cpu_device *cpu, int64_t n, int64_t step, int64_t work);

/* fn(arg, first, last) for parts of [0, n) by the members of the team, in multiples of `step`; by the caller alone where `work` elements are
 * not worth it. One part a member: for what is over soon, or sets something up for each part. */
typedef void (*trit_cpu_range_fn)(void *arg, int64_t first, int64_t last);
void trit_cpu_parallel(cpu_device *cpu, int64_t n, int64_t step, int64_t work, trit_cpu_range_fn fn, void *arg);
/* The same in several pieces for each member, who takes the next one when it is free: for what takes long (products, attention), since other programs
 * may keep a member waiting, and for parts that differ in work. */
void trit_cpu_share(cpu_device *cpu, int64_t n, int64_t step, int64_t work, trit_cpu_range_fn fn, void *arg);

/* Counts of a cast that all members add to; magnitudes rise as their bits do. At the end they go into call->attrs.stats. */
typedef struct cpu_cast_counts {
    atomic_uint_fast64_t n_changed, n_outside, n_nan, max_error_bits;
} cpu_cast_counts;

struct trit_cast_stats;
void trit_cpu_counts_add(cpu_cast_counts *c, const struct trit_cast_stats *s);
void trit_cpu_counts_end(const cpu_cast_counts *c, const trit_call *call);

/* A copy where the input or the result is quantized (blocks.c). Errors: unsupported (a type that is only read), numeric (NaN, infinities). */
trit_status trit_cpu_copy_blocks(cpu_device *cpu, const trit_call *call, trit_error *err);

/* The work of n rows of so many elements, as far as that matters. */
static inline int64_t trit_cpu_work(int64_t n, int64_t elements) {
    const int64_t most = trit_cpu_serial_elements;
    return (n < most ? n : most) * (elements < most ? elements : most);
}

/* What the members of the team are handed. */
typedef struct cpu_call {
    const cpu_device *cpu;
    const trit_call *call;
} cpu_call;

/* The parts of ops.def, a function each: trit_cpu_call_<part>. */
typedef trit_status trit_cpu_call_fn(cpu_device *cpu, const trit_call *call, trit_error *err);
#define PART_list(part)
#define PART_view(part)
#define PART_call(part) trit_cpu_call_fn trit_cpu_call_##part;
#define PART_both(part) trit_cpu_call_fn trit_cpu_call_##part;
#define TRIT_OP(name, n_in, where, part, meaning) PART_##where(part)
#include "op/ops.def"
#undef TRIT_OP
#undef PART_list
#undef PART_view
#undef PART_call
#undef PART_both

#endif
