# Whole programs, one after the other: what an afternoon at a Debian looks like to the processor. $rounds times.
#
# What they compute is the same in each language, and the test knows it. Files that come along: sum.c, sum.py, sum.js,
# Sum.class.
set -e
parts=/run/jcrosvm
work=/root/work
export GCC_COLORS= NODE_DISABLE_COLORS=1

say() {
    mark "RESULT $*"
}

# A program of 400 functions, each of which calls the one before.
long_program() {
    echo '#include <stdio.h>'
    echo 'static unsigned f0(unsigned x) { return x; }'
    i=1
    while [ $i -le 400 ]; do
        echo "static __attribute__((noinline)) unsigned f$i(unsigned x) { return f$((i - 1))(x * $((2 * i + 1)) + $i); }"
        i=$((i + 1))
    done
    printf '%s\n' 'int main(void) { printf("%u\n", f400(1)); }'
}

round=0
while [ $round -lt $rounds ]; do
    round=$((round + 1))
    rm -rf $work
    mkdir $work
    cd $work
    seq 1 20000 >numbers

    openssl speed -seconds 1 -bytes 1024 sha256 >speed 2>&1
    openssl speed -seconds 1 -bytes 1024 -evp aes-128-cbc >>speed 2>&1
    openssl speed -seconds 1 rsa1024 >>speed 2>&1
    say "speed $(grep -cE '^(sha256|(aes|AES)-128-(cbc|CBC)|rsa 1024 bits) ' speed)"
    say "openssl $(openssl dgst -sha256 -r numbers | cut -d ' ' -f 1)"

    long_program >long.c
    gcc -O2 -o long long.c
    say "long $(./long)"
    gcc -O2 -o sum $parts/sum.c
    say "c $(./sum)"
    say "python $(python3 $parts/sum.py numbers)"
    say "node $(node $parts/sum.js numbers)"
    say "java $(java -Xshare:auto -cp $parts Sum numbers)"

    mkdir -p package/DEBIAN package/usr/share/small
    printf 'Package: small\nVersion: %s\nArchitecture: all\nMaintainer: test <test@localhost>\nDescription: small\n' \
        $round >package/DEBIAN/control
    cp numbers package/usr/share/small
    dpkg-deb --root-owner-group -b package small.deb >/dev/null
    dpkg -i small.deb >/dev/null
    say "dpkg $(dpkg -s small | sed -n 's/^Status: //p') $(cmp numbers /usr/share/small/numbers && echo same)"
    dpkg -P small >/dev/null
    say "purged $(dpkg -s small 2>/dev/null | wc -l) $(ls -d /usr/share/small 2>/dev/null | wc -l)"

    # Half of it has no pattern.
    openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c 1048576 >data
    seq 1 200000 | head -c 1048576 >>data
    xz -T1 -k data
    say "xz $(xz -dc data.xz | openssl dgst -sha256 -r | cut -d ' ' -f 1)"

    i=0
    sum=0
    while [ $i -lt 300 ]; do
        i=$((i + 1))
        sum=$((sum + $(/bin/echo $i)))
    done
    say "forks $sum"
    mark "ROUND $round"
done
