/* Stand-ins while their owners write the real ones; deleted at the end. */
#include "api/server_internal.h"
#define STUB(name) __attribute__((weak)) lh_code name(lh_request *request, lh_error *err) { (void)request; return lh_fail(err, LH_UNAVAILABLE, #name " is not built yet"); }
STUB(api_ingest_file) STUB(api_datasets_list) STUB(api_datasets_register) STUB(api_dataset_get) STUB(api_dataset_delete)
