/* trit tokenize: text to ids and back, whole or line by line. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "base/os.h"
#include "base/str.h"
#include "command.h"
#include "ids.h"
#include "input.h"
#include "interrupt.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "store.h"

typedef struct tokenize_opts {
    const char *model, *file;
    bool decode, special, no_bos, jsonl, json, pieces;
} tokenize_opts;

#define AT(field) offsetof(tokenize_opts, field)

static const trit_option options[] = {
    {"model", 'm', trit_opt_file, AT(model), "MODEL", 0, 0,
     "a model, or a tokenizer alone: tokenizer.json, tokenizer.model, a folder, a GGUF file or hf:org/name:tokenizer.json; without it the "
     "model inside the program"},
    {"file", 'f', trit_opt_file, AT(file), "FILE", 0, 0, "read the text (or the ids) from a file, every byte of it; -: standard input"},
    {"decode", 0, trit_opt_flag, AT(decode), NULL, 0, 0, "ids to text"},
    {"special", 0, trit_opt_flag, AT(special), NULL, 0, 0,
     "special tokens written out in the text count as such; with --decode they are shown"},
    {"no-bos", 0, trit_opt_flag, AT(no_bos), NULL, 0, 0, "no begin token (or end token) around the text"},
    {"pieces", 0, trit_opt_flag, AT(pieces), NULL, 0, 0, "one token a line: its id and how the vocabulary spells it"},
    {"json", 0, trit_opt_flag, AT(json), NULL, 0, 0, "print one JSON document and nothing else"},
    {"jsonl", 0, trit_opt_flag, AT(jsonl), NULL, 0, 0,
     "answer every line {\"text\": ...} of the input by a line {\"ids\": ...}; with --decode {\"ids\": ...} by {\"bytes_b64\": ...}"},
};

typedef struct work {
    const tokenize_opts *opts;
    const trit_tokenizer *tokenizer;
    trit_text text;
    trit_ids ids;
} work;

static trit_status encode(work *w, const char *text, size_t n, trit_error *err) {
    trit_encode_opts opts = {.no_bos = w->opts->no_bos, .special = w->opts->special};
    return trit_tokenizer_encode(w->tokenizer, &w->ids, text, n, &opts, err);
}

static trit_status decode(work *w, trit_error *err) {
    return trit_tokenizer_decode(w->tokenizer, &w->text, w->ids.data, w->ids.n, w->opts->special, err);
}

static trit_status put_bytes(trit_jsonw *j, const trit_text *text, trit_error *err) {
    trit_text code = {0};
    bool ok = trit_base64_append(&code, text->data, text->n);
    trit_jsonw_key(j, "bytes_b64");
    trit_jsonw_strn(j, code.data, code.n);
    trit_text_fini(&code);
    return ok ? trit_ok : trit_error_memory(err, text->n, "the text");
}

static void put_pieces(trit_jsonw *j, const work *w) {
    trit_jsonw_key(j, "pieces");
    trit_jsonw_array(j);
    for (size_t i = 0; i < w->ids.n; i++) {
        size_t n = 0;
        const char *piece = trit_tokenizer_piece(w->tokenizer, w->ids.data[i], &n);
        trit_jsonw_strn(j, piece ? piece : "", piece ? n : 0);
    }
    trit_jsonw_close(j, ']');
}

static trit_status print_json(const work *w, trit_error *err) {
    trit_jsonw j = {0};
    trit_status status = trit_ok;
    trit_jsonw_object(&j);
    trit_jsonw_key(&j, "ids");
    trit_jsonw_ids(&j, w->ids.data, w->ids.n);
    put_pieces(&j, w);
    if (w->opts->decode) {
        trit_jsonw_key(&j, "text");
        trit_jsonw_strn(&j, w->text.data, w->text.n);
        status = put_bytes(&j, &w->text, err);
    }
    trit_jsonw_close(&j, '}');
    if (status == trit_ok) return trit_jsonw_finish(&j, err);
    trit_jsonw_fini(&j);
    return status;
}

static void print_pieces(const work *w) {
    for (size_t i = 0; i < w->ids.n; i++) {
        size_t n = 0;
        const char *piece = trit_tokenizer_piece(w->tokenizer, w->ids.data[i], &n);
        trit_out_printf("%7" PRId32 "  ", w->ids.data[i]);
        if (piece) trit_out_escaped(piece, n);
        trit_out_puts("\n");
    }
}

static void print_ids(const work *w) {
    for (size_t i = 0; i < w->ids.n; i++) trit_out_printf("%s%" PRId32, i ? " " : "", w->ids.data[i]);
    trit_out_puts("\n");
}

static trit_status whole(work *w, const trit_args *args, trit_error *err) {
    const tokenize_opts *o = w->opts;
    trit_text input = {0};
    trit_status status = trit_ok;
    const char *word = args->n ? args->item[0] : NULL;
    if (word && strcmp(word, "-") != 0) {
        if (!trit_text_append(&input, word, strlen(word))) status = trit_error_memory(err, strlen(word), "the text");
    } else {
        status = trit_input_read(&input, o->file ? o->file : "-", err);
    }
    const char *text = input.data ? input.data : "";
    if (status == trit_ok && o->decode) {
        status = trit_ids_parse(&w->ids, text, input.n, "--decode", err);
        if (status == trit_ok) status = decode(w, err);
    } else if (status == trit_ok) {
        status = encode(w, text, input.n, err);
    }
    trit_text_fini(&input);
    if (status != trit_ok) return status;
    if (o->json) return print_json(w, err);
    if (o->pieces) {
        print_pieces(w);
    } else if (o->decode) {
        trit_out_write(w->text.data, w->text.n);
        /* Bytes are passed on as they are; only a terminal gets its prompt on a line of its own. */
        if (trit_os_is_terminal(1)) trit_out_puts("\n");
    } else {
        print_ids(w);
    }
    return trit_ok;
}

