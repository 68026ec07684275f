/* What help promises: every command has one, its examples run, and its options are taken. */
#include "shell.h"

/* A command that comes into the list is tested. `eval` alone only stands for others. */
static const char *const commands[] = {
#define TRIT_COMMAND(name, command, summary) #name,
#include "../../cli/cmds.def"
#undef TRIT_COMMAND
    "eval ppl", "eval kl", "eval tasks", "eval logits", "bench compare", "bench regress", "bench report", "bench energy", "bench turns",
};
enum { n_commands = sizeof commands / sizeof commands[0] };

static bool stands_for_others(const char *command) {
    return strcmp(command, "eval") == 0;
}

static void test_help(void **state) {
    (void)state;
    result top = sh("t");
    expect_code(&top, 0, "trit");
    for (size_t i = 0; i < n_commands; i++) {
        if (stands_for_others(commands[i])) continue;
        char command[80], first[80];
        snprintf(command, sizeof command, "t %s --help", commands[i]);
        snprintf(first, sizeof first, "Usage: trit %s ", commands[i]);
        result a = sh(command), b = shf("t help %s", commands[i]);
        expect_code(&a, 0, command);
        if (strncmp(a.out, first, strlen(first)) != 0) fail_msg("%s begins with %.60s", command, a.out);
        if (!strstr(a.out, "\nExamples:\n")) fail_msg("%s: no examples", command);
        assert_string_equal(a.out, b.out);
        assert_string_equal(a.err, "");
        char word[20] = "";
        memcpy(word, commands[i], strcspn(commands[i], " "));
        assert_non_null(strstr(top.out, word));
        for (const char *line = a.out; *line; line += strcspn(line, "\n") + 1)
            if (strcspn(line, "\n") > 80) fail_msg("%s: a line of more than 80 columns: %.90s", command, line);
        release(&a);
        release(&b);
    }
    release(&top);
    result version = sh("t --version");
    assert_int_equal(version.code, 0);
    assert_int_equal(strncmp(version.out, "trit ", 5), 0);
    release(&version);
}

/* Every example of every help runs, in a folder that has the files they speak of. */
static void test_examples(void **state) {
    (void)state;
    require_builtin();
    char setup[8192];
    snprintf(setup, sizeof setup,
             "command -v bash > /dev/null || exit 77; set -e; rm -rf ex; mkdir -p ex/.zfunc ex/.config/fish/completions; cd ex; "
             "cp '%s' model.gguf; cp model.gguf kept.gguf; cp model.gguf small.gguf; cp '%s' tokenizer.json; cp -r '%s' adapter; "
             "echo Once upon a time > prompt.txt; echo secret > keys.txt; cp prompt.txt text.txt; cp prompt.txt queries.txt; "
             "mkdir data; cp prompt.txt stories.txt; cp prompt.txt data; cp prompt.txt prompts.txt; cp prompt.txt starts.txt; cp model.gguf small.gguf; "
             "printf 'question\\nWho?\\n' > questions.csv; echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}' > chats.jsonl; "
             "yes 'The little dog ran to the park.' | head -100 > wiki.test.raw; "
             "{ echo '[1'; yes ',5,6,7' | head -300; echo ']'; } > tokens.json; echo '{\"text\": \"Once\"}' > texts.jsonl; "
             "echo '{\"query\": \"Once upon a\", \"choices\": [\"time\", \"dog\"], \"gold\": 0}' > choices.jsonl; "
             "echo '{\"text\": \"Once upon a time\"}' > lambada.jsonl; "
             "for i in 1 2 3 4 5 6 7 8 9; do $TRIT_EMULATOR \"$TRIT_PROGRAM\" bench -q -p 8 -n 2 -t 1 -r 2 -o before.json > /dev/null && break; done; "
             "cp before.json after.json; cp before.json run.json; "
             "yes 'The little dog ran to the park.' | head -200 > story.txt; "
             "echo '{\"dim\": 128, \"n_layers\": 1, \"n_heads\": 2, \"context\": 16, \"batch_rows\": 2, \"steps\": 4, "
             "\"tokenizer\": \"tokenizer.json\"}' > small.json; "
             "echo '{%% for m in messages %%}{{ m.role }}: {{ m.content }} {%% endfor %%}' > chat.jinja; "
             /* A store with the models that the examples pull. */
             "kept() { d=.cache/huggingface/hub/models--$1; s=$d/snapshots/0123456789abcdef0123456789abcdef01234567; mkdir -p $d/refs $s; "
             "printf %%s ${s##*/} > $d/refs/$2; shift 2; for f; do cp model.gguf $s/$f; done; }; "
             "kept microsoft--bitnet-b1.58-2B-4T-gguf main ggml-model-i2_s.gguf; kept prism-ml--Ternary-Bonsai-8B-gguf main Ternary-Bonsai-8B-PQ2_0.gguf; "
             "kept tiiuae--Falcon-E-1B-Instruct prequantized config.json model.safetensors",
             test_source("tests/model/story-256.gguf"), test_source("fuzz/corpus/tokenizer_json/bytelevel.json"), test_source("tests/e2e/adapter"));
    assert_int_equal(setenv("TRIT_THREADS", "1", 1), 0); /* small work: threads would wait for each other where the processor has more to do */
    result r = sh(setup);
    if (r.code == 77) skip();
    expect_code(&r, 0, "the examples' folder");
    release(&r);
    size_t n_run = 0;
    for (size_t i = 0; i <= n_commands; i++) {
        if (i && stands_for_others(commands[i - 1])) continue;
        result help = i ? shf("t help %s", commands[i - 1]) : sh("t help");
        char *at = strstr(help.out, "\nExamples:\n");
        assert_non_null(at);
        for (char *line = strtok(at + 11, "\n"); line; line = strtok(NULL, "\n")) {
            if (strncmp(line, "  ", 2) != 0) break;
            if (line[2] == ' ') continue;
            char script[4096];
            const bool serves = strncmp(line + 2, "trit serve", 10) == 0; /* until it is ended */
            snprintf(script, sizeof script, "trit() { %s $TRIT_EMULATOR \"$TRIT_PROGRAM\" \"$@\"; }\n%s\n",
                     serves ? "timeout --preserve-status 1" : "", line + 2);
            FILE *f = fopen("ex/example.sh", "w");
            assert_non_null(f);
            fputs(script, f);
            fclose(f);
            /* An example of export puts another model in the place of model.gguf. */
            static const char run[] = "cd ex; cp kept.gguf model.gguf; HOME=$PWD HF_HUB_OFFLINE=1 bash -o pipefail example.sh";
            result e = sh(run);
            /* What `bench` says of figures that cannot be: the machine had other things to do. */
            for (int again = 0; again < 10 && e.code == 1 && strstr(e.err, "measure again on a quiet machine"); again++) {
                release(&e);
                e = sh(run);
            }
            /* 3: its port is another's, or this build serves nothing; 130: it was ended before it served, 143: before it cared for signals.
             * e2e/serve looks closer. */
            if (!serves || (e.code != 3 && e.code != 130 && e.code != 143)) expect_code(&e, 0, line);
            release(&e);
            n_run++;
        }
        release(&help);
    }
    assert_int_equal(unsetenv("TRIT_THREADS"), 0);
    assert_true(n_run > 20);
}

