/* Every cap of the program that is not a setting, in one list. */
#ifndef LH_BASE_LIMITS_H
#define LH_BASE_LIMITS_H

enum {
    LH_LIMIT_REQUEST_ARENA_BYTES = 64 << 20, /* memory of one request beside its streams */
    LH_LIMIT_JSON_BYTES = 64 << 20,          /* one JSON document */
    LH_LIMIT_JSON_DEPTH = 512,
    LH_LIMIT_KEY_BYTES = 1024, /* an object key, as on S3 */
    LH_LIMIT_NAME_BYTES = 255, /* a namespace level, a table, a dataset */
    LH_LIMIT_SQL_BYTES = 1 << 20,
    LH_LIMIT_QUESTION_BYTES = 4096,    /* of Ask */
    LH_LIMIT_SQL_REFERENCES = 500,     /* of a statement, to tables and views */
    LH_LIMIT_GOVERNED_BYTES = 1 << 20, /* of SQL, all that then comes in */
    LH_LIMIT_LOG_LINE_BYTES = 16 << 10,
    LH_LIMIT_LIST_PAGE = 1000,             /* items of one page */
    LH_LIMIT_SCAN_ROWS = 100000,           /* rows that a scan for personal data samples */
    LH_LIMIT_METADATA_BYTES = 32 << 20,    /* an Iceberg metadata.json */
    LH_LIMIT_IDEMPOTENCY_BYTES = 16 << 10, /* the record of one Idempotency-Key */
    LH_LIMIT_AI_TEXTS = 2048,              /* of one call, to embed or to rank */
    LH_LIMIT_AI_TEXT_BYTES = 1 << 20,      /* one of them, or one message */
    LH_LIMIT_AI_MESSAGES = 1000,           /* of one prompt */
    LH_LIMIT_AI_STOPS = 16,
    LH_LIMIT_AI_DIMENSIONS = 16384,     /* of a vector */
    LH_LIMIT_AI_ANSWER_BYTES = 4 << 20, /* generated text */
    LH_LIMIT_AI_EVENT_BYTES = 1 << 20,  /* one event of a stream that an endpoint sends */
    LH_LIMIT_AI_PRINCIPALS = 1024,      /* whose tokens are counted apart */
    LH_LIMIT_AI_MODELS = 64,            /* that are registered for a task */
    LH_LIMIT_AI_USES = 4096,            /* principals of whom one has a model of its own, of a task */
};
#endif
