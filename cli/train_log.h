/* The log of a training run, log.jsonl in its folder: a line a step and a line a validation, as `trit train --json` prints them. */
#ifndef TRIT_CLI_TRAIN_LOG_H
#define TRIT_CLI_TRAIN_LOG_H

#include "base/fs.h"
#include "jsonw.h"
#include "trit/train.h"

typedef enum trit_train_column {
    trit_column_loss,
    trit_column_val_loss,
    trit_column_lr,
    trit_column_wd,
    trit_column_grad_norm,
    trit_column_zeros,
    trit_column_flip_rate,
    trit_n_columns
} trit_train_column;

typedef struct trit_train_point {
    double step;
    double value[trit_n_columns]; /* NaN: not in this line */
    size_t end;                   /* bytes of the file up to here */
} trit_train_point;

/* Zero-initialise, release with trit_train_log_fini. */
typedef struct trit_train_log {
    trit_train_point *point; /* [n] owned, by step */
    size_t n, capacity;
} trit_train_log;

/* `what` names the data in errors. A last line without its end, of a run that was killed, does not count. Errors: format (a line that is none of
 * a log, named by its number), memory. */
TRIT_MUST_CHECK trit_status trit_train_log_parse(trit_train_log *out, const char *data, size_t n, const char *what, trit_error *err);

/* Of the run in the folder `dir`. Errors: io, too. */
TRIT_MUST_CHECK trit_status trit_train_log_read(trit_train_log *out, const char *dir, trit_error *err);
void trit_train_log_fini(trit_train_log *log);

/* Opens the log of the run in `dir` to go on behind step `done`: what stands there of later steps, and all of it for 0, is cut off. Errors: io,
 * format, memory. */
TRIT_MUST_CHECK trit_status trit_train_log_open(trit_fs_grow *out, const char *dir, uint64_t done, trit_error *err);
TRIT_MUST_CHECK trit_status trit_train_log_add(trit_fs_grow *log, const char *dir, const trit_jsonw *line, trit_error *err);

/* One line each. */
void trit_train_put_step(trit_jsonw *w, const trit_train_stats *s);
void trit_train_put_validation(trit_jsonw *w, uint64_t step, double loss);

#endif
