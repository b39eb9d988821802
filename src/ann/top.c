/* The best k of what is offered. */
#include "ann/ann_internal.h"

static bool top_is_before(ann_item a, ann_item b) { return a.key > b.key || (a.key == b.key && a.row < b.row); }

static void top_sink(ann_item *items, size_t count, size_t at) {
    for (;;) {
        size_t worst = at, left = 2 * at + 1;
        if (left < count && top_is_before(items[worst], items[left])) worst = left;
        if (left + 1 < count && top_is_before(items[worst], items[left + 1])) worst = left + 1;
        if (worst == at) return;
        ann_item item = items[at];
        items[at] = items[worst];
        items[worst] = item;
        at = worst;
    }
}

void ann_top_offer(ann_top *top, float key, uint32_t row) {
    ann_item item = {key, row};
    if (top->count == top->k) {
        if (!top_is_before(item, top->items[0])) return;
        top->items[0] = item;
        top_sink(top->items, top->count, 0);
        return;
    }
    size_t at = top->count++;
    for (; at > 0 && top_is_before(top->items[(at - 1) / 2], item); at = (at - 1) / 2)
        top->items[at] = top->items[(at - 1) / 2];
    top->items[at] = item;
}

static int top_compare(const void *a, const void *b) {
    ann_item x = *(const ann_item *)a, y = *(const ann_item *)b;
    return top_is_before(x, y) ? -1 : top_is_before(y, x);
}

void ann_sort(ann_item *items, size_t count) { qsort(items, count, sizeof *items, top_compare); }
