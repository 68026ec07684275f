/* Any bytes as a file of `trit bench --output`; what is read can be shown, written, and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(const trit_bench_doc *doc) {
    if (!doc->n_rows || doc->n_rows > trit_stats_max_pairs || !doc->plan.repetitions) abort();
    for (size_t i = 0; i < doc->n_rows; i++) {
        const trit_bench_row *row = &doc->rows[i];
        (void)trit_bench_figures_of(row);
        if (row->n > trit_stats_max || (!*row->error && !row->n)) abort();
        for (size_t k = 0; k < row->n; k++)
            if (!(row->rate[k] > 0 && row->share[k] > 0)) abort();
    }
}

static void write_and_read(const trit_bench_doc *doc) {
    trit_jsonw w = {0};
    trit_bench_doc again = {0};
    trit_error err;
    trit_bench_put(&w, doc);
    if (w.failed || trit_bench_parse(&again, &w.text, "written", &err) != trit_ok) abort();
    if (again.n_rows != doc->n_rows || strcmp(again.rows[0].test, doc->rows[0].test) != 0) abort();
    trit_bench_doc_fini(&again);
    trit_jsonw_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const trit_text text = {.data = (char *)(uintptr_t)data, .n = n};
    trit_bench_doc doc = {0};
    trit_error err;
    if (trit_bench_parse(&doc, &text, "input", &err) == trit_ok) {
        require(&doc);
        write_and_read(&doc);
    } else if (!*err.message) {
        abort();
    }
    trit_bench_doc_fini(&doc);
    return 0;
}
