/* Answers taken apart: calls as each family's own template writes them come back equal, and pieces of any size add up to the same. */
#include "test.h"

#include <jansson.h>
#include <time.h>

#include "base/alloc.h"
#include "server/reply.h"
#include "server/template_ways.h"
#include "trit/chat.h"

static const char tools_json[] =
    "{\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"description\": \"d\", \"parameters\": {\"type\": \"object\", "
    "\"properties\": {\"city\": {\"type\": \"string\", \"description\": \"d\"}, \"days\": {\"type\": \"integer\", \"description\": \"d\"}, "
    "\"deep\": {\"type\": \"object\", \"description\": \"d\", "
    "\"properties\": {\"a\": {\"type\": \"array\", \"items\": {\"type\": \"boolean\"}}}}}, \"required\": [\"city\"]}}}, "
    "{\"type\": \"function\", \"function\": {\"name\": \"stop\", \"description\": \"d\", \"parameters\": {\"type\": \"object\", \"properties\": {\"why\": "
    "{\"type\": \"string\", \"description\": \"d\"}}, \"required\": []}}}]}";

static trit_reading *new_reading(const char *family, const char *marks, bool thinks) {
    trit_reading *reading = calloc(1, sizeof *reading);
    trit_json *body;
    trit_refusal r;
    trit_error err = {0};
    assert_non_null(reading);
    assert_ok(trit_json_parse(&body, tools_json, sizeof tools_json - 1, "tools", &err));
    assert_true(trit_tools_read(&reading->tools, body, &r));
    trit_json_free(body);
    for (size_t i = 0; family && (!reading->family || strcmp(reading->family->name, family) != 0); i++) {
        reading->family = trit_tool_family_at(i);
        assert_non_null(reading->family);
    }
    reading->marks = marks ? trit_think_marks_of(marks) : NULL;
    reading->thinks = thinks;
    return reading;
}

static void free_reading(trit_reading *reading) {
    trit_tools_fini(&reading->tools);
    free(reading);
}

/* What an answer is, as one text: reasoning, text, and calls, in this order. */
static char *take_apart(const trit_reading *reading, const char *text, size_t n, size_t piece, size_t first) {
    trit_reply reply;
    trit_text out = {0};
    trit_reply_init(&reply, reading, 7);
    for (size_t at = 0, length = first; at < n || (at == 0 && n == 0); at += length, length = piece) {
        if (length > n - at) length = n - at;
        assert_true(trit_reply_add(&reply, text + at, length, false));
        if (n == 0) break;
    }
    assert_true(trit_reply_add(&reply, "", 0, true));
    assert_true(trit_text_append(&out, "R:", 2) && trit_text_append(&out, reply.reasoning.data ? reply.reasoning.data : "", reply.reasoning.n) &&
                trit_text_append(&out, "|T:", 3) && trit_text_append(&out, reply.content.data ? reply.content.data : "", reply.content.n));
    for (size_t i = 0; i < reply.n_calls; i++) {
        const trit_reply_call *call = &reply.call[i];
        assert_int_equal(strlen(call->id), 9);
        assert_true(trit_text_append(&out, "|", 1) && trit_text_append(&out, call->tool->name.p, call->tool->name.n) && trit_text_append(&out, ":", 1) &&
                    trit_text_append(&out, call->arguments.data ? call->arguments.data : "", call->arguments.n));
    }
    trit_reply_fini(&reply);
    char *result = strdup(out.data);
    trit_text_fini(&out);
    return result;
}

/* Every cut into two, and pieces of one to three bytes. */
static void pieces_add_up(const trit_reading *reading, const char *text) {
    const size_t n = strlen(text);
    char *whole = take_apart(reading, text, n, n + 1, n + 1);
    for (size_t cut = 1; cut < n + 3; cut++) {
        char *parts = cut < n ? take_apart(reading, text, n, n, cut) : take_apart(reading, text, n, cut - n + 1, cut - n + 1);
        if (strcmp(whole, parts) != 0) fail_msg("cut %zu of %s:\n%s\n%s", cut, text, whole, parts);
        free(parts);
    }
    free(whole);
}

