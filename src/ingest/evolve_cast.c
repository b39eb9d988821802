/* Casts of a column's values: a closed list of forms. What comes from outside picks a form, a type and, for dates, a
 * format of known letters; the SQL is made here, so a rule can never bring SQL of its own. */
#include "ingest/evolve_internal.h"

enum { CAST_FORMAT_BYTES = 64 };

static const char *const cast_names[EVOLVE_FORM_COUNT] = {"cast", "trim",    "number",  "number_comma",
                                                          "date", "boolean", "epoch_s", "epoch_ms"};

const char *evolve_form_name(evolve_form form) { return cast_names[form]; }

static bool cast_is_number(ingest_kind kind) {
    return kind == INGEST_INTEGER || kind == INGEST_BIGINT || kind == INGEST_FLOAT || kind == INGEST_DOUBLE ||
           kind == INGEST_DECIMAL;
}
static bool cast_is_time(ingest_kind kind) {
    return kind == INGEST_DATE || kind == INGEST_TIMESTAMP || kind == INGEST_TIMESTAMPTZ;
}

/* strptime's directives that a format may have, between separators. */
static bool cast_format_is_good(lh_str format) {
    size_t directives = 0;
    if (format.len == 0 || format.len > CAST_FORMAT_BYTES) return false;
    for (size_t i = 0; i < format.len; i++) {
        char c = format.ptr[i];
        if (c == '%') {
            if (++i == format.len || !memchr("YymdbBHIMSfpjzaA", format.ptr[i], 16)) return false;
            directives++;
        } else if (!memchr(" -/.,:TZ", c, 8)) {
            return false;
        }
    }
    return directives > 0;
}

lh_code evolve_cast_check(const evolve_cast *cast, lh_error *err) {
    ingest_kind from = cast->from->kind, to = cast->type->kind;
    bool text = from == INGEST_VARCHAR, good = false;
    switch (cast->form) {
    case EVOLVE_FORM_CAST: good = evolve_fit_of(cast->from, cast->type) != EVOLVE_FIT_NONE; break;
    case EVOLVE_FORM_TRIM: good = text && cast->type->count == 0; break;
    case EVOLVE_FORM_NUMBER:
    case EVOLVE_FORM_NUMBER_COMMA: good = text && cast_is_number(to); break;
    case EVOLVE_FORM_DATE: good = text && cast_is_time(to); break;
    case EVOLVE_FORM_BOOLEAN: good = text && to == INGEST_BOOLEAN; break;
    case EVOLVE_FORM_EPOCH_S:
    case EVOLVE_FORM_EPOCH_MS: good = (text || cast_is_number(from)) && cast_is_time(to); break;
    case EVOLVE_FORM_COUNT: return lh_fail(err, LH_INVALID, "no such form");
    }
    if (!good) return lh_fail(err, LH_INVALID, "form '%s' does not go from that type to that", cast_names[cast->form]);
    if (cast->type->count) return lh_fail(err, LH_INVALID, "values cannot be cast to a list, a struct or a map");
    if (cast->form == EVOLVE_FORM_DATE && !cast_format_is_good(cast->format))
        return lh_fail(
            err, LH_INVALID,
            "'format' must have strptime's %%Y %%y %%m %%d %%b %%B %%H %%I %%M %%S %%f %%p %%j %%z %%a %%A and "
            "separators only");
    if (cast->form != EVOLVE_FORM_DATE && cast->format.len)
        return lh_fail(err, LH_INVALID, "'format' belongs to the form 'date'");
    return LH_OK;
}

static void cast_inner(const evolve_cast *cast, lh_str column, lh_buf *into) {
    LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(4096);
    lh_buf_sql_identifier(&name, column);
    const lh_str x = lh_buf_str(&name);
    switch (cast->form) {
    case EVOLVE_FORM_CAST:
        if (cast->from->kind == INGEST_BIGINT && cast_is_time(cast->type->kind)) /* seconds, as the fit says */
            lh_buf_printf(into, "make_timestamp(%.*s * 1000000)", LH_STR_ARG(x));
        else if (cast->from->kind == INGEST_INTEGER && cast_is_time(cast->type->kind))
            lh_buf_printf(into, "make_timestamp(CAST(%.*s AS BIGINT) * 1000000)", LH_STR_ARG(x));
        else lh_buf_append(into, x);
        break;
    case EVOLVE_FORM_TRIM: lh_buf_printf(into, "nullif(trim(%.*s), '')", LH_STR_ARG(x)); break;
    case EVOLVE_FORM_NUMBER:
        lh_buf_printf(into, "nullif(regexp_replace(%.*s, '[\\s,$€£¥]', '', 'g'), '')", LH_STR_ARG(x));
        break;
    case EVOLVE_FORM_NUMBER_COMMA:
        lh_buf_printf(into, "nullif(replace(regexp_replace(%.*s, '[\\s.$€£¥]', '', 'g'), ',', '.'), '')",
                      LH_STR_ARG(x));
        break;
    case EVOLVE_FORM_DATE:
        lh_buf_printf(into, "strptime(nullif(trim(%.*s), ''), ", LH_STR_ARG(x));
        lh_buf_sql_string(into, cast->format);
        lh_buf_char(into, ')');
        break;
    case EVOLVE_FORM_BOOLEAN:
        lh_buf_printf(into,
                      "CASE lower(trim(%.*s)) WHEN 'yes' THEN 'true' WHEN 'y' THEN 'true' WHEN 'on' THEN 'true' "
                      "WHEN 'no' THEN 'false' WHEN 'n' THEN 'false' WHEN 'off' THEN 'false' WHEN '' THEN NULL "
                      "ELSE lower(trim(%.*s)) END",
                      LH_STR_ARG(x), LH_STR_ARG(x));
        break;
    case EVOLVE_FORM_EPOCH_S:
    case EVOLVE_FORM_EPOCH_MS:
        lh_buf_printf(into, "make_timestamp(CAST(CAST(%.*s AS DECIMAL(30, 6)) * %s AS BIGINT))", LH_STR_ARG(x),
                      cast->form == EVOLVE_FORM_EPOCH_S ? "1000000" : "1000");
        break;
    case EVOLVE_FORM_COUNT: break;
    }
}

void evolve_cast_sql(const evolve_cast *cast, lh_str column, bool null, lh_buf *into) {
    if (null) lh_buf_append(into, LH_STR("TRY("));
    lh_buf_append(into, LH_STR("CAST("));
    cast_inner(cast, column, into);
    lh_buf_append(into, LH_STR(" AS "));
    ingest_type_sql(cast->type, into);
    lh_buf_append(into, null ? LH_STR("))") : LH_STR(")"));
}
