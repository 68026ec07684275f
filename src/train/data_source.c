/* Files of text and the pieces of them that are turned into tokens by themselves.
 *
 * A long document is cut between two words, where tokenizers cut as well, if it has such a place: pieces are work for a team, and no text is
 * held in memory as a whole. Files are mapped, and what has been read is given back. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "text/pieces.h"
#include "text/unicode.h"
#include "train/data_parts.h"

trit_status trit_data_format_of(trit_data_format *out, const char *word, trit_error *err) {
    static const char *const words[] = {[trit_data_auto] = "auto", [trit_data_text] = "text", [trit_data_jsonl] = "jsonl"};
    enum { n_words = sizeof words / sizeof *words };
    size_t i = 0;
    while (word && i < n_words && strcmp(word, words[i]) != 0) i++;
    if (i == n_words) return trit_error_set(err, trit_arg, "format: \"%.200s\" is none of auto, text, jsonl", word);
    *out = (trit_data_format)i;
    return trit_ok;
}

static bool is_records(const char *path, trit_data_format format) {
    if (format != trit_data_auto) return format == trit_data_jsonl;
    return trit_ends_with(path, ".jsonl") || trit_ends_with(path, ".ndjson");
}

static trit_status add_file(trit_data_files *files, const char *path, trit_data_format format, trit_error *err) {
    const trit_fs_info info = trit_fs_look(path);
    if (info.kind == trit_fs_absent) return trit_error_set(err, trit_io, "%s: there is no such file", path);
    if (info.kind != trit_fs_file) return trit_error_set(err, trit_io, "%s: not a file", path);
    void *items = files->item;
    if (!trit_grow(&items, &files->capacity, files->n + 1, sizeof *files->item)) return trit_error_memory(err, sizeof *files->item, "the data's files");
    files->item = items;
    char *copy = trit_strndup(path, strlen(path));
    if (!copy) return trit_error_memory(err, strlen(path), "the data's files");
    files->item[files->n++] = (trit_data_file){copy, is_records(path, format), info.n_bytes};
    files->n_bytes += info.n_bytes;
    return trit_ok;
}

static trit_status add_folder(trit_data_files *files, const char *folder, trit_data_format format, trit_error *err) {
    trit_fs_names names = {0};
    trit_status status = trit_fs_list(&names, folder, err);
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        char path[4096];
        if (names.item[i][0] == '.') continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, names.item[i]) >= (int)sizeof path)
            status = trit_error_set(err, trit_io, "%s: the path is too long", folder);
        else if (trit_os_is_file(path))
            status = add_file(files, path, format, err);
    }
    trit_fs_names_fini(&names);
    return status;
}

trit_status trit_data_files_list(trit_data_files *out, const char *const *paths, size_t n, trit_data_format format, trit_error *err) {
    trit_status status = trit_ok;
    *out = (trit_data_files){0};
    for (size_t i = 0; i < n && status == trit_ok; i++)
        status = trit_os_is_dir(paths[i]) ? add_folder(out, paths[i], format, err) : add_file(out, paths[i], format, err);
    if (status == trit_ok && !out->n) status = trit_error_set(err, trit_arg, "%s: no files in it", n ? paths[0] : "data");
    if (status != trit_ok) trit_data_files_fini(out);
    return status;
}

void trit_data_files_fini(trit_data_files *files) {
    for (size_t i = 0; i < files->n; i++) trit_free(files->item[i].path);
    trit_free(files->item);
    *files = (trit_data_files){0};
}

/* ---- the sum of the bytes ---- */

enum { hash_block = 1 << 20 };

typedef struct hashing {
    trit_file_map map;
    uint64_t *sum; /* [blocks] */
} hashing;

static void hash_blocks(void *arg, unsigned i, uint64_t first, uint64_t last) {
    const hashing *h = arg;
    (void)i;
    for (uint64_t b = first; b < last; b++) {
        const size_t at = (size_t)b * hash_block, n = h->map.n - at < hash_block ? h->map.n - at : hash_block;
        h->sum[b] = trit_hash_bytes((const char *)h->map.data + at, n);
        trit_os_map_drop(h->map.data + at, n);
    }
}

static trit_status hash_file(uint64_t *sum, const char *path, trit_team *team, trit_error *err) {
    hashing h = {0};
    trit_status status = trit_os_map(&h.map, path, err);
    if (status != trit_ok) return status;
    const size_t n_blocks = (h.map.n + hash_block - 1) / hash_block;
    h.sum = trit_alloc(n_blocks, sizeof *h.sum);
    if (h.sum) trit_team_share(team, n_blocks, 1, hash_blocks, &h);
    else status = trit_error_memory(err, n_blocks * sizeof *h.sum, "the sums of a file");
    if (h.sum) *sum = trit_mix64(*sum + trit_hash_bytes((const char *)h.sum, n_blocks * sizeof *h.sum) + h.map.n);
    trit_free(h.sum);
    trit_os_unmap(&h.map);
    return status;
}

