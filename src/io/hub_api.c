/* What the hub answers: the list of a revision's files, and the heads of its responses. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/hub.h"

static void put_hash(char out[65], trit_str s) {
    if (trit_hub_is_hash(s)) memcpy(out, s.p, s.n);
    out[trit_hub_is_hash(s) ? s.n : 0] = '\0';
}

/* A file's own checksum: sha256 where git has only a pointer to it, else git's name of its bytes. */
static trit_status read_entry(trit_hub_entry *e, const trit_json *file, const char *what, trit_error *err) {
    const trit_str name = trit_json_as_str(trit_json_get(file, "rfilename"));
    const trit_json *lfs = trit_json_get(file, "lfs");
    const bool is_large = trit_json_kind_of(lfs) == trit_json_object;
    const int64_t n = trit_json_as_int(trit_json_get(is_large ? lfs : file, "size"), -1);
    if (name.n == 0 || memchr(name.p, '\0', name.n)) return trit_error_set(err, trit_format, "%s: a file without a name", what);
    put_hash(e->hash, trit_json_as_str(trit_json_get(is_large ? lfs : file, is_large ? "sha256" : "blobId")));
    if (is_large != (strlen(e->hash) == 64) || n < 0) e->hash[0] = '\0'; /* to be asked for */
    e->n_bytes = n < 0 ? 0 : (uint64_t)n;
    e->name = trit_strndup(name.p, name.n);
    return e->name ? trit_ok : trit_error_memory(err, name.n, "a file's name");
}

static trit_status read_entries(trit_hub_tree *tree, const trit_json *files, const char *what, trit_error *err) {
    enum { max_files = 20000 };
    const size_t n = trit_json_length(files);
    if (n > max_files) return trit_error_set(err, trit_unsupported, "%s: %zu files, %d at most", what, n, max_files);
    tree->item = trit_alloc_zero(n, sizeof *tree->item);
    if (!tree->item) return trit_error_memory(err, n * sizeof *tree->item, what);
    for (size_t i = 0; i < n; i++) {
        const trit_status status = read_entry(&tree->item[i], trit_json_at(files, i), what, err);
        if (status != trit_ok) return status;
        tree->n++;
    }
    return trit_ok;
}

trit_status trit_hub_tree_parse(trit_hub_tree *out, const char *json, size_t n, const char *what, trit_error *err) {
    trit_json *v;
    trit_hub_tree tree = {0};
    trit_status status = trit_json_parse(&v, json, n, what, err);
    if (status != trit_ok) return status;
    const trit_str commit = trit_json_as_str(trit_json_get(v, "sha"));
    const trit_json *files = trit_json_get(v, "siblings");
    if (!trit_hub_is_commit(commit)) status = trit_error_set(err, trit_format, "%s: the hub's answer names no commit", what);
    else if (trit_json_kind_of(files) != trit_json_array) status = trit_error_set(err, trit_format, "%s: the hub's answer lists no files", what);
    else {
        memcpy(tree.commit, commit.p, commit.n);
        status = read_entries(&tree, files, what, err);
    }
    trit_json_free(v);
    if (status == trit_ok) *out = tree;
    else trit_hub_tree_fini(&tree);
    return status;
}

void trit_hub_tree_fini(trit_hub_tree *tree) {
    for (size_t i = 0; i < tree->n; i++) trit_free(tree->item[i].name);
    trit_free(tree->item);
    *tree = (trit_hub_tree){0};
}

trit_hub_entry *trit_hub_tree_find(const trit_hub_tree *tree, const char *name) {
    for (size_t i = 0; i < tree->n; i++)
        if (strcmp(tree->item[i].name, name) == 0) return &tree->item[i];
    return NULL;
}

/* ---- Heads of responses ---- */

