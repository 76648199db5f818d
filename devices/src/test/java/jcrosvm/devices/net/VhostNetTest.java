package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.*;
import static jcrosvm.virtio.VirtioFeatures.RINGS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.network.TapBackend;
import jcrosvm.network.TapPort;
import jcrosvm.network.TapSource;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueState;
import org.junit.jupiter.api.Test;

class VhostNetTest {
    private static final MacAddress MAC = MacAddress.local(5);

    /** What the kernel is told, as numbers. */
    private static final class Kernel implements Vhost.Ioctl {
        final List<String> calls = new ArrayList<>();
        final List<Integer> errorFds = new ArrayList<>();
        long features = RINGS | VIRTIO_NET_F_MRG_RXBUF | 1L << 26;
        boolean closed;

        private static int length(long request) {
            return request == Vhost.VHOST_SET_OWNER ? 0 : (int) (request >>> 16 & 0x3fff);
        }

        @Override
        public int call(long request, MemorySegment argument) {
            int length = length(request);
            if (request == Vhost.VHOST_SET_MEM_TABLE) {
                length = 8 + 32 * argument.get(ValueLayout.JAVA_INT, 0);
            }
            long[] longs =
                    length == 0 ? new long[0] : argument.asSlice(0, length).toArray(ValueLayout.JAVA_LONG);
            StringBuilder text = new StringBuilder(Long.toHexString(request));
            Arrays.stream(longs).forEach(value -> text.append(' ').append(Long.toHexString(value)));
            calls.add(text.toString());
            if (request == Vhost.VHOST_GET_FEATURES) {
                argument.set(ValueLayout.JAVA_LONG, 0, features);
            } else if (request == Vhost.VHOST_GET_VRING_BASE) {
                argument.set(ValueLayout.JAVA_INT, 4, 77);
            } else if (request == Vhost.VHOST_SET_VRING_ERR) {
                errorFds.add(argument.get(ValueLayout.JAVA_INT, 4));
            }
            return 0;
        }

        Vhost vhost() {
            return new Vhost(this, () -> closed = true);
        }
    }

    private static String pair(long request, int index, int number) {
        return Long.toHexString(request) + ' ' + Long.toHexString((long) number << 32 | index);
    }

    @Test
    void tellsTheKernelWhereEverythingIs() {
        Kernel kernel = new Kernel();
        try (Vhost vhost = kernel.vhost();
                GuestMemory memory = new GuestMemory(
                        List.of(new GuestMemory.Range(0, 1 << 20), new GuestMemory.Range(4 << 20, 1 << 20)),
                        GuestMemory.Options.DEFAULT);
                EventFd kick = new EventFd();
                EventFd call = new EventFd();
                EventFd error = new EventFd()) {
            kernel.calls.clear();
            vhost.memory(memory);
            long base = memory.slice(0, 1).address();
            long high = memory.slice(4 << 20, 1).address();
            String all = "4008af03 2 0 100000 %x 0 400000 100000 %x 0".formatted(base, high);
            assertThat(kernel.calls).containsExactly(all);
            kernel.calls.clear();
            vhost.ring(1, new QueueLayout(64, 0x1000, 0x2000, 0x3000), memory, 9, kick, call, error);
            assertThat(kernel.calls)
                    .containsExactly(
                            pair(0x4008af10L, 1, 64),
                            "4028af11 1 %x %x %x 0".formatted(base + 0x1000, base + 0x3000, base + 0x2000),
                            pair(0x4008af12L, 1, 9),
                            pair(0x4008af20L, 1, kick.fd().number()),
                            pair(0x4008af21L, 1, call.fd().number()),
                            pair(0x4008af22L, 1, error.fd().number()));
            kernel.calls.clear();
            memory.putShort(0x3002, (short) 0x1234);
            assertThat(vhost.stop(1)).isEqualTo(77);
            assertThat(Vhost.used(new QueueLayout(64, 0x1000, 0x2000, 0x3000), memory))
                    .isEqualTo(0x1234);
            assertThat(kernel.calls.getFirst()).isEqualTo("4008af30 ffffffff00000001");
        }
        assertThat(kernel.closed).isTrue();
    }

    @Test
    void ringsOutsideOfMemoryAreRefused() {
        try (Vhost vhost = new Kernel().vhost();
                GuestMemory memory = GuestMemory.ofSize(1 << 20);
                EventFd event = new EventFd()) {
            assertThatThrownBy(() -> vhost.ring(
                            0, new QueueLayout(64, 0x1000, 0x2000, (1 << 20) - 8), memory, 0, event, event, event))
                    .isInstanceOf(VmmException.class);
        }
    }

