/* The states that a text may lead a grammar to, each made when it is met first. For grammar_guide.c alone.
 *
 * A state is the set of all (step, frame) that are possible after the same bytes. A frame is where a rule returns to: a set of
 * (step, frame of that rule), one for each caller. Callers that enter a rule after the same bytes share its frame, as in G. Gerdemann's
 * and M. Tomita's graph-structured stacks, so what is possible stays polynomial; a rule called last returns to its caller's
 * callers right away, so lists that are written as recursion take no room. Equal states and frames are one. */
#ifndef TRIT_ENGINE_GRAMMAR_STATES_H
#define TRIT_ENGINE_GRAMMAR_STATES_H

#include "engine/grammar.h"

enum { trit_free_max_work = 1 << 12 /* pairs to look at for one count of free characters */ };

enum { trit_state_unknown, trit_state_dead, trit_state_first };

typedef struct trit_grammar_frame {
    uint32_t first, n;     /* of `link` */
    uint32_t depth, least; /* rules inside each other, at most; bytes to the end of the text, at least */
} trit_grammar_frame;

/* How many characters of the kinds up to one may follow a state, whichever they are. */
typedef struct trit_free_count {
    uint32_t n;    /* UINT32_MAX: not counted */
    uint32_t most; /* `least` here and behind each of them, at most */
    bool is_all;   /* none of these characters leads on behind n of them */
} trit_free_count;

typedef struct trit_grammar_state {
    uint32_t first, n; /* of `place` */
    uint32_t least;    /* bytes to the end of the text, at least */
    bool may_end;
    uint8_t n_kinds;   /* the first so many kinds: all their characters lead on */
    uint8_t apart;     /* as a set, the kinds of which all characters lead to the same state, or none leads on */
    trit_free_count free[trit_n_char_kinds];
} trit_grammar_state;

/* Pairs (step, frame) are step << 32 | frame. */
typedef struct trit_grammar_states {
    const trit_grammar *grammar;
    uint8_t byte_of[256]; /* one of each class */
    trit_grammar_state *state;
    trit_grammar_frame *frame; /* frame 0: the whole text's end */
    uint64_t *place, *link;
    uint32_t *move; /* [state, n_moves]: the state after a byte of each class; then, by kind: some of what any such character leads to */
    uint32_t *state_slot, *frame_slot, *kept; /* tables by hash; for collecting */
    uint32_t n_moves, n_states, n_frames, n_places, n_links;
    uint32_t max_states, max_frames, max_places, max_links;
    /* While a state is made: */
    uint32_t max_seen; /* pairs */
    uint64_t *work, *seen, *found, *caller, *link_made, *heap;
    uint32_t *seen_stamp, *caller_rule, stamp;
    size_t n_work, n_seen, n_found, n_callers, n_heap;
    bool may_end, is_fresh, is_full;
    uint64_t work_done; /* pairs looked at since somebody set it to 0 */
} trit_grammar_states;

TRIT_MUST_CHECK trit_status trit_grammar_states_init(trit_grammar_states *s, const trit_grammar *grammar, trit_error *err);
void trit_grammar_states_fini(trit_grammar_states *s);

/* The state of the empty text, or after one more byte of a class (or character of a kind). With is_full there was no room: collect, and try again. */
uint32_t trit_grammar_states_start(trit_grammar_states *s);
uint32_t trit_grammar_states_make(trit_grammar_states *s, uint32_t state, unsigned move);

/* Keeps the states root[0..n) alone, and gives them their new numbers. */
void trit_grammar_states_collect(trit_grammar_states *s, uint32_t *root, size_t n);

/* Counts up to `limit`, or to where room or patience ends. */
void trit_grammar_states_count_free(trit_grammar_states *s, uint32_t state, int kind, uint32_t limit);

#endif
