/* Grammars from the inside.
 *
 *   GBNF, JSON Schema -> tree of expressions -> program -> states, made as they are met -> mask over the vocabulary
 *   (grammar_gbnf.c, ...)  (grammar_tree.c)    (grammar_program.c)   (grammar_guide.c)        (token_tree.c)
 *
 * A program is a nondeterministic automaton over bytes whose steps may call rules. Everything that a text could still become is
 * followed at once, with callers that meet in a rule joined, so that no grammar takes exponential time. */
#ifndef TRIT_ENGINE_GRAMMAR_H
#define TRIT_ENGINE_GRAMMAR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/grammar.h"
#include "trit/memory.h"
#include "trit/status.h"

enum {
    trit_grammar_max_text = 256 << 10, /* bytes of a grammar or a schema: some come from the network */
    trit_grammar_max_steps = 1 << 20,  /* of a program */
    trit_grammar_max_repeat = 1 << 16, /* {m,n} */
    trit_grammar_max_groups = 100,     /* parentheses inside each other */
    trit_grammar_max_depth = 512,      /* rules inside each other, while a text is made */
    trit_grammar_no_max = UINT16_MAX + 2
};

/* ---- The tree: what the languages have in common ---- */

typedef struct trit_char_range {
    uint32_t first, last; /* characters (code points) */
} trit_char_range;

typedef enum trit_expr_kind {
    trit_expr_sequence, /* of its children; of none: the empty text */
    trit_expr_choice,   /* one of its children */
    trit_expr_repeat,   /* its only child, min to max times */
    trit_expr_chars,    /* one character of the ranges */
    trit_expr_text,     /* these bytes */
    trit_expr_rule
} trit_expr_kind;

typedef struct trit_expr {
    trit_expr_kind kind;
    uint32_t last, before; /* the last child; the sibling before this one. 0: none */
    uint32_t at, n;        /* chars, text: where in their pool; rule: its number */
    uint32_t min, max;     /* repeat; max may be trit_grammar_no_max */
} trit_expr;

typedef struct trit_grammar_rule {
    uint32_t name, n_name; /* in `bytes`; n_name 0: made by the compiler */
    uint32_t node;         /* 0: not defined */
    uint32_t line;         /* where it is defined or, before that, first used; 0: nowhere */
} trit_grammar_rule;

/* Zero-initialise. Growing may fail: then `failed` is set, and what was made since counts nothing; the compiler looks at it once. */
typedef struct trit_expr_tree {
    trit_expr *node; /* number 0 is none */
    trit_char_range *range;
    trit_grammar_rule *rule;
    size_t n_nodes, n_ranges, n_rules, node_capacity, range_capacity, rule_capacity, n_slots;
    uint32_t *slot; /* [n_slots]: rules by the hashes of their names */
    trit_text bytes;
    bool failed;
} trit_expr_tree;

void trit_expr_fini(trit_expr_tree *tree);

uint32_t trit_expr_new(trit_expr_tree *tree, trit_expr_kind kind);         /* a sequence or choice without children */
void trit_expr_add(trit_expr_tree *tree, uint32_t parent, uint32_t child); /* an expression has one parent */
uint32_t trit_expr_put_repeat(trit_expr_tree *tree, uint32_t child, uint32_t min, uint32_t max);
uint32_t trit_expr_put_text(trit_expr_tree *tree, const char *s, size_t n);
uint32_t trit_expr_put_use(trit_expr_tree *tree, uint32_t rule);                   /* a place where a rule is used */
uint32_t trit_expr_put_rule(trit_expr_tree *tree, const char *name, size_t n);     /* a new rule; the name need not be unique */

uint32_t trit_expr_find_rule(const trit_expr_tree *tree, const char *name, size_t n); /* UINT32_MAX: none */

/* What free texts are made of, so that whole branches of a vocabulary can be let through at once: characters that no language escapes and that end no
 * line, in kinds of which many classes hold all up to one. */
enum { trit_char_alnum, trit_char_mark, trit_char_blank, trit_n_char_kinds }; /* ASCII letters and digits; all others; ' ' */

int trit_char_kind(uint32_t c);                                   /* -1: none of them */
int trit_expr_kinds(const trit_expr_tree *tree, const trit_expr *chars); /* the last kind that is there whole, like those before it; -1: none is */

/* One character of the ranges, in any order, or of all others. Surrogates are no characters. */
uint32_t trit_expr_put_chars(trit_expr_tree *tree, const trit_char_range *range, size_t n, bool others);

/* ---- The program ---- */

typedef enum trit_grammar_step_kind {
    trit_grammar_step_byte,  /* a byte of [low, high], then next */
    trit_grammar_step_split, /* next and other */
    trit_grammar_step_call,  /* rule `other`, then next */
    trit_grammar_step_free,  /* any character of the kinds up to `high`, then next; as bytes, with others that may stand there, behind `other` */
    trit_grammar_step_end    /* of a rule */
} trit_grammar_step_kind;

typedef struct trit_grammar_step {
    uint8_t kind, low, high;
    uint8_t apart; /* byte: the kinds of characters, as a set, that it takes no byte of or all characters */
    uint32_t next, other;
} trit_grammar_step;