static const struct {
    const char *family, *marks;
    bool thinks;
    const char *text, *wanted;
} answers[] = {
    {NULL, "</think>", false, "Hello <b>there</b> </think>", "R:|T:Hello <b>there</b> </think>"},
    {NULL, "</think>", false, "  \nHello \n", "R:|T:  \nHello \n"},
    {NULL, "</think>", false, "<think>\nA < B\n\n</think>\n\nHello", "R:A < B|T:Hello"},
    {NULL, "</think>", true, "\nA </thin </think> Hello ", "R:A </thin|T:Hello "},
    {NULL, "</think>", true, "<think>A</think>B", "R:A|T:B"},
    {NULL, "</think>", true, "never ends </thi", "R:never ends </thi|T:"},
    {NULL, "</think>", false, "<thi", "R:|T:<thi"},
    {NULL, "[/THINK]", false, "[THINK]a[/THINK]b", "R:a|T:b"},
    {"hermes", NULL, false, "Hello", "R:|T:Hello"},
    {"hermes", NULL, false, "Let me see.\n<tool_call>\n{\"name\": \"stop\", \"arguments\": {\"why\": \"}\\\"{\"}}\n</tool_call>",
     "R:|T:Let me see.|stop:{\"why\": \"}\\\"{\"}"},
    {"hermes", NULL, false, "<tool_call>{\"arguments\":{\"why\":1},\"name\":\"stop\"}</tool_call> done", "R:|T:done|stop:{\"why\":1}"},
    {"hermes", NULL, false, "<tool_call>{\"id\": 3, \"name\": \"stop\", \"x\": [1], \"arguments\": \"{\\\"why\\\": 2}\"}</tool_call>",
     "R:|T:|stop:{\"why\": 2}"},
    {"hermes", NULL, false, "<tool_call>\n{\"name\": \"stop\"}\n</tool_call>\n<tool_call>{\"name\": \"stop\", \"parameters\": null}", "R:|T:|stop:{}|stop:{}"},
    {"hermes", NULL, false, "<tool_call>\n{\"name\": \"unknown\", \"arguments\": {}}\n</tool_call>",
     "R:|T:<tool_call>\n{\"name\": \"unknown\", \"arguments\": {}}\n</tool_call>"},
    {"hermes", NULL, false, "<tool_call>\nno JSON\n</tool_call>", "R:|T:<tool_call>\nno JSON\n</tool_call>"},
    {"hermes", NULL, false, "<tool_call>\n{\"name\": \"stop\", \"arguments\": {\"why\": \"cut", "R:|T:|stop:{\"why\": \"cut"},
    {"hermes", NULL, false, "<tool_call>\n{\"na", "R:|T:<tool_call>\n{\"na"},
    {"hermes", "</think>", false, "<think><tool_call>{\"name\": \"stop\"}</tool_call></think><tool_call>{\"name\": \"stop\"}</tool_call>",
     "R:<tool_call>{\"name\": \"stop\"}</tool_call>|T:|stop:{}"},
    {"llama3", NULL, false, "\n{\"name\": \"stop\", \"parameters\": {}}", "R:|T:|stop:{}"},
    {"llama3", NULL, false, "{\"name\": \"stop\", \"parameters\": {}}; {\"name\": \"stop\", \"parameters\": {\"why\": \"b\"}}",
     "R:|T:|stop:{}|stop:{\"why\": \"b\"}"},
    {"llama3", NULL, false, "So: {\"name\": \"stop\", \"parameters\": {}}", "R:|T:So: {\"name\": \"stop\", \"parameters\": {}}"},
    {"llama3", NULL, false, "{\"answer\": 42}", "R:|T:{\"answer\": 42}"},
    {"mistral", NULL, false, "[TOOL_CALLS] [{\"name\": \"stop\", \"arguments\": {}, \"id\": \"x\"}, {\"name\": \"stop\", \"arguments\": {}}] ok",
     "R:|T:ok|stop:{}|stop:{}"},
    {"mistral_ids", NULL, false, "[TOOL_CALLS]stop[CALL_ID]abc[ARGS]{\"why\": \"a\"}", "R:|T:|stop:{\"why\": \"a\"}"},
    {"qwen_coder", NULL, false, "<tool_call>\n<function=stop>\n<parameter=why>\n  a\n\n</parameter>\n</function>\n</tool_call>",
     "R:|T:|stop:{\"why\": \"  a\\n\"}"},
    {"qwen_coder", NULL, false, "<tool_call><function=get_weather><parameter=city>7</parameter><parameter=days>7</parameter></function></tool_call>",
     "R:|T:|get_weather:{\"city\": \"7\", \"days\": 7}"},
    {"qwen_coder", NULL, false, "<tool_call>\n<function=stop>\n</function>\n</tool_call>", "R:|T:|stop:{}"},
    {"qwen_coder", NULL, false, "<tool_call>\n<function=stop>\n<parameter=why>\nhalf a va\n</para", "R:|T:|stop:{\"why\": \"half a va\""},
    {"qwen_coder", NULL, false, "<tool_call>\n<function=stop>\n<parameter=why>\na\n</parameter>\n</func", "R:|T:|stop:{\"why\": \"a\"}"},
    {"qwen_coder", NULL, false, "<tool_call>\n<function=stop>\n<parameter=wh", "R:|T:|stop:{}"},
    {"qwen_coder", NULL, false, "<tool_call>\n<function=stop>\nSo it is.", "R:|T:So it is.|stop:{}"},
    {"hermes", NULL, false, "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_", "R:|T:|stop:{}"},
    {"hermes", NULL, false, "<tool_call>{\"name\": \"stop\"}</tool_call>\n<tool_call>\n{\"na", "R:|T:|stop:{}"},
    {"lfm2", NULL, false, "I ask.<|tool_call_start|>[get_weather(city=\"Paris\", days=3)]<|tool_call_end|>Asked.",
     "R:|T:I ask.Asked.|get_weather:{\"city\": \"Paris\", \"days\": 3}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[ stop( ) ,stop(why = 'it\\'s \\\"x\\\" \\u00e9\\x41\\n\\d')]<|tool_call_end|>",
     "R:|T:|stop:{}|stop:{\"why\": \"it's \\\"x\\\" \\u00e9A\\n\\\\d\"}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(why='it's, well 'so'', a=\"\", b='')]<|tool_call_end|>",
     "R:|T:|stop:{\"why\": \"it's, well 'so'\", \"a\": \"\", \"b\": \"\"}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a=True, b=False, c=None, d=true, e=[1, (2.5, -3e+2), ], f={'k': {}, \"l\": [], 3: null})]<|tool_call_end|>",
     "R:|T:|stop:{\"a\": true, \"b\": false, \"c\": null, \"d\": true, \"e\": [1, [2.5, -3e+2]], \"f\": {\"k\": {}, \"l\": [], \"3\": null}}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a=1_000, b=.5, c=+1., d=007, e=celsius, f=New York , g=1_, h=)]<|tool_call_end|>",
     "R:|T:|stop:{\"a\": 1000, \"b\": 0.5, \"c\": 1.0, \"d\": \"007\", \"e\": \"celsius\", \"f\": \"New York\", \"g\": \"1_\", \"h\": null}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(why='\\101\\012\\0\\18\\1234\\777\\8\\N{DIGIT ONE}')]<|tool_call_end|>",
     "R:|T:|stop:{\"why\": \"A\\n\\u0000\\u00018S4\xC7\xBF\\\\8\\\\N{DIGIT ONE}\"}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a='\\ud83d\\ude00', b='\\ud800', c='\\ud800\\u0041\\udc00', d='\\ud800\\n\\U0000d800')]<|tool_call_end|>",
     "R:|T:|stop:{\"a\": \"\\ud83d\\ude00\", \"b\": \"\xEF\xBF\xBD\", \"c\": \"\xEF\xBF\xBD\\u0041\xEF\xBF\xBD\", "
     "\"d\": \"\xEF\xBF\xBD\\n\xEF\xBF\xBD\"}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a=1e999, b=[-1e400, 1e300], c=9223372036854775808)]<|tool_call_end|>",
     "R:|T:|stop:{\"a\": \"1e999\", \"b\": [\"-1e400\", 1e300], \"c\": 9223372036854775808}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a=1, b={'a': 2, 'b': {'a': 3}}, c={'a': 4}, a=5)]",
     "R:|T:a=5)]|stop:{\"a\": 1, \"b\": {\"a\": 2, \"b\": {\"a\": 3}}, \"c\": {\"a\": 4}}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a={'x': 1, '\\x78': 2}), stop()]", "R:|T:'\\x78': 2}), stop()]|stop:{\"a\": {\"x\": 1}}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a=., b=-., c=+., d=.e5, e=+, f=+-1, g=-.5, h=1.e5, i=+.5)]<|tool_call_end|>",
     "R:|T:|stop:{\"a\": \".\", \"b\": \"-.\", \"c\": \"+.\", \"d\": \".e5\", \"e\": \"+\", \"f\": \"+-1\", \"g\": -0.5, \"h\": 1.0e5, \"i\": 0.5}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(why=\"\"\"a \"b\"\n'c'\"\"\")]<|tool_call_end|>", "R:|T:|stop:{\"why\": \"a \\\"b\\\"\\n'c'\"}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(b=1, a=datetime(2020, 1))] So.", "R:|T:a=datetime(2020, 1))] So.|stop:{\"b\": 1}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a=g(x, 1))]", "R:|T:a=g(x, 1))]|stop:{}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a=[1, r'a\\d, b'])]", "R:|T:r'a\\d, b'])]|stop:{\"a\": [1]}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(a=b\"x\")]", "R:|T:a=b\"x\")]|stop:{}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[{\"name\": \"stop\", \"arguments\": {\"why\": 1}}, stop()]<|tool_call_end|>",
     "R:|T:|stop:{\"why\": 1}|stop:{}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(\"Paris\")]<|tool_call_end|>", "R:|T:<|tool_call_start|>[stop(\"Paris\")]<|tool_call_end|>"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(gr\xC3\xB6\xC3\x9F" "e=1), stop( a b =2), stop($top=3, $end=4)]<|tool_call_end|>",
     "R:|T:|stop:{\"gr\xC3\xB6\xC3\x9F" "e\": 1}|stop:{\"a b\": 2}|stop:{\"$top\": 3, \"$end\": 4}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(=1)]", "R:|T:<|tool_call_start|>[stop(=1)]"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop('a'=1)]", "R:|T:<|tool_call_start|>[stop('a'=1)]"},
    {"lfm2", NULL, false, "<|tool_call_start|>[fly(to=1)]<|tool_call_end|>", "R:|T:<|tool_call_start|>[fly(to=1)]<|tool_call_end|>"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(why=[1, {2}, x)] So.", "R:|T:2}, x)] So.|stop:{\"why\": [1, {}]}"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(why='half a va", "R:|T:|stop:{\"why\": \"half a va"},
    {"lfm2", NULL, false, "<|tool_call_start|>[stop(why=['a', 12", "R:|T:|stop:{\"why\": [\"a\", 12"},
    {"lfm2", NULL, false, "[stop()]", "R:|T:[stop()]"},
    {"pythonic", NULL, false, "\n[stop(), get_weather(city='Rome')]\n", "R:|T:|stop:{}|get_weather:{\"city\": \"Rome\"}"},
    {"pythonic", NULL, false, "[1, 2]", "R:|T:[1, 2]"},
    {"pythonic", NULL, false, "[stop]", "R:|T:[stop]"},
    {"pythonic", NULL, false, "So: [stop()]", "R:|T:So: [stop()]"},
    {"gemma4", NULL, false, "<|tool_call>call:stop{}<tool_call|><|tool_call>call:get_weather{city:<|\"|>a \"b\" \\n, <|}\n<|\"|>,days:3}<tool_call|>",
     "R:|T:|stop:{}|get_weather:{\"city\": \"a \\\"b\\\" \\\\n, <|}\\n\", \"days\": 3}"},
    {"gemma4", NULL, false, "<|tool_call>call:stop{b:x,a:'x, y'}<tool_call|>", "R:|T:a:'x, y'}<tool_call|>|stop:{\"b\": \"x\"}"},
    {"gemma4", NULL, false, "a<|tool_call>call:stop{why:[<|\"|>x<|\"|>,true,{k:1.5,<|\"|>l<|\"|>:null}],b:\"c\\n\"}<tool_call|>",
     "R:|T:a|stop:{\"why\": [\"x\", true, {\"k\": 1.5, \"l\": null}], \"b\": \"c\\n\"}"},
    {"gemma4", NULL, false, "<|tool_call>call:stop{why:<|\"|>cu", "R:|T:|stop:{\"why\": \"cu"},
    {"gemma4", NULL, false, "<|tool_call>call:stop(why=1)", "R:|T:<|tool_call>call:stop(why=1)"},
    {"functionary", NULL, false, "a <function=stop>{}</function><function=stop>{\"why\": 1}</function>", "R:|T:a|stop:{}|stop:{\"why\": 1}"},
};

static void texts(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        trit_reading *reading = new_reading(answers[i].family, answers[i].marks, answers[i].thinks);
        const size_t n = strlen(answers[i].text);
        reading->tools.parallel = true;
        char *got = take_apart(reading, answers[i].text, n, n + 1, n + 1);
        assert_string_equal(got, answers[i].wanted);
        free(got);
        pieces_add_up(reading, answers[i].text);
        free_reading(reading);
    }
}

