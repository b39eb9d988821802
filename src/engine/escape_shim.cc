/* See escape.h. C++ for std::set_terminate() and the runtime's record of exceptions in flight, which is put back as it
 * was: DuckDB's destructors ask it whether they run because of an exception. */
extern "C" {
#include "engine/escape.h"
}

#include <cstdio>
#include <cstring>
#include <cxxabi.h>
#include <exception>
#include <mutex>

namespace {

thread_local engine_escape *innermost = nullptr;
std::terminate_handler otherwise = nullptr;

void describe(engine_escape *escape) {
    std::snprintf(escape->message, sizeof escape->message, "unknown exception");
    try {
        if (std::current_exception()) throw;
    } catch (const std::exception &e) {
        std::snprintf(escape->message, sizeof escape->message, "%s", e.what());
    } catch (...) {
    }
}

[[noreturn]] void escape_terminate() {
    engine_escape *escape = innermost;
    if (!escape) {
        if (otherwise) otherwise();
        std::abort();
    }
    innermost = escape->outer;
    describe(escape);
    /* the Itanium C++ ABI: struct __cxa_eh_globals { caughtExceptions; unsigned uncaughtExceptions; } */
    std::memcpy(abi::__cxa_get_globals(), escape->exceptions, sizeof escape->exceptions);
    longjmp(escape->jump, 1);
}

} // namespace

extern "C" void engine_escape_begin(engine_escape *escape) {
    static std::once_flag once;
    std::call_once(once, [] { otherwise = std::set_terminate(escape_terminate); });
    std::memcpy(escape->exceptions, abi::__cxa_get_globals(), sizeof escape->exceptions);
    escape->message[0] = '\0';
    escape->outer = innermost;
    innermost = escape;
}

extern "C" void engine_escape_done(engine_escape *escape) { innermost = escape->outer; }
