package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.FrontEndRequest;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.Payload.U64;
import jcrosvm.vhostuser.Payload.VringState;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.backend.DeviceServer;
import jcrosvm.vhostuser.backend.GuestMemorySource;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import org.jspecify.annotations.Nullable;

/** A front end written by hand, message by message, and a server that runs on a thread for it. */
final class WireClient implements AutoCloseable {
    static final long USER = 0x7f12_3400_0000L;
    static final long SIZE = 4 << 20;
    private static final int TIMEOUT_SECONDS = 20;

    final GuestMemory memory = GuestMemory.ofSize(SIZE);
    final Connection connection;
    final UnixSocket socket;
    final EventFd exit = new EventFd();
    private final CompletableFuture<String> end = new CompletableFuture<>();
    private final List<WireRing> rings = new ArrayList<>();
    private long next = 0x1000;

    WireClient(VirtioDevice device) {
        this(device, GuestMemorySource.MAPPED);
    }

    WireClient(VirtioDevice device, GuestMemorySource source) {
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        socket = pair.getFirst();
        connection = new Connection(socket, "the backend");
        Thread.ofPlatform()
                .daemon()
                .name("server")
                .start(() -> serve(device, new Connection(pair.getLast(), "the front end"), source));
    }

    private void serve(VirtioDevice device, Connection served, GuestMemorySource source) {
        try {
            String problem = "";
            try (served) {
                new DeviceServer(device, served, source).run(exit);
            } catch (ProtocolException e) {
                problem = String.valueOf(e.getMessage());
            }
            end.complete(problem);
        } catch (Throwable e) {
            end.completeExceptionally(e);
        }
    }

    /** Descriptors of this process, but for those that the Java machine opens for itself as it goes. */
    static int openDescriptors() {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return (int) all.map(WireClient::target)
                    .filter(target -> !target.startsWith("/dev/") && !target.endsWith(".jar"))
                    .count();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return "/dev/null"; // of the listing itself, which has ended
        }
    }

    /** How the server has ended: nothing, or what it has thrown. */
    String end() {
        try {
            return end.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError("the server has not ended as it should", e);
        }
    }

    long ask(FrontEndRequest request) {
        return connection.ask(U64.class, request, Payload.EMPTY).value();
    }

    void tell(FrontEndRequest request, long value, Fd... descriptors) {
        connection.tell(request, new U64(value), descriptors);
    }

    void tell(FrontEndRequest request, int index, int value) {
        connection.tell(request, new VringState(index, value));
    }

    /** Waits until the server has carried out what was told: it answers in order. */
    void settle() {
        ask(FrontEndRequest.GET_FEATURES);
    }

    Payload.Region region() {
        return new Payload.Region(0, SIZE, USER, 0);
    }

    Fd file() {
        return memory.regions().getFirst().fd();
    }

    void memoryTable() {
        connection.tell(FrontEndRequest.SET_MEM_TABLE, new Payload.MemoryTable(List.of(region())), file());
    }

    long allocate(long length) {
        long at = next;
        next += length + 63 & -64;
        return at;
    }

    /** The usual beginning: features, protocol features, memory. */
    void begin(long features) {
        tell(FrontEndRequest.SET_FEATURES, features | 1L << 30);
        long protocol = ask(FrontEndRequest.GET_PROTOCOL_FEATURES);
        tell(FrontEndRequest.SET_PROTOCOL_FEATURES, protocol);
        connection.tell(FrontEndRequest.SET_OWNER, Payload.EMPTY);
        memoryTable();
    }

    WireRing ring(int index, int size, long features) {
        WireRing ring = new WireRing(index, size, features);
        rings.add(ring);
        return ring;
    }

    /** One ring: the driver's side of it, and its events. */
    final class WireRing {
        final int index;
        final QueueLayout layout;
        final DriverRing ring;
        final EventFd kick = new EventFd();
        final EventFd call = new EventFd();
        final EventFd error = new EventFd();

        WireRing(int index, int size, long features) {
            this.index = index;
            boolean packed = (features & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0;
            boolean eventIdx = (features & VirtioFeatures.VIRTIO_F_EVENT_IDX) != 0;
            layout = new QueueLayout(
                    size,
                    allocate(16L * size),
                    allocate(packed ? 4 : 6 + 2L * size),
                    allocate(packed ? 4 : 6 + 8L * size));
            ring = packed
                    ? new PackedDriverRing(memory, layout, eventIdx)
                    : new SplitDriverRing(memory, layout, eventIdx);
            ring.enableInterrupts();
        }

        Payload.VringAddress address() {
            return new Payload.VringAddress(
                    index, 0, USER + layout.descriptors(), USER + layout.device(), USER + layout.driver(), 0);
        }

        void number() {
            tell(FrontEndRequest.SET_VRING_NUM, index, layout.size());
        }

        void base(int value) {
            tell(FrontEndRequest.SET_VRING_BASE, index, value);
        }

        void addresses() {
            connection.tell(FrontEndRequest.SET_VRING_ADDR, address());
        }

        void kickEvent() {
            tell(FrontEndRequest.SET_VRING_KICK, index, kick.fd());
        }

        void callEvent() {
            tell(FrontEndRequest.SET_VRING_CALL, index, call.fd());
        }

        void errorEvent() {
            tell(FrontEndRequest.SET_VRING_ERR, index, error.fd());
        }

        void enable(boolean on) {
            tell(FrontEndRequest.SET_VRING_ENABLE, index, on ? 1 : 0);
        }

        int stop() {
            return connection
                    .ask(VringState.class, FrontEndRequest.GET_VRING_BASE, new VringState(index, 0))
                    .number();
        }

        /** All that a ring needs to run, in QEMU's order. */
        void start() {
            number();
            base(ring instanceof PackedDriverRing ? 0x8000_8000 : 0);
            addresses();
            errorEvent();
            kickEvent();
            callEvent();
            enable(true);
        }

        /** Sends text through the device and back. */
        void echo(String text) {
            submit(text);
            kick.signal();
            assertThat(awaitText()).isEqualTo(text);
        }

        private @Nullable Buffer answer;

        void submit(String text) {
            long from = allocate(text.length());
            memory.write(from, text.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
            Buffer into = new Buffer(allocate(64), 64, true);
            answer = into;
            ring.submit(List.of(new Buffer(from, text.length(), false), into), 0);
        }

        String awaitText() {
            DriverRing.Used used = ring.take();
            while (used == null) {
                ring.enableInterrupts();
                used = ring.take();
                if (used == null && Poller.await(call.fd(), Poller.READABLE, TIMEOUT_SECONDS * 1000) == 0) {
                    throw new AssertionError("nothing came back");
                }
                call.drain();
            }
            Buffer buffer = java.util.Objects.requireNonNull(answer);
            return new String(
                    memory.read(buffer.address(), used.written()), java.nio.charset.StandardCharsets.US_ASCII);
        }

        boolean hasError() {
            boolean is = Poller.await(error.fd(), Poller.READABLE, TIMEOUT_SECONDS * 1000) != 0;
            error.drain();
            return is;
        }
    }

    /** Closes the connection, if that was not done, and waits for the server. */
    @Override
    public void close() {
        connection.close();
        end();
        rings.forEach(ring -> {
            ring.kick.close();
            ring.call.close();
            ring.error.close();
        });
        exit.close();
        memory.close();
    }
}
