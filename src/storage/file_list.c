/* Listing a folder tree in the byte order of its keys.
 *
 * A folder is read in batches: of its names after `cursor`, the smallest LIST_BATCH, sorted; a folder's name
 * counts with its '/' at the end, which is where its keys sort. So memory does not grow with the folder's size, and
 * a page costs one pass over each folder on its way (more only where a batch held nothing but empty folders). */
#include "storage/file_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

enum { LIST_BATCH = 1024 };

typedef struct list_name {
    char text[258];
} list_name; /* a folder's ends with '/' */
typedef struct list_batch {
    size_t count;
    bool cut; /* larger names were left out */
    list_name names[2 * LIST_BATCH];
} list_batch;

typedef struct list_walk {
    const file_bucket *bucket;
    lh_str prefix, after;
    size_t limit, count, room;
    lh_object_entry *entries; /* arena */
    lh_arena *arena;
    bool more;
} list_walk;

static int list_compare(const void *a, const void *b) {
    return strcmp(((const list_name *)a)->text, ((const list_name *)b)->text);
}

/* Keeps the smallest names once the batch is full. */
static void list_batch_cut(list_batch *batch) {
    qsort(batch->names, batch->count, sizeof *batch->names, list_compare);
    if (batch->count <= LIST_BATCH) return;
    batch->count = LIST_BATCH;
    batch->cut = true;
}

/* May a key that starts with (or is) path+name be on the page? */
static bool list_wanted(const list_walk *walk, lh_str full) {
    bool folder = lh_str_ends(full, LH_STR("/"));
    if (folder ? !bucket_prefix_meets(full, walk->prefix) : !lh_str_starts(full, walk->prefix)) return false;
    if (folder && lh_str_starts(walk->after, full)) return true; /* the page before ended in there */
    return lh_str_cmp(full, walk->after) > 0;
}

/* Is the entry a folder (1), an object (0) or neither (-1)? */
static int list_kind(int folder_fd, const struct dirent *entry) {
    struct stat st;
    if (entry->d_type == DT_REG) return 0;
    if (entry->d_type == DT_DIR) return 1;
    if (entry->d_type != DT_UNKNOWN || fstatat(folder_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) return -1;
    return S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? 1 : -1;
}

/* Adds the entry when its key may be on the page. `path` is "" or ends with '/'. */
static void list_batch_add(const list_walk *walk, int folder_fd, lh_str path, const char *cursor,
                           const struct dirent *entry, list_batch *batch) {
    char full[LH_LIMIT_KEY_BYTES + 2];
    size_t length = strlen(entry->d_name);
    int kind = list_kind(folder_fd, entry);
    if (kind < 0 || length > 255 || path.len + length > LH_LIMIT_KEY_BYTES) return;
    if (path.len) memcpy(full, path.ptr, path.len);
    memcpy(full + path.len, entry->d_name, length + 1);
    lh_str key = {full, path.len + length};
    if (lh_key_check(key, NULL) != LH_OK) return; /* "." and "..", scratch, names that are no key */
    if (kind == 1) full[key.len++] = '/';
    if (!list_wanted(walk, key)) return;
    list_name *name = &batch->names[batch->count];
    memcpy(name->text, full + path.len, key.len - path.len);
    name->text[key.len - path.len] = '\0';
    if (strcmp(name->text, cursor) <= 0) return;
    if (++batch->count == 2 * LIST_BATCH) list_batch_cut(batch);
}

static lh_code list_batch_read(const list_walk *walk, int folder_fd, lh_str path, const char *cursor, list_batch *batch,
                               lh_error *err) {
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        int failed = errno;
        if (fd >= 0) close(fd);
        return failed == ENOENT
                   ? LH_OK
                   : lh_fail_errno(err, failed, "cannot list '%.*s'", LH_STR_ARG(path)); /* ENOENT: just removed */
    }
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)); errno = 0)
        list_batch_add(walk, folder_fd, path, cursor, entry, batch);
    int failed = errno;
    closedir(dir);
    if (failed && failed != ENOENT) return lh_fail_errno(err, failed, "cannot list '%.*s'", LH_STR_ARG(path));
    list_batch_cut(batch);
    return LH_OK;
}

