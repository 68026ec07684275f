/* The study as tables for people, as CSV, as JSON. Strategies come in the order of trit/pack.def, "auto" in front of them. */
#include "pack_study.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "jsonw.h"
#include "out.h"

static double bits_of(const trit_pack_row *row, double bytes) {
    return bytes * 8 / (double)row->n;
}

/* Beyond the entropy, as a share of it. Tensors of one value only have an entropy of 0, and nothing is a share of that. */
static bool over(const trit_pack_row *row, int s, double *share) {
    *share = row->bound > 0 ? (double)row->bytes[s] / row->bound - 1 : 0;
    return row->bound > 0;
}

static double zeros_of(const trit_pack_row *row) {
    return (double)row->counts[1] / (double)row->n;
}

static double speed(const trit_pack_row *row, double seconds) {
    return seconds > 0 ? (double)row->n / seconds : 0;
}

/* ---- Text ---- */

enum { widest_name = 40 };

static void print_name(const char *name) {
    const size_t n = strlen(name), shown = n > widest_name ? widest_name : n;
    trit_out_escaped(name + (n - shown), shown); /* the end of a long name tells more */
    trit_out_printf("%*s", (int)(widest_name - shown) + 1, "");
}

static void print_tensors(const trit_pack_study *study) {
    trit_out_printf("bits a weight\n%-*s %13s %6s %7s", widest_name, "tensor", "shape", "zeros", "entropy");
    for (int s = trit_pack_auto + 1; s < trit_pack_end; s++) trit_out_printf(" %10s", trit_pack_name(s, NULL));
    trit_out_puts("  auto\n");
    for (size_t i = 0; i < study->n; i++) {
        const trit_pack_row *row = &study->row[i];
        char shape[48];
        snprintf(shape, sizeof shape, "%" PRIu64 "x%" PRIu64, row->n_rows, row->n_cols);
        print_name(row->name);
        trit_out_printf("%13s %5.1f%% %7.4f", shape, zeros_of(row) * 100, bits_of(row, row->bound));
        for (int s = trit_pack_auto + 1; s < trit_pack_end; s++) trit_out_printf(" %10.4f", bits_of(row, (double)row->bytes[s]));
        trit_out_printf("  %s\n", trit_pack_name((int)row->chosen, NULL));
    }
}

static void print_totals(const trit_pack_study *study) {
    const trit_pack_row *t = &study->total;
    trit_out_printf("\n%-12s %15s %10s %13s %12s %12s  %s\n", "strategy", "bytes", "bits", "over entropy", "pack", "unpack", "");
    for (int s = trit_pack_auto; s < trit_pack_end; s++) {
        const char *what;
        const char *name = trit_pack_name(s, &what);
        double share;
        char beyond[32] = "-";
        if (over(t, s, &share)) snprintf(beyond, sizeof beyond, "%+.2f%%", share * 100);
        trit_out_printf("%-12s %15" PRIu64 " %10.4f %13s %8.2f G/s %8.2f G/s  %s\n", name, t->bytes[s], bits_of(t, (double)t->bytes[s]), beyond,
                        speed(t, t->pack_s[s]) * 1e-9, speed(t, t->unpack_s[s]) * 1e-9, what);
    }
}

void trit_pack_study_text(const trit_pack_study *study) {
    const trit_pack_row *t = &study->total;
    print_tensors(study);
    trit_out_printf("\n%s: %zu ternary tensors, %.1f million weights, %.1f%% of them zero\n", study->model, study->n, (double)t->n * 1e-6,
                    zeros_of(t) * 100);
    trit_out_printf("in the file %" PRIu64 " bytes, %.4f bits a weight; the entropy is %.0f bytes, %.4f bits\n", t->file_bytes,
                    bits_of(t, (double)t->file_bytes), t->bound, bits_of(t, t->bound));
    print_totals(study);
    trit_out_puts("\nBytes are with header, scales and checksum; the entropy is that of each tensor's weights alone. Speeds: thousand million\n"
                  "weights a second, one thread.\n");
    if (study->checked) trit_out_puts("check: every strategy gives every tensor back, and changed bytes are noticed\n");
}

/* ---- CSV ---- */

