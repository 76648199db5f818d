package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vhostuser.frontend.VhostUserConfig;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code jcrosvm devices}: a disk, a network and a console of one process, for one guest. */
@Tag("soft")
class ServedDevicesTest {
    private static final int MIB = 1 << 20;
    private static final long LIMIT_SECONDS = 60;

    @TempDir
    private Path directory;

    private final Path log = Path.of("devices.log");

    private Process jcrosvm(String... arguments) throws Exception {
        List<String> command =
                new ArrayList<>(List.of(SourceTree.ROOT.resolve("jcrosvm").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(directory.resolve(log).toFile()));
        builder.environment().put("JCROSVM_BUILD", "never");
        return builder.start();
    }

    private String log() throws Exception {
        return Files.readString(directory.resolve(log));
    }

    private void end(Process process) throws Exception {
        assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)).as(log()).isTrue();
        assertThat(process.exitValue()).as(log()).isZero();
    }

    @Test
    void threeDevicesOfOneProcess() throws Exception {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
        byte[] noise = VirtioScenes.noise(5, 4 * MIB);
        Files.write(directory.resolve("disk"), noise);
        String script = VirtioScenes.NETWORK_UP + """
                ping -c 2 10.0.2.2 >/dev/null; mark "PING $?"
                mark "SHA $(sha256sum </dev/vda)"
                echo "written by the guest" >/dev/hvc0
                mark "SIZE $(cat /sys/block/vda/size)"
                i=0; while [ $(cat /sys/block/vda/size) != 16384 ] && [ $i -lt 300 ]; do i=$((i+1)); sleep 0.1; done
                mark "RESIZED $(cat /sys/block/vda/size)"
                """;
        Process devices = jcrosvm(
                "devices",
                "-s",
                "control",
                "--block",
                "vhost=disk.sock,disk",
                "--net",
                "vhost=net.sock,user",
                "--serial",
                "vhost=console.sock,hardware=virtio-console,type=file,path=hvc");
        try {
            for (String socket : List.of("disk.sock", "net.sock", "console.sock", "control")) {
                while (!Files.exists(directory.resolve(socket))) {
                    assertThat(devices.waitFor(20, TimeUnit.MILLISECONDS))
                            .as(log())
                            .isFalse();
                }
            }
            try (GuestSession guest = VirtioScenes.plain(
                    directory,
                    script,
                    List.of("virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "af_packet"),
                    builder -> builder.cpus(2)
                            .hypervisor(new HypervisorConfig("soft", null, null))
                            .device(VhostUserConfig.of(DeviceType.BLOCK, directory.resolve("disk.sock")))
                            .device(VhostUserConfig.of(DeviceType.NET, directory.resolve("net.sock")))
                            .device(VhostUserConfig.of(DeviceType.CONSOLE, directory.resolve("console.sock"))))) {
                assertThat(guest.awaitMarker("SIZE")).isEqualTo(Integer.toString(4 * MIB / 512));
                end(jcrosvm("disk", "resize", "0", Integer.toString(8 * MIB), "control"));
                assertThat(guest.awaitMarker("RESIZED")).as(log()).isEqualTo("16384");
                assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
                assertThat(guest.awaitMarker("PING")).isEqualTo("0");
                assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(noise));
            }
            end(devices); // all its front ends are gone
            assertThat(directory.resolve("hvc")).content().contains("written by the guest");
            assertThat(directory.resolve("disk.sock")).doesNotExist();
        } finally {
            devices.destroyForcibly();
        }
    }

    @Test
    void stopEndsItWithoutFrontEnds() throws Exception {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
        Files.write(directory.resolve("disk"), new byte[MIB]);
        Process devices = jcrosvm("devices", "-s", "control", "--block", "vhost=disk.sock,disk");
        try {
            while (!Files.exists(directory.resolve("control")) || !Files.exists(directory.resolve("disk.sock"))) {
                assertThat(devices.waitFor(20, TimeUnit.MILLISECONDS)).as(log()).isFalse();
            }
            end(jcrosvm("stop", "control"));
            end(devices);
            assertThat(directory.resolve("disk.sock")).doesNotExist();
        } finally {
            devices.destroyForcibly();
        }
    }
}
