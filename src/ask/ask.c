#include "ask/ask.h"
