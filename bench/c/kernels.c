// The first process of a guest: says that it runs by the byte that stopwatch waits for, then times loops of many kinds, one line each:
//   @@ kernel NAME NANOSECONDS CHECKSUM
// and powers the machine off. Compiled for x86-64 without vector extensions beyond SSE2; the checksum must be the same
// everywhere. An argument is a factor for the amount of work, in percent.
#define _GNU_SOURCE
#include <linux/reboot.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static unsigned percent = 100;

static uint64_t scaled(uint64_t n) {
    return n * percent / 100 ? n * percent / 100 : 1;
}

static uint64_t next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

// Additions, shifts and multiplications in registers.
static uint64_t integer(void) {
    uint64_t a = 1, b = 7, sum = 0;
    for (uint64_t i = scaled(60000000); i > 0; i--) {
        a = a * 25214903917 + b;
        b = (b << 5 | b >> 59) ^ a;
        sum += a ^ i;
    }
    return sum;
}

static uint64_t sieve(void) {
    enum { N = 2000000 };
    static uint8_t composite[N];
    uint64_t found = 0;
    for (uint64_t round = scaled(5); round > 0; round--) {
        memset(composite, 0, N);
        for (uint32_t i = 2; i < N; i++) {
            if (!composite[i]) {
                found++;
                for (uint64_t j = (uint64_t)i * i; j < N; j += i) {
                    composite[j] = 1;
                }
            }
        }
    }
    return found;
}

