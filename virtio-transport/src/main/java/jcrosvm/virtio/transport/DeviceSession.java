package jcrosvm.virtio.transport;

import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.Stateful;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.VirtioDevice;

/**
 * What a driver and a device have agreed on, whatever the transport: the device status (virtio 1.3, 2.1), the features
 * (2.2), the registers of the queues, and which of them run.
 *
 * <p>Thread-safe: vCPUs call it, one at a time gets through. A call that stops queues waits for the device's workers, so
 * the transport's {@link DriverInterrupt} must not call the session, nor take a lock that is held while it is called. No
 * method but the constructor throws, whatever the driver or the device does: what cannot go on needs a reset.
 */
public final class DeviceSession implements Stateful<SessionState>, AutoCloseable {
    public static final int ACKNOWLEDGE = 1;
    public static final int DRIVER = 2;
    public static final int DRIVER_OK = 4;
    public static final int FEATURES_OK = 8;
    public static final int DEVICE_NEEDS_RESET = 0x40;
    public static final int FAILED = 0x80;

    private final VirtioDevice device;
    private final SessionHost host;
    private final FeatureRegisters features;
    private final ConfigSpace config;
    private final SessionQueues queues;
    private final GuardedDevice guarded;
    private final SavedSession saved;
    private final Object lock = new Object();
    private final AtomicInteger status = new AtomicInteger(); // set under the lock, but for DEVICE_NEEDS_RESET
    private boolean suspended;
    private boolean closed;

    /**
     * @param device belongs to the session until it is closed
     * @param platform features offered beside the device's and the rings'
     * @param interrupt how the transport reaches the driver; not called before DRIVER_OK
     * @throws jcrosvm.base.VmmException when the device needs what no transport can do
     */
    public DeviceSession(VirtioDevice device, long platform, GuestMemory memory, DriverInterrupt interrupt) {
        this.device = device;
        features =
                new FeatureRegisters(device.traits().rings() | device.traits().features() | platform);
        config = new ConfigSpace(device);
        host = new SessionHost(device.traits(), status, config, interrupt);
        device.attach(host);
        queues = new SessionQueues(device.traits().queueSizes(), memory, host);
        guarded = new GuardedDevice(device, queues, host, this::failed);
        saved = new SavedSession(device, status, features, config, queues, host);
    }

    public VirtioDevice device() {
        return device;
    }

    /** Number of queues; others do not exist: their registers read as zero and ignore writes. */
    public int queues() {
        return queues.count();
    }

    /** The device status register. */
    public int status() {
        return status.get();
    }

    /** Whether the device waits for a reset: DEVICE_NEEDS_RESET. */
    public boolean failed() {
        return (status.get() & DEVICE_NEEDS_RESET) != 0;
    }

    /** The driver writes the device status: bits are added one by one, and 0 resets everything. */
    public void status(int value) {
        synchronized (lock) {
            if (closed) {
                return;
            }
            if ((value & 0xff) == 0) {
                reset();
                return;
            }
            int added = value & ~status.get() & (ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED);
            add(added & ~(FEATURES_OK | DRIVER_OK));
            if ((added & FEATURES_OK) != 0) {
                acceptFeatures();
            }
            if ((added & DRIVER_OK) != 0) {
                begin();
            }
        }
    }

    private void add(int bits) {
        status.getAndUpdate(now -> now | bits);
    }

    private void acceptFeatures() {
        if (features.isAcceptable() && guarded.attempt("negotiated", () -> device.negotiated(features.accepted()))) {
            add(FEATURES_OK);
        }
    }

    private void begin() {
        if ((status.get() & FEATURES_OK) == 0) {
            guarded.failed("DRIVER_OK", new DescriptorException("the features were not accepted"));
            return;
        }
        add(DRIVER_OK);
        startEnabled();
    }

    private boolean working() {
        int now = status.get();
        return (now & DRIVER_OK) != 0 && (now & DEVICE_NEEDS_RESET) == 0 && !suspended && !closed;
    }

    private void startEnabled() {
        if (working()) {
            guarded.start(features.accepted());
        }
    }

    private void reset() {
        guarded.stop();
        guarded.attempt("reset", device::reset);
        queues.clear();
        features.restore(0, false);
        status.set(0);
    }

    /** The features offered. */
    public long deviceFeatures() {
        return features.offered();
    }

    /** A window of 32 of the features offered; windows behind the last are empty. */
    public int deviceFeatures(int word) {
        return FeatureRegisters.word(features.offered(), word);
    }

    /** The features that the driver took so far. */
    public long driverFeatures() {
        synchronized (lock) {
            return features.accepted();
        }
    }

    /** A window of 32 of the features that the driver took so far. */
    public int driverFeatures(int word) {
        return FeatureRegisters.word(driverFeatures(), word);
    }

