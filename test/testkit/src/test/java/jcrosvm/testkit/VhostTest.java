package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.vhost.Vhost;
import org.junit.jupiter.api.Test;

class VhostTest {
    private static String pair(long request, int index, int number) {
        return Long.toHexString(request) + ' ' + Long.toHexString((long) number << 32 | index);
    }

    @Test
    void tellsTheKernelWhereEverythingIs() {
        VhostKernel kernel = new VhostKernel(0);
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
            assertThat(vhost.available(1)).isEqualTo(77);
            assertThat(Vhost.used(new QueueLayout(64, 0x1000, 0x2000, 0x3000), memory))
                    .isEqualTo(0x1234);
        }
        assertThat(kernel.closed()).isTrue();
    }

    @Test
    void ringsOutsideOfMemoryAreRefused() {
        try (Vhost vhost = new VhostKernel(0).vhost();
                GuestMemory memory = GuestMemory.ofSize(1 << 20);
                EventFd event = new EventFd()) {
            assertThatThrownBy(() -> vhost.ring(
                            0, new QueueLayout(64, 0x1000, 0x2000, (1 << 20) - 8), memory, 0, event, event, event))
                    .isInstanceOf(VmmException.class);
        }
    }

    @Test
    void saysWhatIsMissing() {
        assertThatThrownBy(() -> Vhost.openDevice(Path.of("/dev/no-vhost"), "vhost-net"))
                .hasMessage("there is no /dev/no-vhost: load the kernel's module with 'modprobe vhost_net', or leave"
                        + " vhost-net out");
        assertThatThrownBy(() -> Vhost.of(Vhost.openDevice(Path.of("/dev/null"), "vhost-net"), Path.of("/dev/null")))
                .hasMessage("/dev/null is not a vhost device");
        Vhost.Ioctl failing = (request, argument) -> -Errno.EBUSY;
        assertThatThrownBy(() -> new Vhost(failing, () -> {})).hasMessageContaining("EBUSY");
    }
}