static void csv_name(const char *name) {
    trit_out_puts("\"");
    for (const char *end; (end = strchr(name, '"')); name = end + 1) {
        trit_out_escaped(name, (size_t)(end - name));
        trit_out_puts("\"\"");
    }
    trit_out_escaped(name, strlen(name));
    trit_out_puts("\"");
}

void trit_pack_study_csv(const trit_pack_study *study) {
    trit_out_puts("tensor,type,rows,cols,zeros,entropy_bytes,strategy,bytes,bits,over_entropy,pack_s,unpack_s\n");
    for (size_t i = 0; i < study->n; i++)
        for (int s = trit_pack_auto; s < trit_pack_end; s++) {
            const trit_pack_row *row = &study->row[i];
            double share;
            csv_name(row->name);
            trit_out_printf(",%s,%" PRIu64 ",%" PRIu64 ",%.6f,%.1f,%s,%" PRIu64 ",%.6f,", row->type, row->n_rows, row->n_cols, zeros_of(row),
                            row->bound, trit_pack_name(s, NULL), row->bytes[s], bits_of(row, (double)row->bytes[s]));
            if (over(row, s, &share)) trit_out_printf("%.6f", share);
            trit_out_printf(",%.9f,%.9f\n", row->pack_s[s], row->unpack_s[s]);
        }
}

/* ---- JSON ---- */

/* The keys that a tensor and the total share. */
static void put_row(trit_jsonw *w, const trit_pack_row *row) {
    trit_jsonw_put_uint(w, "weights", row->n);
    trit_jsonw_put_f64(w, "zeros", zeros_of(row));
    trit_jsonw_put_uint(w, "file_bytes", row->file_bytes);
    trit_jsonw_put_f64(w, "entropy_bytes", row->bound);
    trit_jsonw_put_f64(w, "entropy_bits", bits_of(row, row->bound));
    trit_jsonw_key(w, "strategies");
    trit_jsonw_object(w);
    for (int s = trit_pack_auto; s < trit_pack_end; s++) {
        double share;
        trit_jsonw_key(w, trit_pack_name(s, NULL));
        trit_jsonw_object(w);
        trit_jsonw_put_uint(w, "bytes", row->bytes[s]);
        trit_jsonw_put_f64(w, "bits", bits_of(row, (double)row->bytes[s]));
        trit_jsonw_key(w, "over_entropy");
        if (over(row, s, &share)) trit_jsonw_f64(w, share);
        else trit_jsonw_null(w);
        trit_jsonw_put_f64(w, "pack_s", row->pack_s[s]);
        trit_jsonw_put_f64(w, "unpack_s", row->unpack_s[s]);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, '}');
}

trit_status trit_pack_study_json(const trit_pack_study *study, trit_error *err) {
    trit_jsonw w = {.drain = trit_out_drain};
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "model", study->model);
    trit_jsonw_key(&w, "tensors");
    trit_jsonw_array(&w);
    for (size_t i = 0; i < study->n; i++) {
        const trit_pack_row *row = &study->row[i];
        trit_jsonw_object(&w);
        trit_jsonw_put_str(&w, "name", row->name);
        trit_jsonw_put_str(&w, "type", row->type);
        trit_jsonw_key(&w, "shape");
        trit_jsonw_array(&w);
        trit_jsonw_uint(&w, row->n_rows);
        trit_jsonw_uint(&w, row->n_cols);
        trit_jsonw_close(&w, ']');
        trit_jsonw_put_str(&w, "chosen", trit_pack_name((int)row->chosen, NULL));
        put_row(&w, row);
        trit_jsonw_close(&w, '}');
    }
    trit_jsonw_close(&w, ']');
    trit_jsonw_key(&w, "total");
    trit_jsonw_object(&w);
    put_row(&w, &study->total);
    trit_jsonw_close(&w, '}');
    trit_jsonw_key(&w, "chosen");
    trit_jsonw_object(&w);
    for (int s = trit_pack_auto + 1; s < trit_pack_end; s++) trit_jsonw_put_uint(&w, trit_pack_name(s, NULL), study->chosen[s]);
    trit_jsonw_close(&w, '}');
    trit_jsonw_put_bool(&w, "checked", study->checked);
    trit_jsonw_close(&w, '}');
    return trit_jsonw_finish(&w, err);
}
