package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import jcrosvm.base.io.Fd;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Linux's block driver, file systems and fio on our disks. */
abstract class DiskScenes {
    private static final List<String> DISK = List.of("virtio_pci", "virtio_blk");
    private static final List<String> FILE_SYSTEMS = List.of("virtio_pci", "virtio_blk", "ext4", "xfs", "btrfs");
    private static final int MIB = 1 << 20;

    @TempDir
    private Path directory;

    abstract String hypervisor();

    private UnaryOperator<VmConfigBuilder> machine(int cpus, int mib, String... disks) {
        return builder -> {
            builder.cpus(cpus).memoryMib(mib).hypervisor(new HypervisorConfig(hypervisor(), null, null));
            for (String disk : disks) {
                builder.device(VirtioScenes.block(disk));
            }
            return builder;
        };
    }

    private Path image(String format, long size) throws Exception {
        Path path = directory.resolve("disk." + format);
        VirtioScenes.qemuImg("create", "-q", "-f", format, path.toString(), Long.toString(size));
        return path;
    }

    private String contentHash(Path image) throws Exception {
        Path raw = directory.resolve("content.raw");
        VirtioScenes.qemuImg("convert", "-O", "raw", image.toString(), raw.toString());
        return VirtioScenes.sha256(Files.readAllBytes(raw));
    }