/* The time of a long value grows with its length, not with its square. */
static void check_long_value(const char *family, const char *head, const char *tail) {
    enum { n_value = 100000 };
    trit_reading *reading = new_reading(family, NULL, false);
    trit_text text = {0};
    assert_true(trit_text_append(&text, head, strlen(head)));
    for (size_t i = 0; i < n_value / 10; i++) assert_true(trit_text_append(&text, "0123 </p>\n", 10));
    assert_true(trit_text_append(&text, tail, strlen(tail)));
    const clock_t start = clock();
    char *got = take_apart(reading, text.data, text.n, 4, 4);
    assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
    assert_int_equal(strlen(got), strlen("R:|T:|stop:{\"why\": \"\"}") + n_value / 10 * 11); /* a line's end is two characters */
    free(got);
    trit_text_fini(&text);
    free_reading(reading);
}

static void long_values(void **state) {
    (void)state;
    check_long_value("qwen_coder", "<tool_call>\n<function=stop>\n<parameter=why>\n", "\n</parameter>\n</function>\n</tool_call>");
    check_long_value("lfm2", "<|tool_call_start|>[stop(why='", "')]<|tool_call_end|>");
    check_long_value("gemma4", "<|tool_call>call:stop{why:<|\"|>", "<|\"|>}<tool_call|>");
}

