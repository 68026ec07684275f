/* The program as its users meet it: runs, errors, exit codes, pipes and signals. */
#include "shell.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct error_case {
    const char *command;
    int code;
    const char *says; /* part of the message */
} error_case;

static const error_case usage_errors[] = {
    {"t rnu", 2, "did you mean \"run\"?"},
    {"t chta", 2, "unknown command \"chta\""},
    {"t serve --port 0 word", 2, "word"},
    {"t --frobnicate", 2, "unknown option \"--frobnicate\""},
    {"t eval", 2, "eval: which one?"},
    {"t eval pl", 2, "did you mean \"eval ppl\"?"},
    {"t help nothing", 2, "unknown command \"nothing\""},
    {"t help eval nothing", 2, "unknown command \"eval nothing\""},
    {"t run --tmep 1", 2, "did you mean --temp?"},
    {"t run -Z", 2, "unknown option \"-Z\""},
    {"t run -qx", 2, "unknown option \"-qx\""},
    {"t run --temp", 2, "--temp needs a value"},
    {"t run --temp warm", 2, "--temp: \"warm\" is not a number"},
    {"t run --temp nan", 2, "--temp: \"nan\" is not a number"},
    {"t run --temp -1", 2, "--temp: -1 is outside 0 to 100"},
    {"t run --top-k 1.5", 2, "--top-k: \"1.5\" is not a whole number"},
    {"t run -n 99999999999999999999", 2, "is not a whole number"},
    {"t run -n 0x10", 2, "\"0x10\" is not a whole number"},
    {"t run --kv f64", 2, "--kv: \"f64\" is none of f32|f16|q8"},
    {"t run --json=yes", 2, "--json takes no value"},
    {"t run --system x hi", 3, "no chat template"},
    {"t run --system x --raw hi", 2, "--raw"},
    {"t run --chat-template=/nonexistent/x hi", 3, "/nonexistent/x"},
    {"t run --messages /nonexistent/x", 3, "/nonexistent/x"},
    {"t run --messages x --ids 1", 2, "--ids"},
    {"t run --date yesterday hi", 2, "yesterday"},
    {"t run --draft /nonexistent/x hi", 3, "/nonexistent/x"},
    {"t run --draft synthetic:tiny hi", 2, "draft model: its vocabulary has 512 tokens"},
    {"t run --beams 2 --draft-max 3 hi", 2, "--beams does not go with --draft-max"},
    {"t run --draft-max 3 hi", 2, "--draft-max goes with --draft"},
    {"t run --draft ngram --draft-max 65 hi", 2, "outside 0 to 64"},
    {"t run --beams 2 --draft ngram hi", 2, "--beams does not go with --draft"},
    {"t run --beams 65 hi", 2, "outside 1 to 64"},
    {"t run --beams 2 --logprobs 1 hi", 2, "--beams does not go with --logprobs"},
    {"t run --beams 2 --stop x hi", 2, "--beams does not go with --stop"},
    {"t run --beams 2 -n 0 hi", 2, "--beams does not go with -n 0"},
    {"t run --logit-bias 3 hi", 2, "--logit-bias: \"3\" is no ID=X"},
    {"t run --logit-bias 3=inf hi", 2, "--logit-bias"},
    {"t run --logit-bias 99999999999999999=1 hi", 2, "--logit-bias"},
    {"t run --mirostat 3 hi", 2, "outside 0 to 2"},
    {"t run a b", 2, "unexpected argument \"b\""},
    {"t run a -p b", 2, "two prompts"},
    {"t run --ids 1,x", 2, "--ids: \"x\" is not a token id"},
    {"t run --ids ''", 2, "no token id"},
    {"t run --ids -1", 2, "is not a token id"},
    {"t run --logprobs 21 --json hi", 2, "outside 0 to 20"},
    {"t run --device abacus", 2, "is none of"},
    {"t run -f missing.txt", 3, "missing.txt: No such file"},
    {"t run -f .", 3, ".: "},
    {"t run -m missing.gguf hi", 3, "missing.gguf"},
    {"t run -m out.txt hi", 3, "out.txt"},
    {"t run -m synthetic:nothing hi", 2, "nothing"},
    {"t info missing.gguf", 3, "missing.gguf"},
    {"t info a -m b", 2, "two models"},
    {"t info --env -m x", 2, "without a model"},
    {"t info a b", 2, "unexpected argument \"b\""},
    {"t tokenize -m missing.json hi", 3, "missing.json"},
    {"t tokenize --jsonl --json", 2, "--jsonl does not go with --json"},
    {"t tokenize -f a b", 2, "two texts"},
    {"t eval logits", 2, "needs --ids"},
    {"t eval ppl", 2, "needs a text"},
    {"t eval ppl a --ids-file b", 2, "two texts"},
    {"t eval ppl --stride 600 a", 2, "longer than --window"},
    {"t eval ppl missing.txt", 3, "missing.txt"},
    {"t eval kl a", 2, "needs --base"},
    {"t eval kl --base ''", 2, "eval kl needs a text"},
    {"t eval tasks", 2, "needs records"},
    {"t eval tasks missing.jsonl", 3, "missing.jsonl"},
    {"t doctor now", 2, "unexpected argument \"now\""},
    {"t completion", 2, "for which shell?"},
    {"t completion tcsh", 2, "unknown shell \"tcsh\""},
    {"TRIT_LOG=loud t info", 2, "TRIT_LOG: \"loud\""},
    {"t run \"$(printf 'x\\ny')\" two", 2, "unexpected argument"},
    {"t \"$(printf 'a\\nb')\"", 2, "unknown command \"a?b\""},
};