/* Digits at *s; false where there are none or too many. Moves *s behind them. */
static bool read_number(trit_str *s, uint64_t *out) {
    uint64_t x = 0;
    size_t n = 0;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        if (n >= 18) return false;
        x = x * 10 + (uint64_t)(s->p[n] - '0');
    }
    if (n == 0) return false;
    s->p += n;
    s->n -= n;
    *out = x;
    return true;
}

static bool take(trit_str *s, const char *text) {
    const size_t n = strlen(text);
    if (s->n < n || memcmp(s->p, text, n) != 0) return false;
    s->p += n;
    s->n -= n;
    return true;
}

static bool whole_number(trit_str s, uint64_t *out) {
    return read_number(&s, out) && s.n == 0;
}

/* W/"hash" or "hash". */
static void read_etag(trit_hub_head *h, trit_str s) {
    (void)take(&s, "W/");
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"') s = (trit_str){s.p + 1, s.n - 2};
    if (trit_hub_is_hash(s)) put_hash(h->hash, s);
}

/* bytes FIRST-LAST/TOTAL */
static void read_range(trit_hub_head *h, trit_str s) {
    uint64_t first, last, total;
    h->has_range = take(&s, "bytes ") && read_number(&s, &first) && take(&s, "-") && read_number(&s, &last) && take(&s, "/") &&
                   read_number(&s, &total) && s.n == 0 && first <= last && last < total;
    if (!h->has_range) return;
    h->range_first = first;
    h->range_total = total;
}

static void read_text(char *out, size_t size, trit_str s) {
    const size_t n = s.n < size - 1 ? s.n : size - 1;
    if (n) memcpy(out, s.p, n);
    out[n] = '\0';
}

/* A new response begins: what an earlier one said of itself is void, what the hub said of the file stays. */
static void begin(trit_hub_head *h, trit_str line) {
    uint64_t code = 0;
    const char *blank = memchr(line.p, ' ', line.n);
    trit_str rest = {blank ? blank + 1 : NULL, blank ? line.n - (size_t)(blank + 1 - line.p) : 0};
    h->code = read_number(&rest, &code) && code >= 100 && code < 1000 ? (int)code : 0;
    h->has_range = h->has_length = false;
    h->rest_s = 0;
    if (h->from_hub) h->error_code[0] = h->error_text[0] = '\0';
}

static void hub_line(trit_hub_head *h, trit_str name, trit_str value) {
    uint64_t n;
    /* Of the file behind a redirect before that of the redirect itself. */
    if (trit_str_is_lower(name, "x-linked-etag") || (trit_str_is_lower(name, "etag") && !h->hash[0])) read_etag(h, value);
    else if (trit_str_is_lower(name, "x-linked-size") && whole_number(value, &n)) {
        h->has_size = true;
        h->n_bytes = n;
    } else if (trit_str_is_lower(name, "x-repo-commit") && trit_hub_is_commit(value)) read_text(h->commit, sizeof h->commit, value);
    else if (trit_str_is_lower(name, "x-error-code")) read_text(h->error_code, sizeof h->error_code, value);
    else if (trit_str_is_lower(name, "x-error-message")) read_text(h->error_text, sizeof h->error_text, value);
}

void trit_hub_head_line(trit_hub_head *h, const char *line, size_t n) {
    while (n && (line[n - 1] == '\r' || line[n - 1] == '\n')) n--;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        begin(h, (trit_str){line, n});
        return;
    }
    const char *colon = n ? memchr(line, ':', n) : NULL;
    if (!colon) return;
    const trit_str name = {line, (size_t)(colon - line)};
    trit_str value = {colon + 1, n - name.n - 1};
    while (value.n && (*value.p == ' ' || *value.p == '\t')) value = (trit_str){value.p + 1, value.n - 1};
    if (h->from_hub) hub_line(h, name, value);
    if (trit_str_is_lower(name, "content-range")) read_range(h, value);
    else if (trit_str_is_lower(name, "content-length")) h->has_length = whole_number(value, &h->length);
    else if (trit_str_is_lower(name, "retry-after") && !whole_number(value, &h->rest_s)) h->rest_s = 0;
}
