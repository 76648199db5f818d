package jcrosvm.virtio.transport;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/** Two queues and eight bytes of configuration, and no work. */
final class FakeDevice implements VirtioDevice {
    final byte[] config = {1, 2, 3, 4, 5, 6, 7, 8};
    final Map<Integer, QueueResources> running = new HashMap<>();
    DeviceHost host = DeviceHost.NONE;
    long features;
    int resets;

    @Override
    public DeviceTraits traits() {
        return new DeviceTraits(
                42, 3, List.of(8, 16), 8, List.of(new DeviceTraits.SharedMemoryRegion(1, 1L << 33)), false, "");
    }

    @Override
    public void attach(DeviceHost newHost) {
        host = newHost;
    }

    @Override
    public void negotiated(long taken) {
        features = taken;
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        System.arraycopy(config, offset, into, 0, Math.min(into.length, config.length - offset));
    }

    @Override
    public void writeConfig(int offset, byte[] from) {
        System.arraycopy(from, 0, config, offset, from.length);
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        running.put(index, resources);
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        QueueResources resources = running.remove(index);
        return resources == null ? null : new QueueState(index + 5, index + 5);
    }

    @Override
    public void reset() {
        resets++;
        features = 0;
    }

    @Override
    public byte[] saveState() {
        return config.clone();
    }

    @Override
    public void restoreState(byte[] state) {
        System.arraycopy(state, 0, config, 0, config.length);
    }

    @Override
    public void close() {}
}
