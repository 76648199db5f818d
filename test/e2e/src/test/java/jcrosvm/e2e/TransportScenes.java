package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import jcrosvm.devices.balloon.BalloonConfig;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.devices.rng.RngConfig;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.PlatformConfig;
import jcrosvm.vmm.config.VirtioBus;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same devices behind every transport, with Linux's drivers. */
abstract class TransportScenes {
    private static final int MIB = 1 << 20;
    private static final String SCRIPT = VirtioScenes.NETWORK_UP + """
            mark "DISK $(readlink -f /sys/block/vda/device)"
            mark "NIC $(readlink -f /sys/class/net/eth0/device)"
            mark "SHA $(sha256sum </dev/vda)"
            dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null
            dd if=/tmp/data of=/dev/vda bs=64k conv=fsync 2>/dev/null
            mark "WROTE $(sha256sum </tmp/data)"
            ping -c 2 -W 5 10.0.2.2 >/dev/null; mark "PING $?"
            mark "RNG $(cat /sys/class/misc/hw_random/rng_current) $(dd if=/dev/hwrng bs=512 count=8 2>/dev/null | wc -c)"
            mount -t debugfs debug /sys/kernel/debug
            mark "BOUNCED $(cat /sys/kernel/debug/swiotlb/io_tlb_used_hiwater)"
            mark "LINES $(grep -c 'IO-APIC.*virtio[0-9]$' /proc/interrupts) $(grep -c 'MSI.*virtio[0-9]-' /proc/interrupts)"
            """;

    @TempDir
    private Path directory;

    abstract String hypervisor();

    /** How many devices have interrupt lines, how many messages they have, and most bounce buffers in use. */
    private String[] run(String modules, UnaryOperator<VmConfigBuilder> machine) throws Exception {
        return run(modules, "", "", machine);
    }

    /**
     * The same with disk and network card at places on the PCI bus.
     *
     * @param diskPlace bus, device and function numbers, or empty
     */
    private String[] run(String modules, String diskPlace, String nicPlace, UnaryOperator<VmConfigBuilder> machine)
            throws Exception {
        byte[] content = VirtioScenes.noise(3, 4 * MIB);
        Path disk = Files.write(directory.resolve("disk"), content);
        try (GuestSession guest = VirtioScenes.plain(
                directory,
                SCRIPT,
                List.of(modules, "virtio_blk", "virtio_net", "virtio_rng", "virtio_balloon", "af_packet"),
                builder -> machine.apply(builder.cpus(2)
                        .memoryMib(256)
                        .hypervisor(new HypervisorConfig(hypervisor(), null, null))
                        .device(VirtioScenes.block("path=" + disk + place(diskPlace)))
                        .device(VirtioScenes.device(NetConfig.class, "user" + place(nicPlace)))
                        .device(new RngConfig())
                        .device(BalloonConfig.defaults())))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("DISK")).contains(diskPlace);
            assertThat(guest.awaitMarker("NIC")).contains(nicPlace);
            assertThat(guest.awaitMarker("SHA")).startsWith(VirtioScenes.sha256(content));
            assertThat(guest.awaitMarker("WROTE")).startsWith(VirtioScenes.sha256(Files.readAllBytes(disk)));
            assertThat(guest.awaitMarker("PING")).isEqualTo("0");
            assertThat(guest.awaitMarker("RNG")).startsWith("virtio_rng").endsWith(" 4096");
            return (guest.awaitMarker("LINES") + " " + guest.awaitMarker("BOUNCED")).split(" ");
        }
    }

    private static String place(String address) {
        return address.isEmpty() ? "" : ",pci-address=" + address;
    }

    private static UnaryOperator<VmConfigBuilder> on(VirtioBus bus) {
        return builder -> builder.platform(PlatformConfig.defaults().withVirtio(bus));
    }

    @Test
    void pciWithMessages() throws Exception {
        String[] interrupts = run("virtio_pci", on(VirtioBus.PCI));
        assertThat(interrupts[0]).as("lines").isEqualTo("0");
        assertThat(Integer.parseInt(interrupts[1])).as("messages").isGreaterThanOrEqualTo(8);
    }

    @Test
    void pciWithInterruptLines() throws Exception {
        String[] interrupts =
                run("virtio_pci", builder -> on(VirtioBus.PCI).apply(builder).params("pci=nomsi"));
        assertThat(interrupts[1]).as("messages").isEqualTo("0");
    }

    /** Each bus has a bridge, from the end of bus 0 on. */
    @ParameterizedTest(name = "pci=nomsi: {0}")
    @ValueSource(booleans = {false, true})
    void pciBehindBridges(boolean hasLinesOnly) throws Exception {
        UnaryOperator<VmConfigBuilder> machine = builder -> {
            VmConfigBuilder made = on(VirtioBus.PCI).apply(builder);
            return hasLinesOnly ? made.params("pci=nomsi") : made;
        };
        String[] interrupts = run("virtio_pci", "05:02.0", "3f:1f.0", machine);
        if (hasLinesOnly) {
            assertThat(interrupts[1]).as("messages").isEqualTo("0");
        } else {
            assertThat(Integer.parseInt(interrupts[1])).as("messages").isGreaterThanOrEqualTo(8);
        }
    }

    /** Drivers that may not use their memory directly: what they say goes through the kernel's bounce buffers. */
    @Test
    void pciThroughBounceBuffers() throws Exception {
        String[] found = run(
                "virtio_pci",
                builder -> builder.platform(PlatformConfig.defaults().withVirtioAccessPlatform(true))
                        .params("swiotlb=force"));
        assertThat(Integer.parseInt(found[2])).as("bounce buffers").isPositive();
    }

    /** Told by ACPI; Debian's kernels do not take devices from the command line. */
    @Test
    void mmio() throws Exception {
        assertThat(run("virtio_mmio", on(VirtioBus.MMIO))).startsWith("4", "0");
    }
}
