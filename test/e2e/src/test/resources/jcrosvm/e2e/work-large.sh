# Long programs: compiling, Python's own tests, stress-ng checking what it computes.
cd /tmp
cat >program.c <<'C'
#include <stdint.h>
#include <stdio.h>
#include <string.h>
struct node { struct node *next; double weight; int64_t key; };
static int64_t mix(int64_t v) { uint64_t x = (uint64_t)v; x ^= x >> 31; x *= 0x7fb5d329728ea185; x ^= x >> 27; return (int64_t)x; }
int main(void) {
    struct node nodes[200];
    long double sum = 0;
    memset(nodes, 0, sizeof nodes);
    for (int i = 0; i < 200; i++) {
        nodes[i].next = &nodes[(i * 7 + 3) % 200];
        nodes[i].key = mix(i);
        nodes[i].weight = (double)nodes[i].key / 3.7e9;
    }
    struct node *at = nodes;
    for (int i = 0; i < 100000; i++, at = at->next) {
        sum += at->weight / (1 + (at->key & 15));
        at->key = mix(at->key + i);
    }
    printf("%.17Lg %016llx\n", sum, (unsigned long long)at->key);
}
C
for level in -O0 -O2 -O3; do
    gcc $level -S -o program.s program.c && sha256sum <program.s && gcc $level -o program program.s && ./program
done
python3 -m test -q test_float test_math test_struct test_json test_long test_complex test_bisect test_hashlib 2>/dev/null |
    grep -E '^(Result|All)'
for class in "cpu 1 --cpu-ops 40" "vm 1 --vm-bytes 16m --vm-ops 4000" "atomic 1 --atomic-ops 2000" \
    "matrix 1 --matrix-ops 50" "memcpy 1 --memcpy-ops 50" "str 1 --str-ops 100" "crypt 1 --crypt-ops 20"; do
    stress-ng --$class --verify --quiet --timeout 60 && echo "stress-ng ${class%% *} verified"
done
