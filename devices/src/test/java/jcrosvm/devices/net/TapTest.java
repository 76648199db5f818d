package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.*;
import static jcrosvm.devices.net.NetworkNamespace.command;
import static jcrosvm.network.Offloads.*;
import static jcrosvm.virtio.VirtioFeatures.RINGS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.network.TapPort;
import jcrosvm.network.TapSource;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The device on taps of Linux, whose own stack is at the other end. */
@ParameterizedClass
@EnumSource(MockDriver.Host.class)
class TapTest {
    private static final byte[] GUEST_MAC = {2, 0, 0, 0, 0, 5};
    private static final int HOST = 0x0a630001;
    private static final int GUEST = 0x0a630002;
    private static final int TIMEOUT_MILLIS = 20_000;

    private final MockDriver.Host host;

    TapTest(MockDriver.Host host) {
        this.host = host;
    }

    private static VirtioDevice create(NetConfig config) {
        config.validate();
        return DeviceModule.make(new NetModule(), config, 0, new VmFacts(4, 64 << 20));
    }

    private static NetConfig made(Integer mtu, int pairs) {
        return NetConfig.defaults().with(to -> {
            to.hostIp = "10.99.0.1";
            to.netmask = "255.255.255.0";
            to.mac = "02:00:00:00:00:05";
            to.vqPairs = pairs;
            to.mtu = mtu;
        });
    }

    private static NetConfig named(String name, int pairs, Integer mtu) {
        return NetConfig.tap(name).with(to -> {
            to.vqPairs = pairs;
            to.mtu = mtu;
        });
    }

    /** A guest with one pair of queues. */
    private final class Guest implements AutoCloseable {
        final MockDriver driver;
        final MockQueue rx;
        final MockQueue tx;
        private final Buffer out;

        Guest(VirtioDevice device, long features) {
            driver = new MockDriver(host, device, features);
            rx = driver.start(0, 64);
            tx = driver.start(1, 64);
            out = tx.writable(MAX_PACKET);
            for (int i = 0; i < 16; i++) {
                rx.submit(rx.writable(MAX_PACKET));
            }
            rx.kick();
        }

        void send(byte[] frame) {
            driver.memory().write(out.address(), frame);
            tx.perform(new Buffer(out.address(), frame.length, false));
        }

        byte[] receive(Predicate<byte[]> wanted) {
            while (true) {
                byte[] found = null;
                for (Completion done : rx.await()) {
                    byte[] frame = Arrays.copyOf(rx.content(done.buffers().getFirst()), done.written());
                    rx.submit(done.buffers().getFirst());
                    if (found == null && wanted.test(frame)) {
                        found = frame;
                    }
                }
                rx.kick();
                if (found != null) {
                    return found;
                }
            }
        }

        byte[] resolve() {
            send(Frames.arpRequest(GUEST_MAC, GUEST, HOST));
            return Frames.arpReply(receive(frame -> Frames.arpReply(frame, HOST) != null), HOST);
        }

        @Override
        public void close() {
            driver.close();
        }
    }

    private static DatagramSocket socket() throws Exception {
        DatagramSocket socket =
                new DatagramSocket(new InetSocketAddress(InetAddress.getByAddress(new byte[] {10, 99, 0, 1}), 5000));
        socket.setSoTimeout(TIMEOUT_MILLIS);
        return socket;
    }