static const error_case model_errors[] = {
    {"t run --device cuda hi", 5, "cuda"},
    {"t run --ids 99999999", 2, "99999999"},
    {"t run --beams 2 --ids 99999999", 2, "99999999"},
    {"t run --logit-bias 99999999=1 hi", 2, "99999999"},
    {"t run --dry-multiplier 1 --dry-base 0.5 hi", 2, "DRY base"},
    {"t run --dry-multiplier 1 --dry-sequence-breaker '' hi", 2, "sequence breaker 1 is empty"},
    {"t tokenize --decode 99999999", 2, "99999999"},
    {"t tokenize --decode 1,x", 2, "\"x\" is not a token id"},
    {"echo '{\"txt\": 1}' | t tokenize --jsonl", 3, "line 1: no \"text\""},
    {"echo '{' | t tokenize --jsonl", 3, "line 1"},
    {"echo '{\"ids\": [1, \"a\"]}' | t tokenize --jsonl --decode", 3, "element 1 is not a token id"},
    {"t eval logits --ids 1,99999999", 2, "99999999"},
    {"echo hi | t eval ppl -", 2, "too short"},
    {"echo hi | t eval kl --base synthetic:tiny -", 2, "512 tokens"},
    {"echo hi | t eval kl --base missing.gguf -", 3, "missing.gguf"},
    {"echo | t eval tasks -", 2, "no records"},
    {"echo hi | t eval tasks -", 3, "-, line 1"},
    {"printf '\\n{}' | t eval tasks -", 3, "line 2: no \"choices\" and no \"text\""},
    {"echo '{\"choices\": [\"a\", \"b\"], \"gold\": 0}' | t eval tasks -", 3, "no \"query\""},
    {"echo '{\"query\": \"a\", \"choices\": [\"a\", \"b\"], \"gold\": 2}' | t eval tasks -", 3, "\"gold\" is none of 0 to 1"},
    {"echo '{\"query\": \"a\", \"choices\": [\"a\"], \"gold\": 0}' | t eval tasks -", 3, "2 to 1000"},
    {"echo '{\"query\": \"a\", \"choices\": [\"a\", \"\"], \"gold\": 0}' | t eval tasks -", 3, "choice 1"},
    {"echo '{\"text\": \"one\"}' | t eval tasks -", 3, "no two words"},
    {"printf '{\"text\": \"a b\"}\\n{\"query\": \"a\", \"choices\": [\"a\", \"b\"], \"gold\": 0}' | t eval tasks -", 3, "line 2: another kind"},
    {"echo '[1, 2, 99999999]' > ids.json; t eval ppl --window 3 --score all --ids-file ids.json", 2, "99999999"},
    {"echo '{\"a\": [1]}' > ids.json; t eval ppl --ids-file ids.json", 2, "--ids-key"},
    {"echo '{\"a\": [1]}' > ids.json; t eval ppl --ids-file ids.json --ids-key b", 3, "no member \"b\""},
    {"echo '[1' > ids.json; t eval ppl --ids-file ids.json", 3, "ids.json"},
    {"TRIT_CPU=abacus t run hi", 2, "abacus"},
    {"t run -c 2 'Once upon a time there was'", 1, "2"},
};

static void expect_error(const error_case *c) {
    result r = sh(c->command);
    expect_code(&r, c->code, c->command);
    expect_one_line(&r, c->command);
    if (!strstr(r.err, c->says)) fail_msg("%s: no \"%s\" in: %s", c->command, c->says, r.err);
    if (r.n_out) fail_msg("%s: on standard output: %s", c->command, r.out);
    release(&r);
}

static void test_usage_errors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof usage_errors / sizeof usage_errors[0]; i++) expect_error(&usage_errors[i]);
}

static void test_model_errors(void **state) {
    (void)state;
    require_builtin();
    for (size_t i = 0; i < sizeof model_errors / sizeof model_errors[0]; i++) expect_error(&model_errors[i]);
}