    @ParameterizedTest
    @CsvSource({
        "raw, ''",
        "raw, ',packed-queue'",
        "raw, ',multiple-workers'",
        "raw, ',async-executor=uring'",
        "qcow2, ''"
    })
    void fioFindsWhatItWrote(String format, String options) throws Exception {
        Path disk = image(format, 96 * MIB);
        String script = """
                cat /sys/block/vda/queue/discard_max_bytes /sys/block/vda/queue/write_zeroes_max_bytes
                for depth in 1 32; do
                    deb fio --minimal --name=verify --filename=/dev/vda --rw=randrw --bsrange=512-128k --size=32m --direct=1 \\
                        --ioengine=libaio --iodepth=$depth --numjobs=2 --offset_increment=32m --verify=crc32c \\
                        --randrepeat=0 --fsync=64 --group_reporting >/tmp/fio 2>&1 || cat /tmp/fio
                    mark "FIO $?"
                done
                deb fio --minimal --name=trim --filename=/dev/vda --rw=randtrimwrite --bs=64k --size=16m --offset=64m --direct=1 \\
                    --ioengine=psync >/tmp/fio 2>&1 || cat /tmp/fio
                mark "TRIM $?"
                sync
                mark "SHA $(sha256sum </dev/vda)"
                """;
        String hash;
        try (GuestSession guest =
                VirtioScenes.withPrograms(directory, script, DISK, machine(2, 1024, "path=" + disk + options))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.output()).doesNotContain("verify:", "error=", "I/O error");
            assertThat(guest.awaitMarker("DONE")).as(guest.output()).isEqualTo("0");
            hash = guest.awaitMarker("SHA");
        }
        assertThat(hash).startsWith(contentHash(disk)); // the guest's lock is gone
        if (format.equals("qcow2")) {
            VirtioScenes.qemuImg("check", "-q", disk.toString());
        }
    }

    @ParameterizedTest
    @CsvSource({"raw", "qcow2"})
    void fileSystemsAreSound(String format) throws Exception {
        Path disk = image(format, 400 * MIB);
        String script = """
                check() {
                    mark "$*"
                    "$@" >/tmp/log 2>&1 || { cat /tmp/log; mark "FAILED $*"; }
                }
                for fs in ext4 xfs btrfs; do
                    case $fs in ext4) flag=-F ;; *) flag=-f ;; esac
                    check deb mkfs.$fs $flag /dev/vda
                    check mount -t $fs /dev/vda /srv/mnt
                    for i in 1 2 3 4 5 6 7 8; do
                        mkdir /srv/mnt/d$i
                        cp -r /srv/usr/sbin /srv/mnt/d$i/
                        [ $i = 5 ] && rm -r /srv/mnt/d2 && sync
                    done
                    (cd /srv/mnt && find . -type f | sort | xargs sha256sum) >/tmp/before
                    check umount /srv/mnt
                    case $fs in
                        ext4) check deb e2fsck -fn /dev/vda ;;
                        xfs) check deb xfs_repair -n /dev/vda ;;
                        btrfs) check deb btrfs check /dev/vda ;;
                    esac
                    echo 3 >/proc/sys/vm/drop_caches
                    check mount -t $fs -o ro /dev/vda /srv/mnt
                    (cd /srv/mnt && find . -type f | sort | xargs sha256sum) >/tmp/after
                    cmp /tmp/before /tmp/after || mark "FAILED $fs differs"
                    mark "FILES $(wc -l </tmp/after)"
                    check umount /srv/mnt
                done
                mark "SHA $(sha256sum </dev/vda)"
                """;
        String hash;
        try (GuestSession guest =
                VirtioScenes.withPrograms(directory, script, FILE_SYSTEMS, machine(2, 1024, "path=" + disk))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.output()).doesNotContain("FAILED");
            assertThat(Integer.parseInt(guest.awaitMarker("FILES", 3))).isPositive();
            hash = guest.awaitMarker("SHA");
        }
        assertThat(hash).startsWith(contentHash(disk));
    }

    @Test
    void readOnlyRootAndNames() throws Exception {
        Path disk = image("raw", MIB);
        byte[] content = VirtioScenes.noise(7, MIB);
        Files.write(disk, content);
        String script = """
                mark "SHA $(sha256sum </dev/vdb)"
                mark "RO $(cat /sys/block/vdb/ro) $(cat /sys/block/vda/ro)"
                mark "ID $(cat /sys/block/vdb/serial)"
                mark "BLOCK $(cat /sys/block/vda/queue/logical_block_size)"
                mark "ROOT $(grep -o 'root=[^ ]* r.' /proc/cmdline)"
                dd if=/dev/zero of=/dev/vdb bs=512 count=1 2>/dev/null && mark WROTE
                true
                """;
        try (GuestSession guest = VirtioScenes.plain(
                directory,
                script,
                DISK,
                machine(
                        1,
                        256,
                        "path=" + image("qcow2", 2 * MIB) + ",block-size=4096",
                        "path=" + disk + ",ro,root,id=our-disk"))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(content));
            assertThat(guest.awaitMarker("RO")).isEqualTo("1 0");
            assertThat(guest.awaitMarker("ID")).isEqualTo("our-disk");
            assertThat(guest.awaitMarker("BLOCK")).isEqualTo("4096");
            assertThat(guest.awaitMarker("ROOT")).isEqualTo("root=/dev/vdb ro");
            assertThat(guest.output()).doesNotContain("WROTE");
        }
        assertThat(Files.readAllBytes(disk)).isEqualTo(content);
    }

    @Test
    void resizeIsSeen() throws Exception {
        Path disk = image("raw", 4 * MIB);
        try (GuestSession guest = VirtioScenes.plain(
                directory, "serve", DISK, machine(1, 256, "path=" + image("qcow2", MIB), "path=" + disk))) {
            guest.awaitMarker("SERVING");
            guest.vm()
                    .perform(
                            "DiskCommand",
                            jcrosvm.config.JsonReader.parse(
                                    "{\"disk_index\":1,\"command\":{\"Resize\":{\"new_size\":8388608}}}"))
                    .toCompletableFuture()
                    .get();
            guest.type("while [ $(cat /sys/block/vdb/size) != 16384 ]; do sleep 0.1; done");
            assertThat(guest.awaitMarker("RAN")).isEqualTo("0");
            guest.type("dd if=/dev/zero of=/dev/vdb bs=1M seek=7 count=1 conv=fsync");
            assertThat(guest.awaitMarker("RAN", 2)).isEqualTo("0");
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
        assertThat(Files.size(disk)).isEqualTo(8 * MIB);
    }

    @Test
    void driverComesAndGoesUnderLoad() throws Exception {
        Path disk = image("raw", 32 * MIB);
        String script = """
                device=$(basename $(readlink /sys/block/vda/device))
                for i in 1 2 3 4 5; do
                    dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null &
                    dd if=/dev/zero of=/dev/vda bs=64k conv=fsync 2>/dev/null &
                    usleep 30000
                    echo $device >/sys/bus/virtio/drivers/virtio_blk/unbind
                    wait
                    echo $device >/sys/bus/virtio/drivers/virtio_blk/bind
                    [ -e /sys/block/vda ] || sleep 1
                done
                dd if=/dev/zero of=/dev/vda bs=1M count=32 conv=fsync 2>/dev/null && mark "WROTE $?"
                mark "SHA $(sha256sum </dev/vda)"
                """;
        try (GuestSession guest = VirtioScenes.plain(directory, script, DISK, machine(2, 256, "path=" + disk))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("WROTE")).isEqualTo("0");
            assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(new byte[32 * MIB]));
        }
    }

    /** The host's file shrinks under a running guest, which gets errors, and works again when the space is back. */
    @Test
    void aDiskThatShrinksGivesErrorsOnly() throws Exception {
        Path disk = image("raw", 8 * MIB);
        try (GuestSession guest =
                VirtioScenes.plain(directory, "serve", DISK, machine(1, 256, "path=" + disk + ",lock=false"))) {
            guest.awaitMarker("SERVING");
            try (Fd file = Fd.open(disk, Fd.O_RDWR)) {
                file.truncate(MIB);
            }
            guest.type("dd if=/dev/vda of=/dev/null bs=1M skip=6 count=1 iflag=direct 2>/dev/null");
            assertThat(guest.awaitMarker("RAN")).isNotEqualTo("0");
            guest.type("dd if=/dev/vda of=/dev/null bs=512k count=1 iflag=direct 2>/dev/null");
            assertThat(guest.awaitMarker("RAN", 2)).isEqualTo("0");
            try (Fd file = Fd.open(disk, Fd.O_RDWR)) {
                file.truncate(8L * MIB);
            }
            guest.type("dd if=/dev/vda of=/dev/null bs=1M skip=6 count=1 iflag=direct 2>/dev/null");
            assertThat(guest.awaitMarker("RAN", 3)).isEqualTo("0");
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }
}
