package jcrosvm.testkit;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/**
 * A host that gives its device no more than a vhost-user connection could: bytes are copies, requests are text, kicks
 * and calls are descriptors of the device's own, and so is its mapping of the guest's memory. The device is called from
 * one thread, which is not the driver's.
 */
final class Loopback implements VirtioDevice {
    private static final int TIMEOUT_SECONDS = 30;

    private final VirtioDevice device;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("loopback").factory());
    private final Map<Integer, Ends> queues = new HashMap<>();
    private @Nullable GuestMemory shown;
    private @Nullable GuestMemory mapped;

    /** The device's ends of a queue's events. */
    private record Ends(EventFd kick, EventFd call) implements AutoCloseable {
        @Override
        public void close() {
            kick.close();
            call.close();
        }
    }

    Loopback(VirtioDevice device) {
        if (device.traits().localOnly()) {
            throw new IllegalArgumentException("the device must be in the VM's own process");
        }
        this.device = device;
    }

    private <T extends @Nullable Object> T call(Supplier<T> request) {
        Future<T> reply = thread.submit(request::get);
        try {
            return reply.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new AssertionError(e.getCause());
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("the device does not answer", e);
        }
    }

    private void tell(Runnable message) {
        call(() -> {
            message.run();
            return true;
        });
    }

    @Override
    public DeviceTraits traits() {
        return call(device::traits);
    }

    @Override
    public void attach(DeviceHost host) {
        tell(() -> device.attach(host));
    }

    @Override
    public void negotiated(long features) {
        tell(() -> device.negotiated(features));
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        byte[] reply = into.clone();
        tell(() -> device.readConfig(offset, reply));
        System.arraycopy(reply, 0, into, 0, into.length);
    }

    @Override
    public void writeConfig(int offset, byte[] from) {
        byte[] message = from.clone();
        tell(() -> device.writeConfig(offset, message));
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        EventFd call = copy(resources.interrupt().callEvent());
        Ends ends = new Ends(copy(resources.kick()), call);
        Interrupt interrupt = new Interrupt() {
            @Override
            public void signal() {
                call.signal();
            }

            @Override
            public void failed() {
                resources.interrupt().failed();
            }

            @Override
            public EventFd callEvent() {
                return call;
            }
        };
        QueueLayout at = resources.layout();
        QueueState from = resources.state();
        QueueResources message = new QueueResources(
                index,
                new QueueLayout(at.size(), at.descriptors(), at.driver(), at.device()),
                new QueueState(from.available(), from.used()),
                resources.features(),
                memory(resources.memory()),
                ends.kick,
                interrupt);
        queues.put(index, ends);
        tell(() -> device.startQueue(index, message));
    }

    private static EventFd copy(EventFd event) {
        return new EventFd(event.fd().duplicate());
    }

    private GuestMemory memory(GuestMemory of) {
        GuestMemory known = mapped;
        if (known == null || shown != of) {
            if (known != null) {
                known.close();
            }
            known = GuestMemory.of(of.regions().stream().map(Loopback::copy).toList());
            known.addWriteListener(of::written); // as vhost-user's log of dirty pages tells the owner of the memory
            shown = of;
            mapped = known;
        }
        return known;
    }

    private static MemoryRegion copy(MemoryRegion region) {
        Fd fd = region.fd().duplicate();
        return new MemoryRegion(region.address(), region.size(), fd, region.offset());
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        QueueState state = this.<@Nullable QueueState>call(() -> device.stopQueue(index));
        Ends ends = queues.remove(index);
        if (ends != null) {
            ends.close();
        }
        return state;
    }

    @Override
    public void reset() {
        tell(device::reset);
    }

    @Override
    public byte[] saveState() {
        return call(device::saveState).clone();
    }

    @Override
    public void restoreState(byte[] state) {
        byte[] message = state.clone();
        tell(() -> device.restoreState(message));
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        Value message = copy(body);
        return call(() -> device.command(verb, message)).thenApply(Loopback::copy);
    }

    private static Value copy(Value value) {
        return JsonReader.parse(JsonWriter.compact(value));
    }

    @Override
    public void close() {
        tell(device::close);
        thread.shutdown();
        queues.values().forEach(Ends::close);
        GuestMemory memory = mapped;
        if (memory != null) {
            memory.close();
        }
    }
}
