package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A backend of another process on KVM, where kicks and calls pass through the kernel alone: no relay. */
@Tag("kvm")
class KvmVhostUserTest {
    @TempDir
    private Path directory;

    @Test
    void theStorageDaemonServesAGuest() throws Exception {
        Path disk = directory.resolve("disk.raw");
        byte[] content = VirtioScenes.noise(8, 1 << 20);
        Files.write(disk, content);
        String script = """
                mark "FOUND $(sha256sum </dev/vda)"
                dd if=/bin/busybox of=/dev/vda bs=64k count=4 oflag=direct 2>/dev/null
                sync
                mark "WROTE $(sha256sum </dev/vda)"
                """;
        try (Peer daemon = Peer.storageDaemon(directory, disk);
                GuestSession guest = VirtioScenes.plain(
                        directory,
                        script,
                        List.of("virtio_pci", "virtio_blk"),
                        builder -> builder.cpus(1)
                                .memoryMib(256)
                                .hypervisor(new HypervisorConfig("kvm", null, null))
                                .device(daemon.device(DeviceType.BLOCK)))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("FOUND")).startsWith(VirtioScenes.sha256(content));
            assertThat(guest.awaitMarker("WROTE")).startsWith(VirtioScenes.sha256(Files.readAllBytes(disk)));
        }
    }
}