static void test_json(void **state) {
    (void)state;
    require_builtin();
    static const struct {
        const char *command, *keys[10];
    } cases[] = {
        {"t run --json -n 3 --seed 1 Once",
         {"prompt_tokens", "tokens", "text", "stop_reason", "prompt_tps", "decode_tps", "load_ms", "ttft_ms", "seed"}},
        {"t run --json -n 0 Once", {"prompt_tokens", "tokens", "text", "stop_reason"}},
        {"t run --json -n 2 --logprobs 3 Once", {"logprobs"}},
        {"t run --json -n 2 --beams 3 Once", {"prompt_tokens", "tokens", "text", "stop_reason", "beams"}},
        {"t tokenize --json 'Once upon'", {"ids", "pieces"}},
        {"t tokenize --json --decode 5,6", {"ids", "pieces", "text", "bytes_b64"}},
        {"t tokenize --json \"$(printf 'a\\377b')\"", {"ids", "pieces"}},
        {"t eval logits --ids 1,2 --json", {"logits"}},
        {"yes 'Once upon a time there was a girl.' | head -50 | t eval ppl --window 64 --json -", {"ppl", "stderr", "nll", "tokens"}},
        {"t info --json", {"version", "devices", "tiers", "kernels", "env", "synthetic"}},
        {"t info --json --env", {"env"}},
        {"t info --json -m ''", {"arch", "activation", "params", "tensors", "types", "eos_ids", "eos_why", "concluded"}},
        {"t info --json -m '' --check", {"check"}},
        {"t doctor --json", {"checks", "ok"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *v = expect_json(cases[i].command);
        expect_keys(v, cases[i].keys, cases[i].command);
        json_decref(v);
    }
}

static void test_run(void **state) {
    (void)state;
    require_builtin();
    result story = sh("t run --temp 0 -n 30");
    assert_int_equal(story.code, 0);
    assert_true(story.n_out > 40);
    assert_non_null(strstr(story.err, "tok/s"));
    result quiet = sh("t run --temp 0 -n 30 --quiet </dev/null");
    assert_string_equal(quiet.out, story.out);
    assert_string_equal(quiet.err, "");
    /* The same prompt by every way in. */
    result argument = sh("t run -q --temp 0 -n 8 'Once upon a time'");
    static const char *const ways[] = {
        "t run -q --temp 0 -n 8 -p 'Once upon a time'",
        "echo Once upon a time | t run -q --temp 0 -n 8",
        "printf 'Once upon a time\\r\\n' | t run -q --temp 0 -n 8 -",
        "echo Once upon a time > p.txt; t run -q --temp 0 -n 8 -f p.txt",
        "t run -q --temp 0 -n 8 --ids \"$(t tokenize 'Once upon a time')\"",
        "t run -q --temp 0 -n 8 -t 1 --chunk 1 -- 'Once upon a time'",
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        result r = sh(ways[i]);
        if (strcmp(r.out, argument.out) != 0) fail_msg("%s: %s instead of %s", ways[i], r.out, argument.out);
        release(&r);
    }
    result one = sh("t run -q --seed 7 -n 20 Once"), two = sh("t run -q --seed 7 -n 20 -t 1 Once");
    assert_string_equal(one.out, two.out);
    release(&story);
    release(&quiet);
    release(&argument);
    release(&one);
    release(&two);
}

static void test_run_stop(void **state) {
    (void)state;
    require_builtin();
    json_t *whole = expect_json("t run --json --temp 0 -n 12 Once");
    json_t *stopped = expect_json("t run --json --temp 0 -n 12 --stop a --stop b Once");
    const char *text = json_string_value(json_object_get(stopped, "text"));
    assert_string_equal(json_string_value(json_object_get(whole, "stop_reason")), "length");
    assert_string_equal(json_string_value(json_object_get(stopped, "stop_reason")), "stop");
    assert_null(strpbrk(text, "ab"));
    assert_int_equal(strncmp(json_string_value(json_object_get(whole, "text")), text, strlen(text)), 0);
    json_decref(whole);
    json_decref(stopped);
}

static int64_t id_at(const json_t *v, const char *key, size_t i) {
    return json_integer_value(json_array_get(json_object_get(v, key), i));
}

/* Each sampling option does what it says, as far as a text can show it. */
static void test_run_sampling(void **state) {
    (void)state;
    require_builtin();
    json_t *greedy = expect_json("t run --json -q --temp 0 -n 24 --logprobs 2 Once");
    const json_t *logprobs = json_object_get(greedy, "logprobs");
    assert_int_equal(json_array_size(logprobs), 24);
    for (size_t i = 0; i < 24; i++) {
        const json_t *row = json_array_get(logprobs, i), *top = json_object_get(row, "top_logprobs");
        assert_int_equal(json_array_size(top), 2);
        assert_int_equal(json_integer_value(json_object_get(row, "token")), id_at(greedy, "tokens", i));
        assert_true(json_real_value(json_object_get(row, "logprob")) == json_real_value(json_object_get(json_array_get(top, 0), "logprob")));
        assert_true(json_real_value(json_object_get(json_array_get(top, 1), "logprob")) <= json_real_value(json_object_get(row, "logprob")));
    }
    /* The settings under which only the likeliest token is left, or nothing changes. */
    static const char *const same[] = {
        "--top-n-sigma 0.0001 --seed 1", "--typical 0.001 --seed 1 --top-k 1", "--mirostat 2 --mirostat-tau 0.01 --mirostat-eta 0.0001 --seed 1",
        "--temp 0 --dry-multiplier 5 --dry-penalty-last-n 0", "--temp 0 --dry-multiplier 5 --dry-allowed-length 100", "--temp 0 --logit-bias 0=-inf",
        "--temp 0 --xtc-probability 1", "--beams 1", "--temp 0 -t 1 --chunk 1",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char command[300];
        snprintf(command, sizeof command, "t run --json -q -n 24 %s Once", same[i]);
        json_t *v = expect_json(command);
        if (!json_equal(json_object_get(v, "tokens"), json_object_get(greedy, "tokens"))) fail_msg("%s: not the greedy text", command);
        json_decref(v);
    }
    /* A banned token does not come, a wanted one always does. */
    char command[300];
    snprintf(command, sizeof command, "t run --json -q --temp 0 -n 24 --logit-bias %d=-inf Once", (int)id_at(greedy, "tokens", 0));
    json_t *banned = expect_json(command);
    for (size_t i = 0; i < 24; i++) assert_true(id_at(banned, "tokens", i) != id_at(greedy, "tokens", 0));
    json_t *wanted = expect_json("t run --json -q -n 5 --logit-bias 500=1000 Once");
    for (size_t i = 0; i < 5; i++) assert_int_equal(id_at(wanted, "tokens", i), 500);
    /* DRY ends a loop. */
    json_t *loop = expect_json("t run --json -q --temp 0 -n 12 --logit-bias 500=30 --dry-multiplier 100 Once");
    int repeated = 0;
    for (size_t i = 0; i < 12; i++) repeated += id_at(loop, "tokens", i) == 500;
    assert_in_range(repeated, 2, 11);
    /* More beams find nothing worse. */
    double last = -1e9;
    for (int n = 1; n <= 16; n *= 4) {
        snprintf(command, sizeof command, "t run --json -q -n 12 --beams %d --length-penalty 0 Once", n);
        json_t *v = expect_json(command), *beams = json_object_get(v, "beams");
        assert_in_range(json_array_size(beams), 1, (size_t)n);
        assert_true(json_equal(json_object_get(json_array_get(beams, 0), "tokens"), json_object_get(v, "tokens")));
        double logprob = json_real_value(json_object_get(json_array_get(beams, 0), "logprob"));
        assert_true(logprob >= last);
        last = logprob;
        json_decref(v);
    }
    result lines = sh("t run -q --temp 0 -n 24 --logprobs 2 Once | wc -l");
    assert_int_equal(strtol(lines.out, NULL, 10), 24);
    release(&lines);
    json_decref(greedy);
    json_decref(banned);
    json_decref(wanted);
    json_decref(loop);
}

static void test_tokenize(void **state) {
    (void)state;
    require_builtin();
    result r = sh("printf 'Once upon a time,\\n there was.' > text.txt; t tokenize -f text.txt | t tokenize --decode - > back.txt; cmp text.txt back.txt");
    if (r.code != 0) fail_msg("text and ids and text again: %s %s", r.out, r.err);
    release(&r);
    r = sh("printf '{\"text\": \"Once\"}\\n\\n{\"text\": \"\"}\\n{\"text\": \"a\\\\u0000b\"}' | t tokenize --jsonl --no-bos");
    expect_code(&r, 0, "tokenize --jsonl");
    size_t n_lines = 0;
    for (const char *p = r.out; (p = strchr(p, '\n')); p++) n_lines++;
    assert_int_equal(n_lines, 3);
    assert_int_equal(strncmp(r.out, "{\"ids\": [", 9), 0);
    release(&r);
    r = sh("echo '{\"ids\": [1, 2]}' | t tokenize --jsonl --decode");
    assert_string_equal(r.out, "{\"bytes_b64\": \"\"}\n");
    release(&r);
    /* Base64 of one, two and three bytes more than whole groups. */
    r = sh("for text in a ab abc abcd abcde; do ids=$(t tokenize --no-bos --json $text | sed 's/, \"pieces.*/}/'); "
           "echo \"$ids\" | t tokenize --jsonl --decode | sed 's/.*: \"//; s/\".*//' | base64 -d; echo; done");
    assert_string_equal(r.out, "a\nab\nabc\nabcd\nabcde\n");
    release(&r);
    r = sh("t tokenize --pieces Once | wc -l; t tokenize Once | wc -w");
    assert_int_equal(strtol(r.out, NULL, 10), strtol(strchr(r.out, '\n'), NULL, 10));
    release(&r);
}

static void test_same_bits(void **state) {
    (void)state;
    require_builtin();
    static const char *const ways[] = {"--batch 5", "--chunk 1", "-t 1", "--chunk 3 --batch 2 -t 1"};
    result r = sh("t eval logits --ids 1,20,300,40,50,60,70 --all");
    assert_int_equal(r.code, 0);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        result s = shf("t eval logits --ids 1,20,300,40,50,60,70 --all %s", ways[i]);
        assert_int_equal(s.code, 0);
        if (strcmp(r.out, s.out) != 0) fail_msg("%s: other bits", ways[i]);
        release(&s);
    }
    release(&r);
}

/* Which tokens count, for 150 ids in windows of 64. */
static void test_perplexity_windows(void **state) {
    (void)state;
    require_builtin();
    static const struct {
        const char *options;
        int tokens, windows;
    } cases[] = {
        {"", 2 * 31, 2},                  /* llama.cpp: positions 33..63 of two windows, 22 ids are left */
        {"--score all", 150, 3},          /* 63 + 63 + 24, each behind a begin token */
        {"--stride 64", 63 + 63 + 21, 3}, /* no overlap: nothing foretells the first of a window */
        {"--stride 24", 149, 5},          /* overlap: every id but the very first */
    };
    result r = sh("{ echo '[10'; yes ', 20, 30' | head -74; echo ', 40]'; } > ids.json; "
                  "{ echo '['; cat ids.json; echo ,; cat ids.json; echo ']'; } > two.json");
    release(&r);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char command[200];
        double nll[3];
        for (int k = 0; k < 3; k++) { /* batches change nothing; two texts count by themselves */
            snprintf(command, sizeof command, "t eval ppl --json -q --window 64 --ids-file %s --batch %d %s", k == 2 ? "two.json" : "ids.json",
                     k ? 1 : 4, cases[i].options);
            json_t *v = expect_json(command);
            int times = k == 2 ? 2 : 1;
            assert_int_equal(json_integer_value(json_object_get(v, "tokens")), times * cases[i].tokens);
            assert_int_equal(json_integer_value(json_object_get(v, "windows")), times * cases[i].windows);
            nll[k] = json_number_value(json_object_get(v, "nll"));
            json_decref(v);
        }
        assert_true(nll[0] == nll[1]);
        assert_true(nll[0] - nll[2] < 1e-9 && nll[2] - nll[0] < 1e-9);
    }
}

