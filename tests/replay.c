/* Replays a corpus folder through LLVMFuzzerTestOneInput, for compilers without
 * libFuzzer. Options of libFuzzer (-runs=0 …) are ignored. A missing or empty
 * folder is a failure: a fuzzer without a corpus tests nothing. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return perror(path), 1;
    struct stat st;
    if (fstat(fileno(file), &st) != 0) return perror(path), fclose(file), 1;
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    int failed = !data || fread(data, 1, size, file) != size;
    if (!failed) LLVMFuzzerTestOneInput(data, size);
    free(data);
    fclose(file);
    return failed;
}

int main(int argc, char **argv) {
    int replayed = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') continue;
        DIR *dir = opendir(argv[i]);
        if (!dir) return perror(argv[i]), 1;
        for (struct dirent *entry; (entry = readdir(dir));) {
            char path[4096];
            if (entry->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            failed += replay_file(path);
            replayed++;
        }
        closedir(dir);
    }
    printf("replayed %d inputs, %d unreadable\n", replayed, failed);
    return replayed == 0 || failed != 0;
}