static void reasoning_kept_or_left_out(void **state) {
    (void)state;
    static const char text[] = "<think>\na\n</think>\n\nb";
    trit_reading *reading = new_reading(NULL, "</think>", false);
    static const struct {
        trit_reasoning reasoning;
        const char *wanted;
    } ways[] = {{trit_reasoning_keep, "R:|T:<think>\na\n</think>\n\nb"}, {trit_reasoning_none, "R:|T:b"}};
    for (size_t i = 0; i < 2; i++) {
        reading->reasoning = ways[i].reasoning;
        char *got = take_apart(reading, text, strlen(text), 100, 100);
        assert_string_equal(got, ways[i].wanted);
        free(got);
        pieces_add_up(reading, text);
    }
    free_reading(reading);
}

static void one_call_where_no_more_are_wanted(void **state) {
    (void)state;
    static const char text[] = "<tool_call>{\"name\": \"stop\"}</tool_call><tool_call>{\"name\": \"stop\"}</tool_call>";
    trit_reading *reading = new_reading("hermes", NULL, false);
    reading->tools.parallel = false;
    char *got = take_apart(reading, text, strlen(text), 100, 100);
    assert_string_equal(got, "R:|T:|stop:{}");
    free(got);
    free_reading(reading);
}

/* ---- The templates' own words ---- */

