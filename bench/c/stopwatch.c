// stopwatch MARKS COMMAND...: runs a VMM with COM1 on its standard output and prints, in microseconds since just before
// the fork, when the bytes 1, 2, ... (as many as MARKS says) came out, then when the process ended. All that came out is
// copied to descriptor 3, if that is open.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_SECONDS = 120 };

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: stopwatch MARKS COMMAND...\n");
        return 2;
    }
    int marks = atoi(argv[1]), seen = 0, out[2], status;
    int copying = fcntl(3, F_SETFD, FD_CLOEXEC) == 0;
    if (pipe2(out, O_CLOEXEC) != 0) {
        perror("pipe");
        return 1;
    }
    long long start = now();
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        dup2(out[1], 1);
        alarm(LIMIT_SECONDS); // survives exec: a guest that hangs ends its VMM
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    close(out[1]);
    unsigned char bytes[256];
    ssize_t got;
    while ((got = read(out[0], bytes, sizeof bytes)) > 0) {
        long long at = now() - start;
        if (copying && write(3, bytes, (size_t)got) != got) {
            perror("stopwatch: descriptor 3");
            copying = 0;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (seen < marks && bytes[i] == seen + 1) {
                seen++;
                printf("%lld ", at);
            }
        }
    }
    waitpid(child, &status, 0);
    printf("%lld\n", now() - start);
    if (seen < marks) {
        fprintf(stderr, "stopwatch: %s: %d of %d marks, status 0x%x\n", argv[2], seen, marks, status);
        return 1;
    }
    return 0;
}
