/* Benchmarks as data: what is to be measured, what was, and the file of a run (docs/performance.md says what each figure means). */
#ifndef TRIT_CLI_BENCH_H
#define TRIT_CLI_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"
#include "load.h"
#include "trit/device.h"
#include "trit/memory.h"

enum { trit_bench_max_list = 16 };

typedef struct trit_bench_list {
    uint32_t item[trit_bench_max_list];
    size_t n;
} trit_bench_list;

typedef struct trit_bench_plan {
    trit_model_choice model;
    trit_run_choice run; /* but for the threads */
    trit_bench_list prompts, threads, batches, depths; /* threads: none means what the device chooses */
    uint32_t n_tokens;   /* of a decode; 0: no decodes */
    uint32_t repetitions;
} trit_bench_plan;

/* One test. Rates are tokens a second (kernels: calls a second); work is that of one token (call). */
typedef struct trit_bench_row {
    char test[64];  /* "pp512": a prompt of 512 tokens; "tg128": 128 generated tokens; "t2_mul 128 tokens" */
    char tier[16];  /* instruction-set tier */
    uint32_t threads, batch, depth;
    double rate[trit_stats_max];  /* [n], in the order of measuring */
    double share[trit_stats_max]; /* [n]: rate / what the limits of the same round allow */
    size_t n;
    double bytes, int8_macs, float_macs;
    trit_limits limits; /* the best of the run, of as many threads */
    bool beyond_caches; /* what is read is more than the caches hold, so the read limit holds */
    char error[160];    /* why there is no result; "" */
} trit_bench_row;

typedef struct trit_bench_machine {
    char cpu[128], tier[16], version[32], compiler[96], revision[64], date[24]; /* date: UTC, ISO 8601 */
    uint64_t cores, cpus, memory_bytes, cache_bytes;
} trit_bench_machine;

typedef struct trit_bench_doc {
    bool of_kernels;
    trit_bench_machine machine;
    trit_bench_plan plan; /* texts are borrowed from the options, or from `source` */
    trit_bench_row *rows; /* [n_rows], owned */
    size_t n_rows, capacity;
    struct trit_json *source; /* owned: the file that it came from, or NULL */
} trit_bench_doc;

/* What a row says, worked out from its samples. Of a row with an error everything is 0. */
typedef struct trit_bench_figures {
    trit_summary rate;
    double gb_s, gmac_s;             /* at the median */
    double limit_gb_s, limit_gmac_s; /* gmac: of this mixture of int8 and float */
    double of_read, of_macs;         /* shares of the limits */
    bool memory_bound;               /* the read limit is the nearer one */
} trit_bench_figures;

trit_bench_figures trit_bench_figures_of(const trit_bench_row *row);
/* Tokens a second that limits allow for a row's work. */
double trit_bench_best_rate(const trit_bench_row *row, const trit_limits *limits);

void trit_bench_keep_best(trit_limits *best, const trit_limits *measured); /* the higher of each */

/* An empty row at the end of doc->rows; NULL when out of memory. */
trit_bench_row *trit_bench_add_row(trit_bench_doc *doc);
void trit_bench_doc_fini(trit_bench_doc *doc);
void trit_bench_machine_read(trit_bench_machine *out);

/* "1,8,16": numbers in [min, max]. `option` is named in errors. Errors: arg. */
TRIT_MUST_CHECK trit_status trit_bench_list_read(trit_bench_list *out, const char *text, const char *option, uint32_t min, uint32_t max,
                                                 trit_error *err);

/* Adds a sample, and marks as error what cannot be: no time at all. */
void trit_bench_sample(trit_bench_row *row, double units, double seconds, const trit_limits *limits);
/* Marks rows that read faster than memory can be read or multiply faster than the processor can. Returns how many rows are in error. */
size_t trit_bench_doubt(trit_bench_doc *doc);

/* Measures by doc->plan and fills doc->rows (bench_measure.c, bench_kernels.c). In turns with another program the rows get no samples: each
 * round's speeds go to trit_bench_end_turn, and a team of one thread is timed by its own processor time, so that what else runs
 * counts little. Errors: those of loading; arg; cancelled. */
TRIT_MUST_CHECK trit_status trit_bench_measure(trit_bench_doc *doc, bool in_turns, const trit_output_choice *output, trit_error *err);
TRIT_MUST_CHECK trit_status trit_bench_measure_kernels(trit_bench_doc *doc, const trit_output_choice *output, trit_error *err);

/* The parts that other measurements use too: ids for a prompt, and a decode of `batch` sequences behind `depth` tokens. */
typedef struct trit_decode {
    struct trit_engine *engine; /* of trit_decode_engine */
    uint32_t batch, depth, n_tokens, vocab_size;
    int32_t *prompt; /* [depth, or 1], owned */
    bool own_time;   /* processor time of the calling thread instead of the clock's: for teams of one */
} trit_decode;
TRIT_MUST_CHECK trit_status trit_decode_init(trit_decode *d, const struct trit_model *model, const trit_run_choice *run, trit_error *err);
void trit_decode_fini(trit_decode *d);
/* Generates d->n_tokens in each sequence; *seconds of these steps alone. Errors: those of the engine, cancelled. */
TRIT_MUST_CHECK trit_status trit_decode_run(trit_decode *d, double *seconds, trit_error *err);

/* bench_file.c */
TRIT_MUST_CHECK trit_status trit_bench_read(trit_bench_doc *doc, const char *path, trit_error *err); /* io, format, memory */
TRIT_MUST_CHECK trit_status trit_bench_parse(trit_bench_doc *doc, const trit_text *text, const char *name, trit_error *err); /* format, memory */
struct trit_jsonw;
void trit_bench_put(struct trit_jsonw *w, const trit_bench_doc *doc);
TRIT_MUST_CHECK trit_status trit_bench_write(const trit_bench_doc *doc, const char *path, trit_error *err);

/* bench_turns.c: two programs by the plan of a file, turn by turn; ours is the one after. */
typedef struct trit_bench_duel {
    const char *before; /* the other program */
    const char *path;   /* of the plan's file */
    const char *model;  /* where the plan's lies elsewhere now, or NULL */
    const trit_bench_doc *plan;
    uint32_t n_rounds;  /* of a block */
} trit_bench_duel;
/* One block: both are started anew. Its medians become one sample more of the plan's rows in both documents, empty before the first
 * block. Errors: io, format, memory, cancelled; fail where a program does not answer. */
TRIT_MUST_CHECK trit_status trit_bench_run_block(const trit_bench_duel *duel, trit_bench_doc *before, trit_bench_doc *after, trit_error *err);
bool trit_bench_await_turn(void); /* false: there is no further one */
void trit_bench_end_turn(const double *rates, size_t n);

/* bench_print.c */
void trit_bench_print_table(const trit_bench_doc *doc);
void trit_bench_print_markdown(const trit_bench_doc *doc);
void trit_bench_print_errors(const trit_bench_doc *doc); /* on standard error, a line each */

#endif