static const struct {
    const char *name;
    int n_calls; /* at once, as the template can say them */
} templates[] = { /* the first two write objects among the arguments as Python does */
    {"ByteDance-Seed-OSS", 2}, {"openbmb-MiniCPM5-1B", 2},
    {"MiniMax-M2", 2}, {"Qwen3-Coder", 2}, {"Qwen3.5-4B", 2}, {"StepFun3.5-Flash", 2}, {"NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 2},
    {"GLM-4.6", 2}, {"GLM-4.7-Flash", 2}, {"Apertus-8B-Instruct", 2}, {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", 2}, {"Cohere2MoE", 2},
    {"upstage-Solar-Open-100B", 2}, {"moonshotai-Kimi-K2", 2}, {"Mistral-Small-3.2-24B-Instruct-2506", 2}, {"unsloth-mistral-Devstral-Small-2507", 2},
    {"mistralai-Ministral-3-14B-Reasoning-2512", 2}, {"mistralai-Mistral-Nemo-Instruct-2407", 2}, {"npm-mistral_nemo", 2},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", 2}, {"deepseek-ai-DeepSeek-V3.1", 2}, {"meetkai-functionary-medium-v3.1", 2}, {"unsloth-Apriel-1.5", 2},
    {"Apriel-1.6-15b-Thinker-fixed", 2}, {"NVIDIA-Nemotron-Nano-v2", 2}, {"GigaChat3.1-10B-A1.8B", 1}, {"Qwen-Qwen2.5-7B-Instruct", 2}, {"npm-qwen2_5", 2},
    {"Qwen-Qwen3-0.6B", 2}, {"npm-qwen3", 2}, {"Qwen-QwQ-32B", 2}, {"Bielik-11B-v3.0-Instruct", 2}, {"MiMo-VL", 2}, {"Reka-Edge", 2},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", 2}, {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", 2}, {"ibm-granite-granite-4.0", 2},
    {"ibm-granite-granite-4.1", 2}, {"meta-llama-Llama-3.1-8B-Instruct", 1}, {"meta-llama-Llama-3.2-3B-Instruct", 1}, {"npm-llama3_2", 1},
    {"meta-llama-Llama-3.3-70B-Instruct", 1}, {"LFM2.5-8B-A1B", 2}, {"google-gemma-4-31B-it", 2}, {"google-gemma-4-31B-it-interleaved", 2},
};

static const char *const call_arguments[] = {"{\"city\": \"Paris\", \"days\": 3}", "{\"why\": \"B\"}"};
static const char *const deep_arguments[] = {"{\"city\": \"Pa\\\"ris\\\" \\u00e9\\nx\", \"days\": 3, \"deep\": {\"a\": [true, false]}}", "{\"why\": \"B\"}"};
static const char *const call_names[] = {"get_weather", "stop"};

static trit_text render(const char *source, int n_calls, const char *const *arguments) {
    trit_text out = {0};
    trit_error err = {0};
    char *json;
    json_t *doc = json_loads(tools_json, 0, NULL), *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "Q"), *calls = json_array();
    for (int i = 0; i < n_calls; i++)
        json_array_append_new(calls, json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", i ? "abcdefghi" : "012345678", "type", "function", "function", "name",
                                               call_names[i], "arguments", json_loads(arguments[i], 0, NULL)));
    if (n_calls) json_array_append_new(messages, json_pack("{s:s, s:s, s:O}", "role", "assistant", "content", "", "tool_calls", calls));
    json_object_set_new(doc, "messages", messages);
    json_object_set_new(doc, "add_generation_prompt", json_boolean(!n_calls));
    json = json_dumps(doc, 0);
    assert_ok(trit_chat_render(source, strlen(source), json, strlen(json), &(trit_chat_opts){.bos_token = "<s>", .eos_token = "</s>"}, &out, &err));
    free(json);
    json_decref(calls);
    json_decref(doc);
    return out;
}

