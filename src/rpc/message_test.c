/* Messages: what is refused, what JSON becomes, and that nothing is lost between. */
#include "base/test.h"
#include "lakehouse.pb-c.h"
#include "rpc/rpc_internal.h"

static lh_arena *arena_new(size_t cap_bytes) {
    lh_arena *arena = NULL;
    CHECK(lh_arena_new(cap_bytes, &arena, NULL) == LH_OK);
    return arena;
}

static lh_json *json_of(lh_arena *arena, const char *text) { /* ' stands for " */
    lh_json *json = NULL;
    char *quotes = lh_arena_alloc(arena, strlen(text) + 1);
    for (size_t i = 0; i <= strlen(text); i++) quotes[i] = text[i] == '\'' ? '"' : text[i];
    CHECK(lh_json_parse(arena, lh_str_from(quotes), &json, NULL) == LH_OK);
    return json;
}

static void test_rpc__json_becomes_a_message_by_the_names_of_its_fields(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new(1 << 20);
    lh_error err = {0};
    ProtobufCMessage *message = NULL;
    lh_json *json =
        json_of(arena, "{'items':[{'name':'t','row_count':18446744073709551615,'snapshot_id':null,'bytes':0,"
                       "'schema':[{'name':'c','type':{'type':'map'},'nullable':true}],'origin':{'a':[1]},"
                       "'nobody':1}],'next_page_token':null}");
    CHECK_OK(rpc_message_from_json(&lakehouse__v1__list_datasets_response__descriptor, json, arena, &message, &err));
    const Lakehouse__V1__ListDatasetsResponse *list = (const void *)message;
    CHECK(list->n_items == 1 && list->next_page_token == NULL);
    const Lakehouse__V1__Dataset *item = list->items[0];
    CHECK_STR(lh_str_from(item->name), LH_STR("t"));
    CHECK(item->has_row_count && item->row_count == UINT64_MAX && item->has_bytes && item->bytes == 0);
    CHECK(!item->has_snapshot_id && !item->has_files && item->error == NULL);
    CHECK_STR(lh_str_from(item->origin), LH_STR("{\"a\":[1]}"));
    CHECK(item->n_schema == 1 && item->schema[0]->nullable);
    CHECK_STR(lh_str_from(item->schema[0]->type), LH_STR("{\"type\":\"map\"}"));
}

static void test_rpc__a_request_becomes_json_without_its_empty_fields(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new(1 << 20);
    lh_error err = {0};
    ProtobufCMessage *message = NULL;
    lh_str text, bytes = LH_STR("\x0a\x01t\x12\x00\x1a\x01"
                                "a\x1a\x01"
                                "b");
    CHECK_OK(rpc_message_parse(&lakehouse__v1__register_dataset_request__descriptor, bytes, arena, &message, &err));
    CHECK_OK(lh_json_write(arena, rpc_message_to_json(message, arena), false, &text, &err));
    CHECK_STR(text, LH_STR("{\"name\":\"t\",\"files\":[\"a\",\"b\"]}"));
}

static void test_rpc__what_is_no_such_message_is_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new(1 << 20);
    const ProtobufCMessageDescriptor *type = &lakehouse__v1__register_dataset_request__descriptor;
    ProtobufCMessage *message = NULL;
    lh_error err = {0};
    const lh_str bad[] = {LH_STR("\xff\xff\xff"), LH_STR("\x0a\x05t"), LH_STR("\x0a"), LH_STR("\x0a\x02\xff\xfe"),
                          LH_STR("\x1a\x01"
                                 "a\x1a\x01\x80")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(rpc_message_parse(type, bad[i], arena, &message, &err) == LH_INVALID && !message);
    CHECK_OK(rpc_message_parse(type, LH_STR_NONE, arena, &message, &err));
}

static void test_rpc__a_message_does_not_grow_beyond_its_arena(void) {
    enum { ITEMS = 1 << 20 };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new(4 << 20);
    LH_CLEANUP(lh_free_pointer) char *bytes = malloc(2 * ITEMS);
    ProtobufCMessage *message = NULL;
    lh_error err = {0};
    CHECK(bytes);
    for (size_t i = 0; i < ITEMS; i++) bytes[2 * i] = 0x1a, bytes[2 * i + 1] = 0; /* empty names of files */
    CHECK(rpc_message_parse(&lakehouse__v1__register_dataset_request__descriptor, (lh_str){bytes, 2 * ITEMS}, arena,
                            &message, &err) == LH_LIMIT);
}

static void test_rpc__every_code_has_a_status(void) {
    for (int code = LH_INVALID; code < LH_CODE_COUNT; code++) CHECK(rpc_status_of((lh_code)code) != GRPC_STATUS_OK);
    CHECK(rpc_status_of(LH_OK) == GRPC_STATUS_OK && rpc_status_of(LH_CODE_COUNT) == GRPC_STATUS_INTERNAL);
    for (int status = 0; status < RPC_STATUSES; status++)
        CHECK((status == GRPC_STATUS_UNKNOWN) == (strcmp(rpc_status_name((grpc_status_code)status), "UNKNOWN") == 0));
}

LH_TEST_MAIN(LH_TEST(test_rpc__json_becomes_a_message_by_the_names_of_its_fields),
             LH_TEST(test_rpc__a_request_becomes_json_without_its_empty_fields),
             LH_TEST(test_rpc__what_is_no_such_message_is_refused),
             LH_TEST(test_rpc__a_message_does_not_grow_beyond_its_arena), LH_TEST(test_rpc__every_code_has_a_status))