    @Test
    void deviceHandsItsRingsOver() throws Exception {
        NetworkNamespace.run(() -> {
            Kernel kernel = new Kernel();
            TapPort port = TapPort.open(new TapSource.Made(0x0a630001, 0xffffff00), 1, null);
            TapBackend tap = TapBackend.of(port).getFirst();
            int fd = tap.descriptor().number();
            VhostNetDevice device = new VhostNetDevice("net0", kernel.vhost(), tap, MAC, 1500, true);
            assertThat(device.traits().features() & VIRTIO_NET_F_MRG_RXBUF).isNotZero();
            assertThat(device.traits().features() & VIRTIO_NET_F_CTRL_VQ).isZero();
            assertThat(device.traits().features() & 1L << 26).isZero();
            try (MockDriver driver =
                    new MockDriver(device, RINGS | device.traits().features())) {
                kernel.calls.clear();
                MockQueue rx = driver.start(0, 16);
                driver.start(1, 16);
                assertThat(kernel.calls.getFirst())
                        .isEqualTo("4008af00 " + Long.toHexString(RINGS | VIRTIO_NET_F_MRG_RXBUF));
                assertThat(kernel.calls.get(1)).startsWith("4008af03 1 ");
                assertThat(kernel.calls).contains(pair(0x4008af30L, 0, fd), pair(0x4008af30L, 1, fd));
                assertThat(device.stopQueue(0)).isEqualTo(new QueueState(77, 0));
                assertThat(device.stopQueue(0)).isNull();
                kernel.calls.clear();
                rx.restart();
                assertThat(kernel.calls).noneMatch(call -> call.startsWith("4008af03"));
                // A ring that the kernel cannot read.
                new EventFd(Fd.adopt(kernel.errorFds.getFirst())).signal();
                assertThatThrownBy(rx::await).hasMessageContaining("the device failed");
            }
            return null;
        });
    }

    @Test
    void staysInTheProcessAndInTheHost() throws Exception {
        NetworkNamespace.run(() -> {
            TapPort port = TapPort.open(new TapSource.Made(0x0a630001, 0xffffff00), 1, null);
            TapBackend tap = TapBackend.of(port).getFirst();
            try (VhostNetDevice device = new VhostNetDevice("net0", new Kernel().vhost(), tap, MAC, 1500, true)) {
                assertThatThrownBy(() -> new MockDriver(MockDriver.Host.LOOPBACK, device, RINGS))
                        .hasMessage("the device must be in the VM's own process");
                assertThat(device.traits().unsavable()).isEqualTo("the host's kernel moves its packets (vhost-net)");
                assertThatThrownBy(device::saveState).isInstanceOf(UnsupportedOperationException.class);
            }
            return null;
        });
    }

    @Test
    void oldKernelsAreRefused() throws Exception {
        NetworkNamespace.run(() -> {
            Kernel kernel = new Kernel();
            kernel.features = VIRTIO_NET_F_MRG_RXBUF;
            TapPort port = TapPort.open(new TapSource.Made(0x0a630001, 0xffffff00), 1, null);
            TapBackend tap = TapBackend.of(port).getFirst();
            assertThatThrownBy(() -> new VhostNetDevice("net0", kernel.vhost(), tap, MAC, 1500, true))
                    .hasMessageContaining("vhost-net is too old");
            tap.close();
            return null;
        });
    }

    @Test
    void saysWhatIsMissing() {
        assertThatThrownBy(() -> Vhost.open(Path.of("/dev/no-vhost")))
                .hasMessage("there is no /dev/no-vhost: load the kernel's module with 'modprobe vhost_net', or leave"
                        + " vhost-net out");
        assertThatThrownBy(() -> Vhost.open(Path.of("/dev/null"))).hasMessage("/dev/null is not a vhost device");
        Vhost.Ioctl failing = (request, argument) -> -Errno.EBUSY;
        assertThatThrownBy(() -> new Vhost(failing, () -> {})).hasMessageContaining("EBUSY");
    }

    /** The real thing: the guest's packets reach the host without us. */
    @Test
    void kernelMovesPackets() throws Exception {
        assumeTrue(Files.exists(VhostNetConfig.DEVICE), "there is no /dev/vhost-net");
        NetworkNamespace.run(() -> {
            TapPort port = TapPort.open(new TapSource.Made(0x0a630001, 0xffffff00), 1, null);
            VhostNetDevice device = new VhostNetDevice(
                    "net0",
                    Vhost.open(VhostNetConfig.DEVICE),
                    TapBackend.of(port).getFirst(),
                    MAC,
                    1500,
                    true);
            try (MockDriver driver = new MockDriver(device, RINGS)) {
                MockQueue rx = driver.start(0, 16);
                MockQueue tx = driver.start(1, 16);
                rx.submit(rx.writable(MAX_PACKET));
                rx.kick();
                byte[] mac = {2, 0, 0, 0, 0, 5};
                tx.perform(tx.readable(Frames.arpRequest(mac, 0x0a630002, 0x0a630001)));
                assertThat(rx.await()).hasSize(1);
            }
            return null;
        });
    }
}