static lh_code list_emit(list_walk *walk, int folder_fd, lh_str path, const char *name, lh_error *err) {
    struct stat st;
    if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return LH_OK; /* gone meanwhile */
    if (walk->count == walk->limit) return walk->more = true, LH_OK;
    if (walk->count == walk->room) {
        size_t room = walk->room ? 2 * walk->room : 64;
        lh_object_entry *grown = LH_ARENA_ARRAY(walk->arena, lh_object_entry, room);
        if (!grown) return lh_arena_check(walk->arena, err);
        if (walk->count) memcpy(grown, walk->entries, walk->count * sizeof *grown);
        walk->entries = grown;
        walk->room = room;
    }
    lh_object_info info = file_info_of(&st);
    walk->entries[walk->count++] = (lh_object_entry){
        .key = lh_arena_printf(walk->arena, "%.*s%s", LH_STR_ARG(path), name),
        .size_bytes = info.size_bytes,
        .modified_ms = info.modified_ms,
        .etag = lh_arena_dup(walk->arena, lh_str_from(info.etag)),
    };
    return lh_arena_check(walk->arena, err);
}

static lh_code list_folder(list_walk *walk, lh_str path, lh_error *err);

static lh_code list_one(list_walk *walk, int folder_fd, lh_str path, const char *name, lh_error *err) {
    char full[LH_LIMIT_KEY_BYTES + 2];
    size_t length = strlen(name);
    if (name[length - 1] != '/') return list_emit(walk, folder_fd, path, name, err);
    if (path.len) memcpy(full, path.ptr, path.len);
    memcpy(full + path.len, name, length); /* list_batch_add saw that it fits */
    return list_folder(walk, (lh_str){full, path.len + length}, err);
}

/* All of the folder that belongs on the page. Depth is bounded by the length of a key. */
static lh_code list_folder(list_walk *walk, lh_str path, lh_error *err) {
    int opened =
        file_open_beneath(walk->bucket, lh_str_sub(path, 0, path.len ? path.len - 1 : 0), O_RDONLY | O_DIRECTORY);
    if (opened == -ENOENT || opened == -ENOTDIR || opened == -ELOOP || opened == -ENAMETOOLONG)
        return LH_OK; /* gone, or replaced, meanwhile */
    if (opened < 0) return lh_fail_errno(err, -opened, "cannot list '%.*s'", LH_STR_ARG(path));
    FILE_FD fd = opened;
    LH_CLEANUP(lh_free_pointer) list_batch *batch = malloc(sizeof *batch);
    if (!batch) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    char cursor[sizeof(list_name)] = "";
    do {
        batch->count = 0;
        batch->cut = false;
        LH_TRY(list_batch_read(walk, fd, path, cursor, batch, err));
        for (size_t i = 0; i < batch->count && !walk->more; i++)
            LH_TRY(list_one(walk, fd, path, batch->names[i].text, err));
        if (batch->count) memcpy(cursor, batch->names[batch->count - 1].text, sizeof cursor);
    } while (batch->cut && !walk->more);
    return LH_OK;
}

lh_code file_list(lh_bucket *base, lh_str prefix, lh_str after, size_t limit, lh_arena *arena, lh_object_page *ret,
                  lh_error *err) {
    list_walk walk = {.bucket = file_of(base), .prefix = prefix, .after = after, .limit = limit, .arena = arena};
    lh_str start = lh_str_sub(prefix, 0, lh_str_after_last(prefix, '/')); /* the deepest folder that all keys lie in */
    lh_str folder = lh_str_sub(start, 0, start.len ? start.len - 1 : 0);
    if (start.len && lh_key_check(folder, NULL) != LH_OK)
        return *ret = (lh_object_page){0}, LH_OK; /* no key is like that */
    LH_TRY(list_folder(&walk, start, err));
    *ret = (lh_object_page){walk.entries, walk.count, walk.more};
    return LH_OK;
}