/* A number of a row of `eval logits`: the decimals are those of a float. */
static double logit_in(const json_t *row, size_t token) {
    return (double)(float)json_number_value(json_array_get(row, token));
}

/* ln softmax(row)[token] */
static double logprob_in(const json_t *row, size_t token) {
    double max = -1e9, sum = 0;
    for (size_t i = 0; i < json_array_size(row); i++) max = fmax(max, logit_in(row, i));
    for (size_t i = 0; i < json_array_size(row); i++) sum += exp(logit_in(row, i) - max);
    return logit_in(row, token) - max - log(sum);
}

static void expect_near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.12g instead of %.12g", a, b);
}

static double number(const json_t *v, const char *key) {
    return json_number_value(json_object_get(v, key));
}

/* A model against itself, and against itself with other activations: the figures from the logits of both. */
static void test_divergence(void **state) {
    (void)state;
    require_builtin();
    enum { n = 40 };
    char ids[512] = "[1", command[700];
    for (int i = 1; i < n; i++) sprintf(ids + strlen(ids), ",%d", 20 + i * 37 % 900);
    result r = shf("echo '%s]' > kl.json", ids);
    release(&r);
    json_t *same = expect_json("t eval kl -q --json --base '' --window 16 --score all --ids-file kl.json");
    json_t *ppl = expect_json("t eval ppl -q --json --window 16 --score all --ids-file kl.json");
    assert_true(number(same, "kl") == 0 && number(same, "max") == 0 && number(same, "same_top") == 1);
    assert_true(number(same, "ppl") == number(ppl, "ppl"));
    expect_near(number(same, "ppl_base"), number(ppl, "ppl"), 1e-12 * number(ppl, "ppl"));
    assert_int_equal(number(same, "tokens"), number(ppl, "tokens"));
    /* One window of all ids: row i foretells id i + 1. */
    json_t *kl[2] = {expect_json("t eval kl -q --json --base '' --activations float --window 40 --stride 40 --ids-file kl.json"),
                     expect_json("t eval kl -q --json --base '' --activations float --window 40 --stride 40 --ids-file kl.json --chunk 3 -t 1")};
    snprintf(command, sizeof command, "t eval logits --json --all --ids '%s'", ids + 1);
    json_t *base = expect_json(command);
    snprintf(command, sizeof command, "t eval logits --json --all --activations float --ids '%s'", ids + 1);
    json_t *other = expect_json(command);
    double sum = 0, max = 0, nll = 0;
    int same_top = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        const json_t *p = json_array_get(json_object_get(base, "logits"), i), *q = json_array_get(json_object_get(other, "logits"), i);
        double at = 0, zp = logprob_in(p, 0) - logit_in(p, 0), zq = logprob_in(q, 0) - logit_in(q, 0);
        size_t top_p = 0, top_q = 0;
        for (size_t t = 0; t < json_array_size(p); t++) {
            double a = logit_in(p, t), b = logit_in(q, t);
            at += exp(a + zp) * (a + zp - b - zq);
            if (a > logit_in(p, top_p)) top_p = t;
            if (b > logit_in(q, top_q)) top_q = t;
        }
        sum += at;
        max = fmax(max, at);
        nll -= logprob_in(p, (size_t)(20 + (int)(i + 1) * 37 % 900));
        same_top += top_p == top_q;
    }
    assert_true(sum > 1e-6);
    expect_near(number(kl[0], "kl"), sum / (n - 1), 1e-9);
    expect_near(number(kl[0], "max"), max, 1e-9);
    expect_near(number(kl[0], "same_top"), same_top / (n - 1.0), 1e-12);
    expect_near(number(kl[0], "ppl_base"), exp(nll / (n - 1)), 1e-6 * exp(nll / (n - 1)));
    assert_true(number(kl[0], "median") <= number(kl[0], "p90") && number(kl[0], "p90") <= number(kl[0], "p99") && number(kl[0], "p99") <= max + 1e-12);
    assert_true(json_equal(kl[0], kl[1]));
    json_t *const all[] = {same, ppl, kl[0], kl[1], base, other};
    for (size_t i = 0; i < 6; i++) json_decref(all[i]);
}

