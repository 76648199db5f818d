package jcrosvm.vhostuser.frontend;

import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.Threads;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.backend.DeviceServer;
import jcrosvm.vhostuser.backend.GuestMemorySource;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/**
 * The backend of a device in a thread of this process. The front end reaches it over a connection, as it would reach one in
 * another process; only the memory is shared, so that its write listeners are told of what the device writes.
 */
public final class DeviceThread implements Companion {
    private static final System.Logger LOG = System.getLogger(DeviceThread.class.getName());

    private final VirtioDevice device;
    private final Connection connection;
    private final EventFd exit = new EventFd();
    private final DeviceServer server;
    private final Thread thread;
    private volatile @Nullable GuestMemory shown;
    private volatile @Nullable String failure;

    private DeviceThread(
            String name,
            VirtioDevice device,
            UnixSocket socket,
            Function<Supplier<GuestMemory>, GuestMemorySource> memory) {
        this.device = device;
        connection = new Connection(socket, "the front end of " + name);
        server = new DeviceServer(device, connection, memory.apply(this::shown));
        thread = ThreadScope.current().unstarted(name, 0, this::run);
    }

    /**
     * Starts the thread.
     *
     * @param name of the device, for its threads and messages
     * @param device which belongs to the front end from now on
     * @return the front end
     */
    public static VirtioDevice start(String name, VirtioDevice device) {
        return start(name, device, SharedMemorySource::new);
    }

    /**
     * The same for a backend that comes to the memory in a way of its own.
     *
     * @param memory gets what tells the memory that the front end is about to show
     */
    public static VirtioDevice start(
            String name, VirtioDevice device, Function<Supplier<GuestMemory>, GuestMemorySource> memory) {
        DeviceShape shape = DeviceShape.of(device.traits());
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        DeviceThread backend;
        try {
            backend = new DeviceThread(name, device, pair.get(1), memory);
        } catch (RuntimeException e) {
            pair.forEach(UnixSocket::close);
            device.close();
            throw e;
        }
        backend.thread.start();
        BackEnd end = null;
        try {
            end = new BackEnd(new Connection(pair.get(0), "the backend of " + name));
            return new VhostUserDevice(name, end, shape, backend, null);
        } catch (RuntimeException e) {
            if (end != null) {
                end.close();
            }
            backend.ended();
            throw e;
        }
    }

    private record SharedMemorySource(Supplier<GuestMemory> shown) implements GuestMemorySource {
        @Override
        public GuestMemory open(List<MemoryRegion> regions) {
            regions.forEach(region -> region.fd().close());
            return shown.get();
        }

        @Override
        public void close(GuestMemory memory) {
            // it is the VM's
        }
    }

    private GuestMemory shown() {
        GuestMemory memory = shown;
        if (memory == null) {
            throw new IllegalStateException("a memory table came before any memory");
        }
        return memory;
    }

    private void run() {
        try {
            server.run(exit);
        } catch (ProtocolException e) {
            failure = e.getMessage();
            LOG.log(System.Logger.Level.ERROR, "failed to handle a vhost-user request: " + e.getMessage());
        } finally {
            connection.close();
            device.close();
        }
    }

    @Override
    public void show(GuestMemory memory) {
        shown = memory;
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        if (!thread.isAlive()) {
            throw new OsException(verb + ": the device has ended", Errno.ENODEV);
        }
        return device.command(verb, body);
    }

    @Override
    public @Nullable String failure() {
        return failure;
    }

    @Override
    public void ended() {
        exit.signal();
        Threads.join(thread);
        exit.close();
    }
}
