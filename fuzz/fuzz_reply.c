/* Any bytes as an answer of each family, whole and in pieces of one byte: the same calls and texts, and no crash. The first bytes choose. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "server/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char tools[] = "{\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\", "
                            "\"properties\": {\"a\": {\"type\": \"string\"}, \"b\": {\"type\": \"integer\"}}}}}, "
                            "{\"type\": \"function\", \"function\": {\"name\": \"g\"}}]}";

static void read_tools(trit_reading *reading) {
    trit_json *body;
    trit_refusal r;
    if (trit_json_parse(&body, tools, sizeof tools - 1, "tools", NULL) != trit_ok || !trit_tools_read(&reading->tools, body, &r)) abort();
    trit_json_free(body);
}

/* All that came of the answer, as one text. */
static void read_answer(trit_text *out, const trit_reading *reading, const char *text, size_t n, size_t piece) {
    trit_reply reply;
    trit_reply_init(&reply, reading, 1);
    for (size_t at = 0; at < n; at += piece)
        if (!trit_reply_add(&reply, text + at, piece < n - at ? piece : n - at, false)) abort();
    if (!trit_reply_add(&reply, "", 0, true) || reply.pending.n) abort();
    bool ok = trit_text_append(out, "", 0) && (!reply.reasoning.n || trit_text_append(out, reply.reasoning.data, reply.reasoning.n)) &&
              trit_text_append(out, "|", 1) && (!reply.content.n || trit_text_append(out, reply.content.data, reply.content.n));
    for (size_t i = 0; i < reply.n_calls; i++)
        ok = ok && trit_text_append(out, "|", 1) && trit_text_append(out, reply.call[i].tool->name.p, reply.call[i].tool->name.n) &&
             (!reply.call[i].arguments.n || trit_text_append(out, reply.call[i].arguments.data, reply.call[i].arguments.n));
    if (!ok) abort();
    trit_reply_fini(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_reading *reading = trit_alloc_zero(1, sizeof *reading);
    trit_text whole = {0}, parts = {0};
    size_t n_families = 0;
    if (!reading) return 0;
    while (trit_tool_family_at(n_families)) n_families++;
    if (n >= 2) {
        const char *text = (const char *)data + 2;
        read_tools(reading);
        reading->family = trit_tool_family_at(data[0] % (n_families + 1));
        reading->marks = data[1] & 1 ? trit_think_marks_of("</think>") : NULL;
        reading->thinks = data[1] & 2;
        reading->tools.parallel = !(data[1] & 4);
        reading->reasoning = (trit_reasoning)((data[1] >> 3) % 3);
        read_answer(&whole, reading, text, n - 2, n);
        read_answer(&parts, reading, text, n - 2, 1);
        if (whole.n != parts.n || memcmp(whole.data, parts.data, whole.n) != 0) abort();
    }
    trit_text_fini(&whole);
    trit_text_fini(&parts);
    trit_reading_free(reading);
    return 0;
}