    private static byte[] receive(DatagramSocket socket) throws Exception {
        DatagramPacket packet = new DatagramPacket(new byte[65536], 65536);
        socket.receive(packet);
        assertThat(packet.getPort()).isEqualTo(6000);
        return Arrays.copyOf(packet.getData(), packet.getLength());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void talksToTheHost(boolean offloads) throws Exception {
        NetworkNamespace.run(() -> {
            VirtioDevice device = create(made(1400, 1));
            long features = offloads ? device.traits().features() : RINGS | VIRTIO_NET_F_CSUM;
            try (Guest guest = new Guest(device, features | RINGS)) {
                assertThat(guest.driver.config()[CONFIG_MTU] & 0xff).isEqualTo(1400 & 0xff);
                byte[] host = guest.resolve();
                Random random = new Random(1);
                try (DatagramSocket socket = socket()) {
                    for (int i = 0; i < 200; i++) {
                        byte[] data = new byte[1 + random.nextInt(1300)];
                        random.nextBytes(data);
                        guest.send(Frames.udp(host, GUEST_MAC, GUEST, HOST, 6000, 5000, data, 0));
                        assertThat(receive(socket)).isEqualTo(data);
                        socket.send(new DatagramPacket(
                                data, data.length, InetAddress.getByAddress(new byte[] {10, 99, 0, 2}), 6000));
                        byte[] frame = guest.receive(f -> Frames.isUdp(f, 6000));
                        assertThat(Frames.udpData(frame)).isEqualTo(data);
                        assertThat(frame[HEADER_NUM_BUFFERS]).isEqualTo((byte) 1);
                        if (offloads) {
                            assertThat(frame[0] & Frames.NEEDS_CSUM).isEqualTo(Frames.NEEDS_CSUM);
                        } else {
                            assertThat(frame[0]).isZero();
                            assertThat(Frames.isChecksumRight(frame)).isTrue();
                        }
                    }
                }
            }
            return null;
        });
    }

    @Test
    void segmentsOfTheGuestAreCutByTheHost() throws Exception {
        NetworkNamespace.run(() -> {
            VirtioDevice device = create(made(null, 1));
            assumeTrue(
                    (device.traits().features() & VIRTIO_NET_F_HOST_USO) != 0, "this kernel's taps cut no datagrams");
            try (Guest guest = new Guest(device, device.traits().features() | RINGS)) {
                byte[] host = guest.resolve();
                byte[] data = new byte[3500];
                new Random(2).nextBytes(data);
                try (DatagramSocket socket = socket()) {
                    guest.send(Frames.udp(host, GUEST_MAC, GUEST, HOST, 6000, 5000, data, 1000));
                    for (int at = 0; at < data.length; at += 1000) {
                        assertThat(receive(socket))
                                .isEqualTo(Arrays.copyOfRange(data, at, Math.min(at + 1000, data.length)));
                    }
                }
            }
            return null;
        });
    }

    @Test
    void arbitraryHeadersAndFramesDoNoHarm() throws Exception {
        NetworkNamespace.run(() -> {
            VirtioDevice device = create(made(null, 1));
            Random random = new Random(3);
            try (Guest guest = new Guest(device, device.traits().features() | RINGS)) {
                byte[] host = guest.resolve();
                for (int i = 0; i < 5000; i++) {
                    byte[] frame = Frames.udp(host, GUEST_MAC, GUEST, HOST, 6000, 5000, new byte[60], 0);
                    byte[] noise = new byte[12];
                    random.nextBytes(noise);
                    System.arraycopy(noise, 0, frame, 0, 12);
                    frame[1] = (byte) random.nextInt(6);
                    guest.send(Arrays.copyOf(frame, 1 + random.nextInt(frame.length)));
                }
                assertThat(guest.resolve()).isEqualTo(host);
                assertThat(guest.driver.failed()).isFalse();
            }
            return null;
        });
    }

    @Test
    void namedTapOfSeveralQueues() throws Exception {
        NetworkNamespace.run(() -> {
            command("ip tuntap add dev jtap0 mode tap multi_queue");
            command("ip address add 10.99.0.1/24 dev jtap0");
            VirtioDevice device = create(named("jtap0", 3, null));
            assertThat(device.traits().features() & VIRTIO_NET_F_MQ).isNotZero();
            assertThat(device.traits().queueSizes()).hasSize(7);
            long features = RINGS | VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ;
            try (Guest guest = new Guest(device, features)) {
                guest.resolve();
                MockQueue control = guest.driver.start(6, 16);
                MockQueue rx = guest.driver.start(2, 16);
                MockQueue tx = guest.driver.start(3, 16);
                for (int pairs : new int[] {3, 1, 2}) {
                    Completion done =
                            control.perform(control.readable(new byte[] {4, 0, (byte) pairs, 0}), control.writable(1));
                    assertThat(control.content(done.buffers().getLast())).containsExactly(0);
                }
                rx.submit(rx.writable(2000));
                rx.kick();
                tx.perform(tx.readable(Frames.arpRequest(GUEST_MAC, GUEST, HOST)));
                assertThat(guest.driver.failed()).isFalse();
            }
            // With one queue it works as well, and again after it was closed.
            try (Guest guest = new Guest(create(named("jtap0", 1, null)), RINGS)) {
                guest.resolve();
            }
            return null;
        });
    }

    @Test
    void inheritedDescriptor() throws Exception {
        NetworkNamespace.run(() -> {
            command("ip tuntap add dev jtap1 mode tap");
            command("ip address add 10.99.0.1/24 dev jtap1");
            TapPort port = TapPort.open(new TapSource.Named("jtap1"), 1, null);
            int number = port.queues().getFirst().duplicate().number();
            port.queues().getFirst().close();
            try (Guest guest = new Guest(create(inherited(number)), RINGS)) {
                guest.resolve();
            }
            return null;
        });
    }

    @Test
    void tapThatVanishes() throws Exception {
        NetworkNamespace.run(() -> {
            command("ip tuntap add dev jtap2 mode tap");
            command("ip address add 10.99.0.1/24 dev jtap2");
            try (Guest guest = new Guest(create(named("jtap2", 1, null)), RINGS)) {
                guest.resolve();
                command("ip link delete jtap2");
                assertThat(guest.driver.configChanges().tryAcquire(20, TimeUnit.SECONDS))
                        .isTrue();
                assertThat(guest.driver.config()[CONFIG_STATUS]).isZero();
                guest.send(Frames.arpRequest(GUEST_MAC, GUEST, HOST));
                assertThat(guest.driver.failed()).isFalse();
            }
            return null;
        });
    }

    @Test
    void saysWhatIsWrongWithATap() throws Exception {
        NetworkNamespace.run(() -> {
            command("ip tuntap add dev jtap3 mode tap");
            command("ip tuntap add dev jtun3 mode tun");
            refused(named("nosuch", 1, null), "there is no network interface nosuch: make it with 'ip tuntap add");
            refused(named("lo", 1, null), "network interface lo is not a tap");
            refused(named("jtun3", 1, null), "network interface jtun3 is not a tap");
            refused(named("jtap3", 2, null), "tap jtap3 has one queue, not vq-pairs=2");
            refused(named("jtap3", 1, 9000), "mtu 9000 is more than the 1500 of jtap3");
            TapPort port = TapPort.open(new TapSource.Named("jtap3"), 1, null);
            refused(named("jtap3", 1, null), "tap jtap3 is in use by another program");
            port.queues().forEach(Fd::close);
            try (Fd file = Fd.open(Path.of("/dev/null"), Fd.O_RDWR);
                    Fd tun = Fd.open(Path.of("/dev/net/tun"), Fd.O_RDWR)) {
                refused(inherited(file.number()), "is not a tap's descriptor");
                refused(inherited(tun.number()), "is /dev/net/tun, but not attached to a tap");
            }
            refused(inherited(99_999), "tap-fd 99999 is not an open descriptor");
            return null;
        });
    }

    private static NetConfig inherited(int number) {
        return NetConfig.defaults().with(to -> to.tapFd = number);
    }

    private static void refused(NetConfig config, String message) {
        assertThatThrownBy(() -> create(config))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining(message);
    }
}
