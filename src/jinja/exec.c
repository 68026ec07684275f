/* Statements: they write to the output and to variables. */
#include "jinja/vm.h"

trit_jframe *trit_jframe_new(trit_jvm *vm, trit_jframe *parent) {
    trit_jframe *f = vm->spare_frames;
    if (f)
        vm->spare_frames = f->parent;
    else if (!(f = trit_jalloc(vm, 1, sizeof *f)))
        return NULL;
    f->parent = parent;
    return f;
}

void trit_jframe_leave(trit_jvm *vm, trit_jframe *outer) {
    trit_jframe *f = vm->frame;
    vm->frame = outer;
    if (!f || f->captured) return;
    while (f->first) {
        trit_jbinding *next = f->first->next;
        f->first->next = vm->spare_bindings;
        vm->spare_bindings = f->first;
        f->first = next;
    }
    f->parent = vm->spare_frames;
    vm->spare_frames = f;
}

bool trit_jassign(trit_jvm *vm, trit_str name, trit_jvalue v) {
    for (trit_jbinding *b = vm->frame->first; b; b = b->next)
        if (trit_str_equal(b->name, name)) {
            b->value = v;
            return true;
        }
    trit_jbinding *b = vm->spare_bindings;
    if (b)
        vm->spare_bindings = b->next;
    else if (!(b = trit_jalloc(vm, 1, sizeof *b)))
        return false;
    *b = (trit_jbinding){name, v, vm->frame->first};
    vm->frame->first = b;
    return true;
}

/* namespace.name = v */
static bool assign_member(trit_jvm *vm, const trit_jnode *target, trit_jvalue v) {
    trit_jvalue owner;
    if (!trit_jeval(vm, target->a, &owner)) return false;
    if (owner.kind != trit_j_namespace) return trit_jfail(vm, "cannot assign attribute on non-namespace object");
    return trit_jdict_set(vm, owner.as.dict, trit_jstring(target->name), v);
}

static bool assign(trit_jvm *vm, const trit_jnode *target, trit_jvalue v) {
    const trit_jvalue *items;
    size_t n;
    if (target->kind == trit_jn_name) return trit_jassign(vm, target->name, v);
    if (target->kind == trit_jn_member) return assign_member(vm, target, v);
    if (!trit_jiterate(vm, v, &items, &n)) return false;
    if (n != target->list.n) return trit_jfail(vm, "expected %zu values to unpack, not %zu", target->list.n, n);
    for (size_t i = 0; i < n; i++)
        if (!assign(vm, target->list.at[i], items[i])) return false;
    return true;
}

/* A body in a scope of its own. */
static trit_jflow exec_scoped(trit_jvm *vm, const trit_jnode *body) {
    trit_jframe *outer = vm->frame;
    vm->frame = trit_jframe_new(vm, outer);
    trit_jflow flow = vm->frame ? trit_jexec(vm, body) : trit_jflow_error;
    trit_jframe_leave(vm, outer);
    return flow;
}

/* The text that a body writes, through the filters `filters` (innermost first; NULL: none). */
static bool filter_text(trit_jvm *vm, const trit_jnode *filters, trit_jvalue text, trit_jvalue *out) {
    trit_jcall call;
    if (!filters) {
        *out = text;
        return true;
    }
    if (!trit_jenter(vm)) return false;
    bool good = filter_text(vm, filters->a, text, &text) && trit_jcollect(vm, &filters->args, &call) &&
                trit_japply_filter(vm, filters->name, text, &call, out);
    vm->depth--;
    return good;
}

static trit_jflow exec_captured(trit_jvm *vm, const trit_jnode *body, const trit_jnode *filters, trit_jvalue *out) {
    size_t mark = vm->text.n;
    trit_jflow flow = exec_scoped(vm, body);
    if (flow == trit_jflow_error || !trit_jtake(vm, mark, out) || !filter_text(vm, filters, *out, out)) return trit_jflow_error;
    return flow;
}

static trit_jflow exec_if(trit_jvm *vm, const trit_jnode *n) {
    for (size_t i = 0; i + 1 < n->list.n; i += 2) {
        trit_jvalue condition;
        if (!trit_jeval(vm, n->list.at[i], &condition)) return trit_jflow_error;
        if (trit_jtruth(condition)) return trit_jexec(vm, n->list.at[i + 1]);
    }
    return n->c ? trit_jexec(vm, n->c) : trit_jflow_next;
}

/* ---- loops ---- */

/* items[0..*n) without those that the loop's condition refuses. */
static bool select_items(trit_jvm *vm, const trit_jnode *loop, const trit_jvalue **items, size_t *n) {
    trit_jvalue kept, condition;
    trit_jframe *outer = vm->frame;
    if (!trit_jlist_new(vm, trit_j_list, *n, &kept)) return false;
    for (size_t i = 0; i < *n; i++) {
        vm->frame = trit_jframe_new(vm, outer);
        if (!vm->frame || !assign(vm, loop->a, (*items)[i]) || !trit_jeval(vm, loop->c, &condition)) return false;
        if (trit_jtruth(condition) && !trit_jlist_push(vm, kept.as.list, (*items)[i])) return false;
        trit_jframe_leave(vm, outer);
    }
    *items = kept.as.list->at;
    *n = kept.as.list->n;
    return true;
}

