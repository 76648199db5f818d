package jcrosvm.vhostuser.frontend;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.Threads;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.backend.BackendHalf;
import jcrosvm.vhostuser.backend.DeviceWorker;
import jcrosvm.vhostuser.backend.GuestMemorySource;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/**
 * The backend of a device in a thread of this process. The front end reaches it over a connection, as it would reach one in
 * another process; only the memory is shared, so that its write listeners are told of what the device writes.
 */
public final class DeviceThread implements Companion {
    private static final System.Logger LOG = System.getLogger(DeviceThread.class.getName());

    private final SplitDevice split;
    private final CompletableFuture<VirtioDevice> device = new CompletableFuture<>();
    private final Thread thread;
    private volatile @Nullable GuestMemory shown;
    private volatile @Nullable String failure;

    private DeviceThread(
            SplitDevice split,
            BackendHalf half,
            Supplier<VirtioDevice> maker,
            Function<Supplier<GuestMemory>, GuestMemorySource> memory) {
        this.split = split;
        GuestMemorySource source = memory.apply(this::shown);
        thread = ThreadScope.current().unstarted(split.name(), 0, () -> run(half, maker, source));
    }

    /**
     * Starts the thread.
     *
     * @param split closed by the front end, or when there will be none
     * @param maker makes the device, on the thread
     * @return the front end
     * @throws VmmException with one line for the user, when the device cannot be made
     */
    public static VirtioDevice start(SplitDevice split, Supplier<VirtioDevice> maker) {
        return start(split, maker, SharedMemorySource::new);
    }

    /**
     * The same for a backend that comes to the memory in a way of its own.
     *
     * @param memory gets what tells the memory that the front end is about to show
     */
    public static VirtioDevice start(
            SplitDevice split,
            Supplier<VirtioDevice> maker,
            Function<Supplier<GuestMemory>, GuestMemorySource> memory) {
        DeviceThread backend = new DeviceThread(split, split.takeBackend(), maker, memory);
        backend.thread.start();
        BackEnd end = null;
        try {
            DeviceShape shape = DeviceShape.of(backend.made().traits());
            end = new BackEnd(new Connection(split.connection(), "the backend of " + split.name()));
            return new VhostUserDevice(split.name(), end, shape, backend, null);
        } catch (RuntimeException e) {
            if (end != null) {
                end.close();
            }
            backend.ended();
            throw e;
        }
    }

    private VirtioDevice made() {
        try {
            return device.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
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

    private void run(BackendHalf half, Supplier<VirtioDevice> maker, GuestMemorySource memory) {
        try {
            DeviceWorker.run(half, maker, memory, device::complete);
        } catch (RuntimeException e) {
            if (device.completeExceptionally(e)) {
                return;
            }
            failure = half.label() + (e instanceof VmmException ? e.getMessage() : "internal error: " + e);
            if (!(e instanceof VmmException)) { // of the device alone: it is lost, and so is its VM, in order
                LOG.log(System.Logger.Level.ERROR, failure, e);
            }
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
        return made().command(verb, body);
    }

    @Override
    public @Nullable String failure() {
        return failure;
    }

    @Override
    public void ended() {
        split.exit().signal();
        Threads.join(thread);
        split.close();
    }
}
