/* A buddy tree that knows runs.
 *
 *   units     0 1 2 3 4 5 6 7          a node: (front, back, longest) of the free units below it
 *             . . x x x . . .          root (2, 3, 3)
 *             [  2,0,2  ][ 0,3,3 ]
 *
 * In a plain buddy system a block is a power of two and joins its buddy only; 1.1 MB would take 2 MB, and a free half beside a free half of
 * another pair would stay two. Here a run may be any number of units and begin at any: a node is computed from its two buddies, whose runs
 * join where back and front touch. So coalescing is complete at once, whatever was released last, and finding the leftmost run that
 * is long enough is one way down the tree. A node that is wholly free or wholly taken says nothing of those below it: they are
 * filled in when a part of it changes. */
#include "memory/buddy.h"

static trit_buddy_node uniform(uint32_t n, bool is_free) {
    const uint16_t v = is_free ? (uint16_t)n : 0;
    return (trit_buddy_node){v, v, v};
}

static bool is_uniform(trit_buddy_node node, uint32_t n) {
    return node.longest == 0 || node.longest == n;
}

void trit_buddy_init(trit_buddy *b, uint32_t n, trit_buddy_node *nodes) {
    *b = (trit_buddy){n, nodes};
    nodes[1] = uniform(n, true);
}

bool trit_buddy_find(const trit_buddy *b, uint32_t n, uint32_t align, uint32_t *first) {
    const uint32_t want = n + align - 1;
    uint32_t at = 0, i = 1;
    if (b->nodes[1].longest < want) return false;
    for (uint32_t size = b->n; b->nodes[i].longest < size;) {
        const trit_buddy_node *left = &b->nodes[2 * i], *right = left + 1;
        size /= 2;
        if (left->longest >= want) {
            i = 2 * i;
        } else if ((uint32_t)left->back + right->front >= want) {
            at += size - left->back;
            break;
        } else {
            i = 2 * i + 1;
            at += size;
        }
    }
    *first = (at + align - 1) / align * align;
    return true;
}

/* Units [first, last) of those below node i, which covers [at, at + size). */
static void set(trit_buddy *b, uint32_t i, uint32_t at, uint32_t size, uint32_t first, uint32_t last, bool is_free) {
    trit_buddy_node *node = &b->nodes[i], *left = &b->nodes[2 * i], *right = left + 1;
    const uint32_t half = size / 2, middle = at + half;
    if (first <= at && at + size <= last) {
        *node = uniform(size, is_free);
        return;
    }
    if (is_uniform(*node, size)) *left = *right = uniform(half, node->longest != 0);
    if (first < middle) set(b, 2 * i, at, half, first, last, is_free);
    if (last > middle) set(b, 2 * i + 1, middle, half, first, last, is_free);
    const uint32_t across = (uint32_t)left->back + right->front;
    uint32_t longest = left->longest > right->longest ? left->longest : right->longest;
    if (across > longest) longest = across;
    node->front = (uint16_t)(left->front == half ? half + right->front : left->front);
    node->back = (uint16_t)(right->back == half ? half + left->back : right->back);
    node->longest = (uint16_t)longest;
}

void trit_buddy_set(trit_buddy *b, uint32_t first, uint32_t n, bool is_free) {
    if (n) set(b, 1, 0, b->n, first, first + n, is_free);
}

/* Free units from `first` on within node i. */
static uint32_t run_at(const trit_buddy *b, uint32_t i, uint32_t at, uint32_t size, uint32_t first) {
    const trit_buddy_node *node = &b->nodes[i];
    if (first == at) return node->front;
    if (is_uniform(*node, size)) return node->longest ? at + size - first : 0;
    const uint32_t half = size / 2, middle = at + half;
    if (first >= middle) return run_at(b, 2 * i + 1, middle, half, first);
    const uint32_t n = run_at(b, 2 * i, at, half, first);
    return first + n == middle ? n + b->nodes[2 * i + 1].front : n;
}

uint32_t trit_buddy_run_at(const trit_buddy *b, uint32_t first) {
    return first < b->n ? run_at(b, 1, 0, b->n, first) : 0;
}
