/* The commands inside a conversation. What they say goes to standard error: standard output holds answers alone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/os.h"
#include "base/str.h"
#include "chat.h"
#include "input.h"

typedef struct slash {
    const char *name, *argument, *help;
    trit_status (*run)(trit_chat *c, const char *argument, trit_error *err);
} slash;

#define TRIT_SLASH(name, argument, help) static trit_status run_##name(trit_chat *c, const char *text, trit_error *err);
#include "chat_slash.def"
#undef TRIT_SLASH

static const slash commands[] = {
#define TRIT_SLASH(name, argument, help) {#name, argument, help, run_##name},
#include "chat_slash.def"
#undef TRIT_SLASH
};

static void note(const trit_chat *c, const char *what) {
    if (!c->opts->output.quiet) fprintf(stderr, "(%s)\n", what);
}

static void note_length(const trit_chat *c, const char *what) {
    if (!c->opts->output.quiet) fprintf(stderr, "(%s: %zu message%s)\n", what, c->talk.n, c->talk.n == 1 ? "" : "s");
}

static trit_status run_help(trit_chat *c, const char *text, trit_error *err) {
    (void)c;
    (void)text;
    (void)err;
    for (size_t i = 0; i < TRIT_COUNT(commands); i++) fprintf(stderr, "  /%-6s %-7s %s\n", commands[i].name, commands[i].argument, commands[i].help);
    fputs("A line that ends in \\ goes on; \"\"\" begins and ends a text of several lines; // begins a message with a slash.\n"
          "Ctrl-C stops an answer.\n", stderr);
    return trit_ok;
}

static trit_status run_save(trit_chat *c, const char *text, trit_error *err) {
    const char *session = c->opts->session.session;
    trit_text out = {0};
    trit_status status = trit_ok;
    if (!*text && !session) return trit_error_set(err, trit_arg, "/save: which file? (without --session there is none)");
    if (!*text) {
        status = trit_session_save(&c->talk, c->engine, session, &c->opts->output, err);
        if (status == trit_ok) note_length(c, session);
        return status;
    }
    if (!trit_talk_write(&out, &c->talk) || !trit_text_append(&out, "\n", 1)) status = trit_error_memory(err, out.n, "the conversation");
    if (status == trit_ok) status = trit_os_write_file(text, out.data, out.n, err);
    if (status == trit_ok) note_length(c, text);
    trit_text_fini(&out);
    return status;
}

static trit_status run_load(trit_chat *c, const char *text, trit_error *err) {
    trit_text in = {0};
    trit_status status = trit_input_read(&in, text, err);
    if (status == trit_ok) status = trit_talk_read(&c->talk, in.data, in.n, text, err);
    if (status == trit_ok) note_length(c, text);
    if (status == trit_ok && trit_talk_ends_with(&c->talk, "user")) note(c, "the last message has no answer: /retry");
    trit_text_fini(&in);
    return status;
}

static trit_status run_system(trit_chat *c, const char *text, trit_error *err) {
    if (c->is_raw) return trit_error_set(err, trit_unsupported, "/system: texts are continued as they stand, without messages");
    if (!trit_talk_instruct(&c->talk, text, strlen(text))) return trit_error_memory(err, strlen(text), "the system message");
    note(c, *text ? "the system message is set" : "no system message");
    return trit_ok;
}

static trit_status run_reset(trit_chat *c, const char *text, trit_error *err) {
    (void)text;
    (void)err;
    trit_talk_reset(&c->talk);
    note_length(c, "begun anew");
    return trit_ok;
}

static trit_status run_retry(trit_chat *c, const char *text, trit_error *err) {
    (void)text;
    if (trit_talk_ends_with(&c->talk, "assistant")) trit_talk_pop(&c->talk);
    if (!trit_talk_ends_with(&c->talk, "user")) return trit_error_set(err, trit_arg, "/retry: there is no question to answer");
    return trit_chat_answer(c, err);
}

static trit_status run_undo(trit_chat *c, const char *text, trit_error *err) {
    (void)text;
    const size_t before = c->talk.n;
    if (trit_talk_ends_with(&c->talk, "assistant")) trit_talk_pop(&c->talk);
    if (trit_talk_ends_with(&c->talk, "user")) trit_talk_pop(&c->talk);
    if (c->talk.n == before) return trit_error_set(err, trit_arg, "/undo: there is no question to take back");
    note_length(c, "taken back");
    return trit_ok;
}

static double rate(uint64_t n, double seconds) {
    return seconds > 0 ? (double)n / seconds : 0;
}

static void print_counts(const char *what, const trit_chat_counts *n, uint64_t n_answers) {
    const uint64_t computed = n->n_prompt - n->n_cached;
    const uint64_t after_first = n->n_generated > n_answers ? n->n_generated - n_answers : 0; /* the first comes with the prompt */
    fprintf(stderr, "%s: prompt %" PRIu64 " tokens, %" PRIu64 " of them kept, %.1f tok/s; answer %" PRIu64 " tokens, %.1f tok/s\n", what, n->n_prompt,
            n->n_cached, rate(computed, n->prompt_s), n->n_generated, rate(after_first, n->answer_s));
}

static trit_status run_stats(trit_chat *c, const char *text, trit_error *err) {
    (void)text;
    (void)err;
    trit_engine_info info;
    trit_engine_describe(c->engine, &info);
    if (c->n_asked) {
        print_counts("last answer", &c->last, 1);
        print_counts("all answers", &c->all, c->n_asked);
    }
    const uint64_t used = c->last.n_prompt + c->last.n_generated;
    fprintf(stderr, "context: %" PRIu64 " of %" PRIu32 " tokens at the last answer; messages: %zu; loaded in %.0f ms\n", used, info.context, c->talk.n,
            c->loaded.load_ms);
    return trit_ok;
}

static trit_status run_exit(trit_chat *c, const char *text, trit_error *err) {
    (void)text;
    (void)err;
    c->is_done = true;
    return trit_ok;
}

static const char *name_at(const void *list, size_t i) {
    return ((const slash *)list)[i].name;
}

static trit_status unknown(const char *word, trit_error *err) {
    const int near = trit_nearest(word, name_at, commands, TRIT_COUNT(commands));
    if (near >= 0) return trit_error_set(err, trit_arg, "unknown command \"/%s\" (did you mean \"/%s\"?)", word, commands[near].name);
    return trit_error_set(err, trit_arg, "unknown command \"/%s\" (/help lists them; // begins a message with a slash)", word);
}

trit_status trit_chat_command(trit_chat *c, const char *line, trit_error *err) {
    char word[64];
    const size_t n = strcspn(line + 1, " \t\r\n");
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), line + 1);
    const char *text = line + 1 + n + strspn(line + 1 + n, " \t\r\n");
    for (size_t i = 0; i < TRIT_COUNT(commands); i++) {
        const slash *s = &commands[i];
        if (strcmp(s->name, word) != 0) continue;
        if (*text && !*s->argument) return trit_error_set(err, trit_arg, "/%s: nothing follows it, not \"%.100s\"", word, text);
        if (!*text && s->argument[0] == 'F') return trit_error_set(err, trit_arg, "/%s: which file?", word);
        return s->run(c, text, err);
    }
    return unknown(word, err);
}
