/* In the place of httpd.c where there is no libmicrohttpd: a server says why it does not start. */
#include "base/error.h"
#include "server/httpd.h"

trit_status trit_httpd_start(trit_httpd **out, const trit_httpd_opts *opts, trit_error *err) {
    (void)out;
    (void)opts;
    return trit_error_set(err, trit_unsupported, "this trit was built without libmicrohttpd and cannot serve");
}

/* Nothing has started, so nothing of the rest is called but trit_httpd_free, with NULL. */

uint16_t trit_httpd_port(const trit_httpd *h) {
    (void)h;
    return 0;
}

void trit_httpd_refuse_new(trit_httpd *h) {
    (void)h;
}

void trit_httpd_tick(trit_httpd *h) {
    (void)h;
}

unsigned trit_httpd_n_connections(trit_httpd *h) {
    (void)h;
    return 0;
}

void trit_httpd_free(trit_httpd *h) {
    (void)h;
}

void trit_exchange_keep(trit_exchange *x) {
    (void)x;
}

void trit_exchange_release(trit_exchange *x) {
    (void)x;
}

void trit_exchange_header(trit_exchange *x, const char *name, const char *value) {
    (void)x;
    (void)name;
    (void)value;
}

void trit_exchange_start(trit_exchange *x, unsigned status, const char *content_type, bool streams) {
    (void)x;
    (void)status;
    (void)content_type;
    (void)streams;
}

void trit_exchange_append(trit_exchange *x, const char *data, size_t n) {
    (void)x;
    (void)data;
    (void)n;
}

void trit_exchange_end(trit_exchange *x) {
    (void)x;
}

void trit_exchange_drop(trit_exchange *x) {
    (void)x;
}

bool trit_exchange_is_gone(trit_exchange *x) {
    (void)x;
    return true;
}
