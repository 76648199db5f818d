package jcrosvm.testkit;

import static jcrosvm.vhostuser.FrontEndRequest.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.SharedMemory;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.WireClient.WireRing;
import jcrosvm.vhostuser.BackEndRequest;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.Message;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.Payload.U64;
import jcrosvm.vhostuser.Payload.VringState;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.backend.GuestMemorySource;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The backend does what each message says, in the orders in which front ends send them. */
class DeviceServerTest {
    private static final long VERSION_1 = VirtioFeatures.VIRTIO_F_VERSION_1;

    private final WatchedDevice device = new WatchedDevice(
            new EchoDevice(EchoDevice.Order.STRICT, List.of(16, 8), VirtioFeatures.VIRTIO_F_RING_PACKED));

    @AfterEach
    void nothingIsLeftOpen() {
        assertThat(device.device.negotiatedFeatures()).as("reset").isZero();
        device.close();
    }

    @ParameterizedTest
    @EnumSource(Rings.class)
    void aRingGoesOnWhereItStopped(Rings rings) {
        try (WireClient client = new WireClient(device)) {
            client.begin(rings.features);
            WireRing ring = client.ring(0, 8, rings.features);
            ring.start();
            for (int round = 0; round < 20; round++) {
                ring.echo("hello " + round);
                if (round % 3 == 0) {
                    int base = ring.stop();
                    ring.number();
                    ring.base(base);
                    ring.addresses();
                    ring.kickEvent();
                } else if (round % 3 == 1) {
                    ring.enable(false);
                    ring.submit("late " + round);
                    ring.enable(true);
                    assertThat(ring.awaitText()).isEqualTo("late " + round);
                }
            }
        }
    }

    /** What the front end keeps of one connection is what the next goes on from. */
    @Test
    void notesOfRequestsOutliveTheConnection() {
        try (SharedMemory kept = SharedMemory.create("kept", 0x9000)) {
            Payload.Inflight shape;
            try (WireClient client = new WireClient(device)) {
                client.begin(VERSION_1);
                try (Message made = client.connection.ask(1, GET_INFLIGHT_FD, new Payload.Inflight(0, 0, 2, 16))) {
                    shape = made.payload(Payload.Inflight.class);
                    assertThat(shape)
                            .as("room for 1024 entries each")
                            .isEqualTo(new Payload.Inflight(0x9000, 0, 2, 16));
                    client.connection.tell(
                            SET_INFLIGHT_FD, shape, made.descriptors().getFirst());
                    WireRing ring = client.ring(0, 8, VERSION_1);
                    ring.start();
                    ring.echo("a");
                    ring.echo("b");
                    Mapping notes = Mapping.shared(made.descriptors().getFirst(), 0, 0x9000);
                    Mapping.shared(kept.fd(), 0, 0x9000).segment().copyFrom(notes.segment());
                }
            }
            java.lang.foreign.MemorySegment notes =
                    Mapping.shared(kept.fd(), 0, 0x9000).segment();
            assertThat(notes.get(ValueLayout.JAVA_SHORT, 8)).as("version").isOne();
            assertThat(notes.get(ValueLayout.JAVA_SHORT, 14)).as("used index").isEqualTo((short) 2);
            try (WireClient client = new WireClient(device)) {
                client.begin(VERSION_1);
                client.connection.tell(SET_INFLIGHT_FD, shape, kept.fd());
                WireRing ring = client.ring(0, 8, VERSION_1);
                // Of three requests the first and the last are done; without notes the last would come again.
                ring.submit("one");
                ring.submit("two");
                ring.submit("three");
                long used = ring.layout.device();
                client.memory.putInt(used + 4, 0);
                client.memory.putInt(used + 12, 4);
                client.memory.storeReleaseShort(used + 2, (short) 2);
                notes.set(ValueLayout.JAVA_BYTE, 16 + 16 * 2, (byte) 1);
                assertThat(ring.ring.take().id()).isZero();
                assertThat(ring.ring.take().id()).isEqualTo(4);
                ring.start();
                Poller.await(ring.call.fd(), Poller.READABLE, 20_000);
                client.settle();
                ring.stop();
                assertThat(ring.ring.take().id()).isEqualTo(2);
                assertThat(ring.ring.take()).isNull();
            }
        }
    }

