/* `lakehouse rag`: a question, answered from indexes with citations, over /vectors/rag. */
#include "cli/cli_internal.h"

#include <stdio.h>

typedef struct rag_job {
    lh_cli_session session;
    lh_str question;
    lh_cli_list indexes;
    const char *k_text, *mode, *filter, *columns, *conversation, *max_tokens_text;
    uint64_t k, max_tokens;
    bool extract, json;
} rag_job;

static lh_json *rag_body(const rag_job *job) {
    lh_arena *arena = job->session.arena;
    lh_json *body = lh_json_new_object(arena), *indexes = lh_json_new_array(arena), *columns = lh_json_new_array(arena);
    lh_json_set_string(arena, body, "question", job->question);
    for (size_t i = 0; i < job->indexes.count; i++)
        lh_json_append(indexes, lh_json_new_string(arena, lh_cli_word(&job->indexes, i)));
    lh_json_set(arena, body, "indexes", indexes);
    if (job->k_text) lh_json_set_uint(arena, body, "k", job->k);
    if (job->max_tokens_text) lh_json_set_uint(arena, body, "max_tokens", job->max_tokens);
    if (job->mode) lh_json_set_string(arena, body, "mode", lh_str_from(job->mode));
    if (job->filter) lh_json_set_string(arena, body, "filter", lh_str_from(job->filter));
    if (job->conversation) lh_json_set_string(arena, body, "conversation_id", lh_str_from(job->conversation));
    for (lh_str rest = lh_str_from(job->columns); rest.len;)
        lh_json_append(columns, lh_json_new_string(arena, lh_str_trim(lh_str_split(&rest, ','))));
    if (job->columns) lh_json_set(arena, body, "columns", columns);
    if (job->extract) lh_json_set_bool(arena, body, "generate", false);
    return body;
}

enum { RAG_SHOWN_BYTES = 160 };

/* How a passage begins: it may go on for pages. */
static lh_str rag_begin(lh_arena *arena, lh_str text) {
    text = lh_str_trim(text);
    lh_str begin = lh_str_cut_utf8(text, RAG_SHOWN_BYTES);
    return begin.len < text.len ? lh_arena_printf(arena, "%.*s…", LH_STR_ARG(lh_cli_line(arena, begin)))
                                : lh_cli_line(arena, begin);
}

/* Number, where it is from, the columns asked for, and how the passage begins. */
static lh_code rag_print_citations(const rag_job *job, const lh_json *asked, const lh_json *citations, lh_error *err) {
    lh_arena *arena = job->session.arena;
    size_t columns = lh_json_size(asked);
    lh_cli_column *heads = LH_ARENA_ARRAY(arena, lh_cli_column, columns + 5);
    LH_TRY(lh_arena_check(arena, err));
    heads[0] = (lh_cli_column){"n", true};
    heads[1] = (lh_cli_column){"dataset", false};
    heads[2] = (lh_cli_column){"id", false};
    heads[3] = (lh_cli_column){"characters", true};
    for (size_t i = 0; i < columns; i++)
        heads[i + 4] = (lh_cli_column){lh_arena_cstr(arena, lh_json_str(lh_json_at(asked, i), LH_STR_NONE)), false};
    heads[columns + 4] = (lh_cli_column){"text", false};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, columns + 5);
    for (lh_json_iter it = lh_json_each(citations); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_value(&rows, lh_json_get(it.value, "n"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "dataset"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "id"));
        lh_cli_rows_text(&rows,
                         lh_arena_printf(arena, "%" PRId64 "-%" PRId64, lh_json_int(lh_json_get(it.value, "start"), 0),
                                         lh_json_int(lh_json_get(it.value, "end"), 0)));
        for (size_t i = 0; i < columns; i++)
            lh_cli_rows_value(&rows, lh_json_get(lh_json_get(it.value, "columns"), heads[i + 4].name));
        lh_cli_rows_text(&rows, rag_begin(arena, lh_json_get_string(it.value, "text")));
    }
    return lh_cli_rows_print(&rows, lh_cli_style_to_fit(), err);
}

static lh_code rag_print(const rag_job *job, const lh_json *body, const lh_json *answer, lh_error *err) {
    const lh_json *conversation = lh_json_get(answer, "conversation_id");
    printf("%.*s\n\n", LH_STR_ARG(lh_json_get_string(answer, "answer")));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "sentences")); lh_json_next(&it);)
        if (!lh_json_bool(lh_json_get(it.value, "supported"), false))
            printf("not supported: %.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "text")));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "warnings")); lh_json_next(&it);)
        printf("note: %.*s\n", LH_STR_ARG(lh_json_str(it.value, LH_STR_NONE)));
    if (!lh_json_is_null(conversation))
        printf("go on with --conversation %.*s\n", LH_STR_ARG(lh_json_str(conversation, LH_STR_NONE)));
    if (lh_json_size(lh_json_get(answer, "citations")) == 0) return LH_OK;
    return rag_print_citations(job, lh_json_get(body, "columns"), lh_json_get(answer, "citations"), err);
}

static lh_code rag_ask(const rag_job *job, lh_error *err) {
    lh_json *answer = NULL, *body = rag_body(job);
    LH_TRY(lh_connection_send(job->session.connection, "POST", LH_STR("/vectors/rag"), body, job->session.arena,
                              &answer, err));
    return job->json ? lh_cli_print_json(answer, job->session.arena, err) : rag_print(job, body, answer, err);
}

static bool rag_is_understood(rag_job *job, const lh_cli_list *words) {
    static const char *const modes[] = {"hybrid", "hnsw", "exact", "text"};
    if (words->count != 1)
        lh_cli_complain("rag takes one question, in quotes: lakehouse rag 'what is …?' --index NAME");
    else if (job->indexes.count == 0) lh_cli_complain("rag needs --index: where to look, once or more");
    else
        return lh_cli_is_one_of("mode", job->mode, modes, sizeof modes / sizeof *modes) &&
               lh_cli_number("k", job->k_text, &job->k) &&
               lh_cli_number("max-tokens", job->max_tokens_text, &job->max_tokens);
    return false;
}

int lh_cli_rag(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    rag_job job = {0};
    lh_error err = {0};
    const lh_cli_flag flags[] = {
        {.name = "index", .letter = 'i', .value_name = "NAME", .help = "where to look; several", .list = &job.indexes},
        {.name = "k", .letter = 'k', .value_name = "N", .help = "so many passages (8)", .text = &job.k_text},
        {.name = "mode", .value_name = "MODE", .help = "hybrid (default), hnsw, exact, text", .text = &job.mode},
        {.name = "filter",
         .value_name = "SQL",
         .help = "only rows for which this holds, \"year > 2020\"",
         .text = &job.filter},
        {.name = "columns", .value_name = "A,B", .help = "columns of the rows that are cited", .text = &job.columns},
        {.name = "extract", .help = "the passages' own sentences, by no model", .on = &job.extract},
        {.name = "max-tokens", .value_name = "N", .help = "of the answer (512)", .text = &job.max_tokens_text},
        {.name = "conversation",
         .value_name = "ID",
         .help = "new, or that of an answer: what was said before counts",
         .text = &job.conversation},
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    if (!rag_is_understood(&job, &words)) return LH_EXIT_USAGE;
    job.question = lh_cli_word(&words, 0);
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    if (lh_cli_session_open(&source, &session, &err) != LH_OK) return lh_cli_fail(&err);
    job.session = session;
    return rag_ask(&job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}
