/* What two schemas differ in.
 *
 * Columns of one name (its case ignored) are one column. Of the rest each old one is compared with each new one:
 *   name     how much the names look alike                     (evolve_names.c)
 *   type     the same, one that Iceberg widens, one that can be cast
 *   place    the same column number, or near it
 *   values   of columns that both have some: which part of the fewer is in the other; from the lowest hashes
 * Values that agree make up for names that do not (the more so the more there are, and less for numbers, which agree by
 * chance); values of two small sets that have nothing in common speak against it, while those of large ones (ids,
 * amounts) mean nothing: another month has others. Pairs are taken best first, one to one, ties by place, so the
 * same input gives the same answer. */
#include "ingest/evolve_internal.h"

#include <math.h>

const evolve_column *evolve_side_find(const evolve_side *side, lh_str name) {
    const evolve_column *found = NULL;
    for (size_t i = 0; i < side->count; i++) {
        if (lh_str_eq(side->columns[i].name, name)) return &side->columns[i];
        if (!found && lh_str_eq_nocase(side->columns[i].name, name)) found = &side->columns[i];
    }
    return found;
}

double evolve_round(double confidence) { return round(confidence * 100) / 100; }

/* ---- types ---- */

static bool diff_is_integer(ingest_kind kind) { return kind == INGEST_INTEGER || kind == INGEST_BIGINT; }
static bool diff_is_number(ingest_kind kind) {
    return diff_is_integer(kind) || kind == INGEST_FLOAT || kind == INGEST_DOUBLE || kind == INGEST_DECIMAL;
}
static bool diff_is_time(ingest_kind kind) {
    return kind == INGEST_DATE || kind == INGEST_TIMESTAMP || kind == INGEST_TIMESTAMPTZ;
}

/* Does the engine cast values of the one to the other at all? */
static bool diff_casts(ingest_kind from, ingest_kind to) {
    if (from == INGEST_VARCHAR || to == INGEST_VARCHAR) return true;
    if (from == INGEST_BOOLEAN || to == INGEST_BOOLEAN) return diff_is_integer(from) || diff_is_integer(to);
    if (diff_is_number(from) && diff_is_number(to)) return true;
    if (diff_is_time(from) && diff_is_time(to)) return true;
    if (diff_is_integer(from) && diff_is_time(to)) return to != INGEST_DATE; /* seconds of the epoch */
    return (from == INGEST_TIMESTAMP || from == INGEST_TIMESTAMPTZ) && to == INGEST_TIME;
}

evolve_fit evolve_fit_of(const ingest_type *from, const ingest_type *to) {
    if (ingest_type_equal(from, to)) return EVOLVE_FIT_SAME;
    if (from->kind == INGEST_INTEGER && to->kind == INGEST_BIGINT) return EVOLVE_FIT_WIDENS;
    if (from->kind == INGEST_FLOAT && to->kind == INGEST_DOUBLE) return EVOLVE_FIT_WIDENS;
    if (from->kind == INGEST_DECIMAL && to->kind == INGEST_DECIMAL && from->scale == to->scale &&
        to->precision > from->precision)
        return EVOLVE_FIT_WIDENS;
    if (from->count || to->count) return from->count && to->kind == INGEST_VARCHAR ? EVOLVE_FIT_CASTS : EVOLVE_FIT_NONE;
    return diff_casts(from->kind, to->kind) || from->kind == to->kind ? EVOLVE_FIT_CASTS : EVOLVE_FIT_NONE;
}

/* A reader's guess of a number's or a moment's width is no change of type. */
static evolve_fit diff_fit(const evolve_column *from, const evolve_column *to) {
    ingest_kind a = from->type->kind, b = to->type->kind;
    bool floats = (a == INGEST_FLOAT || a == INGEST_DOUBLE || a == INGEST_DECIMAL) && diff_is_number(b);
    bool moments =
        (a == INGEST_TIMESTAMP || a == INGEST_TIMESTAMPTZ) && (b == INGEST_TIMESTAMP || b == INGEST_TIMESTAMPTZ);
    if (to->guessed && ((diff_is_integer(a) && diff_is_integer(b)) || floats || moments)) return EVOLVE_FIT_SAME;
    return evolve_fit_of(from->type, to->type);
}

/* ---- values ---- */

/* Of the k lowest hashes of both together, those in both, over k: the share of common values in all (Jaccard);
 * from it and the counts, the share of the smaller set that lies in the larger. */
