package jcrosvm.virtio;

import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** A packed ring (virtio 1.3, 2.8). */
final class PackedVirtqueue extends Virtqueue {
    PackedVirtqueue(
            GuestMemory memory, int index, QueueLayout layout, long features, QueueState state, Interrupt interrupt) {
        super(memory, index, layout, features, interrupt);
        throw new DescriptorException("packed rings are not there yet");
    }

    @Override
    public @Nullable DescriptorChain pop() {
        return null;
    }

    @Override
    public void unpop(DescriptorChain chain) {}

    @Override
    public void complete(DescriptorChain chain, int written) {}

    @Override
    public void flush() {}

    @Override
    public boolean enableNotifications() {
        return false;
    }

    @Override
    public void disableNotifications() {}

    @Override
    public QueueState state() {
        return QueueState.PACKED;
    }
}
