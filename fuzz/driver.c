/* Runs a fuzzer's function without a fuzzer: every file of a corpus folder as it is, then mutations of them that are the same on
 * every machine. So the corpus is a regression test of each build, and every compiler and sanitizer sees hostile bytes.
 *
 *   test_fuzz_gguf FOLDER [mutations]     default 4000, spread evenly over the files */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Files grow by insertions; this much at most. */
enum { slack_bytes = 64, max_edits = 6 };

static uint32_t lcg(uint32_t *s) {
    *s = *s * 1664525u + 1013904223u;
    return *s >> 8;
}

static unsigned char *read_file(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    unsigned char *data = NULL;
    if (fseek(f, 0, SEEK_END) == 0) {
        long size = ftell(f);
        rewind(f);
        if (size >= 0) data = malloc((size_t)size + 1);
        if (data) *n = fread(data, 1, (size_t)size, f);
    }
    fclose(f);
    return data;
}

/* One call on a block of exactly n bytes, so that an address sanitizer sees the first byte too many. */
static void run(const unsigned char *data, size_t n) {
    unsigned char *exact = malloc(n ? n : 1);
    if (!exact) abort();
    if (n) memcpy(exact, data, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

/* A place in the file; the head is taken half of the time, since that is where structure stands. */
static size_t place(uint32_t *s, size_t n) {
    size_t range = lcg(s) % 2 && n > 64 ? 64 : n;
    return lcg(s) % range;
}

static size_t edit(unsigned char *data, size_t n, size_t capacity, uint32_t *s) {
    static const unsigned char telling[] = {0, 1, 0x7f, 0x80, 0xff, '"', '{', '}', '[', ']', '\\', ',', ':', '-', '9', 'e'};
    if (n == 0) return n;
    size_t at = place(s, n);
    switch (lcg(s) % 6) {
    case 0: data[at] ^= (unsigned char)(1u << lcg(s) % 8); break;
    case 1: data[at] = telling[lcg(s) % sizeof telling]; break;
    case 2: /* eight bytes that read as a huge, a negative or a small number */
        for (size_t i = 0; i < 8 && at + i < n; i++) data[at + i] = i ? 0xff : telling[lcg(s) % sizeof telling];
        break;
    case 3: n = at; break;
    case 4: {
        size_t k = 1 + lcg(s) % 8;
        if (n + k > capacity) break;
        memmove(data + at + k, data + at, n - at);
        for (size_t i = 0; i < k; i++) data[at + i] = (unsigned char)lcg(s);
        n += k;
        break;
    }
    default: {
        size_t k = 1 + lcg(s) % 16;
        if (at + k > n) k = n - at;
        memmove(data + at, data + at + k, n - at - k);
        n -= k;
    }
    }
    return n;
}

static void mutate(const unsigned char *file, size_t n, size_t times, uint32_t seed) {
    unsigned char *copy = malloc(n + slack_bytes);
    if (!copy) abort();
    for (size_t i = 0; i < times; i++) {
        size_t m = n;
        if (n) memcpy(copy, file, n);
        for (uint32_t k = 1 + lcg(&seed) % max_edits; k > 0; k--) m = edit(copy, m, n + slack_bytes, &seed);
        run(copy, m);
    }
    free(copy);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    size_t mutations = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000, n_files = 0;
    char *names[4096];
    DIR *folder = opendir(argv[1]);
    if (!folder) {
        printf("%s: no corpus\n", argv[1]);
        return 1;
    }
    for (struct dirent *entry; n_files < 4096 && (entry = readdir(folder));)
        if (entry->d_name[0] != '.') {
            size_t size = strlen(argv[1]) + strlen(entry->d_name) + 2;
            if (!(names[n_files] = malloc(size))) abort();
            snprintf(names[n_files++], size, "%s/%s", argv[1], entry->d_name);
        }
    closedir(folder);
    /* The order of a folder is no one's promise. */
    qsort(names, n_files, sizeof *names, by_name);

    run((const unsigned char *)"", 0);
    for (size_t i = 0; i < n_files; i++) {
        size_t n = 0;
        unsigned char *file = read_file(names[i], &n);
        if (!file) {
            printf("%s: cannot be read\n", names[i]);
            return 1;
        }
        run(file, n);
        mutate(file, n, mutations / n_files + 1, (uint32_t)i + 1);
        free(file);
        free(names[i]);
    }
    printf("%zu files, %zu mutations\n", n_files, n_files ? (mutations / n_files + 1) * n_files : 0);
    return n_files == 0;
}