static double diff_overlap(const evolve_column *a, const evolve_column *b) {
    size_t i = 0, j = 0, seen = 0, both = 0;
    while (seen < EVOLVE_HASHES && (i < a->hash_count || j < b->hash_count)) {
        bool left = j >= b->hash_count || (i < a->hash_count && a->hashes[i] <= b->hashes[j]);
        bool right = i >= a->hash_count || (j < b->hash_count && b->hashes[j] <= a->hashes[i]);
        both += left && right;
        i += left;
        j += right;
        seen++;
    }
    double jaccard = seen ? (double)both / (double)seen : 0;
    double all = (double)a->distinct + (double)b->distinct,
           fewer = (double)(a->distinct < b->distinct ? a->distinct : b->distinct);
    double common = all * jaccard / (1 + jaccard);
    return fewer > 0 ? (common < fewer ? common / fewer : 1) : 0;
}

/* How much the agreement of values says, by their number and kind. */
static double diff_value_weight(const evolve_column *a, const evolve_column *b) {
    uint64_t fewer = a->distinct < b->distinct ? a->distinct : b->distinct;
    double weight = fewer >= 8 ? 1 : (double)fewer / 8;
    if (a->type->kind == INGEST_BOOLEAN || b->type->kind == INGEST_BOOLEAN) return 0.1 * weight;
    if (diff_is_integer(a->type->kind) && diff_is_integer(b->type->kind)) return 0.5 * weight;
    return weight;
}

/* ---- one pair ---- */

typedef struct diff_pair {
    const evolve_column *from, *to;
    double confidence;
} diff_pair;

static void diff_reason(lh_json *reasons, lh_arena *arena, const char *text) {
    if (reasons && text[0]) lh_json_append(reasons, lh_json_new_string(arena, lh_str_from(text)));
}

static double diff_with_values(double confidence, const evolve_column *from, const evolve_column *to, lh_json *reasons,
                               lh_arena *arena) {
    if (from->distinct == 0 || to->distinct == 0) return confidence;
    double overlap = diff_overlap(from, to), weight = diff_value_weight(from, to);
    bool small_sets = from->distinct <= EVOLVE_HASHES / 2 && to->distinct <= EVOLVE_HASHES / 2 && from->distinct > 1 &&
                      to->distinct > 1 && from->type->kind == INGEST_VARCHAR && to->type->kind == INGEST_VARCHAR;
    if (overlap >= 0.3) {
        lh_str text = lh_arena_printf(arena, "%d%% of the values agree", (int)(overlap * 100));
        if (reasons) lh_json_append(reasons, lh_json_new_string(arena, text));
        return confidence + (1 - confidence) * 0.85 * weight * (overlap - 0.2) / 0.8;
    }
    if (!small_sets || overlap >= 0.1) return confidence;
    diff_reason(reasons, arena, "the values have nothing in common");
    return confidence * (1 - 0.5 * weight);
}

/* reasons may be NULL. */
static double diff_score(const evolve_side *a, const evolve_column *from, const evolve_side *b, const evolve_column *to,
                         lh_json *reasons, lh_arena *arena) {
    const char *why = "";
    size_t i = (size_t)(from - a->columns), j = (size_t)(to - b->columns),
           n = a->count > b->count ? a->count : b->count;
    size_t apart = i > j ? i - j : j - i;
    double name = evolve_name_similarity(from->name, to->name, &why);
    double place = n > 1 ? 1 - (double)apart / (double)n : 1;
    evolve_fit fit = diff_fit(from, to);
    double type = fit == EVOLVE_FIT_SAME ? 1 : fit == EVOLVE_FIT_WIDENS ? 0.9 : fit == EVOLVE_FIT_CASTS ? 0.5 : 0;
    double trust = name >= 0.5 ? 1 : name * 2; /* type and place alone say nothing */
    double confidence = 0.78 * name + (0.12 * type + 0.1 * place) * trust;
    if (confidence < 0.2 && type >= 1 && apart == 0) confidence = 0.2;
    diff_reason(reasons, arena, why);
    if (fit == EVOLVE_FIT_SAME) diff_reason(reasons, arena, "the same type");
    if (fit == EVOLVE_FIT_WIDENS) diff_reason(reasons, arena, "the type was widened");
    if (apart == 0) diff_reason(reasons, arena, "the same place");
    confidence = diff_with_values(confidence, from, to, reasons, arena);
    if (fit == EVOLVE_FIT_NONE) confidence *= 0.3;
    return confidence < 0.98 ? confidence : 0.98;
}

/* ---- the whole ---- */

static int diff_compare_pairs(const void *a, const void *b) {
    const diff_pair *left = a, *right = b;
    if (left->confidence != right->confidence) return left->confidence > right->confidence ? -1 : 1;
    if (left->from != right->from) return left->from < right->from ? -1 : 1;
    return (left->to > right->to) - (left->to < right->to);
}