/* The sum over the ending's tokens, from `tokenize` and `eval logits`. */
static double ending_logprob(const char *begin, const char *whole) {
    char command[1024];
    snprintf(command, sizeof command, "t tokenize --json '%s'", begin);
    json_t *a = expect_json(command);
    snprintf(command, sizeof command, "t tokenize --json '%s'", whole);
    json_t *b = expect_json(command), *ids = json_object_get(b, "ids");
    snprintf(command, sizeof command, "t eval logits --json --all --ids \"$(t tokenize '%s')\"", whole);
    json_t *logits = expect_json(command);
    double sum = 0;
    for (size_t i = json_array_size(json_object_get(a, "ids")); i < json_array_size(ids); i++)
        sum += logprob_in(json_array_get(json_object_get(logits, "logits"), i - 1), (size_t)json_integer_value(json_array_get(ids, i)));
    json_decref(a);
    json_decref(b);
    json_decref(logits);
    return sum;
}

static void test_tasks(void **state) {
    (void)state;
    require_builtin();
    /* Right; right by length alone; wrong. */
    result r = sh("{ echo '{\"query\": \"Once upon a\", \"choices\": [\"dog\", \"time\"], \"gold\": 1}'; echo; "
                  "echo '{\"query\": \"They\", \"choices\": [\"are\", \"played together and had lots of fun.\"], \"gold\": 1}'; "
                  "echo '{\"query\": \"Once upon a \", \"choices\": [\"dog\", \"time\"], \"gold\": 0}'; } > choices.jsonl; "
                  "{ echo '{\"text\": \"Once upon a time\"}'; echo '{\"text\": \"Once upon a dog \"}'; } > words.jsonl");
    release(&r);
    json_t *choices = expect_json("t eval tasks -q --json --records choices.jsonl");
    json_t *logprobs = json_object_get(choices, "logprobs");
    assert_int_equal(number(choices, "records"), 3);
    double dog = ending_logprob("Once upon a", "Once upon a dog"), time = ending_logprob("Once upon a", "Once upon a time");
    double are = ending_logprob("They", "They are"), played = ending_logprob("They", "They played together and had lots of fun.");
    assert_true(dog < time && played < are && are / 3 < played / 36);
    const double expected[3][2] = {{dog, time}, {are, played}, {dog, time}};
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = json_array_get(logprobs, i);
        assert_int_equal(json_array_size(row), 2);
        for (size_t k = 0; k < 2; k++) expect_near(json_number_value(json_array_get(row, k)), expected[i][k], 1e-5);
    }
    expect_near(number(choices, "acc"), 1.0 / 3, 1e-12);
    expect_near(number(choices, "acc_stderr"), sqrt(1.0 / 3 * (2.0 / 3) / 2), 1e-12);
    expect_near(number(choices, "acc_norm"), 2.0 / 3, 1e-12);
    expect_near(number(choices, "acc_bytes"), 2.0 / 3, 1e-12);
    json_t *alone = expect_json("t eval tasks -q --json --records --batch 1 --chunk 2 -t 1 choices.jsonl");
    assert_true(json_equal(alone, choices)); /* bit for bit */
    json_t *words = expect_json("t eval tasks -q --json --records words.jsonl"), *first = expect_json("t eval tasks -q --json --limit 1 - < words.jsonl");
    expect_near(number(words, "acc"), 0.5, 0);
    expect_near(number(words, "ppl"), exp(-(dog + time) / 2), 1e-4 * exp(-(dog + time) / 2));
    expect_near(number(first, "acc"), 1, 0);
    expect_near(number(first, "ppl"), exp(-time), 1e-6);
    assert_int_equal(number(first, "records"), 1);
    json_t *const all[] = {choices, alone, words, first};
    for (size_t i = 0; i < 4; i++) json_decref(all[i]);
}

