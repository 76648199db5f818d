# What bench/virtio has its guest do: each result is a line "@@ result NAME VALUE". The disks are told apart by their
# serial numbers, the networks by the last byte of their addresses.
seconds=$(sed 's/.*bench\.seconds=\([0-9]*\).*/\1/' /proc/cmdline)
jobs=$(sed 's/.*bench\.jobs=\([a-z]*\).*/\1/' /proc/cmdline)

mkdir -p /srv/proc /srv/dev /srv/sys /srv/tmp
mount -t proc proc /srv/proc
mount --bind /dev /srv/dev
mount --bind /sys /srv/sys
mount -t tmpfs tmp /srv/tmp
deb() { PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot /srv "$@"; }

# disk NAME RW BLOCK DEPTH FIELD: a job of fio; FIELD of its terse output, version 3, is the result.
disk() {
    value=$(deb fio --minimal --terse-version=3 --name=job --filename="/dev/$device" --ioengine=libaio --direct=1 \
        --rw="$2" --bs="$3" --iodepth="$4" --size=256m --time_based --ramp_time=1 --runtime="$seconds" \
        --randrepeat=1 --norandommap 2>/tmp/err | cut -d ';' -f "$5")
    [ -n "$value" ] || cat /tmp/err
    mark "result $1 $value"
}

[ $jobs = net ] || for device in $(ls /sys/block | grep '^vd'); do
    name=$(cat "/sys/block/$device/serial")
    disk "$name-randread-4k-qd1" randread 4k 1 8
    disk "$name-randwrite-4k-qd1" randwrite 4k 1 49
    disk "$name-randread-4k-qd32" randread 4k 32 8
    disk "$name-randwrite-4k-qd32" randwrite 4k 32 49
    disk "$name-read-1m" read 1m 4 7
    disk "$name-write-1m" write 1m 4 48
done

# net NAME SERVER: both ways, in Mbit/s.
net() {
    for way in up down; do
        reverse=
        [ $way = up ] || reverse=-R
        value=$(deb iperf3 -c "$2" $reverse -p 15201 -t "$seconds" -O 1 -f m 2>/tmp/err |
            sed -n 's/.* \([0-9.]*\) Mbits\/sec.*receiver.*/\1/p')
        [ -n "$value" ] || cat /tmp/err
        mark "result $1-$way $value"
    done
}

[ $jobs = disk ] || for path in /sys/class/net/eth*; do
    [ -e "$path" ] || continue
    link=$(basename "$path")
    ip link set "$link" up
    case $(cat "$path/address") in
        *:01) ip address add 10.0.2.15/24 dev "$link" && sleep 1 && net user 10.0.2.2 ;;
        *:02) ip address add 198.18.77.2/24 dev "$link" && sleep 1 && net tap 198.18.77.1 ;;
    esac
done
