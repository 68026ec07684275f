/* Shared helpers of the tests. */
#include "test.h"

#include <sys/stat.h>

static const char *join(const char *folder, const char *relative) {
    static char paths[4][1024];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, relative);
    return path;
}

const char *test_source(const char *relative) {
    return join(TRIT_SOURCE_DIR, relative);
}

const char *test_shared(const char *relative) {
    const char *folder = getenv("TRIT_SHARED");
    const char *path = join(folder && *folder ? folder : TRIT_SOURCE_DIR "/../shared", relative);
    struct stat st;
    return stat(path, &st) == 0 ? path : NULL;
}

char *test_read(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *data = malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, f), size);
    data[size] = '\0';
    if (n) *n = (size_t)size;
    fclose(f);
    return data;
}

char *test_unpack(const char *relative, size_t *n) {
    const char *path = test_shared(relative);
    if (!path) return NULL;
    if (!strstr(relative, ".xz")) return test_read(path, n);
    char command[1200];
    snprintf(command, sizeof command, "xz -dc '%s'", path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t capacity = 1 << 20;
    char *data = malloc(capacity);
    *n = 0;
    for (size_t got; (got = fread(data + *n, 1, capacity - *n, f)) > 0;) {
        *n += got;
        if (*n == capacity) data = realloc(data, capacity *= 2);
        assert_non_null(data);
    }
    if (pclose(f) == 0) return data;
    free(data);
    return NULL;
}