/* One line of --jsonl. `what` names the line in errors. */
static trit_status answer_line(work *w, const trit_json *line, const char *what, trit_error *err) {
    trit_jsonw j = {0};
    trit_status status;
    if (w->opts->decode) {
        w->ids.n = 0;
        status = trit_ids_from_json(&w->ids, trit_json_get(line, "ids"), what, err);
        if (status == trit_ok) status = decode(w, err);
    } else {
        trit_str text = trit_json_as_str(trit_json_get(line, "text"));
        status = text.p ? encode(w, text.p, text.n, err) : trit_error_set(err, trit_format, "%s: no \"text\" in it", what);
    }
    if (status != trit_ok) return status;
    trit_jsonw_object(&j);
    if (w->opts->decode) {
        status = put_bytes(&j, &w->text, err);
    } else {
        trit_jsonw_key(&j, "ids");
        trit_jsonw_ids(&j, w->ids.data, w->ids.n);
    }
    trit_jsonw_close(&j, '}');
    if (status == trit_ok) return trit_jsonw_finish(&j, err);
    trit_jsonw_fini(&j);
    return status;
}

static trit_status lines(work *w, FILE *f, trit_error *err) {
    trit_text line = {0};
    trit_status status = trit_ok;
    for (size_t number = 1; status == trit_ok && trit_out_usable(); number++) {
        bool end;
        char what[40];
        snprintf(what, sizeof what, "line %zu", number);
        status = trit_input_line(&line, f, what, &end, err);
        if (status != trit_ok || end) break;
        if (line.data[strspn(line.data, " \t\r")] == '\0') continue;
        trit_json *document;
        status = trit_json_parse(&document, line.data, line.n, what, err);
        if (status != trit_ok) break;
        status = answer_line(w, document, what, err);
        trit_json_free(document);
    }
    trit_text_fini(&line);
    return status;
}

static trit_status answer(work *w, const trit_args *args, trit_error *err) {
    if (!w->opts->jsonl) return whole(w, args, err);
    const char *path = w->opts->file;
    if (!path || strcmp(path, "-") == 0) return lines(w, stdin, err);
    FILE *f = fopen(path, "rb");
    if (!f) return trit_error_set(err, trit_io, "%s: cannot be opened", path);
    trit_status status = lines(w, f, err);
    fclose(f);
    return status;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    work w = {.opts = opts};
    const tokenize_opts *o = opts;
    trit_status status = trit_args_at_most(args, o->jsonl ? 0 : 1, err);
    if (status == trit_ok && args->n && o->file)
        status = trit_error_set(err, trit_arg, "two texts: give an argument or --file, not both");
    if (status == trit_ok && o->jsonl && (o->json || o->pieces))
        status = trit_error_set(err, trit_arg, "--jsonl does not go with --%s", o->json ? "json" : "pieces");
    if (status != trit_ok) return status;
    trit_tokenizer *owned = NULL;
    trit_loaded loaded = {0};
    bool by_model = !o->model || !*o->model || strncmp(o->model, "synthetic:", 10) == 0 || trit_ends_with(o->model, ".safetensors");
    if (by_model) {
        trit_model_choice choice = {.model = o->model};
        status = trit_load(&loaded, &choice, NULL, &(trit_output_choice){.quiet = true}, err);
        w.tokenizer = loaded.tokenizer;
        if (status == trit_ok && !w.tokenizer)
            status = trit_error_set(err, trit_arg, "%s: the model has no tokenizer", trit_model_choice_name(&choice));
    } else {
        trit_text path = {0};
        status = trit_locate(&path, o->model, &(trit_output_choice){0}, err);
        if (status == trit_ok) status = trit_tokenizer_open(&owned, path.data, err);
        trit_text_fini(&path);
        w.tokenizer = owned;
    }
    if (status == trit_ok) status = answer(&w, args, err);
    trit_tokenizer_close(owned);
    trit_unload(&loaded);
    trit_text_fini(&w.text);
    trit_ids_fini(&w.ids);
    return status;
}

static const trit_opt_group groups[] = {{"Options", options, TRIT_COUNT(options), 0}};

static const trit_example examples[] = {
    {"trit tokenize -m model.gguf \"Hello world\"", "the ids, begin token included"},
    {"trit tokenize -m tokenizer.json --pieces -f text.txt", "a tokenizer alone, one token a line"},
    {"trit tokenize --decode 1,2,3", "the text of three ids"},
    {"trit tokenize -m model.gguf --jsonl < texts.jsonl", "{\"text\": ...} a line in, {\"ids\": ...} a line out"},
};

static const tokenize_opts defaults;

const trit_command trit_cmd_tokenize = {
    .usage = "[options] [TEXT]\n--decode [options] [IDS]",
    .about = "Turns text into token ids, or with --decode ids into text. The text is an argument, --file or standard input, taken "
             "byte for byte.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
