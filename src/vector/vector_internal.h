/* What the files of vector share. */
#ifndef LH_VECTOR_VECTOR_INTERNAL_H
#define LH_VECTOR_VECTOR_INTERNAL_H
#include "vector/vector.h"
#endif
