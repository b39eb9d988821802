/* std::to_chars for C: the shortest text of a floating point number that reads back as the same number. */
#ifndef LH_ENGINE_NUMBER_SHIM_H
#define LH_ENGINE_NUMBER_SHIM_H
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
/* `into`: 32 bytes; returns the length. */
size_t lh_shim_double(double value, char *into);
size_t lh_shim_float(float value, char *into);
#ifdef __cplusplus
}
#endif
#endif