trit_status trit_data_files_hash(uint64_t *out, const trit_data_files *files, trit_team *team, trit_error *err) {
    trit_status status = trit_ok;
    *out = files->n;
    for (size_t i = 0; i < files->n && status == trit_ok; i++) {
        *out += files->item[i].is_records;
        status = hash_file(out, files->item[i].path, team, err);
    }
    return status;
}

/* ---- pieces ---- */

static bool is_line_end(char c) {
    return c == '\n' || c == '\r';
}

static bool is_letter_before(const char *s, size_t i) {
    uint32_t cp;
    size_t begin = i - 1;
    while (begin > 0 && i - begin < 4 && ((unsigned char)s[begin] & 0xC0) == 0x80) begin--;
    return trit_utf8_decode(s + begin, i - begin, &cp) == (int)(i - begin) && trit_is_letter(cp);
}

static bool is_letter_at(const char *s, size_t n, size_t i) {
    uint32_t cp;
    return trit_utf8_decode(s + i, n - i, &cp) > 0 && trit_is_letter(cp);
}

/* Where s[0..n), more than trit_data_piece_bytes, is cut: at the last blank between two letters, of any script; else behind a line; else
 * between two characters, where the tokens on both sides may be others than those of the whole. */
static size_t cut(const char *s, size_t n) {
    enum { look_back = 1 << 13 };
    const size_t most = trit_data_piece_bytes, least = most - look_back;
    for (size_t i = most - 1; i > least; i--)
        if (s[i] == ' ' && is_letter_before(s, i) && is_letter_at(s, n, i + 1)) return i;
    for (size_t i = most - 1; i > least; i--)
        if (s[i - 1] == '\n' && s[i] != '\n') return i;
    size_t i = most;
    while (i > least && ((unsigned char)s[i] & 0xC0) == 0x80) i--;
    return i;
}

/* The next separator in s[0..n): where it begins; *n_bytes: how long it is. n where there is none. */
static size_t find_separator(const char *s, size_t n, const char *separator, size_t *n_bytes) {
    const size_t length = strlen(separator);
    for (size_t at = 0; at < n; at++) {
        const char *hit = memchr(s + at, length ? separator[0] : '\n', n - at);
        if (!hit) break;
        at = (size_t)(hit - s);
        *n_bytes = length;
        if (length && n - at >= length && memcmp(hit, separator, length) == 0) return at;
        if (length) continue;
        size_t end = at + 1; /* an empty line: another end of line behind this one, but for blanks */
        while (end < n && (s[end] == ' ' || s[end] == '\t' || s[end] == '\r')) end++;
        if (end == n || s[end] != '\n') continue;
        *n_bytes = end + 1 - at;
        return at;
    }
    *n_bytes = 0;
    return n;
}

static trit_status open_next(trit_data_reader *r, trit_error *err) {
    void *maps = r->map;
    if (!trit_grow(&maps, &r->map_capacity, r->n_maps + 1, sizeof *r->map)) return trit_error_memory(err, sizeof *r->map, "the data's files");
    r->map = maps;
    trit_status status = trit_os_map(&r->map[r->n_maps], r->files->item[r->file].path, err);
    if (status != trit_ok) return status;
    const trit_file_map *map = &r->map[r->n_maps++];
    const bool marked = map->n >= 3 && memcmp(map->data, "\xEF\xBB\xBF", 3) == 0; /* UTF-8 that says so */
    r->is_open = true;
    r->in_document = false;
    r->at = marked ? 3 : 0;
    r->line = r->dropped = 0;
    return trit_ok;
}

/* Enters the next document of the text file at hand; false: there is none. Ends of lines beside a separator belong to neither side. */
static bool next_document(trit_data_reader *r, const char *s, size_t n) {
    while (r->at < n) {
        size_t n_bytes = 0, begin = (size_t)r->at, end = n;
        if (r->separator) end = begin + find_separator(s + begin, n - begin, r->separator, &n_bytes);
        const size_t next = end + n_bytes;
        while (r->separator && begin < end && is_line_end(s[begin])) begin++;
        while (r->separator && begin < end && is_line_end(s[end - 1])) end--;
        if (begin < end) {
            r->at = begin;
            r->document_end = end;
            return true;
        }
        r->at = next;
    }
    return false;
}

