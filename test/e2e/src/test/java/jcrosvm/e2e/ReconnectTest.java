package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Disks whose backend is killed again and again while the guest checks what it writes. */
@Tag("soft")
class ReconnectTest {
    private static final int MIB = 1 << 20;
    private static final int SECONDS = 60;

    @TempDir
    private Path directory;

    private static UnaryOperator<VmConfigBuilder> machine(Peer peer) {
        return machine(peer, SECONDS);
    }

    private static UnaryOperator<VmConfigBuilder> machine(Peer peer, int seconds) {
        return builder -> builder.cpus(2)
                .memoryMib(1024)
                .hypervisor(new HypervisorConfig("soft", null, null))
                .device(peer.device(DeviceType.BLOCK).reconnect(seconds));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",async-executor=epoll,packed-queue"})
    void nothingIsLostOrRepeated(String options) throws Exception {
        check(options, 10);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",async-executor=epoll,packed-queue"})
    @Tag("long")
    void nothingIsLostOrRepeatedForLong(String options) throws Exception {
        check(options, 200);
    }

    private Path image() throws Exception {
        Path disk = directory.resolve("disk.raw");
        VirtioScenes.qemuImg("create", "-q", "-f", "raw", disk.toString(), Long.toString(64L * MIB));
        return disk;
    }

    /** Its requests are completed in any order: without notes it would not be known which. */
    @Test
    void aDiskThatNotesNothingIsRefused() throws Exception {
        try (Peer peer = Peer.storageDaemon(directory, image())) {
            assertThatThrownBy(() -> VirtioScenes.plain(directory, "true", List.of(), machine(peer)))
                    .hasMessageContaining("reconnect needs a backend that notes which requests are in flight");
        }
    }

    @Test
    void theVmEndsWhenNoneComesBack() throws Exception {
        try (Peer peer = Peer.ownBlock(directory, image().toString());
                GuestSession guest = VirtioScenes.plain(
                        directory,
                        "mark LOADED; dd if=/dev/vda of=/dev/null bs=16k iflag=direct; sleep 60",
                        List.of("virtio_pci", "virtio_blk"),
                        builder -> machine(peer, 2).apply(builder))) {
            guest.awaitMarker("LOADED");
            peer.signal("KILL");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.CRASH);
        }
    }

    private void check(String options, int kills) throws Exception {
        Path disk = image();
        String script = """
                mark STARTED
                rounds=0
                while [ "$(dd if=/dev/vda bs=512 count=1 skip=131071 iflag=direct 2>/dev/null | head -c 3)" != end ]; do
                    deb fio --minimal --name=verify --filename=/dev/vda --rw=randrw --bsrange=512-64k --size=16m --direct=1 \\
                        --ioengine=libaio --iodepth=32 --numjobs=2 --offset_increment=32m --verify=crc32c \\
                        --randrepeat=0 --fsync=64 --group_reporting >/tmp/fio 2>&1 || { cat /tmp/fio; mark "BAD"; }
                    rounds=$((rounds+1))
                done
                mark "ROUNDS $rounds"
                dmesg | grep -iE 'i/o error|blk_update' && mark BAD
                deb mkfs.ext4 -q -F /dev/vda && mount -t ext4 /dev/vda /srv/mnt && cp -r /srv/usr/sbin /srv/mnt/sbin
                umount /srv/mnt
                deb e2fsck -fn /dev/vda >/tmp/fsck 2>&1 || cat /tmp/fsck
                mark "FSCK $?"
                mark "SHA $(sha256sum </dev/vda)"
                """;
        Random random = new Random();
        try (Peer peer = Peer.ownBlock(directory, disk + options);
                GuestSession guest = VirtioScenes.withPrograms(
                        directory, script, List.of("virtio_pci", "virtio_blk", "ext4"), machine(peer))) {
            guest.awaitMarker("STARTED");
            for (int i = 0; i < kills; i++) {
                TimeUnit.MILLISECONDS.sleep(random.nextInt(i % 4 == 0 ? 200 : 1500));
                peer.killAndRestart(random.nextInt(100));
            }
            TimeUnit.SECONDS.sleep(2);
            try (java.io.RandomAccessFile file = new java.io.RandomAccessFile(disk.toFile(), "rw")) {
                file.seek(131071 * 512L); // behind all that fio writes
                file.write("end".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
            }
            assertThat(guest.awaitEnd())
                    .as("%s%n%s", guest.output(), peer.log())
                    .isEqualTo(VmExit.STOP);
            assertThat(guest.output()).doesNotContain("BAD", "verify:", "I/O error");
            assertThat(Integer.parseInt(guest.awaitMarker("ROUNDS"))).isPositive();
            assertThat(guest.awaitMarker("FSCK")).as(guest.output()).isEqualTo("0");
            assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(Files.readAllBytes(disk)));
        }
    }
}