/* Behind what both begin with, at the first mark of a call; in front of the template's end of a turn. */
static void check_template(const char *name, int n_calls, const char *const *arguments) {
    char path[200];
    snprintf(path, sizeof path, "data/chat/templates/%s.jinja", name);
    size_t n;
    char *source = test_read(test_shared(path), &n);
    trit_text prompt = render(source, 0, NULL), whole = render(source, n_calls, arguments);
    trit_reading *reading = new_reading(trit_tool_family_of(source)->name, source, false);
    const trit_tool_family *f = reading->family;
    char mark[64];
    snprintf(mark, sizeof mark, "%s", *f->begin ? f->begin : f->open);
    mark[1 + strcspn(mark + 1, "\n*\"")] = '\0';
    size_t same = 0;
    while (same < prompt.n && same < whole.n && prompt.data[same] == whole.data[same]) same++;
    while (same && memcmp(whole.data + same, mark, strlen(mark)) != 0 && whole.data[same] != '>' && whole.data[same] != '\n') same--;
    const char *from = strstr(whole.data + same, mark);
    if (!from) fail_msg("%s: no call in %s", name, whole.data + same);
    char *got = take_apart(reading, from, strlen(from), strlen(from), strlen(from)), *at = got;
    for (int i = 0; i < n_calls; i++) {
        at = strstr(at, call_names[i]);
        if (!at) fail_msg("%s (%s): %s", name, f->name, got);
        at += strlen(call_names[i]) + 1;
        json_t *mine = json_loadb(at, strlen(at), JSON_DISABLE_EOF_CHECK, NULL), *wanted = json_loads(arguments[i], 0, NULL);
        if (!json_equal(mine, wanted)) fail_msg("%s (%s): %s", name, f->name, got);
        json_decref(mine);
        json_decref(wanted);
    }
    free(got);
    pieces_add_up(reading, from);
    free_reading(reading);
    trit_text_fini(&prompt);
    trit_text_fini(&whole);
    free(source);
}

