/* The live blocks of one shard of a tracker, by address: open addressing with linear probes, at most three quarters full. The caller
 * locks. */
#ifndef TRIT_MEMORY_TRACK_TABLE_H
#define TRIT_MEMORY_TRACK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/track_stacks.h"

typedef struct trit_track_block {
    uintptr_t address; /* 0: this slot is free */
    size_t bytes;
    uint64_t time_ns;
    const char *tag;
    const trit_track_stack *stack; /* NULL below detailed */
    uint32_t thread;
    bool is_sampled; /* the timeline follows it */
} trit_track_block;

typedef struct trit_track_table {
    trit_track_block *slots; /* [capacity] */
    size_t capacity;         /* 0 or a power of two */
    size_t n;
} trit_track_table;

trit_track_block *trit_track_find(const trit_track_table *table, uintptr_t address); /* NULL: not there */
bool trit_track_add(trit_track_table *table, const trit_track_block *block);          /* replaces; false: no memory */
void trit_track_remove(trit_track_table *table, trit_track_block *block);             /* pointers to blocks are void after it */
void trit_track_table_fini(trit_track_table *table);

#endif