    @Test
    void theBaseOfASplitRingIsWhatToTakeNext() {
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("a");
            ring.echo("b");
            assertThat(ring.stop()).isEqualTo(2);
            assertThat(ring.stop()).as("again").isEqualTo(2);
        }
    }

    @Test
    void theBaseOfAPackedRingHasBothPositionsAndWraps() {
        try (WireClient client = new WireClient(device)) {
            long features = Rings.PACKED.features;
            client.begin(features);
            WireRing ring = client.ring(0, 8, features);
            assertThat(ring.stop()).as("before it ran").isEqualTo(0x8000_8000);
            ring.start();
            ring.echo("a");
            assertThat(ring.stop()).isEqualTo(0x8002_8002);
            ring.kickEvent();
            ring.echo("b");
            ring.echo("c");
            ring.echo("d");
            assertThat(ring.stop()).as("the second lap").isZero();
        }
    }

    /** The size is between front end and driver: QEMU 10 gives rings of 1024 entries to any device. */
    @ParameterizedTest
    @ValueSource(ints = {32, 1024, 32768})
    void aRingMayHaveMoreEntriesThanTheDeviceProposes(int size) {
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, size, VERSION_1);
            ring.start();
            for (int round = 0; round < 2000; round++) {
                ring.echo("hello " + round);
            }
            assertThat(ring.stop()).isEqualTo(2000);
        }
    }

    /** As crosvm and rust-vmm front ends do it. */
    @Test
    void addressBeforeBaseAndCallBeforeKick() {
        try (WireClient client = new WireClient(device)) {
            client.connection.tell(SET_OWNER, Payload.EMPTY);
            long features = client.ask(GET_FEATURES);
            assertThat(features & VERSION_1).isNotZero();
            long protocol = client.ask(GET_PROTOCOL_FEATURES);
            client.tell(SET_PROTOCOL_FEATURES, protocol);
            assertThat(client.ask(GET_QUEUE_NUM)).isEqualTo(2);
            client.tell(SET_FEATURES, VERSION_1 | 1L << 30);
            client.memoryTable();
            WireRing ring = client.ring(1, 8, VERSION_1);
            ring.number();
            ring.addresses();
            ring.base(0);
            ring.callEvent();
            ring.kickEvent();
            ring.enable(true);
            ring.echo("rust");
            assertThat(device.calls).containsExactly("negotiated", "start 1");
        }
    }

    /** As QEMU does it: a call event before anything else, another one later, addresses again while the ring runs. */
    @Test
    void callEventsChangeWhileTheRingRuns() {
        try (WireClient client = new WireClient(device);
                EventFd masked = new EventFd()) {
            client.ask(GET_FEATURES);
            client.tell(SET_VRING_CALL, 0, masked.fd());
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.number();
            ring.base(0);
            ring.addresses();
            ring.kickEvent();
            ring.enable(true);
            ring.submit("first");
            ring.kick.signal();
            assertThat(Poller.await(masked.fd(), Poller.READABLE, 20_000)).isNotZero();
            ring.callEvent();
            assertThat(ring.awaitText()).isEqualTo("first");
            ring.echo("second");
            ring.addresses();
            client.tell(SET_VRING_CALL, U64.NO_DESCRIPTOR);
            client.settle();
            ring.submit("third");
            ring.kick.signal();
            device.device.settle();
            ring.call.drain();
            assertThat(ring.awaitText()).as("the driver polls").isEqualTo("third");
            assertThat(device.calls).as("all that without a stop").containsExactly("negotiated", "start 0");
        }
    }

    @Test
    void aCallEventThatTheKernelHasIsExchangedByANewStart() {
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            client.settle();
            QueueResources given = java.util.Objects.requireNonNull(device.last);
            given.interrupt().callEvent().signal();
            assertThat(ring.call.drain()).isEqualTo(1);
            client.tell(SET_VRING_CALL, U64.NO_DESCRIPTOR);
            ring.callEvent();
            client.settle();
            assertThat(device.calls).containsExactly("negotiated", "start 0", "stop 0", "start 0");
            ring.echo("on");
        }
    }

    @Test
    void withoutProtocolFeaturesRingsBeginEnabled() {
        try (WireClient client = new WireClient(device)) {
            client.tell(SET_FEATURES, VERSION_1);
            client.memoryTable();
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.number();
            ring.base(0);
            ring.addresses();
            ring.callEvent();
            ring.kickEvent();
            ring.echo("old");
            client.connection.tell(RESET_OWNER, Payload.EMPTY);
            client.settle();
            assertThat(device.calls).containsExactly("negotiated", "start 0", "stop 0");
        }
    }

    @Test
    void featuresAreToldToTheDeviceWhenTheyChange() {
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("a");
            client.tell(SET_FEATURES, VERSION_1 | 1L << 30 | 1L << 26); // logging is no business of the device
            client.settle();
            ring.echo("b");
            assertThat(device.calls).containsExactly("negotiated", "start 0");
            assertThat(device.device.negotiatedFeatures()).isEqualTo(VERSION_1);
            client.tell(SET_FEATURES, VERSION_1 | 1L << 30 | VirtioFeatures.VIRTIO_F_INDIRECT_DESC);
            client.settle();
            ring.echo("c");
            assertThat(device.calls).containsExactly("negotiated", "start 0", "stop 0", "negotiated", "start 0");
        }
    }

    @Test
    void configurationSpace() {
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            client.connection.acknowledged(SET_CONFIG, new Payload.Config(60, 0, new byte[] {1, 2, 3, 4}));
            assertThat(config(client, 58, 6)).containsExactly(0, 0, 1, 2, 3, 4);
            assertThat(config(client, 58, 7)).as("one too many").isEmpty();
            assertThat(config(client, 256, 1)).isEmpty();
            assertThatThrownBy(() -> client.connection.acknowledged(
                            SET_CONFIG, new Payload.Config(61, 0, new byte[] {1, 2, 3, 4})))
                    .isInstanceOf(ProtocolException.class);
            assertThat(config(client, 0, 4)).as("the connection goes on").hasSize(4);
        }
    }

    private static byte[] config(WireClient client, int offset, int length) {
        return client.connection
                .ask(Payload.Config.class, GET_CONFIG, new Payload.Config(offset, 0, new byte[length]))
                .bytes();
    }

    @Test
    void theDeviceTellsOfChangesOnTheBackendsChannel() {
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        try (WireClient client = new WireClient(device);
                Connection mine = new Connection(pair.getFirst(), "the backend")) {
            client.begin(VERSION_1);
            device.host.configChanged(); // before there is a channel
            client.connection.acknowledged(
                    SET_BACKEND_REQ_FD, Payload.EMPTY, pair.getLast().fd());
            pair.getLast().close();
            for (int i = 0; i < 100_000; i++) { // none of these waits for the front end
                device.host.configChanged();
            }
            try (Message message = mine.nextOfBackEnd()) {
                assertThat(message).isNotNull();
                assertThat(message.request()).isEqualTo(BackEndRequest.CONFIG_CHANGE_MSG);
            }
            mine.close();
            device.host.configChanged();
            device.host.configChanged();
            client.settle();
        }
    }

    @Test
    void memoryChangesWhileRingsRun() {
        try (WireClient client = new WireClient(device);
                GuestMemory more = GuestMemory.ofSize(1 << 20)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("a");
            client.memoryTable();
            ring.echo("b");
            assertThat(client.ask(GET_MAX_MEM_SLOTS)).isEqualTo(32);
            Payload.Region region = new Payload.Region(WireClient.SIZE, 1 << 20, WireClient.USER - (1 << 20), 0);
            Fd file = more.regions().getFirst().fd();
            client.connection.acknowledged(ADD_MEM_REG, new Payload.MemoryRegionMessage(region), file);
            ring.echo("c");
            assertThat(java.util.Objects.requireNonNull(device.last).memory().size())
                    .isEqualTo(WireClient.SIZE + (1 << 20));
            client.connection.acknowledged(REM_MEM_REG, new Payload.MemoryRegionMessage(region), file);
            ring.echo("d");
            assertThatThrownBy(
                            () -> client.connection.acknowledged(REM_MEM_REG, new Payload.MemoryRegionMessage(region)))
                    .isInstanceOf(ProtocolException.class);
            client.connection.acknowledged(REM_MEM_REG, new Payload.MemoryRegionMessage(client.region()));
            assertThat(ring.hasError()).as("the ring has no memory").isTrue();
            client.connection.acknowledged(
                    ADD_MEM_REG, new Payload.MemoryRegionMessage(client.region()), client.file());
            ring.kickEvent();
            ring.echo("e");
        }
    }

    @Test
    void aBackendInTheVmUsesItsMemory() {
        GuestMemory[] vm = new GuestMemory[1];
        List<Long> written = new ArrayList<>();
        try (WireClient client = new WireClient(device, new GuestMemorySource() {
            @Override
            public GuestMemory open(List<jcrosvm.memory.MemoryRegion> regions) {
                return GuestMemorySource.of(vm[0]).open(regions);
            }

            @Override
            public void close(GuestMemory memory) {
                GuestMemorySource.of(vm[0]).close(memory);
            }
        })) {
            vm[0] = client.memory;
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            client.settle();
            assertThat(java.util.Objects.requireNonNull(device.last).memory()).isSameAs(client.memory);
            client.memory.addWriteListener((address, length) -> {
                synchronized (written) {
                    written.add(address);
                }
            });
            ring.echo("a");
            client.connection.close();
            client.end();
            assertThat(client.memory.getByte(0)).as("still there").isZero();
        }
        assertThat(written).isNotEmpty();
    }

    @Test
    void writesAreLogged() {
        try (WireClient client = new WireClient(device);
                SharedMemory bitmap = SharedMemory.create("log", 4096);
                EventFd changed = new EventFd()) {
            Mapping bits = Mapping.shared(bitmap.fd(), 0, 4096);
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("a");
            client.connection.tell(SET_LOG_FD, Payload.EMPTY, changed.fd());
            client.connection.ask(Payload.Empty.class, SET_LOG_BASE, new Payload.Log(128, 64), bitmap.fd());
            ring.echo("b");
            assertThat(any(bits)).as("not on yet").isFalse();
            client.tell(SET_FEATURES, VERSION_1 | 1L << 30 | 1L << 26);
            ring.addresses();
            client.settle();
            ring.submit("c");
            long buffer = client.allocate(0) - 64;
            ring.kick.signal();
            assertThat(ring.awaitText()).isEqualTo("c");
            assertThat(isSet(bits, buffer)).isTrue();
            assertThat(isSet(bits, ring.layout.device())).isTrue();
            assertThat(isSet(bits, 0x3000)).isFalse();
            assertThat(changed.drain()).isPositive();
            client.memoryTable(); // goes on in the new memory
            client.settle();
            bits.segment().fill((byte) 0);
            ring.echo("d");
            assertThat(any(bits)).isTrue();
            client.tell(SET_FEATURES, VERSION_1 | 1L << 30);
            client.settle();
            bits.segment().fill((byte) 0);
            ring.echo("e");
            assertThat(any(bits)).as("off again").isFalse();
        }
    }

    private static boolean any(Mapping bits) {
        for (byte b : bits.segment().toArray(ValueLayout.JAVA_BYTE)) {
            if (b != 0) {
                return true;
            }
        }
        return false;
    }

    private static boolean isSet(Mapping bits, long address) {
        long page = address >> 12;
        return (bits.segment().get(ValueLayout.JAVA_BYTE, 64 + (page >> 3)) >> (page & 7) & 1) != 0;
    }

    @Test
    void pagesBehindTheLogAreNotNoted() {
        try (WireClient client = new WireClient(device);
                SharedMemory bitmap = SharedMemory.create("log", 4096)) {
            client.begin(VERSION_1);
            client.connection.ask(Payload.Empty.class, SET_LOG_BASE, new Payload.Log(8, 0), bitmap.fd());
            client.tell(SET_FEATURES, VERSION_1 | 1L << 30 | 1L << 26);
            client.allocate(2 << 20);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("beyond");
            assertThat(any(Mapping.shared(bitmap.fd(), 0, 4096))).isFalse();
        }
    }

    @Test
    void theStateOfTheDeviceGoesThroughAPipe(@TempDir Path folder) throws IOException {
        byte[] state;
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            client.connection.acknowledged(SET_CONFIG, new Payload.Config(0, 0, new byte[] {9, 8, 7}));
            Path file = folder.resolve("state");
            try (Fd fd = Fd.open(file, Fd.O_CREAT | Fd.O_RDWR, 0600)) {
                assertThat(transfer(client, Payload.StateTransfer.SAVE, fd)).isEqualTo(U64.NO_DESCRIPTOR);
                assertThat(client.ask(CHECK_DEVICE_STATE)).isZero();
            }
            state = java.nio.file.Files.readAllBytes(file);
            assertThat(state).startsWith(9, 8, 7).hasSize(64);
            client.connection.acknowledged(SET_CONFIG, new Payload.Config(0, 0, new byte[] {0, 0, 0}));
            List<UnixSocket> pipe = UnixSocket.pair(UnixSocket.Type.STREAM);
            assertThat(transfer(
                            client, Payload.StateTransfer.LOAD, pipe.getLast().fd()))
                    .isEqualTo(U64.NO_DESCRIPTOR);
            pipe.getLast().close();
            pipe.getFirst().send(state);
            pipe.getFirst().close();
            assertThat(client.ask(CHECK_DEVICE_STATE)).isZero();
            assertThat(config(client, 0, 3)).containsExactly(9, 8, 7);
            client.tell(SET_FEATURES, VERSION_1 | 1L << 30 | VirtioFeatures.VIRTIO_F_EVENT_IDX);
            client.settle();
            assertThat(device.calls)
                    .as("again, for the features of the session")
                    .endsWith("restore", "negotiated", "restore");
            assertThat(client.ask(CHECK_DEVICE_STATE)).as("no transfer").isNotZero();
        }
    }

    private static long transfer(WireClient client, int direction, Fd fd) {
        return client.connection
                .ask(U64.class, SET_DEVICE_STATE_FD, new Payload.StateTransfer(direction, 0), fd)
                .value();
    }

    @Test
    void stateIsRefusedWhileRingsRunAndInUnknownPhases() {
        try (WireClient client = new WireClient(device);
                EventFd any = new EventFd()) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            assertThat(transfer(client, 0, any.fd()) & 0xff).isNotZero();
            ring.stop();
            assertThat(transfer(client, 2, any.fd()) & 0xff).isNotZero();
            long phase1 = client.connection
                    .ask(U64.class, SET_DEVICE_STATE_FD, new Payload.StateTransfer(0, 1), any.fd())
                    .value();
            assertThat(phase1 & 0xff).isNotZero();
            assertThat(transfer(client, 0, any.fd())).isEqualTo(U64.NO_DESCRIPTOR); // an event takes 8 bytes, not 64
            client.ask(CHECK_DEVICE_STATE);
            client.settle();
        }
    }

    @Test
    void statusAndReset() {
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            client.tell(SET_STATUS, 0xf);
            assertThat(client.ask(GET_STATUS)).isEqualTo(0xf);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("a");
            device.host.failed();
            assertThat(ring.hasError()).isTrue();
            assertThat(client.ask(GET_STATUS)).isEqualTo(0x4f);
            client.tell(SET_STATUS, 0);
            assertThat(client.ask(GET_STATUS)).isZero();
            assertThat(device.calls).containsExactly("negotiated", "start 0", "stop 0", "reset");
            client.tell(SET_FEATURES, VERSION_1 | 1L << 30);
            WireRing second = client.ring(0, 8, VERSION_1);
            second.start();
            second.echo("b");
            client.connection.acknowledged(RESET_DEVICE, Payload.EMPTY);
            WireRing third = client.ring(0, 8, VERSION_1);
            third.start();
            third.echo("c");
            assertThat(device.calls).endsWith("stop 0", "reset", "negotiated", "start 0");
        }
    }

    @Test
    void aBadRingIsToldAndTheConnectionGoesOn() {
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing bad = client.ring(0, 8, VERSION_1);
            bad.number();
            bad.errorEvent();
            client.connection.tell(
                    SET_VRING_ADDR, new Payload.VringAddress(0, 0, WireClient.USER + 8, 0, WireClient.USER, 0));
            bad.kickEvent();
            bad.enable(true);
            assertThat(bad.hasError()).isTrue();
            WireRing good = client.ring(1, 8, VERSION_1);
            good.start();
            good.echo("fine");
            assertThat(good.error.drain()).as("the error is the other ring's").isZero();
            bad.callEvent();
            bad.addresses();
            bad.echo("mended");
            bad.ring.descriptor(bad.layout.descriptors(), -1, 9, 0, 0);
            ((SplitDriverRing) bad.ring).available(0);
            bad.kick.signal();
            assertThat(bad.hasError()).as("a bad request").isTrue();
            good.echo("still fine");
            assertThat(client.ask(GET_STATUS) & 0x40).isNotZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void exitAndCloseEndItInOrder(boolean byExit) {
        int before = WireClient.openDescriptors();
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("a");
            if (byExit) {
                client.exit.signal();
            } else {
                client.connection.close();
            }
            assertThat(client.end()).isEmpty();
            assertThat(device.calls).endsWith("stop 0", "reset");
            assertThat(device.host).isSameAs(jcrosvm.virtio.DeviceHost.NONE);
        }
        assertThat(WireClient.openDescriptors()).isEqualTo(before);
        try (WireClient next = new WireClient(device)) {
            next.begin(VERSION_1);
            WireRing ring = next.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("the next client");
        }
    }

    @Test
    void ringsOfUnknownStateAnswerTheirBase() {
        try (WireClient client = new WireClient(device)) {
            client.tell(SET_VRING_BASE, 1, 77);
            VringState base = client.connection.ask(VringState.class, GET_VRING_BASE, new VringState(1, 0));
            assertThat(base).isEqualTo(new VringState(1, 77));
        }
    }
}
