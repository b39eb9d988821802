/* GET /docs: one page, embedded from web/docs.html by the build. It renders /openapi.json, can send requests, and
 * fetches nothing from anywhere else: its Content-Security-Policy allows only this server. */
#include "api/api_internal.h"

static const unsigned char docs_page[] = {
#include "api_docs_page.h"
};

lh_code api_docs(lh_request *request, lh_error *err) {
    union {
        const unsigned char *bytes;
        const char *text;
    } page = {.bytes = docs_page};
    lh_respond_header(request, "Content-Security-Policy",
                      LH_STR("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src "
                             "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
    lh_respond_header(request, "X-Content-Type-Options", LH_STR("nosniff"));
    return lh_respond_bytes(request, 200, "text/html; charset=utf-8", (lh_str){page.text, sizeof docs_page}, err);
}