static trit_jflow run_loop(trit_jvm *vm, const trit_jnode *n, trit_jloop *loop) {
    trit_jframe *outer = vm->frame;
    trit_jflow flow = trit_jflow_next;
    trit_jvalue v = {.kind = trit_j_loop, .as.loop = loop};
    for (loop->index = 0; loop->index < loop->n; loop->index++) {
        vm->frame = trit_jframe_new(vm, outer); /* each round starts with fresh variables */
        if (!vm->frame || !trit_jcharge(vm, 1) || !trit_jassign(vm, trit_str_from("loop"), v) || !assign(vm, n->a, loop->items[loop->index]))
            return trit_jflow_error;
        flow = trit_jexec(vm, n->list.at[0]);
        trit_jframe_leave(vm, outer);
        if (flow == trit_jflow_error || flow == trit_jflow_break) break;
    }
    return flow == trit_jflow_error ? flow : trit_jflow_next;
}

static trit_jflow exec_for(trit_jvm *vm, const trit_jnode *n) {
    trit_jvalue over;
    trit_jloop *loop = trit_jalloc(vm, 1, sizeof *loop);
    if (!loop || !trit_jeval(vm, n->b, &over) || !trit_jiterate(vm, over, &loop->items, &loop->n)) return trit_jflow_error;
    if (n->c && !select_items(vm, n, &loop->items, &loop->n)) return trit_jflow_error;
    if (loop->n == 0) return n->list.n > 1 ? exec_scoped(vm, n->list.at[1]) : trit_jflow_next;
    return run_loop(vm, n, loop);
}

/* ---- the rest ---- */

static bool new_macro(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    trit_jmacro *macro = trit_jalloc(vm, 1, sizeof *macro);
    if (!macro) return false;
    *macro = (trit_jmacro){n, vm->frame};
    for (trit_jframe *f = vm->frame; f && !f->captured; f = f->parent) f->captured = true;
    *out = (trit_jvalue){.kind = trit_j_macro, .as.macro = macro};
    return true;
}

/* The macro of a call block gets the block's body as one of its own, named "caller". */
static bool exec_call_block(trit_jvm *vm, const trit_jnode *n) {
    trit_jvalue callee, caller, text;
    trit_jcall call;
    if (!trit_jeval(vm, n->a->a, &callee) || !trit_jcollect(vm, &n->a->args, &call) || !new_macro(vm, n->b, &caller)) return false;
    call.caller = &caller;
    return trit_jcall_value(vm, callee, &call, &text) && trit_jprint(vm, text);
}

static trit_jflow exec_scope(trit_jvm *vm, const trit_jnode *n) {
    trit_jframe *outer = vm->frame, *inner = trit_jframe_new(vm, outer);
    trit_jflow flow = inner ? trit_jflow_next : trit_jflow_error;
    for (size_t i = 0; i < n->args.n && flow != trit_jflow_error; i++) {
        trit_jvalue v;
        bool good = trit_jeval(vm, n->args.at[i].value, &v); /* seen from outside, all of them */
        vm->frame = inner;
        if (!good || !trit_jassign(vm, n->args.at[i].name, v)) flow = trit_jflow_error;
        vm->frame = outer;
    }
    vm->frame = inner;
    if (flow != trit_jflow_error) flow = trit_jexec(vm, n->c);
    trit_jframe_leave(vm, outer);
    return flow;
}

static trit_jflow exec_body(trit_jvm *vm, const trit_jnode *n) {
    trit_jflow flow = trit_jflow_next;
    for (size_t i = 0; i < n->list.n && flow == trit_jflow_next; i++) flow = trit_jexec(vm, n->list.at[i]);
    return flow;
}

static trit_jflow done(bool good) {
    return good ? trit_jflow_next : trit_jflow_error;
}

static trit_jflow exec_kind(trit_jvm *vm, const trit_jnode *n) {
    trit_jvalue v;
    trit_jflow flow;
    switch (n->kind) {
    case trit_jn_body: return exec_body(vm, n);
    case trit_jn_data: return done(trit_jprint(vm, n->constant));
    case trit_jn_output: return done(trit_jeval(vm, n->a, &v) && trit_jprint(vm, v));
    case trit_jn_if: return exec_if(vm, n);
    case trit_jn_for: return exec_for(vm, n);
    case trit_jn_set: return done(trit_jeval(vm, n->b, &v) && (!n->a || assign(vm, n->a, v)));
    case trit_jn_set_block:
        flow = exec_captured(vm, n->c, n->b, &v);
        return flow == trit_jflow_error || !assign(vm, n->a, v) ? trit_jflow_error : flow;
    case trit_jn_macro: return done(new_macro(vm, n, &v) && trit_jassign(vm, n->name, v));
    case trit_jn_call_block: return done(exec_call_block(vm, n));
    case trit_jn_filter_block:
        flow = exec_captured(vm, n->c, n->b, &v);
        return flow == trit_jflow_error || !trit_jprint(vm, v) ? trit_jflow_error : flow;
    case trit_jn_scope: return exec_scope(vm, n);
    case trit_jn_break: return trit_jflow_break;
    case trit_jn_continue: return trit_jflow_continue;
    default: return done(trit_jfail(vm, "a value where a statement should be")); /* the parser builds no such tree */
    }
}

trit_jflow trit_jexec(trit_jvm *vm, const trit_jnode *n) {
    if (!trit_jenter(vm)) return trit_jflow_error;
    uint32_t line = vm->line;
    vm->line = n->line;
    trit_jflow flow = exec_kind(vm, n);
    vm->line = line;
    vm->depth--;
    return flow;
}