// The compression function of SHA-256 without its padding.
static uint64_t hash(void) {
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint32_t k[64], w[64];
    for (int i = 0; i < 64; i++) {
        k[i] = 0x9e3779b9u * (i + 1);
    }
#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
    for (uint64_t block = scaled(120000); block > 0; block--) {
        for (int i = 0; i < 16; i++) {
            w[i] = (uint32_t)block * (i + 1);
        }
        for (int i = 16; i < 64; i++) {
            uint32_t s0 = ROR(w[i - 15], 7) ^ ROR(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint32_t s1 = ROR(w[i - 2], 17) ^ ROR(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        uint32_t v[8];
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 64; i++) {
            uint32_t s1 = ROR(v[4], 6) ^ ROR(v[4], 11) ^ ROR(v[4], 25);
            uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
            uint32_t s0 = ROR(v[0], 2) ^ ROR(v[0], 13) ^ ROR(v[0], 22);
            uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof *v);
            v[4] += t1;
            v[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++) {
            h[i] += v[i];
        }
    }
    return (uint64_t)h[0] << 32 | h[7];
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint64_t sort(void) {
    enum { N = 200000 };
    static uint32_t values[N];
    uint64_t seed = 88172645463325252, sum = 0;
    for (uint64_t round = scaled(4); round > 0; round--) {
        for (int i = 0; i < N; i++) {
            values[i] = (uint32_t)next(&seed);
        }
        qsort(values, N, sizeof *values, ascending);
        for (int i = 0; i < N; i += 1000) {
            sum = sum * 31 + values[i];
        }
    }
    return sum;
}

// Each load's address comes from the one before, over 8 MiB.
static uint64_t chase(void) {
    enum { N = 1 << 20 };
    static uint64_t links[N];
    uint64_t seed = 424242;
    for (uint32_t i = 0; i < N; i++) {
        links[i] = i;
    }
    for (uint32_t i = N - 1; i > 0; i--) {
        uint32_t j = next(&seed) % i;
        uint64_t swap = links[i];
        links[i] = links[j];
        links[j] = swap;
    }
    uint64_t at = 0;
    for (uint64_t i = scaled(4000000); i > 0; i--) {
        at = links[at];
    }
    return at;
}

static uint64_t copy(void) {
    enum { N = 32768 };
    static volatile uint64_t from[N], to[N];
    for (int i = 0; i < N; i++) {
        from[i] = (uint64_t)i * i;
    }
    for (uint64_t round = scaled(1200); round > 0; round--) {
        for (int i = 0; i < N; i++) {
            to[i] = from[i];
        }
        from[round % N]++;
    }
    return to[N / 2] + to[0];
}

// A bytecode interpreter: indirect jumps.
static uint64_t interpreter(void) {
    static const uint8_t program[] = {0, 1, 2, 3, 1, 4, 2, 5, 0, 3, 4, 1, 5, 2, 6};
    static void *labels[] = {&&add, &&multiply, &&rotate, &&xor, &&subtract, &&swap, &&loop};
    uint64_t a = 3, b = 5, left = scaled(1200000);
    const uint8_t *at = program;
#define NEXT goto *labels[*at++]
    NEXT;
add:
    a += b;
    NEXT;
multiply:
    b = b * 6364136223846793005 + 1;
    NEXT;
rotate:
    a = a << 9 | a >> 55;
    NEXT;
xor:
    a ^= b >> 3;
    NEXT;
subtract:
    b -= a;
    NEXT;
swap: {
    uint64_t t = a;
    a = b;
    b = t;
    NEXT;
}
loop:
    at = program;
    if (--left > 0) {
        NEXT;
    }
    return a ^ b;
}

static __attribute__((noinline)) uint64_t fibonacci(uint32_t n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static uint64_t calls(void) {
    uint64_t sum = 0;
    for (uint64_t i = scaled(100); i > 0; i -= i < 10 ? i : 10) {
        sum += fibonacci(29);
    }
    return sum;
}

static uint64_t floating(void) {
    double x = 0.5, y = 0.25, sum = 0;
    for (uint64_t i = scaled(8000000); i > 0; i--) {
        double t = x * x - y * y + 0.285;
        y = 2 * x * y + 0.01;
        x = t;
        sum += sqrt(x * x + y * y + 1) / (1 + (double)(i & 7));
        if (x * x + y * y > 4) {
            x = 0.5;
            y = 0.25;
        }
    }
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return bits;
}

// Multiplies numbers of 32 limbs: chains of add with carry.
static uint64_t bignum(void) {
    enum { N = 32 };
    uint64_t a[N], b[N], product[2 * N];
    uint64_t seed = 7, sum = 0;
    for (int i = 0; i < N; i++) {
        a[i] = next(&seed);
        b[i] = next(&seed);
    }
    for (uint64_t round = scaled(40000); round > 0; round--) {
        memset(product, 0, sizeof product);
        for (int i = 0; i < N; i++) {
            uint64_t carry = 0;
            for (int j = 0; j < N; j++) {
                unsigned __int128 t = (unsigned __int128)a[i] * b[j] + product[i + j] + carry;
                product[i + j] = (uint64_t)t;
                carry = (uint64_t)(t >> 64);
            }
            product[i + N] = carry;
        }
        a[round % N] ^= product[N];
        sum += product[2 * N - 1];
    }
    return sum;
}

static uint64_t strings(void) {
    static char text[65536];
    uint64_t sum = 0;
    for (int i = 0; i < (int)sizeof text - 1; i++) {
        text[i] = (char)('a' + i % 23);
    }
    for (uint64_t round = scaled(150); round > 0; round--) {
        for (volatile char *p = text; *p; p++) {
            sum = sum * 33 + (uint8_t)*p;
        }
        text[round % 1000] = (char)('A' + round % 26);
        for (char *p = text; (p = strchr(p, 'q')) != NULL; p++) {
            sum++;
        }
    }
    return sum;
}

// What the kernel does with whole pages: REP MOVSB.
static uint64_t rep(void) {
    enum { N = 1 << 20 };
    static uint8_t from[N], to[N];
    for (int i = 0; i < N; i++) {
        from[i] = (uint8_t)(i * 7);
    }
    for (uint64_t round = scaled(200); round > 0; round--) {
        void *d = to, *s = from;
        size_t n = N;
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        from[round] ^= 1;
    }
    uint64_t sum = 0;
    for (int i = 0; i < N; i++) {
        sum = sum * 31 + to[i];
    }
    return sum;
}

// The cheapest system call: user and kernel mode in turn.
static uint64_t syscalls(void) {
    uint64_t sum = 0;
    for (uint64_t i = scaled(200000); i > 0; i--) {
        sum += syscall(SYS_getppid) >= 0;
    }
    return sum;
}

// Page faults: maps and touches fresh memory.
static uint64_t faults(void) {
    uint64_t sum = 0;
    for (uint64_t round = scaled(20); round > 0; round--) {
        enum { N = 8 << 20 };
        volatile char *p = aligned_alloc(4096, N);
        for (int i = 0; i < N; i += 4096) {
            p[i] = (char)i;
            sum += (uint8_t)p[i] + 1;
        }
        free((void *)p);
    }
    return sum;
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        uint64_t (*run)(void);
    } kernels[] = {
        {"integer", integer}, {"sieve", sieve},       {"hash", hash},         {"sort", sort},
        {"chase", chase},     {"copy", copy},         {"interp", interpreter}, {"calls", calls},
        {"float", floating},  {"bignum", bignum},     {"strings", strings},   {"repmovs", rep},
        {"syscall", syscalls}, {"fault", faults},
    };
    printf("\1@@ userspace\n");
    fflush(stdout);
    if (count > 1 && atoi(arguments[1]) > 0) {
        percent = (unsigned)atoi(arguments[1]);
    }
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        uint64_t sum = kernels[i].run();
        clock_gettime(CLOCK_MONOTONIC, &end);
        int64_t nanos = (end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec;
        printf("@@ kernel %s %lld %016llx\n", kernels[i].name, (long long)nanos, (unsigned long long)sum);
        fflush(stdout);
    }
    if (getpid() == 1) {
        sync();
        syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, NULL);
    }
    return 0;
}