/* `... | head` must neither hang nor complain; a full disk and a closed output must. */
static void test_output_that_fails(void **state) {
    (void)state;
    require_builtin();
    static const char *const writers[] = {"t run --ignore-eos -n 200 -q", "t info", "t help run", "t eval logits --ids 1,2,3 --all --json"};
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        result r = shf("{ %s; echo $? > code.txt; } | head -c 1 > /dev/null; exit $(cat code.txt)", writers[i]);
        expect_code(&r, 0, writers[i]);
        if (r.n_err) fail_msg("%s | head: %s", writers[i], r.err);
        release(&r);
        r = shf("%s <&- >&-", writers[i]);
        expect_code(&r, 3, writers[i]); /* nothing that the program opens may take their places */
        release(&r);
        if (access("/dev/full", W_OK) != 0) continue;
        r = shf("%s > /dev/full", writers[i]);
        expect_code(&r, 3, writers[i]);
        expect_one_line(&r, writers[i]);
        release(&r);
    }
}

static void nap(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void test_interrupt(void **state) {
    (void)state;
    require_builtin();
    /* In the middle of an answer that has no end. */
    result made = shf("sh '%s' '%s' long.gguf", test_source("tests/long_context.sh"), test_source("models/story.gguf"));
    expect_code(&made, 0, "tests/long_context.sh");
    release(&made);
    pid_t pid = start("TRIT_CPU=scalar exec $TRIT_EMULATOR \"$TRIT_PROGRAM\" run -m long.gguf --ignore-eos -t 1");
    struct stat st;
    for (int i = 0; i < 30000 && (stat("out.txt", &st) != 0 || st.st_size == 0); i++) nap(2);
    assert_int_equal(kill(pid, SIGINT), 0);
    result r = wait_for(pid);
    expect_code(&r, 130, "run and Ctrl-C");
    assert_true(r.n_out > 0);
    assert_int_equal(r.out[r.n_out - 1], '\n');
    assert_null(strstr(r.err, "trit: "));
    release(&r);
    /* While it waits for standard input. */
    (void)unlink("fifo.tmp");
    assert_int_equal(mkfifo("fifo.tmp", 0600), 0);
    pid = start("exec $TRIT_EMULATOR \"$TRIT_PROGRAM\" run < fifo.tmp");
    int fd = open("fifo.tmp", O_WRONLY), n_left = 1;
    assert_int_equal(write(fd, "Once", 4), 4);
    for (int i = 0; i < 30000 && n_left; i++) {
        nap(2);
        assert_int_equal(ioctl(fd, FIONREAD, &n_left), 0);
    }
    assert_int_equal(n_left, 0); /* it reads, and will want more */
    kill(pid, SIGINT);
    r = wait_for(pid);
    close(fd);
    unlink("fifo.tmp");
    expect_code(&r, 130, "run without a prompt and Ctrl-C");
    release(&r);
}

static void test_completion(void **state) {
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < 3; i++) {
        result r = shf("t completion %s > c.txt && { ! command -v %s > /dev/null || %s -n c.txt; }", shells[i], shells[i], shells[i]);
        expect_code(&r, 0, shells[i]);
        release(&r);
    }
    result r = sh("command -v bash > /dev/null || exit 77; t completion bash > c.bash; cat > c.sh <<'END'\n"
                  ". ./c.bash\n"
                  "ask() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _trit; echo \"${COMPREPLY[*]}\"; }\n"
                  "ask trit ru; ask trit run --see; ask trit eval p; ask trit eval ppl --win; ask trit run --kv q; ask trit help ev\n"
                  "END\nbash c.sh");
    if (r.code != 77) assert_string_equal(r.out, "run\n--seed\nppl\n--window\nq8\neval\n");
    release(&r);
    r = sh("t man");
    assert_int_equal(r.code, 0);
    assert_int_equal(strncmp(r.out, ".TH TRIT 1", 10), 0);
    release(&r);
}

