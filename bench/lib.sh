# Sourced by the scripts of this folder.

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
. "$root/tools/lib/jdk.sh"
work=$root/bench/target/run
qemu=${QEMU:-qemu-system-x86_64}
guest_mib=128

die() {
    echo "$(basename -- "$0"): $*" >&2
    exit 1
}

build_jcrosvm() {
    need_jdk
    utf8_locale
    if [[ ${JCROSVM_BUILD:-} != never ]]; then
        . "$root/tools/lib/maven.sh"
        find_maven
        mkdir -p "$root/bench/target"
        JCROSVM_BUILD=only "$root/jcrosvm"
        run_maven "$root/bench/target/build.log" -pl bench -am -DskipTests package ||
            die "the build failed, see bench/target/build.log"
    fi
    export JCROSVM_BUILD=never
    mkdir -p "$work"
}

# C programs of bench/c by their names.
compile() {
    local program
    type -P cc >/dev/null || die "needs a C compiler as cc"
    for program in "$@"; do
        cc -O2 -o "$work/$program" "$root/bench/c/$program.c" || die "bench/c/$program.c does not compile"
    done
}

# Builds the program, the guests and the C programs of a benchmark on KVM. $1: exits in the guests that count them.
prepare() {
    [[ -r /dev/kvm && -w /dev/kvm ]] || die "needs a /dev/kvm that it may open"
    build_jcrosvm
    java_bench GuestImages "$work" "${1:-1}"
    compile stopwatch exits
}

# Runs a main class of the bench module as the launcher would run the program.
java_bench() {
    local class=$1 flags
    shift
    mapfile -t flags <"$root/tools/lib/jvm.flags"
    # shellcheck disable=SC2086 # several options
    "$jdk/bin/java" "${flags[@]}" ${JCROSVM_JAVA_OPTIONS:-} \
        --module-path "$root/app/target/modules:$root/bench/target/bench.jar" --add-modules jcrosvm.hypervisor.kvm \
        --module "jcrosvm.bench/jcrosvm.bench.$class" "$@"
}

# The command line of a VMM for a guest, in the array $command. $1: VMM, $2: image.
command_for() {
    local machine image=$2
    local ours=(run --hypervisor kvm --mem "$guest_mib" --debug-exit port=0xf4
        --serial type=stdout,hardware=serial,num=1,stdin=false)
    case $1 in
        jcrosvm) command=("$root/jcrosvm" "${ours[@]}") ;;
        image) command=("$image_dir/bin/jcrosvm" "${ours[@]}") ;;
        microvm | q35)
            machine=$1
            command=("$qemu" -M "$machine" -accel kvm -m "$guest_mib" -nodefaults -no-reboot -display none
                -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=1)
            ;;
        c) command=("$work/exits") ;;
        *) die "no VMM '$1'" ;;
    esac
    case $image in
        *.rom) command+=(--bios "$image") ;;
        *) if [[ $1 == microvm || $1 == q35 ]]; then command+=(-kernel "$image"); else command+=("$image"); fi ;;
    esac
}

# $image_dir: the packaged program; made when it is missing or older than the build.
need_image() {
    image_dir=${JCROSVM_IMAGE:-$root/bench/target/image}
    if [[ ! -e $image_dir/lib/jcrosvm.aot || $image_dir/lib/jcrosvm.aot -ot $root/app/target/modules/app.jar ]]; then
        [[ -z ${JCROSVM_IMAGE:-} ]] || die "$image_dir is no packaged jcrosvm, or an old one"
        "$root/tools/package" "$image_dir" >&2 || die "tools/package failed"
    fi
}

facts() {
    echo "machine: $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r)," \
        "KVM: $(ls /sys/module | grep '^kvm_' | paste -sd,), load $(cut -d' ' -f1-3 /proc/loadavg)"
    echo "peer: $("$qemu" --version | head -1); Java: $("$jdk/bin/java" --version | head -1)"
}

# Numbers on standard input, one per line -> "min median" in the unit of $1 divisions.
min_median() {
    sort -n | awk -v by="$1" '{ v[NR] = $1 / by } END { printf "%.1f %.1f", v[1], v[int((NR + 1) / 2)] }'
}

# Memory of a VMM and its guest, see bench/memory. $1: name, $2: process, $3: MiB of guest RAM
account() {
    awk -v name="$1" -v ram="$(($3 * 1024))" '
        /^[0-9a-f]+-[0-9a-f]+ / { path = $6; guest = path ~ /^\/memfd:jcrosvm-ram/ }
        /^Size:/ { if (path == "" && $2 == ram) guest = 1 }
        /^Rss:/ { rss += $2; if (guest) g += $2; }
        /^Pss:/ { if (!guest) pss += $2 }
        /^Private_Dirty:/ { if (!guest) dirty += $2 }
        END { printf "%-22s %12.1f %12.1f %12.1f %12.1f %12.1f\n", name, rss / 1024, g / 1024, (rss - g) / 1024,
            pss / 1024, dirty / 1024 }' "/proc/$2/smaps"
}

heading() {
    printf '%-22s %12s %12s %12s %12s %12s\n' "MiB" RSS "of guest RAM" "RSS beside" "PSS beside" "dirty beside"
}