typedef struct diff_state {
    const evolve_side *from, *to;
    lh_arena *arena;
    const evolve_column **partner_of_from, **partner_of_to; /* by column number */
    diff_pair *pairs;                                       /* best first */
    size_t pair_count;
} diff_state;

static size_t diff_index(const evolve_side *side, const evolve_column *column) {
    return (size_t)(column - side->columns);
}

static void diff_match_names(diff_state *d) {
    for (size_t i = 0; i < d->from->count; i++) {
        const evolve_column *to = evolve_side_find(d->to, d->from->columns[i].name);
        if (!to || d->partner_of_to[diff_index(d->to, to)]) continue;
        d->partner_of_from[i] = to;
        d->partner_of_to[diff_index(d->to, to)] = &d->from->columns[i];
    }
}

static lh_code diff_score_pairs(diff_state *d, lh_error *err) {
    size_t left = 0, right = 0;
    for (size_t i = 0; i < d->from->count; i++) left += !d->partner_of_from[i];
    for (size_t j = 0; j < d->to->count; j++) right += !d->partner_of_to[j];
    left = left < EVOLVE_PAIR_COLUMNS ? left : EVOLVE_PAIR_COLUMNS;
    right = right < EVOLVE_PAIR_COLUMNS ? right : EVOLVE_PAIR_COLUMNS;
    d->pairs = LH_ARENA_ARRAY(d->arena, diff_pair, left * right + 1);
    if (!d->pairs) return lh_arena_check(d->arena, err);
    for (size_t i = 0, rows = 0; i < d->from->count && rows < left; i++) {
        if (d->partner_of_from[i]) continue;
        rows++;
        for (size_t j = 0, cells = 0; j < d->to->count && cells < right; j++) {
            if (d->partner_of_to[j]) continue;
            cells++;
            const evolve_column *from = &d->from->columns[i], *to = &d->to->columns[j];
            double confidence = evolve_round(diff_score(d->from, from, d->to, to, NULL, d->arena));
            if (confidence >= EVOLVE_CANDIDATE_MIN) d->pairs[d->pair_count++] = (diff_pair){from, to, confidence};
        }
    }
    if (d->pair_count) qsort(d->pairs, d->pair_count, sizeof *d->pairs, diff_compare_pairs);
    return LH_OK;
}

static void diff_assign(diff_state *d) {
    for (size_t i = 0; i < d->pair_count && d->pairs[i].confidence >= EVOLVE_RENAME_MIN; i++) {
        size_t from = diff_index(d->from, d->pairs[i].from), to = diff_index(d->to, d->pairs[i].to);
        if (d->partner_of_from[from] || d->partner_of_to[to]) continue;
        d->partner_of_from[from] = d->pairs[i].to;
        d->partner_of_to[to] = d->pairs[i].from;
    }
}

/* Columns that this one might be, of those that found no partner either. *ret_best: of the first. */
static lh_json *diff_candidates(const diff_state *d, const evolve_column *column, bool added, double *ret_best) {
    lh_json *list = lh_json_new_array(d->arena);
    *ret_best = 0;
    for (size_t i = 0; i < d->pair_count && lh_json_size(list) < EVOLVE_CANDIDATES; i++) {
        const evolve_column *self = added ? d->pairs[i].to : d->pairs[i].from,
                            *other = added ? d->pairs[i].from : d->pairs[i].to;
        bool taken = added ? d->partner_of_from[diff_index(d->from, other)] != NULL
                           : d->partner_of_to[diff_index(d->to, other)] != NULL;
        if (self != column || taken) continue;
        if (lh_json_size(list) == 0) *ret_best = d->pairs[i].confidence;
        lh_json *item = lh_json_new_object(d->arena);
        lh_json_set_string(d->arena, item, "name", other->name);
        lh_json_set(d->arena, item, "confidence", lh_json_new_real(d->arena, d->pairs[i].confidence));
        lh_json_append(list, item);
    }
    return list;
}

