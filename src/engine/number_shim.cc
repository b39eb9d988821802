#include "engine/number_shim.h"

#include <charconv>

extern "C" size_t lh_shim_double(double value, char *into) {
    return static_cast<size_t>(std::to_chars(into, into + 32, value).ptr - into);
}

extern "C" size_t lh_shim_float(float value, char *into) {
    return static_cast<size_t>(std::to_chars(into, into + 32, value).ptr - into);
}