static void calls_of_templates_come_back(void **state) {
    (void)state;
    require_shared("data/chat/templates");
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        check_template(templates[i].name, templates[i].n_calls, call_arguments);
        if (i > 1) check_template(templates[i].name, templates[i].n_calls, deep_arguments);
    }
}

/* So do those that are written where a template cannot, as every family writes them. */
static void calls_of_messages_come_back(void **state) {
    (void)state;
    static const char json[] = "[{\"function\": {\"name\": \"get_weather\", \"arguments\": {\"city\": \"Pa\\\"ris\\\" it's \\\\ \\u00e9\\nx\", \"days\": 3, "
                               "\"deep\": {\"a\": [true, null, \"s\"]}, \"e\": false}}}, {\"function\": {\"name\": \"stop\", \"arguments\": \"{}\"}}]";
    trit_json *calls;
    trit_error err = {0};
    assert_ok(trit_json_parse(&calls, json, sizeof json - 1, "calls", &err));
    json_t *wanted = json_loads(json, 0, NULL);
    for (size_t i = 0; trit_tool_family_at(i); i++) {
        const trit_tool_family *f = trit_tool_family_at(i);
        trit_reading *reading = new_reading(f->name, NULL, false);
        trit_text text = {0};
        reading->tools.parallel = true;
        assert_true(trit_tool_calls_write(&text, f, calls));
        char *got = take_apart(reading, text.data, text.n, text.n, text.n), *at = strstr(got, "|get_weather:");
        if (!at) fail_msg("%s: %s", f->name, got);
        json_t *mine = json_loadb(at + 13, strlen(at + 13), JSON_DISABLE_EOF_CHECK, NULL);
        if (!json_equal(mine, json_object_get(json_object_get(json_array_get(wanted, 0), "function"), "arguments"))) fail_msg("%s: %s", f->name, got);
        if (strcmp(f->name, "gigachat") != 0 && !strstr(at, "|stop:{}")) fail_msg("%s: %s", f->name, got);
        json_decref(mine);
        pieces_add_up(reading, text.data);
        free(got);
        trit_text_fini(&text);
        free_reading(reading);
    }
    json_decref(wanted);
    trit_json_free(calls);
}

