/* What a quantization did to each matrix: kept for the end, then told as JSON or as a page. */
#ifndef TRIT_CLI_QUANTIZE_REPORT_H
#define TRIT_CLI_QUANTIZE_REPORT_H

#include "conversion.h"
#include "options.h"
#include "trit/quantize.h"

typedef struct trit_report_row {
    trit_quantized t; /* its texts are those below */
    char name[96], scheme[trit_scheme_text_max];
} trit_report_row;

typedef struct trit_quantize_report {
    trit_report_row *row; /* owned, [n]: in the order of the output */
    size_t n, capacity;
    bool failed;          /* a row was lost: no memory */
    const char *in, *out;
    trit_convert_report total;
    const trit_conversion *said; /* ended before the report is told */
} trit_quantize_report;

void trit_report_init(trit_quantize_report *r, const char *in, const char *out, const trit_conversion *said);
void trit_report_fini(trit_quantize_report *r);
void trit_report_add(trit_quantize_report *r, const trit_quantized *t);

/* Sums over the matrices that were quantized: their errors against their sizes. */
typedef struct trit_report_sums {
    uint64_t n, bytes; /* matrices, of them all */
    double sqnr_db, cosine; /* means over the n; NaN without any */
    double worst_db;
    const char *worst;
} trit_report_sums;
trit_report_sums trit_report_sum(const trit_quantize_report *r);

void trit_report_put_json(const trit_quantize_report *r, trit_jsonw *w);
/* To FILE.html or FILE.json. Errors: arg (another ending), io, memory. */
TRIT_MUST_CHECK trit_status trit_report_check(const char *path, trit_error *err);
TRIT_MUST_CHECK trit_status trit_report_save(const trit_quantize_report *r, const char *path, trit_error *err);

#endif
