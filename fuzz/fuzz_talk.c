/* Any bytes as the file of a conversation; what is read is written again as the same messages, and new system messages go in front. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require_same(const trit_talk *a, const trit_talk *b) {
    if (a->n != b->n) abort();
    for (size_t i = 0; i < a->n; i++) {
        const trit_text *x = &a->item[i].content, *y = &b->item[i].content;
        if (strcmp(a->item[i].role, b->item[i].role) != 0 || x->n != y->n || memcmp(x->data, y->data, x->n) != 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_talk talk = {0}, again = {0};
    trit_text written = {0};
    trit_error err = {0};
    if (trit_talk_read(&talk, (const char *)data, n, "input", &err) == trit_ok) {
        if (!trit_talk_write(&written, &talk) || trit_talk_read(&again, written.data, written.n, "written", &err) != trit_ok) abort();
        require_same(&talk, &again);
        if (!trit_talk_instruct(&again, "x", 1) || strcmp(again.item[0].role, "system") != 0 || again.item[0].content.n != 1) abort();
        if (!trit_talk_instruct(&again, "", 0)) abort();
        trit_talk_reset(&again);
        if (again.n > 1) abort();
    } else if (!*err.message) {
        abort();
    }
    trit_talk_fini(&talk);
    trit_talk_fini(&again);
    trit_text_fini(&written);
    return 0;
}
