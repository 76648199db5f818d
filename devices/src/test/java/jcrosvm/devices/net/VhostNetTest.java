package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.*;
import static jcrosvm.virtio.VirtioFeatures.RINGS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.network.TapBackend;
import jcrosvm.network.TapPort;
import jcrosvm.network.TapSource;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.VhostKernel;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.vhost.Vhost;
import org.junit.jupiter.api.Test;

/**
 * In one host only: the device is a front end itself, of the host's kernel, and hands it the VM's own descriptors. {@link
 * #staysInTheProcessAndInTheHost} holds that the other host refuses it.
 */
class VhostNetTest {
    private static final MacAddress MAC = MacAddress.local(5);
    private static final long FEATURES = RINGS | VIRTIO_NET_F_MRG_RXBUF | 1L << 26;

    private static String pair(long request, int index, int number) {
        return Long.toHexString(request) + ' ' + Long.toHexString((long) number << 32 | index);
    }

    @Test
    void ringIsWorkedOnWhileItHasATap() {
        VhostKernel kernel = new VhostKernel(RINGS);
        try (Vhost vhost = kernel.vhost()) {
            assertThat(VhostNet.stop(vhost, 1)).isEqualTo(77);
            assertThat(kernel.calls).contains("4008af30 ffffffff00000001");
        }
    }

    @Test
    void deviceHandsItsRingsOver() throws Exception {
        NetworkNamespace.run(() -> {
            VhostKernel kernel = new VhostKernel(FEATURES);
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
            try (VhostNetDevice device =
                    new VhostNetDevice("net0", new VhostKernel(FEATURES).vhost(), tap, MAC, 1500, true)) {
                assertThatThrownBy(() -> new MockDriver(MockDriver.Host.LOOPBACK, device, RINGS))
                        .hasMessageContaining("must be in the process of its VM");
                assertThat(device.traits().unsavable()).isEqualTo("the host's kernel moves its packets (vhost-net)");
                assertThatThrownBy(device::saveState).isInstanceOf(UnsupportedOperationException.class);
            }
            return null;
        });
    }

    @Test
    void oldKernelsAreRefused() throws Exception {
        NetworkNamespace.run(() -> {
            VhostKernel kernel = new VhostKernel(VIRTIO_NET_F_MRG_RXBUF);
            TapPort port = TapPort.open(new TapSource.Made(0x0a630001, 0xffffff00), 1, null);
            TapBackend tap = TapBackend.of(port).getFirst();
            assertThatThrownBy(() -> new VhostNetDevice("net0", kernel.vhost(), tap, MAC, 1500, true))
                    .hasMessageContaining("vhost-net is too old");
            tap.close();
            return null;
        });
    }

    /** The real thing: the guest's packets reach the host without us. */
    @Test
    void kernelMovesPackets() throws Exception {
        assumeTrue(Files.exists(VhostNetConfig.DEVICE), "there is no /dev/vhost-net");
        NetworkNamespace.run(() -> {
            TapPort port = TapPort.open(new TapSource.Made(0x0a630001, 0xffffff00), 1, null);
            VhostNetDevice device = new VhostNetDevice(
                    "net0",
                    Vhost.of(Vhost.openDevice(VhostNetConfig.DEVICE, "vhost-net"), VhostNetConfig.DEVICE),
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