/* Something that an option takes, by how the help names its value. */
static void sample_value(const char *value, char out[64]) {
    if (strchr(value, '|')) snprintf(out, 64, "%.*s", (int)strcspn(value, "|"), value);
    else if (strcmp(value, "N") == 0) snprintf(out, 64, "2");
    else if (strcmp(value, "X") == 0 || strcmp(value, "P") == 0) snprintf(out, 64, "0.5");
    else snprintf(out, 64, "%s", value);
}

/* What help shows, the parser takes, in all its spellings. */
static void test_help_options_are_accepted(void **state) {
    (void)state;
    for (size_t i = 0; i < n_commands; i++) {
        if (stands_for_others(commands[i])) continue;
        char all[16384];
        size_t n = 0;
        result help = shf("t help %s", commands[i]);
        size_t n_options = 0;
        for (char *line = strtok(help.out, "\n"); line; line = strtok(NULL, "\n")) {
            char name[64] = "", value[64] = "", given[64] = "";
            const char *dashes = strstr(line, "--");
            bool is_option = strncmp(line, "      --", 8) == 0 || (strncmp(line, "  -", 3) == 0 && strncmp(line + 4, ", --", 4) == 0);
            if (!is_option || sscanf(dashes, "--%63[a-z0-9-]", name) != 1) continue;
            const char *after = dashes + 2 + strlen(name);
            if (after[0] == ' ' && after[1] != ' ') sscanf(after + 1, "%63s", value);
            n_options++;
            if (strcmp(name, "help") == 0) continue;
            if (*value) sample_value(value, given);
            n += (size_t)snprintf(all + n, sizeof all - n, " --%s %s", name, given);
            if (*value) n += (size_t)snprintf(all + n, sizeof all - n, " --%s=%s", name, given);
            if (line[2] == '-') n += (size_t)snprintf(all + n, sizeof all - n, " -%c%s", line[3], given);
            assert_true(n < sizeof all);
        }
        assert_true(n_options >= 1);
        /* The message of a refusal names the option. */
        result r = shf("t %s%s --help", commands[i], n ? all : "");
        if (r.code != 0) fail_msg("trit %s%s: %s", commands[i], all, r.err);
        release(&r);
        release(&help);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_help_options_are_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