/* Both columns are there: renamed, another type, or (false) the same. */
static bool diff_pair_change(const diff_state *d, const evolve_column *from, const evolve_column *to,
                             evolve_change *ret) {
    evolve_change change = {.from = from, .to = to, .fit = diff_fit(from, to), .confidence = 1};
    change.reasons = lh_json_new_array(d->arena);
    if (lh_str_eq_nocase(from->name, to->name)) {
        bool renamed = !lh_str_eq(from->name, to->name);
        if (!renamed && change.fit == EVOLVE_FIT_SAME) return false;
        change.kind = renamed ? EVOLVE_RENAMED : EVOLVE_TYPE_CHANGED;
        if (renamed) diff_reason(change.reasons, d->arena, "only the case of the name differs");
        else if (change.fit == EVOLVE_FIT_WIDENS) diff_reason(change.reasons, d->arena, "the type was widened");
        else diff_reason(change.reasons, d->arena, "another type under the same name");
        if (change.fit == EVOLVE_FIT_CASTS) change.confidence = 0.8;
        if (change.fit == EVOLVE_FIT_NONE) change.confidence = 0.5;
    } else {
        change.kind = EVOLVE_RENAMED;
        change.confidence = evolve_round(diff_score(d->from, from, d->to, to, change.reasons, d->arena));
    }
    return *ret = change, true;
}

static evolve_change diff_lone_change(const diff_state *d, const evolve_column *column, bool added) {
    double best = 0;
    evolve_change change = {.kind = added ? EVOLVE_ADDED : EVOLVE_REMOVED, .fit = EVOLVE_FIT_NONE};
    if (added) change.to = column;
    else change.from = column;
    change.candidates = diff_candidates(d, column, added, &best);
    change.confidence = evolve_round(1 - best);
    change.reasons = lh_json_new_array(d->arena);
    diff_reason(change.reasons, d->arena, best > 0 ? "no other column is like enough" : "no other column is like it");
    return change;
}

lh_code evolve_diff_make(const evolve_side *from, const evolve_side *to, lh_arena *arena, evolve_diff *ret,
                         lh_error *err) {
    diff_state d = {.from = from, .to = to, .arena = arena};
    evolve_diff diff = {0};
    d.partner_of_from = LH_ARENA_ARRAY(arena, const evolve_column *, from->count + 1);
    d.partner_of_to = LH_ARENA_ARRAY(arena, const evolve_column *, to->count + 1);
    diff.changes = LH_ARENA_ARRAY(arena, evolve_change, from->count + to->count + 1);
    LH_TRY(lh_arena_check(arena, err));
    diff_match_names(&d);
    LH_TRY(diff_score_pairs(&d, err));
    diff_assign(&d);
    for (size_t i = 0; i < from->count; i++) {
        const evolve_column *partner = d.partner_of_from[i];
        if (!partner) diff.changes[diff.count++] = diff_lone_change(&d, &from->columns[i], false);
        else diff.count += diff_pair_change(&d, &from->columns[i], partner, &diff.changes[diff.count]);
    }
    for (size_t j = 0; j < to->count; j++)
        if (!d.partner_of_to[j]) diff.changes[diff.count++] = diff_lone_change(&d, &to->columns[j], true);
    LH_TRY(lh_arena_check(arena, err));
    *ret = diff;
    return LH_OK;
}

/* ---- as JSON ---- */

static lh_json *diff_column_json(const evolve_column *column, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena);
    lh_json_set_string(arena, json, "name", column->name);
    lh_json_set_string(arena, json, "type", ingest_type_text(column->type, arena));
    return json;
}

lh_json *evolve_columns_json(const evolve_side *side, lh_arena *arena) {
    lh_json *list = lh_json_new_array(arena);
    for (size_t i = 0; i < side->count; i++) lh_json_append(list, diff_column_json(&side->columns[i], arena));
    return list;
}

lh_json *evolve_diff_json(const evolve_diff *diff, lh_arena *arena) {
    static const char *const kinds[] = {"added", "removed", "type_changed", "renamed"};
    lh_json *list = lh_json_new_array(arena);
    for (size_t i = 0; i < diff->count; i++) {
        const evolve_change *change = &diff->changes[i];
        lh_json *json = lh_json_new_object(arena);
        lh_json_set_string(arena, json, "kind", lh_str_from(kinds[change->kind]));
        if (change->from) lh_json_set(arena, json, "from", diff_column_json(change->from, arena));
        if (change->to) lh_json_set(arena, json, "to", diff_column_json(change->to, arena));
        if (change->from && change->to) {
            lh_json_set_bool(arena, json, "type_changed", change->fit != EVOLVE_FIT_SAME);
            lh_json_set_bool(arena, json, "widening", change->fit == EVOLVE_FIT_WIDENS);
        }
        lh_json_set(arena, json, "confidence", lh_json_new_real(arena, change->confidence));
        lh_json_set(arena, json, "reasons", lh_json_copy(arena, change->reasons));
        if (lh_json_size(change->candidates))
            lh_json_set(arena, json, "candidates", lh_json_copy(arena, change->candidates));
        lh_json_append(list, json);
    }
    return list;
}
