package jcrosvm.e2e;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/**
 * A process that writes code into a guest's buffers: the nth request is filled with {@code mov al, n; ret}. It maps the
 * memory on its own, as every vhost-user backend does.
 */
final class ForeignBackend {
    private static final int MESSAGE = 4096;

    private ForeignBackend() {}

    /** Serves one queue of one device until the socket closes. */
    public static void main(String[] arguments) {
        UnixSocket socket = UnixSocket.connect(Path.of(arguments[0]), UnixSocket.Type.SEQPACKET);
        UnixSocket.Message message = Objects.requireNonNull(socket.receive(MESSAGE));
        List<Fd> files = new ArrayList<>(message.fds());
        QueueResources resources = decode(ByteBuffer.wrap(message.data()), files);
        QueueWorker worker = new QueueWorker("writer");
        worker.start(resources, new Writer()::process);
        socket.send(new byte[] {1});
        socket.receive(MESSAGE);
        QueueState state = Objects.requireNonNull(worker.stop(0));
        socket.send(ByteBuffer.allocate(8)
                .putInt(state.available())
                .putInt(state.used())
                .array());
        worker.close();
        socket.close();
    }

    private static final class Writer {
        private int round;

        void process(Virtqueue queue) {
            do {
                queue.disableNotifications();
                for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
                    round++;
                    chain.writable().put(new byte[] {(byte) 0xb0, (byte) round, (byte) 0xc3}, 0, 3);
                    queue.complete(chain, 3);
                }
                queue.flush();
            } while (queue.enableNotifications());
        }
    }

    private static byte[] encode(QueueResources resources) {
        ByteBuffer out = ByteBuffer.allocate(MESSAGE);
        List<MemoryRegion> regions = resources.memory().regions();
        out.putInt(regions.size());
        regions.forEach(
                region -> out.putLong(region.address()).putLong(region.size()).putLong(region.offset()));
        QueueLayout layout = resources.layout();
        out.putInt(layout.size()).putLong(layout.descriptors());
        out.putLong(layout.driver()).putLong(layout.device());
        return out.array();
    }

    /** @param files the regions', then the kick's and the call's */
    private static QueueResources decode(ByteBuffer in, List<Fd> files) {
        List<MemoryRegion> regions = new ArrayList<>();
        for (int i = in.getInt(); i > 0; i--) {
            regions.add(new MemoryRegion(in.getLong(), in.getLong(), files.removeFirst(), in.getLong()));
        }
        QueueLayout layout = new QueueLayout(in.getInt(), in.getLong(), in.getLong(), in.getLong());
        EventFd kick = new EventFd(files.removeFirst());
        EventFd call = new EventFd(files.removeFirst());
        return new QueueResources(
                0,
                layout,
                QueueState.SPLIT,
                VirtioFeatures.VIRTIO_F_VERSION_1,
                GuestMemory.of(regions),
                kick,
                new Interrupt() {
                    @Override
                    public void signal() {
                        call.signal();
                    }

                    @Override
                    public void failed() {
                        throw new AssertionError("the ring is broken");
                    }

                    @Override
                    public EventFd callEvent() {
                        return call;
                    }
                });
    }

    /** The device in front of such a process. */
    static final class FrontEnd implements VirtioDevice {
        private final UnixSocket socket;

        /** @param socket to the process, whose first message is the queue */
        FrontEnd(UnixSocket socket) {
            this.socket = socket;
        }

        @Override
        public DeviceTraits traits() {
            return new DeviceTraits(4, 0, List.of(16), 0);
        }

        @Override
        public void negotiated(long features) {}

        @Override
        public void startQueue(int index, QueueResources resources) {
            List<Fd> files = new ArrayList<>();
            resources.memory().regions().forEach(region -> files.add(region.fd()));
            files.add(resources.kick().fd());
            files.add(resources.interrupt().callEvent().fd());
            socket.send(encode(resources), files);
            socket.receive(1);
        }

        @Override
        public @Nullable QueueState stopQueue(int index) {
            socket.send(new byte[] {0});
            ByteBuffer reply =
                    ByteBuffer.wrap(Objects.requireNonNull(socket.receive(8)).data());
            return new QueueState(reply.getInt(), reply.getInt());
        }

        @Override
        public void reset() {}

        @Override
        public byte[] saveState() {
            return new byte[0];
        }

        @Override
        public void restoreState(byte[] state) {}

        @Override
        public void close() {
            socket.close();
        }
    }
}
