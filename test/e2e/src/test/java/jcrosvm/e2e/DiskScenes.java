package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import jcrosvm.base.io.Fd;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.RebootPolicy;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Linux's block driver on our disks, with busybox alone: light enough for emulated KVM. */
abstract class DiskScenes {
    static final List<String> DISK = List.of("virtio_pci", "virtio_blk");
    static final int MIB = 1 << 20;

    private static final String LOAD =
            "(while :; do dd if=/dev/vda of=/dev/null bs=16k iflag=direct; done) >/dev/null 2>&1 & "
                    + "(while :; do dd if=/dev/zero of=/dev/vda bs=16k seek=1024 oflag=direct; done) >/dev/null 2>&1 &";

    @TempDir
    Path directory;

    abstract String hypervisor();

    UnaryOperator<VmConfigBuilder> machine(int cpus, int mib, String... disks) {
        return builder -> {
            builder.cpus(cpus).memoryMib(mib).hypervisor(new HypervisorConfig(hypervisor(), null, null));
            for (String disk : disks) {
                builder.device(VirtioScenes.block(disk));
            }
            return builder;
        };
    }

    Path image(String format, long size) throws Exception {
        Path path = directory.resolve("disk." + format);
        VirtioScenes.qemuImg("create", "-q", "-f", format, path.toString(), Long.toString(size));
        return path;
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

    /** What a guest writes to its raw disk does not become an image over a file of the host. */
    @Test
    void aGuestCannotChooseTheFormatOfItsDisk() throws Exception {
        Path bait = directory.resolve("bait");
        VirtioScenes.qemuImg(
                "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", bait.toString(), "4K");
        Path guessed = image("raw", MIB);
        Path given = Files.write(directory.resolve("given"), new byte[MIB]);
        String script = """
                copy() { dd if=/dev/vda of=$1 bs=64k count=1 seek=$2 oflag=direct 2>/dev/null; mark "$3 $?"; }
                copy /dev/vdb 0 GUESSED
                copy /dev/vdb 1 BEHIND
                copy /dev/vdc 0 GIVEN
                """;
        try (GuestSession guest = VirtioScenes.plain(
                directory,
                script,
                DISK,
                machine(
                        1,
                        256,
                        "path=" + bait + ",ro,format=raw",
                        "path=" + guessed,
                        "path=" + given + ",format=raw"))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("GUESSED")).isEqualTo("1");
            assertThat(guest.awaitMarker("BEHIND")).isEqualTo("0");
            assertThat(guest.awaitMarker("GIVEN")).isEqualTo("0");
        }
        byte[] written = Arrays.copyOf(Files.readAllBytes(bait), 64 << 10);
        assertThat(Files.readAllBytes(guessed)).startsWith(new byte[64 << 10]);
        assertThat(Arrays.copyOfRange(Files.readAllBytes(guessed), 64 << 10, 128 << 10))
                .isEqualTo(written);
        assertThat(Files.readAllBytes(given)).startsWith(written);
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

    @ParameterizedTest
    @CsvSource({"raw, ',async-executor=uring'", "qcow2, ',packed-queue,multiple-workers'"})
    void rebootsWithRequestsInFlight(String format, String options) throws Exception {
        Path disk = image(format, 32 * MIB);
        try (GuestSession guest = VirtioScenes.plain(
                directory,
                "serve",
                DISK,
                builder ->
                        machine(2, 256, "path=" + disk + options).apply(builder).reboot(RebootPolicy.IN_PLACE))) {
            int ran = 0;
            for (int i = 1; i <= 2; i++) {
                guest.awaitMarker("SERVING", i);
                guest.type(LOAD);
                guest.awaitMarker("RAN", ++ran);
                Thread.sleep(300);
                guest.type("echo b >/proc/sysrq-trigger");
            }
            guest.awaitMarker("SERVING", 3);
            guest.type("dd if=/dev/zero of=/dev/vda bs=1M count=32 conv=fsync 2>/dev/null");
            assertThat(guest.awaitMarker("RAN", ++ran)).isEqualTo("0");
            guest.type("mark \"SHA $(sha256sum </dev/vda)\"");
            assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(new byte[32 * MIB]));
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
        if (format.equals("qcow2")) {
            VirtioScenes.qemuImg("check", "-q", disk.toString());
        }
    }

    @Test
    void suspendedDisksGoOnWhereTheyWere() throws Exception {
        Path disk = image("qcow2", 32 * MIB);
        try (GuestSession guest = VirtioScenes.plain(
                directory,
                "dd if=/dev/urandom of=/tmp/data bs=1M count=32 2>/dev/null\nserve",
                DISK,
                machine(2, 256, "path=" + disk))) {
            guest.awaitMarker("SERVING");
            guest.type(
                    "for i in 1 2 3 4 5 6; do dd if=/tmp/data of=/dev/vda bs=32k oflag=direct 2>/dev/null || break; "
                            + "dd if=/dev/vda bs=32k iflag=direct 2>/dev/null | cmp - /tmp/data || break; done; mark \"ROUNDS $i\"");
            for (int i = 0; i < 10; i++) {
                TimeUnit.MILLISECONDS.sleep(50);
                guest.vm().suspend(true);
                TimeUnit.MILLISECONDS.sleep(50);
                guest.vm().resume(true);
            }
            assertThat(guest.awaitMarker("ROUNDS")).isEqualTo("6");
            assertThat(guest.awaitMarker("RAN")).isEqualTo("0");
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
        VirtioScenes.qemuImg("check", "-q", disk.toString());
    }
}
