package jcrosvm.testkit;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/** An echo device that notes how its host treats it. */
final class WatchedDevice implements VirtioDevice {
    final EchoDevice device;
    final List<String> calls = Collections.synchronizedList(new ArrayList<>());
    volatile DeviceHost host = DeviceHost.NONE;
    volatile @Nullable QueueResources last;

    WatchedDevice(EchoDevice device) {
        this.device = device;
    }

    @Override
    public DeviceTraits traits() {
        return device.traits();
    }

    @Override
    public void attach(DeviceHost to) {
        host = to;
    }

    @Override
    public void negotiated(long features) {
        calls.add("negotiated");
        device.negotiated(features);
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        device.readConfig(offset, into);
    }

    @Override
    public void writeConfig(int offset, byte[] from) {
        device.writeConfig(offset, from);
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        calls.add("start " + index);
        last = resources;
        device.startQueue(index, resources);
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        calls.add("stop " + index);
        return device.stopQueue(index);
    }

    @Override
    public void reset() {
        calls.add("reset");
        device.reset();
    }

    @Override
    public byte[] saveState() {
        return device.saveState();
    }

    @Override
    public void restoreState(byte[] state) {
        calls.add("restore");
        device.restoreState(state);
    }

    @Override
    public void close() {
        device.close();
    }
}
