#include "talk.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "conversation.h"

static bool put(trit_message *m, const char *role, const char *content, size_t n) {
    *m = (trit_message){0};
    return (size_t)snprintf(m->role, sizeof m->role, "%s", role) < sizeof m->role && trit_text_append(&m->content, content, n);
}

bool trit_talk_push(trit_talk *talk, const char *role, const char *content, size_t n) {
    void *items = talk->item;
    if (!trit_grow(&items, &talk->capacity, talk->n + 1, sizeof *talk->item)) return false;
    talk->item = items;
    if (!put(&talk->item[talk->n], role, content, n)) return false;
    talk->n++;
    return true;
}

void trit_talk_pop(trit_talk *talk) {
    if (talk->n) trit_text_fini(&talk->item[--talk->n].content);
}

bool trit_talk_ends_with(const trit_talk *talk, const char *role) {
    return talk->n && strcmp(talk->item[talk->n - 1].role, role) == 0;
}

bool trit_talk_say(trit_talk *talk, const char *content, size_t n) {
    if (!trit_talk_ends_with(talk, "user")) return trit_talk_push(talk, "user", content, n);
    trit_text *last = &talk->item[talk->n - 1].content;
    const size_t before = last->n;
    if (trit_text_append(last, "\n", 1) && trit_text_append(last, content, n)) return true;
    trit_talk_take_back(talk, before);
    return false;
}

size_t trit_talk_unanswered(const trit_talk *talk) {
    return trit_talk_ends_with(talk, "user") ? talk->item[talk->n - 1].content.n : 0;
}

void trit_talk_take_back(trit_talk *talk, size_t n) {
    if (!trit_talk_ends_with(talk, "user")) return;
    if (!n) {
        trit_talk_pop(talk);
        return;
    }
    trit_text *last = &talk->item[talk->n - 1].content;
    last->n = n;
    last->data[n] = '\0';
}

static bool begins_with_system(const trit_talk *talk) {
    return talk->n && strcmp(talk->item[0].role, "system") == 0;
}

void trit_talk_reset(trit_talk *talk) {
    const size_t kept = begins_with_system(talk);
    while (talk->n > kept) trit_talk_pop(talk);
}

bool trit_talk_instruct(trit_talk *talk, const char *content, size_t n) {
    trit_message instruction = {0};
    if (n && !put(&instruction, "system", content, n)) return false;
    if (n && !begins_with_system(talk)) {
        if (!trit_talk_push(talk, "", "", 0)) {
            trit_text_fini(&instruction.content);
            return false;
        }
        trit_text_fini(&talk->item[talk->n - 1].content);
        memmove(talk->item + 1, talk->item, (talk->n - 1) * sizeof *talk->item);
        talk->item[0] = instruction;
    } else if (begins_with_system(talk)) {
        trit_text_fini(&talk->item[0].content);
        if (n) talk->item[0] = instruction;
        else memmove(talk->item, talk->item + 1, --talk->n * sizeof *talk->item);
    }
    return true;
}

void trit_talk_fini(trit_talk *talk) {
    while (talk->n) trit_talk_pop(talk);
    trit_free(talk->item);
    *talk = (trit_talk){0};
}

bool trit_talk_write(trit_text *out, const trit_talk *talk) {
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_key(&w, "messages");
    trit_jsonw_array(&w);
    for (size_t i = 0; i < talk->n; i++) trit_conversation_put(&w, talk->item[i].role, talk->item[i].content.data, talk->item[i].content.n);
    trit_jsonw_close(&w, ']');
    trit_jsonw_close(&w, '}');
    if (w.failed) {
        trit_jsonw_fini(&w);
        return false;
    }
    trit_text_fini(out);
    *out = w.text;
    return true;
}

bool trit_talk_join(trit_text *out, const trit_talk *talk) {
    bool ok = true;
    trit_text_fini(out);
    for (size_t i = 0; i < talk->n && ok; i++) {
        const trit_message *m = &talk->item[i];
        const bool begins_line = i && strcmp(m->role, "user") == 0;
        ok = trit_text_append(out, "\n", begins_line) && trit_text_append(out, m->content.data, m->content.n);
    }
    return ok;
}

static trit_status read_message(trit_talk *out, const trit_json *message, const char *what, trit_error *err) {
    const trit_str role = trit_json_as_str(trit_json_get(message, "role")), content = trit_json_as_str(trit_json_get(message, "content"));
    const size_t number = out->n + 1;
    char name[trit_role_max];
    void *iter = NULL;
    trit_str key;
    const trit_json *value;
    if (!role.p || !role.n || role.n >= sizeof name || memchr(role.p, '\0', role.n))
        return trit_error_set(err, trit_format, "%s: message %zu has no \"role\"", what, number);
    if (!content.p) return trit_error_set(err, trit_format, "%s: message %zu has no \"content\" of text", what, number);
    while (trit_json_next(message, &iter, &key, &value))
        if (!trit_str_is(key, "role") && !trit_str_is(key, "content"))
            return trit_error_set(err, trit_format, "%s: message %zu has \"%.*s\", which a conversation of text cannot hold", what, number,
                                  TRIT_STR_ARG(key));
    memcpy(name, role.p, role.n);
    name[role.n] = '\0';
    return trit_talk_push(out, name, content.p, content.n) ? trit_ok : trit_error_memory(err, content.n, "a message");
}

static trit_status read_document(trit_talk *out, const trit_json *json, const char *what, trit_error *err) {
    const trit_json *messages = trit_json_get(json, "messages"), *value;
    if (trit_json_kind_of(messages) != trit_json_array)
        return trit_error_set(err, trit_format, "%s: not an object with a list of \"messages\"", what);
    void *iter = NULL;
    trit_str key;
    while (trit_json_next(json, &iter, &key, &value))
        if (!trit_str_is(key, "messages") && !trit_str_is(key, "add_generation_prompt"))
            return trit_error_set(err, trit_format, "%s: \"%.*s\" is nothing that a conversation of text can hold", what, TRIT_STR_ARG(key));
    trit_status status = trit_ok;
    for (size_t i = 0; i < trit_json_length(messages) && status == trit_ok; i++) status = read_message(out, trit_json_at(messages, i), what, err);
    return status;
}

trit_status trit_talk_read(trit_talk *out, const char *data, size_t n, const char *what, trit_error *err) {
    trit_json *json;
    trit_talk talk = {0};
    trit_status status = trit_json_parse(&json, data, n, what, err);
    if (status != trit_ok) return status;
    status = read_document(&talk, json, what, err);
    trit_json_free(json);
    if (status == trit_ok) {
        trit_talk_fini(out);
        *out = talk;
    } else {
        trit_talk_fini(&talk);
    }
    return status;
}
