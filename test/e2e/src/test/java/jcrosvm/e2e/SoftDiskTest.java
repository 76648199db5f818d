package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.vmm.VmExit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Disks on the software processor, and fio and file systems, which are too heavy for emulated KVM. */
@Tag("soft")
class SoftDiskTest extends DiskScenes {
    private static final List<String> FILE_SYSTEMS = List.of("virtio_pci", "virtio_blk", "ext4", "xfs", "btrfs");

    @Override
    String hypervisor() {
        return "soft";
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

    /** The host's disk is full: the guest sees errors, nothing is lost, and it goes on when there is space again. */
    @ParameterizedTest
    @CsvSource({"raw", "qcow2"})
    void aFullHostGivesErrorsUntilThereIsSpace(String format) throws Exception {
        Path small = Files.createDirectory(directory.resolve("small"));
        Process mount = new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=8m", "small", small.toString())
                .redirectErrorStream(true)
                .start();
        assumeTrue(mount.waitFor() == 0, "a file system of a few MiB needs the right to mount");
        try {
            Path disk = small.resolve("disk");
            VirtioScenes.qemuImg("create", "-q", "-f", format, disk.toString(), "16M");
            Path ballast = Files.write(small.resolve("ballast"), new byte[4 * MIB]);
            try (GuestSession guest = VirtioScenes.plain(directory, "serve", DISK, machine(1, 256, "path=" + disk))) {
                guest.awaitMarker("SERVING");
                guest.type("dd if=/dev/urandom of=/tmp/data bs=1M count=6 2>/dev/null");
                guest.type(
                        "write() { dd if=/tmp/data of=/dev/vda bs=64k count=$1 oflag=direct conv=fsync 2>/dev/null; }");
                guest.type("write 32");
                assertThat(guest.awaitMarker("RAN", 3)).isEqualTo("0");
                guest.type("write 96");
                assertThat(guest.awaitMarker("RAN", 4)).isEqualTo("1");
                guest.type("dd if=/dev/vda bs=64k count=32 iflag=direct 2>/dev/null | cmp -n 2097152 - /tmp/data");
                assertThat(guest.awaitMarker("RAN", 5)).as("what was there").isEqualTo("0");
                Files.delete(ballast);
                guest.type("write 96");
                assertThat(guest.awaitMarker("RAN", 6)).isEqualTo("0");
                guest.type("dd if=/dev/vda bs=64k count=96 iflag=direct 2>/dev/null | cmp - /tmp/data");
                assertThat(guest.awaitMarker("RAN", 7)).isEqualTo("0");
                guest.type("end");
                assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            }
            if (format.equals("qcow2")) {
                VirtioScenes.qemuImg("check", "-q", disk.toString());
            }
        } finally {
            new ProcessBuilder("umount", "-l", small.toString()).start().waitFor();
        }
    }
}
