package jcrosvm.virtio.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jcrosvm.base.VmmException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The shared memory regions of a device: what it declares, what the driver finds, and who maps something there. */
class SharedMemoryTest {
    private static final int SHM_SEL = 0xac;
    private static final int SHM_LENGTH = 0xb0;
    private static final int SHM_BASE = 0xb8;
    private static final long NONE = -1;

    private final FakeHost host = new FakeHost();
    private final FakeDevice device = new FakeDevice();

    @AfterEach
    void close() {
        host.close();
    }

    private VirtioMmioTransport transport(long sharedMemory) {
        return new VirtioMmioTransport("fake0", device, host, 0xd000_0000L, level -> {}, sharedMemory);
    }

    private static long read(VirtioMmioTransport transport, int register) {
        return transport.read(register, 4) | transport.read(register + 4, 4) << 32;
    }

    @Test
    void theDriverFindsRegionsWhereThePlatformHasAPlaceForThem() {
        try (VirtioMmioTransport transport = transport(0x30_0000_0000L)) {
            assertThat(read(transport, SHM_LENGTH)).as("region 0").isEqualTo(NONE);
            transport.write(SHM_SEL, 4, 1);
            assertThat(read(transport, SHM_LENGTH)).isEqualTo(1L << 33);
            assertThat(read(transport, SHM_BASE)).isEqualTo(0x30_0000_0000L);
        }
    }

    @Test
    void theDriverFindsNoneWhereItHasNot() {
        try (VirtioMmioTransport transport = transport(VirtioMmioTransport.NO_SHARED_MEMORY)) {
            transport.write(SHM_SEL, 4, 1);
            assertThat(read(transport, SHM_LENGTH)).isEqualTo(NONE);
            assertThat(read(transport, SHM_BASE)).isEqualTo(NONE);
        }
    }

    @Test
    void aDeviceThatNeedsARegionLearnsThatNothingIsMapped() {
        try (VirtioMmioTransport transport = transport(0)) {
            assertThat(transport.session().device()).isSameAs(device);
            assertThatThrownBy(() -> device.host.sharedMemory(1))
                    .isInstanceOf(VmmException.class)
                    .hasMessage("virtio device of type 42: shared memory region 1: no transport can map files into the"
                            + " guest yet");
            assertThatThrownBy(() -> device.host.sharedMemory(2))
                    .isInstanceOf(VmmException.class)
                    .hasMessage("virtio device of type 42: shared memory region 2 is not declared");
        }
    }
}
