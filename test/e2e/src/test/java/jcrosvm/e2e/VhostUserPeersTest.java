package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.RebootPolicy;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Backends of other projects, which serve our guest on the software processor. */
@Tag("soft")
class VhostUserPeersTest {
    private static final int MIB = 1 << 20;
    private static final List<String> MODULES = List.of("virtio_pci", "virtio_blk", "ext4");
    private static final String LOAD = "mark LOADED; while :; do dd if=/dev/vda of=/dev/null bs=16k iflag=direct; done";

    @TempDir
    private Path directory;

    private Path image(int mib) throws Exception {
        Path disk = directory.resolve("disk.raw");
        VirtioScenes.qemuImg("create", "-q", "-f", "raw", disk.toString(), Long.toString((long) mib * MIB));
        return disk;
    }

    private static UnaryOperator<VmConfigBuilder> machine(int cpus, Peer daemon) {
        return machine(cpus, DeviceType.BLOCK, daemon);
    }

    private static UnaryOperator<VmConfigBuilder> machine(int cpus, DeviceType type, Peer peer) {
        return builder -> builder.cpus(cpus)
                .memoryMib(1024)
                .hypervisor(new HypervisorConfig("soft", null, null))
                .device(peer.device(type));
    }

    @Test
    void fioAndFileSystemOnTheStorageDaemon() throws Exception {
        Path disk = image(96);
        String script = """
                for depth in 1 32; do
                    deb fio --minimal --name=verify --filename=/dev/vda --rw=randrw --bsrange=512-128k --size=32m --direct=1 \\
                        --ioengine=libaio --iodepth=$depth --numjobs=2 --offset_increment=32m --verify=crc32c \\
                        --randrepeat=0 --fsync=64 --group_reporting >/tmp/fio 2>&1 || cat /tmp/fio
                    mark "FIO $?"
                done
                deb mkfs.ext4 -q -F /dev/vda && mount -t ext4 /dev/vda /srv/mnt && cp -r /srv/usr/sbin /srv/mnt/sbin
                mark "COPIED $?"
                umount /srv/mnt
                deb e2fsck -fn /dev/vda >/tmp/fsck 2>&1 || cat /tmp/fsck
                mark "FSCK $?"
                sync
                mark "SHA $(sha256sum </dev/vda)"
                """;
        try (Peer daemon = Peer.storageDaemon(directory, disk);
                GuestSession guest = VirtioScenes.withPrograms(directory, script, MODULES, machine(2, daemon))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.output()).doesNotContain("verify:", "error=", "I/O error");
            for (String marker : List.of("FIO", "COPIED", "FSCK", "DONE")) {
                assertThat(guest.awaitMarker(marker)).as(guest.output()).isEqualTo("0");
            }
            assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(Files.readAllBytes(disk)));
        }
    }

    @Test
    void aFolderOfVirtiofsd() throws Exception {
        Path folder = Files.createDirectory(directory.resolve("folder"));
        byte[] content = VirtioScenes.noise(3, 5 * MIB);
        Files.write(folder.resolve("host"), content);
        String script = """
                mkdir -p /mnt && mount -t virtiofs shared /mnt
                mark "MOUNT $?"
                mark "SHA $(sha256sum </mnt/host)"
                cp -r /srv/usr/sbin /mnt/programs && cp /mnt/host /mnt/guest && rm /mnt/host
                mark "COPIED $?"
                umount /mnt
                """;
        try (Peer peer = Peer.virtiofsd(directory, folder, "shared");
                GuestSession guest = VirtioScenes.withPrograms(
                        directory, script, List.of("virtio_pci", "virtiofs"), machine(2, DeviceType.FS, peer))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("MOUNT"))
                    .as("%s%n%s", guest.output(), peer.log())
                    .isEqualTo("0");
            assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(content));
            assertThat(guest.awaitMarker("COPIED")).as(guest.output()).isEqualTo("0");
        }
        assertThat(folder.resolve("guest")).hasBinaryContent(content);
        assertThat(folder.resolve("host")).doesNotExist();
        assertThat(folder.resolve("programs")).isNotEmptyDirectory();
    }

    /** The guest keeps its end open while it receives: passt loses the end of what is sent to a half-closed one, to QEMU too. */
    @Test
    void aNetworkOfPasst() throws Exception {
        try (ServerSocket server = new ServerSocket(0);
                Peer peer = Peer.passt(directory)) {
            byte[] content = VirtioScenes.noise(4, 5 * MIB);
            CompletableFuture<String> received = new CompletableFuture<>();
            Thread.ofPlatform().daemon().start(() -> {
                try (Socket down = server.accept()) {
                    down.getOutputStream().write(content);
                    down.close();
                    try (Socket up = server.accept()) {
                        received.complete(
                                VirtioScenes.sha256(up.getInputStream().readNBytes(content.length)));
                    }
                } catch (Exception e) {
                    received.completeExceptionally(e);
                }
            });
            String script = VirtioScenes.NETWORK_UP + """
                    gateway=$(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')
                    mkfifo /tmp/open && exec 3<>/tmp/open
                    nc $gateway PORT <&3 >/tmp/received
                    mark "SHA $(sha256sum </tmp/received)"
                    nc $gateway PORT </tmp/received
                    """.replace("PORT", Integer.toString(server.getLocalPort()));
            try (GuestSession guest = VirtioScenes.withPrograms(
                    directory,
                    script,
                    List.of("virtio_pci", "virtio_net", "af_packet"),
                    machine(2, DeviceType.NET, peer))) {
                assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
                assertThat(guest.awaitMarker("SHA"))
                        .as("%s%n%s", guest.output(), peer.log())
                        .startsWith(VirtioScenes.sha256(content));
                assertThat(received.get(1, TimeUnit.MINUTES)).isEqualTo(VirtioScenes.sha256(content));
            }
        }
    }

    /** The memory table is sent again: the new machine has memory of its own. */
    @Test
    void theDeviceOutlivesARebootInPlace() throws Exception {
        Path disk = image(1);
        String script = """
                mark "COUNT $(dd if=/dev/vda bs=512 count=1 iflag=direct 2>/dev/null | tr -d '\\0')"
                [ "$(head -c 1 /dev/vda)" = b ] && exit 0
                printf b | dd of=/dev/vda bs=512 count=1 conv=sync,notrunc oflag=direct 2>/dev/null
                sync
                echo b >/proc/sysrq-trigger
                sleep 60
                """;
        try (Peer daemon = Peer.storageDaemon(directory, disk);
                GuestSession guest = VirtioScenes.plain(
                        directory,
                        script,
                        MODULES,
                        builder -> machine(1, daemon).apply(builder).reboot(RebootPolicy.IN_PLACE))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("COUNT", 2)).isEqualTo("b");
        }
    }

    @Test
    void aBackendThatIsKilledEndsTheVm() throws Exception {
        try (Peer daemon = Peer.storageDaemon(directory, image(8));
                GuestSession guest = VirtioScenes.plain(directory, LOAD, MODULES, machine(1, daemon))) {
            guest.awaitMarker("LOADED");
            daemon.signal("KILL");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.CRASH);
        }
    }

    @Test
    void aBackendThatHangsKeepsTheVmFromNothing() throws Exception {
        try (Peer daemon = Peer.storageDaemon(directory, image(8));
                GuestSession guest = VirtioScenes.plain(directory, LOAD, MODULES, machine(1, daemon))) {
            guest.awaitMarker("LOADED");
            daemon.signal("STOP");
            long before = System.nanoTime();
            guest.vm().stop();
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            // Twice the time that a message may take: a bound, not a measurement.
            assertThat(System.nanoTime() - before).isLessThan(TimeUnit.SECONDS.toNanos(20));
        }
    }
}
