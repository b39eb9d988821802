#include "ingest/ingest.h"
__attribute__((weak)) lh_code lh_ingest_new(const lh_ingest_options *options, lh_ingest **ret, lh_error *err) { (void)options; (void)err; *ret = NULL; return LH_OK; }
__attribute__((weak)) void lh_ingest_free(lh_ingest *ingest) { (void)ingest; }
