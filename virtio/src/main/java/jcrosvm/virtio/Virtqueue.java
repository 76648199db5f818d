package jcrosvm.virtio;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * The device's side of a virtqueue (virtio 1.3, 2.6 to 2.8). One thread at a time. Nothing is allocated once as many
 * requests have been in flight as ever will be.
 *
 * <p>Every guest value is read once and checked; rules that the driver breaks are a {@link DescriptorException}, after
 * which the queue can only be stopped.
 */
public abstract sealed class Virtqueue permits SplitVirtqueue, PackedVirtqueue {
    /** Longest chain through an indirect table: as many pieces as a system call takes. */
    static final int MAX_INDIRECT = 1024;

    final GuestMemory memory;
    final int index;
    final int size;
    final boolean eventIdx;
    final boolean indirect;
    private final Interrupt interrupt;
    private final List<DescriptorChain> free = new ArrayList<>();
    private int inFlight;

    Virtqueue(GuestMemory memory, int index, QueueLayout layout, long features, Interrupt interrupt) {
        this.memory = memory;
        this.index = index;
        this.interrupt = interrupt;
        size = layout.size();
        eventIdx = (features & VirtioFeatures.VIRTIO_F_EVENT_IDX) != 0;
        indirect = (features & VirtioFeatures.VIRTIO_F_INDIRECT_DESC) != 0;
    }

    /**
     * The ring that a driver has set up.
     *
     * @param features as negotiated
     * @throws DescriptorException when it is not in RAM, not aligned or of a bad size
     */
    public static Virtqueue of(
            GuestMemory memory, int index, QueueLayout layout, long features, QueueState state, Interrupt interrupt) {
        return (features & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0
                ? new PackedVirtqueue(memory, index, layout, features, state, interrupt)
                : new SplitVirtqueue(memory, index, layout, features, state, interrupt);
    }

    /** Number of the queue in its device. */
    public int index() {
        return index;
    }

    /** Entries of the ring. */
    public int size() {
        return size;
    }

    /** The memory that the ring and all buffers are in. */
    public GuestMemory memory() {
        return memory;
    }

    /** Requests that were taken and not completed. */
    public int inFlight() {
        return inFlight;
    }

    /** Takes the next request, or null when there is none now. */
    public abstract @Nullable DescriptorChain pop();

    /** Gives back the request taken last, untouched: the next {@link #pop} takes it again. */
    public abstract void unpop(DescriptorChain chain);

    /**
     * Hands a request back. The driver sees it after {@link #flush}.
     *
     * @param written bytes written to the front of its writable part
     */
    public abstract void complete(DescriptorChain chain, int written);

    /** Shows the driver what was completed, all at once, and interrupts it if it wants that. */
    public abstract void flush();

    /**
     * Asks for kicks again.
     *
     * @return whether something has become available meanwhile, which may not be kicked for
     */
    public abstract boolean enableNotifications();

    /** Tells the driver that kicks are not needed for now. */
    public abstract void disableNotifications();

    /** Where the queue stands; only when nothing is in flight. */
    public abstract QueueState state();

    final void interruptDriver() {
        interrupt.signalUsed(index);
    }

    final DescriptorChain borrow() {
        inFlight++;
        DescriptorChain chain = free.isEmpty() ? new DescriptorChain(memory) : free.removeLast();
        chain.begin();
        return chain;
    }

    final void giveBack(DescriptorChain chain) {
        if (!chain.taken) {
            throw new IllegalStateException("the request was completed already");
        }
        chain.taken = false;
        inFlight--;
        free.add(chain);
    }
}