static void test_doctor(void **state) {
    (void)state;
    require_builtin();
    json_t *v = expect_json("t doctor --json");
    assert_true(json_is_true(json_object_get(v, "ok")));
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(v, "checks"), i, check) assert_string_not_equal(json_string_value(json_object_get(check, "status")), "fail");
    json_decref(v);
    result r = sh("t doctor --device cuda");
    assert_int_equal(r.code, 1);
    assert_non_null(strstr(r.out, "fail  device"));
    expect_one_line(&r, "doctor --device cuda");
    release(&r);
}

/* What the option says goes before the environment, whose wish would be refused. */
static void test_no_tune(void **state) {
    (void)state;
    require_builtin();
    result r = sh("TRIT_WEIGHTS=t4 t run -q -n 1 Once");
    assert_int_equal(r.code, 2);
    expect_one_line(&r, "t4");
    release(&r);
    r = sh("TRIT_WEIGHTS=t4 t run -q -n 1 --no-tune Once");
    assert_int_equal(r.code, 0);
    release(&r);
}

static void test_synthetic(void **state) {
    (void)state;
    result r = sh("t run -m synthetic:tiny --ids 1,2,3 -n 4 --temp 0 --json -q");
    if (r.code != 0) fail_msg("synthetic:tiny: %s", r.err);
    json_t *v = json_loads(r.out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(v, "tokens")), 4);
    json_decref(v);
    release(&r);
}