    /** The driver writes a window of 32 features; too late after FEATURES_OK. */
    public void driverFeatures(int word, int value) {
        synchronized (lock) {
            if ((status.get() & FEATURES_OK) == 0) {
                features.accept(word, value);
            }
        }
    }

    /** The largest size of a queue; 0 when there is no such queue. */
    public int maxQueueSize(int queue) {
        return queues.exists(queue) ? queues.get(queue).maxSize : 0;
    }

    public int queueSize(int queue) {
        synchronized (lock) {
            return queues.exists(queue) ? queues.get(queue).size : 0;
        }
    }

    /** Looked at when the queue starts. Ignored while it is enabled. */
    public void queueSize(int queue, int size) {
        synchronized (lock) {
            if (queues.exists(queue) && !queues.get(queue).enabled) {
                queues.get(queue).size = size;
            }
        }
    }

    public long address(int queue, QueueArea area) {
        synchronized (lock) {
            return queues.exists(queue) ? queues.get(queue).address(area) : 0;
        }
    }

    /** Looked at when the queue starts. Ignored while it is enabled. */
    public void address(int queue, QueueArea area, long value) {
        synchronized (lock) {
            if (queues.exists(queue) && !queues.get(queue).enabled) {
                queues.get(queue).address(area, value);
            }
        }
    }

    /** Sets one half of an address. */
    public void address(int queue, QueueArea area, boolean high, int half) {
        synchronized (lock) {
            long before = address(queue, area);
            long value = half & 0xffffffffL;
            address(queue, area, high ? value << 32 | before & 0xffffffffL : before & ~0xffffffffL | value);
        }
    }

    public boolean isEnabled(int queue) {
        synchronized (lock) {
            return queues.exists(queue) && queues.get(queue).enabled;
        }
    }

    /** Lets the device use the queue: from DRIVER_OK on, or now when that was before. */
    public void enable(int queue) {
        synchronized (lock) {
            if (queues.exists(queue) && !closed) {
                queues.get(queue).enabled = true;
                startEnabled();
            }
        }
    }

    /** Takes the queue away from the device, which is done with it on return. Its registers stay; it begins anew. */
    public void disable(int queue) {
        synchronized (lock) {
            if (queues.exists(queue)) {
                guarded.stop(queue);
                queues.get(queue).enabled = false;
                queues.get(queue).state = null;
            }
        }
    }

    /** Puts one queue back to what it was after the reset of the device (virtio 1.3, 2.6.1). */
    public void reset(int queue) {
        synchronized (lock) {
            if (queues.exists(queue)) {
                guarded.stop(queue);
                queues.get(queue).clear();
            }
        }
    }

    /** What the driver's notifications signal; the session keeps it. The queue must exist. */
    public EventFd kick(int queue) {
        return queues.get(queue).kick;
    }

    /** The driver notifies a queue by a way that signals no event. */
    public void signalKick(int queue) {
        synchronized (lock) {
            if (queues.exists(queue) && !closed) {
                queues.get(queue).kick.signal();
            }
        }
    }

    /**
     * Reads the configuration space, little-endian; what lies behind its end is zero.
     *
     * @param size bytes, 1 to 8
     */
    public long readConfig(long offset, int size) {
        synchronized (lock) {
            long[] value = new long[1];
            guarded.attempt("readConfig", () -> value[0] = closed ? 0 : config.read(offset, size));
            return value[0];
        }
    }

    /** Writes to the configuration space, little-endian; what lies behind its end is dropped. */
    public void writeConfig(long offset, int size, long value) {
        synchronized (lock) {
            if (!closed) {
                guarded.attempt("writeConfig", () -> config.write(offset, size, value));
            }
        }
    }

    /** Changes whenever the configuration space does (virtio 1.3, 2.5.2); only some low bits need be shown. */
    public int configGeneration() {
        synchronized (lock) {
            if (!closed) {
                guarded.attempt("readConfig", config::compare);
            }
            return config.generation();
        }
    }

    /** Stops all queues, which remember where they stand. What the driver does meanwhile starts none. Idempotent. */
    public void suspend() {
        synchronized (lock) {
            suspended = true;
            guarded.stop();
        }
    }

    /** Lets the queues go on. Idempotent. */
    public void resume() {
        synchronized (lock) {
            suspended = false;
            startEnabled();
        }
    }

    /** As {@link VirtioTransport#requireSame}. */
    void requireSame(SessionState state) {
        saved.requireSame(state);
    }

    /** Only while it is suspended. */
    @Override
    public SessionState state() {
        synchronized (lock) {
            return saved.state();
        }
    }

    /** Only while it is suspended. */
    @Override
    public void restore(SessionState state) {
        requireSame(state);
        synchronized (lock) {
            reset();
            saved.restore(state);
        }
    }

    /** Resets the device, which another session may use then. */
    @Override
    public void close() {
        synchronized (lock) {
            if (closed) {
                return;
            }
            reset();
            closed = true;
            queues.close();
        }
    }
}
