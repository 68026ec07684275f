/* Sorting of single rows. Elements become whole numbers of the same order, which are sorted by their bytes. */
#ifndef TRIT_DEVICE_CPU_SORT_H
#define TRIT_DEVICE_CPU_SORT_H

#include "device/cpu/calls.h"

/* How elements of a type become keys: NaN is above all, upwards and downwards. */
typedef struct cpu_order {
    const cpu_device *cpu;
    trit_dtype dtype;
    unsigned n_bytes;                /* of a key */
    uint64_t sign, infinity, mask;   /* bits of an element; infinity: of floats */
    uint64_t turn;                   /* bits that turn the order: none upwards */
    bool is_float;
} cpu_order;

enum { few_elements = 48 }; /* that are inserted one by one: digits do not pay */

typedef struct cpu_keyed {
    uint64_t key, index;
} cpu_keyed;

void trit_cpu_order_init(cpu_order *o, const cpu_device *cpu, trit_dtype dtype, bool is_descending);

/* The elements [at, n) of a row, block after block. */
typedef struct cpu_key_reader {
    cpu_cursor c;
    const void *block;
    size_t at, n;
} cpu_key_reader;

void trit_cpu_keys_open(cpu_key_reader *r, const cpu_order *o, const trit_view *x, size_t at, size_t n);
size_t trit_cpu_keys_next(cpu_key_reader *r); /* elements of the next block; 0: at the end */
/* keys[at..) of the n elements of a block, and back. Keys are uint32_t of types up to four bytes, else uint64_t. */
void trit_cpu_keys_read(const cpu_order *o, void *keys, size_t at, const void *block, size_t n);
void trit_cpu_keys_write(const cpu_order *o, const void *keys, size_t at, void *block, size_t n);

/* Bytes of memory that sorting n elements needs, of their values or of their places. False: more than there can be. */
bool trit_cpu_sort_bytes(const cpu_order *o, size_t n, bool is_places, size_t *out);
/* y, of the order's type, = x sorted; n their elements. `memory` is as large as sort_bytes says. */
void trit_cpu_sort_values(const cpu_order *o, const trit_view *x, const trit_view *y, size_t n, void *memory);
/* sort_long.c: the keys of n elements in order; `spare` has as much room. Returns where they are: in one of the two. */
void *trit_cpu_sort_keys(const cpu_order *o, void *keys, void *spare, size_t n);
/* The same as sort_values of a row that is worth dividing among the team, and stands apart from y. False: no memory. */
bool trit_cpu_sort_is_long(const cpu_order *o, size_t n);
bool trit_cpu_sort_long(const cpu_order *o, cpu_device *cpu, const trit_view *x, const trit_view *y, size_t n);
/* y[0..k) = where in x the elements stand that come first, equal ones in the order of x; k <= n. */
void trit_cpu_sort_places(const cpu_order *o, const trit_view *x, size_t n, const trit_view *y, size_t k, void *memory);
/* The same, with memory for k cpu_keyed only; for k that are few beside n. */
void trit_cpu_sort_few(const cpu_order *o, const trit_view *x, size_t n, const trit_view *y, size_t k, void *memory);
/* x sorted as doubles, in y [n]; returns the number of those that are not NaN. */
size_t trit_cpu_sort_numbers(const cpu_order *o, const trit_view *x, double *y, size_t n, void *memory);

#endif
