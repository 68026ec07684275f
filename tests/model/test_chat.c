/* Which chat template a model has: from GGUF metadata, from the files of a Hugging Face folder, or our own where a release ships a
 * wrong one. */
#include "test.h"

#include <sys/stat.h>

#include "base/json.h"
#include "model/model.h"

static trit_error err;

static void write_file(const char *folder, const char *name, const char *text, size_t n) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

/* A folder with the weights and configuration of the tiny model, and nothing of a tokenizer. */
static const char *make_folder(const char *name) {
    static const char *const files[][2] = {{"spec/examples/tiny_packed_bitlinear.safetensors", "model.safetensors"},
                                           {"spec/examples/config_bitlinear.json", "config.json"}};
    static char folder[512];
    snprintf(folder, sizeof folder, "%s/%s", TRIT_BINARY_DIR, name);
    mkdir(folder, 0777);
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        char *data = test_read(test_shared(files[i][0]), &n);
        write_file(folder, files[i][1], data, n);
        free(data);
    }
    return folder;
}

/* Opens the folder and renders a conversation; want NULL: there is no template. */
static void check_folder(const char *folder, const char *want) {
    static const char conversation[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}";
    trit_model *model = NULL;
    trit_text out = {0};
    const trit_model_opts opts = {.no_weights = true};
    const trit_chat_opts chat = {.bos_token = "<b>"};
    assert_ok(trit_model_open(&model, folder, &opts, &err));
    trit_status status = trit_model_chat_render(model, conversation, sizeof conversation - 1, &chat, &out, &err);
    if (want) {
        assert_int_equal(status, trit_ok);
        assert_string_equal(out.data, want);
    } else {
        assert_int_equal(status, trit_unsupported);
        assert_null(trit_model_chat_template(model));
    }
    trit_text_fini(&out);
    trit_model_close(model);
}

#define WRITE(name, text) write_file(folder, name, text, sizeof text - 1)

static void test_folders(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_packed_bitlinear.safetensors");
    const char *folder = make_folder("chat_folder");
    char path[1024];
    check_folder(folder, NULL);
    WRITE("tokenizer_config.json", "{\"chat_template\": null}");
    check_folder(folder, NULL);
    WRITE("tokenizer_config.json", "{\"chat_template\": \"one {{ messages[0].content }}{{ bos_token }}\"}");
    check_folder(folder, "one hi<b>");
    WRITE("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"t\"}, {\"name\": \"default\", \"template\": \"d\"}]}");
    check_folder(folder, "d");
    WRITE("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"r\"}, {\"name\": \"x\", \"template\": \"y\"}]}");
    check_folder(folder, "r");
    WRITE("tokenizer_config.json", "{\"chat_template\": []}");
    check_folder(folder, NULL);
    WRITE("chat_template.jinja", "file\n");
    check_folder(folder, "file");
    WRITE("chat_template.jinja", "");
    check_folder(folder, "");
    snprintf(path, sizeof path, "%s/chat_template.jinja", folder);
    remove(path);
    WRITE("tokenizer_config.json", "{\"chat_template\": ");
    trit_model *model = NULL;
    assert_int_equal(trit_model_open(&model, folder, &(trit_model_opts){.no_weights = true}, &err), trit_format);
    snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    remove(path);
}

static void test_choice(void **state) {
    char text[] = "left over";
    char arch[32] = "bitnet-b1.58";
    trit_model m = {.chat_template = text};
    (void)state;
    m.source.gguf = (trit_gguf *)&m; /* only asked whether it is there */
    m.source.file_arch = arch;
    m.config.vocab_size = 128256;
    assert_ptr_equal(trit_model_chat_template(&m), trit_chat_bitnet_2b4t);
    strcpy(arch, "bitnet-25");
    assert_ptr_equal(trit_model_chat_template(&m), trit_chat_bitnet_2b4t);
    m.config.vocab_size = 32000;
    assert_ptr_equal(trit_model_chat_template(&m), text);
    m.config.vocab_size = 128256;
    strcpy(arch, "llama");
    assert_ptr_equal(trit_model_chat_template(&m), text);
    strcpy(arch, "bitnet-25");
    m.source.gguf = NULL; /* the Hugging Face release has the right one itself */
    assert_ptr_equal(trit_model_chat_template(&m), text);
}

static trit_json *parse(const char *text, size_t n) {
    trit_json *json = NULL;
    assert_ok(trit_json_parse(&json, text, n, "reference", &err));
    return json;
}

/* The conversation of a case, as text: what stands behind its name in cases.json, which has one case a line. */
static trit_str case_text(const char *cases, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":{", name);
    const char *begin = strstr(cases, key);
    assert_non_null(begin);
    begin += strlen(key) - 1;
    size_t n = 0, depth = 0;
    bool quoted = false;
    do {
        if (begin[n] == '\\')
            n++;
        else if (begin[n] == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += begin[n] == '{' ? 1 : begin[n] == '}' ? (size_t)-1 : 0;
        n++;
    } while (depth > 0);
    return (trit_str){begin, n};
}

/* Our own template against the renderings of the release's. */
static void test_bitnet(void **state) {
    (void)state;
    require_shared("data/chat/renderings.jsonl");
    static const trit_chat_opts opts = {.bos_token = "<|begin_of_text|>", .eos_token = "<|end_of_text|>"};
    size_t n, n_checked = 0;
    char *cases = test_read(test_shared("data/chat/cases.json"), &n), *lines = test_read(test_shared("data/chat/renderings.jsonl"), &n);
    for (char *line = lines, *end; (end = strchr(line, '\n')); line = end + 1) {
        trit_json *json = parse(line, (size_t)(end - line));
        trit_text out = {0};
        if (trit_str_is(trit_json_as_str(trit_json_get(json, "template")), "bitnet-b1.58-2B-4T.hf")) {
            trit_str conversation = case_text(cases, trit_json_as_str(trit_json_get(json, "case")).p);
            assert_ok(trit_chat_render(trit_chat_bitnet_2b4t, strlen(trit_chat_bitnet_2b4t), conversation.p, conversation.n, &opts, &out, &err));
            assert_string_equal(out.data, trit_json_as_str(trit_json_get(json, "out")).p);
            n_checked++;
        }
        trit_text_fini(&out);
        trit_json_free(json);
    }
    assert_true(n_checked >= 5);
    free(cases);
    free(lines);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folders), cmocka_unit_test(test_choice), cmocka_unit_test(test_bitnet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