static bool next_text(trit_data_reader *r, const char *s, size_t n, trit_data_piece *out) {
    const bool begins = !r->in_document;
    if (begins && !next_document(r, s, n)) return false;
    const size_t at = (size_t)r->at, rest = (size_t)r->document_end - at, length = rest > trit_data_piece_bytes ? cut(s + at, rest) : rest;
    *out = (trit_data_piece){.text = {s + at, length}, .file = r->file, .at = at, .begins = begins, .ends = length == rest};
    r->at += length;
    r->in_document = !out->ends;
    if (r->in_document && r->drops_blank && s[r->at] == ' ') r->at++;
    return true;
}

static bool next_line(trit_data_reader *r, const char *s, size_t n, trit_data_piece *out) {
    while (r->at < n) {
        const size_t at = (size_t)r->at;
        const char *end = memchr(s + at, '\n', n - at);
        trit_str line = {s + at, end ? (size_t)(end - s) - at : n - at};
        r->at += line.n + (end != NULL);
        r->line++;
        size_t blank = 0;
        while (blank < line.n && (line.p[blank] == ' ' || line.p[blank] == '\t' || line.p[blank] == '\r')) blank++;
        if (blank == line.n) continue;
        *out = (trit_data_piece){.text = line, .file = r->file, .at = r->line, .begins = true, .ends = true};
        return true;
    }
    return false;
}

trit_status trit_data_reader_next(trit_data_reader *r, trit_data_piece *out, bool *more, trit_error *err) {
    for (*more = true; r->file < r->files->n; r->file++, r->is_open = false) {
        if (!r->is_open) {
            trit_status status = open_next(r, err);
            if (status != trit_ok) return status;
        }
        const trit_file_map *map = &r->map[r->n_maps - 1];
        const char *s = (const char *)map->data;
        if (r->files->item[r->file].is_records ? next_line(r, s, map->n, out) : next_text(r, s, map->n, out)) return trit_ok;
        r->done += map->n;
        r->at = 0;
    }
    *more = false;
    return trit_ok;
}

void trit_data_reader_release(trit_data_reader *r) {
    const size_t n_done = r->n_maps - (r->is_open ? 1 : 0);
    for (size_t i = 0; i < n_done; i++) trit_os_unmap(&r->map[i]);
    if (r->is_open) r->map[0] = r->map[n_done];
    r->n_maps -= n_done;
    if (!r->is_open || r->at == r->dropped) return;
    trit_os_map_drop(r->map[0].data + r->dropped, (size_t)(r->at - r->dropped));
    r->dropped = r->at;
}

void trit_data_reader_fini(trit_data_reader *r) {
    for (size_t i = 0; i < r->n_maps; i++) trit_os_unmap(&r->map[i]);
    trit_free(r->map);
    *r = (trit_data_reader){0};
}

/* ---- is it text? ---- */

static trit_data_broken count_broken(trit_str s, uint64_t at_file) {
    trit_data_broken broken = {0};
    for (size_t at = 0; at < s.n;) {
        uint32_t cp;
        if ((unsigned char)s.p[at] < 0x80) {
            at++;
            continue;
        }
        const int length = trit_utf8_decode(s.p + at, s.n - at, &cp);
        if (length <= 0 && broken.n++ == 0) broken.first = at_file + at;
        at += length > 0 ? (size_t)length : 1;
    }
    return broken;
}

trit_status trit_data_find_broken(trit_data_broken *out, const char *path, const trit_data_piece *piece, trit_error *err) {
    const trit_str s = piece->text;
    const char *zero = memchr(s.p, '\0', s.n);
    if (zero)
        return trit_error_set(err, trit_format, "%s: binary data, not text: a zero byte at offset %llu", path,
                              (unsigned long long)(piece->at + (uint64_t)(zero - s.p)));
    *out = count_broken(s, piece->at);
    return trit_ok;
}

trit_status trit_data_check_text(trit_data_text_check *c, const char *path, const trit_data_piece *piece, const trit_data_broken *broken,
                                 trit_error *err) {
    enum { enough_bytes = 1 << 12 }; /* a share of fewer says nothing */
    if (c->file != piece->file || c->n_bytes >= enough_bytes) *c = (trit_data_text_check){.file = piece->file};
    if (!c->n_bytes) c->at = piece->at;
    if (!c->n_broken) c->first = broken->first;
    c->n_bytes += piece->text.n;
    c->n_broken += broken->n;
    if (c->n_broken * 100 <= (c->n_bytes > enough_bytes ? c->n_bytes : enough_bytes)) return trit_ok;
    return trit_error_set(err, trit_format, "%s: binary data, not text: %.1f %% of the bytes from offset %llu are not UTF-8, the first at %llu", path,
                          100.0 * (double)c->n_broken / (double)c->n_bytes, (unsigned long long)c->at, (unsigned long long)c->first);
}
