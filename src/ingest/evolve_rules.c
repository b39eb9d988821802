/* Rules from a diff: what would make the old schema the new one. Form as evolve_check.c takes it. A drop is less certain
 * than the removal that it comes from, since a file that lacks a column is no wish to lose it. */
#include "ingest/evolve_internal.h"

static lh_json *rules_new(lh_arena *arena, const char *op, lh_str column) {
    lh_json *rule = lh_json_new_object(arena);
    lh_json_set_string(arena, rule, "op", lh_str_from(op));
    lh_json_set_string(arena, rule, "column", column);
    return rule;
}

static void rules_cast(const evolve_change *change, lh_json *rule, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    const evolve_cast cast = {.form = EVOLVE_FORM_CAST, .from = change->from->type, .type = change->to->type};
    evolve_cast_sql(&cast, change->from->name, false, &sql);
    lh_json_set_string(arena, rule, "type", ingest_type_text(change->to->type, arena));
    lh_json_set_string(arena, rule, "using", lh_str_from(evolve_form_name(EVOLVE_FORM_CAST)));
    lh_json_set_string(arena, rule, "sql", lh_buf_str(&sql));
    lh_json_set_string(arena, rule, "on_error", LH_STR("fail"));
}

static lh_json *rules_of_pair(const evolve_change *change, lh_arena *arena, double *confidence) {
    bool renamed = change->kind == EVOLVE_RENAMED;
    bool casts = change->fit == EVOLVE_FIT_WIDENS || (change->fit == EVOLVE_FIT_CASTS && change->to->type->count == 0);
    if (change->fit != EVOLVE_FIT_SAME && !casts && !renamed) return NULL; /* no rule makes the one of the other */
    lh_json *rule = rules_new(arena, casts ? "cast" : "rename", change->from->name);
    if (casts) rules_cast(change, rule, arena);
    if (renamed) lh_json_set_string(arena, rule, "to", change->to->name);
    if (change->fit == EVOLVE_FIT_CASTS) *confidence *= 0.9; /* until the values were tried */
    return rule;
}

lh_json *evolve_rules_of(const evolve_diff *diff, lh_arena *arena) {
    lh_json *list = lh_json_new_array(arena);
    for (size_t i = 0; i < diff->count; i++) {
        const evolve_change *change = &diff->changes[i];
        double confidence = change->confidence;
        lh_json *rule;
        if (change->kind == EVOLVE_ADDED) {
            rule = rules_new(arena, "add", change->to->name);
            lh_json_set_string(arena, rule, "type", ingest_type_text(change->to->type, arena));
            lh_json_set(arena, rule, "default", lh_json_new_null(arena));
        } else if (change->kind == EVOLVE_REMOVED) {
            rule = rules_new(arena, "drop", change->from->name);
            confidence *= 0.5;
        } else {
            rule = rules_of_pair(change, arena, &confidence);
        }
        if (!rule) continue;
        lh_json_set(arena, rule, "confidence", lh_json_new_real(arena, evolve_round(confidence)));
        lh_json_set(arena, rule, "reasons", lh_json_copy(arena, change->reasons));
        lh_json_append(list, rule);
    }
    return list;
}