struct trit_grammar {
    atomic_uint n_owners;
    trit_grammar_step *step; /* [n_steps] */
    uint32_t n_steps, n_rules;
    uint32_t *entry;  /* [n_rules]: a rule's first step; rule 0 is the root */
    uint32_t *rank;   /* [n_rules]: a rule that may begin with another has a smaller one */
    uint32_t *least;  /* [n_steps]: bytes from here to the end of the rule, at least; for steps of use below UINT32_MAX */
    uint32_t *height; /* [n_steps]: how deep rules must go inside each other from here to the end of the rule */
    uint8_t class_of[256]; /* bytes that no step tells apart are of one class */
    uint32_t n_classes;
};

/* Rule 0 of the tree is the root. Errors: format (a rule that is not defined, begins with itself or has no finite text; names it),
 * unsupported (too large), memory. */
TRIT_MUST_CHECK trit_status trit_grammar_compile(trit_grammar **out, const trit_expr_tree *tree, trit_error *err);
trit_grammar *trit_grammar_keep(const trit_grammar *grammar); /* one more owner */

/* ---- The vocabulary ---- */

/* The texts of all tokens that may be part of an answer, as trees in the order of a walk: one for each kind of characters, of the texts that
 * need it and none above it, and one of all others. */
typedef struct trit_token_tree_node {
    uint32_t skip;  /* the node after this one's descendants */
    uint32_t first; /* tokens that end here: token[first ..) up to the first of the next node; with its descendants, of `skip` */
    uint16_t depth; /* bytes up to here, this one included */
    uint8_t byte;
    uint8_t n_below; /* characters from here to the end of the longest descendant; trit_not_free: of no kind, or in the middle of one */
} trit_token_tree_node;

enum { trit_not_free = UINT8_MAX };

typedef struct trit_token_kind {
    uint32_t n_tokens, end; /* the node behind its tree, which begins where the one before ends */
    uint32_t n_chars;       /* of its longest text */
    uint64_t *bits;         /* [n_vocab / 64 + 1]: its tokens */
    int32_t *longest;       /* [n_tokens], the longest first */
    uint32_t n_longer[trit_not_free]; /* [n]: tokens of more than n characters */
} trit_token_kind;

typedef struct trit_token_tree {
    const struct trit_tokenizer *tokenizer; /* borrowed */
    trit_token_tree_node *node;             /* [n_nodes + 1], the last one for its `first` alone */
    int32_t *token;                         /* [n_tokens] by their texts */
    uint32_t n_nodes, n_tokens, n_vocab, depth;
    trit_token_kind kind[trit_n_char_kinds];
    uint32_t *eog; /* [n_eog]: tokens that end an answer */
    uint32_t n_eog;
} trit_token_tree;

/* The tokenizer outlives the tree. Errors: unsupported (a token of more than 32767 bytes), memory. */
TRIT_MUST_CHECK trit_status trit_token_tree_new(trit_token_tree **out, const struct trit_tokenizer *tokenizer, trit_error *err);
void trit_token_tree_free(trit_token_tree *tree); /* NULL is fine */

/* A token that a grammar names stands in it, and in the tree, as bytes that no text has: 0xFF, which UTF-8 does not know, and its number. The tree has
 * those of special and added tokens, but not of those that end an answer. */
enum { trit_token_name_bytes = 7, trit_token_name_max = 0xFFFFFF };
void trit_token_name(int32_t id, char out[trit_token_name_bytes]);

/* Is it one of those? Errors: format, which says why not. */
TRIT_MUST_CHECK trit_status trit_token_tree_check_name(const trit_token_tree *tree, int32_t id, trit_error *err);

/* ---- Following an answer ---- */

/* One answer's place in its grammar. One thread at a time; nothing is allocated after it is made. */
typedef struct trit_guide trit_guide;

/* `tokens` outlives the guide; NULL: it is moved by bytes only. Errors: format (the grammar names a token that `tokens` have no name of), unsupported (too
 * many ways to begin), memory. */
TRIT_MUST_CHECK trit_status trit_guide_new(trit_guide **out, const trit_grammar *grammar, const trit_token_tree *tokens, trit_error *err);
void trit_guide_free(trit_guide *guide);

bool trit_guide_move(trit_guide *guide, const char *s, size_t n, size_t *at); /* false: byte *at cannot stand there; or is_full */
bool trit_guide_may_end(const trit_guide *guide);
bool trit_guide_must_end(const trit_guide *guide); /* it may end, and nothing else */
bool trit_guide_is_full(const trit_guide *guide);  /* there were too many ways to read the text, or one more byte of it */
uint64_t trit_guide_work(const trit_guide *guide); /* what the last mask cost: nodes of the vocabulary, and pairs of states and bytes, looked at */

/* Sets logits [n_vocab] of the tokens that cannot be next to -INFINITY. Where `room` tokens are left, this one included, those that lead to where
 * the rest needs more bytes are such tokens, too (and, where no byte can be wasted, all that are not on a shortest way), unless nothing would be
 * left. False: no token can be next; or is_full, and the logits are as they were. */
bool trit_guide_mask(trit_guide *guide, float *logits, uint32_t n_vocab, uint32_t room, bool no_end);

/* Takes the token; false: it was not allowed. */
bool trit_guide_take(trit_guide *guide, int32_t token);

#endif