/* What templates can say of tools is found by trying them. */
static void ways_of_templates(void **state) {
    (void)state;
    static const struct {
        const char *name, *family;
        bool hides_tools, hides_calls, hides_results, wants_text;
    } ways[] = {
        {"Qwen-Qwen3-0.6B", "hermes", false, false, false, false},
        {"meta-llama-Llama-3.1-8B-Instruct", "llama3", false, false, false, false},
        {"mistralai-Mistral-Nemo-Instruct-2407", "mistral", false, false, false, false},
        {"meetkai-functionary-medium-v3.2", "json", false, false, false, true},
        {"google-gemma-4-31B-it", "gemma4", false, false, false, false},
        {"LFM2-8B-A1B", "lfm2", false, true, false, false},
        {"LFM2.5-Instruct", "lfm2", false, true, false, false},
        {"LFM2.5-8B-A1B", "lfm2", false, false, false, false},
        {"deepseek-ai-DeepSeek-V3.1", "deepseek_plain", true, false, false, false},
        {"ibm-granite-granite-3.3-2B-Instruct", "granite", false, true, false, false},
        {"bitnet-b1.58-2B-4T.hf", "json", true, true, false, false},
        {"google-gemma-2-2b-it", "json", true, true, true, false},
    };
    require_shared("data/chat/templates");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char path[200];
        size_t n;
        snprintf(path, sizeof path, "data/chat/templates/%s.jinja", ways[i].name);
        char *source = test_read(test_shared(path), &n);
        const trit_template_ways w = trit_template_look(source, &(trit_chat_opts){.bos_token = "<s>", .eos_token = "</s>"});
        assert_string_equal(w.family->name, ways[i].family);
        assert_int_equal(w.hides_tools, ways[i].hides_tools);
        assert_int_equal(w.hides_calls, ways[i].hides_calls);
        assert_int_equal(w.hides_results, ways[i].hides_results);
        assert_int_equal(w.wants_text, ways[i].wants_text);
        free(source);
    }
}

static void marks_that_are_special_tokens(void **state) {
    (void)state;
    const trit_template_ways mistral = {.family = trit_tool_family_of("[TOOL_CALLS]")}, qwen = {.family = trit_tool_family_of("<tool_call>")};
    assert_string_equal(mistral.family->name, "mistral");
    const trit_template_ways glm = {.family = trit_tool_family_of("<arg_key>")}, cohere = {.family = trit_tool_family_of("<|START_ACTION|>")};
    assert_true(trit_ways_use(&glm, trit_str_from("<arg_value>")));
    assert_true(trit_ways_use(&cohere, trit_str_from("<|END_ACTION|>")));
    assert_false(trit_ways_use(&cohere, trit_str_from("<|START_RESPONSE|>")));
    assert_true(trit_ways_use(&mistral, trit_str_from("[TOOL_CALLS]")));
    assert_false(trit_ways_use(&mistral, trit_str_from("</s>")));
    assert_false(trit_ways_use(&qwen, trit_str_from("<|im_end|>")));
    assert_true(trit_ways_use(&(trit_template_ways){.marks = trit_think_marks_of("[/THINK]")}, trit_str_from("[THINK]")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(long_values),
        cmocka_unit_test(reasoning_kept_or_left_out),
        cmocka_unit_test(one_call_where_no_more_are_wanted),
        cmocka_unit_test(calls_of_templates_come_back),
        cmocka_unit_test(calls_of_messages_come_back),
        cmocka_unit_test(ways_of_templates),
        cmocka_unit_test(marks_that_are_special_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