/* The reference perplexity of the real model: 4.12358 in float64. */
static void test_reference_perplexity(void **state) {
    (void)state;
    require_shared("data/models/bitllama/bitllama-3M.TQ2_0.gguf");
    char command[4096];
    snprintf(command, sizeof command, "t eval ppl -q -m '%s' --score all --ids-file '%s' --ids-key stories --json",
             test_shared("data/models/bitllama/bitllama-3M.TQ2_0.gguf"), test_shared("data/models/bitllama/ref_tokens.json"));
    json_t *v = expect_json(command);
    assert_int_equal(json_integer_value(json_object_get(v, "tokens")), 20440);
    double ppl = json_number_value(json_object_get(v, "ppl"));
    if (ppl < 4.118 || ppl > 4.129) fail_msg("perplexity %.5f instead of 4.12358", ppl);
    json_decref(v);
}

/* Broken files: a clear error of one line, never a crash, whatever is asked of them. */
static size_t ask_all(const char *folder) {
    static const char *const questions[] = {"info --check -q -m", "run --ids 1 -n 1 -q -m", "tokenize hi -m"};
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)); n++) {
        if (entry->d_name[0] == '.') continue;
        for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
            result r = shf("timeout 60 \"$TRIT_PROGRAM\" %s '%s/%s'", questions[i], folder, entry->d_name);
            if (r.code > 4) fail_msg("%s %s: exit %d: %s", questions[i], entry->d_name, r.code, r.err);
            if (r.code) expect_one_line(&r, entry->d_name);
            release(&r);
        }
    }
    closedir(dir);
    return n;
}

static void test_malformed(void **state) {
    (void)state;
    require_shared("data/malformed");
    char folder[1024];
    snprintf(folder, sizeof folder, "%s", test_shared("data/malformed/gguf"));
    assert_true(ask_all(folder) > 10);
    snprintf(folder, sizeof folder, "%s", test_shared("data/malformed/safetensors"));
    assert_true(ask_all(folder) > 10);
}

int main(void) {
    if (!getenv("TRIT_PROGRAM")) setenv("TRIT_PROGRAM", TRIT_BINARY_DIR "/trit", 1);
    if (!getenv("TRIT_EMULATOR")) setenv("TRIT_EMULATOR", "", 1);
    /* TRIT_CPU stays: the suite runs once a tier. */
    static const char *const others[] = {"TRIT_THREADS", "TRIT_DEVICE", "TRIT_LOG"};
    for (size_t i = 0; i < 3; i++) unsetenv(others[i]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_errors),
        cmocka_unit_test(test_model_errors),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_run_stop),
        cmocka_unit_test(test_run_sampling),
        cmocka_unit_test(test_tokenize),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_perplexity_windows),
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_output_that_fails),
        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_no_tune),
        cmocka_unit_test(test_synthetic),
        cmocka_unit_test(test_reference_perplexity),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
