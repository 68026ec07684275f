/* Pages of HTML, see html.h. */
#include "html.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d2433;--dim:#667085;--line:#d5dae3;--paper:#fbfbf9;--bar:#2f6fb0;--mark:#b4532a}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8ee;--dim:#98a1b3;--line:#353c4a;--paper:#14171d;--bar:#6ea8e0;--mark:#e39a6e}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;display:block;overflow-x:auto}\n"
    "th,td{padding:.25rem .7rem;border-bottom:1px solid var(--line);text-align:right}th:first-child,td:first-child{text-align:left;white-space:nowrap}\n"
    "svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .dim{fill:var(--dim)}\n"
    "svg rect{fill:var(--bar)}svg .whisker{stroke:var(--mark);stroke-width:2}svg .axis{stroke:var(--line)}p.note{color:var(--dim)}\n"
    "svg path{fill:none;stroke-width:2;stroke-linejoin:round}svg path.faint{stroke-width:1;opacity:.55}\n"
    "i.key{display:inline-block;width:.8rem;height:.8rem;margin-right:.5rem}.run0{stroke:var(--bar);background:var(--bar)}\n"
    ".run1{stroke:var(--mark);background:var(--mark)}.run2{stroke:#3d9a50;background:#3d9a50}.run3{stroke:#9a5fc0;background:#9a5fc0}\n"
    ".run4{stroke:#c04a7a;background:#c04a7a}.run5{stroke:#8a8a2e;background:#8a8a2e}\n"
    "td.bar{min-width:8rem}td.bar i{display:block;height:.7rem;background:var(--bar)}td.bar i.low{background:var(--mark)}\n";

static void put(trit_html *p, const char *s, size_t n) {
    if (!p->failed && !trit_text_append(&p->text, s, n)) p->failed = true;
}

void trit_html_printf(trit_html *p, const char *fmt, ...) {
    char line[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (n > 0) put(p, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void trit_html_put_text(trit_html *p, const char *s) {
    for (; *s; s++) {
        if (strchr("<>&\"'", *s) || (unsigned char)*s < 0x20) trit_html_printf(p, "&#%d;", *s);
        else put(p, s, 1);
    }
}

void trit_html_begin(trit_html *p, const char *title) {
    trit_html_printf(p, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>%s</title>\n<style>\n", title);
    put(p, style, sizeof style - 1);
    trit_html_printf(p, "</style>\n</head>\n<body>\n<h1>%s</h1>\n", title);
}

void trit_html_end(trit_html *p, const char *note) {
    trit_html_printf(p, "<p class=\"note\">%s</p>\n</body>\n</html>\n", note);
}

trit_status trit_html_save(trit_html *p, const char *path, trit_error *err) {
    trit_status status = p->failed ? trit_error_memory(err, p->text.n, "the report") : trit_ok;
    if (status == trit_ok) status = trit_os_write_file(path, p->text.data, p->text.n, err);
    trit_html_fini(p);
    return status;
}

void trit_html_fini(trit_html *p) {
    trit_text_fini(&p->text);
    p->failed = false;
}
