/* Edit distance between short names. */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

enum { max_name = 31 };

/* Edits (insert, delete, change, swap of neighbours) that turn a into b; both at most max_name bytes. */
static size_t distance(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b), row[3][max_name + 1];
    size_t *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= nb; j++) last[j] = before[j] = j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

int trit_nearest(const char *word, const char *(*name_at)(const void *list, size_t i), const void *list, size_t n) {
    int best = -1;
    size_t best_distance = 3, length = strlen(word);
    if (!length || length > max_name) return -1;
    for (size_t i = 0; i < n; i++) {
        const char *name = name_at(list, i);
        if (strlen(name) > max_name) continue;
        size_t d = distance(word, name);
        /* A third of the word may be wrong: "rnu" is near "run", "x" is near nothing. */
        if (d < best_distance && d * 3 <= length + 1) {
            best_distance = d;
            best = (int)i;
        }
    }
    return best;
}
