package jcrosvm.virtio;

import java.lang.foreign.MemorySegment;
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
    static final int DESCRIPTOR = 16;
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

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
        return of(memory, index, layout, features, state, interrupt, null);
    }

    /**
     * The same, of which requests in flight are noted.
     *
     * @param notes null when that is not wanted
     * @throws DescriptorException also when there are notes that are not those of such a ring
     */
    static Virtqueue of(
            GuestMemory memory,
            int index,
            QueueLayout layout,
            long features,
            QueueState state,
            Interrupt interrupt,
            @Nullable InflightRegion notes) {
        return (features & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0
                ? new PackedVirtqueue(memory, index, layout, features, state, interrupt, notes)
                : new SplitVirtqueue(memory, index, layout, features, state, interrupt, notes);
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

    /** Gives back the request popped last, before any other call: the next {@link #pop} takes it again, read anew. */
    public abstract void unpop(DescriptorChain chain);

    /**
     * Hands a request back. The driver sees it after {@link #flush}.
     *
     * @param written bytes written to the front of its writable part; beyond 2 GiB as an unsigned number
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

    /**
     * Has all requests worked on that are available, and those that become so meanwhile.
     *
     * @return true when none is left and the driver kicks for the next; false when the handler put one off with {@link
     *     RequestHandler#LATER}: then kicks are off, and the caller has this called again
     */
    public final boolean forEach(RequestHandler handler) {
        do {
            disableNotifications();
            for (DescriptorChain chain = pop(); chain != null; chain = pop()) {
                long written = handler.handle(chain);
                if (written == RequestHandler.LATER) {
                    unpop(chain);
                    flush();
                    return false;
                }
                if (written != RequestHandler.KEPT) {
                    complete(chain, (int) written);
                }
            }
            flush();
        } while (enableNotifications());
        return true;
    }

    /** Writes messages to the driver's buffers until there are no more of the ones or the others; for these it kicks. */
    public final void deliver(MessageSource messages) {
        do {
            while (messages.hasMessage()) {
                DescriptorChain chain = pop();
                if (chain == null) {
                    break;
                }
                complete(chain, messages.take(chain.writable()));
            }
            flush();
        } while (enableNotifications() && messages.hasMessage());
    }

    /** Where the queue stands; only when nothing is in flight and all is flushed. */
    public abstract QueueState state();

    /** Ends the work on the queue; {@link #state} of then. */
    public final QueueState stop() {
        if (inFlight == 0) {
            eraseNotes();
        }
        return state();
    }

    /** Nothing is in flight: where to go on is not in the notes any more. */
    abstract void eraseNotes();

    final void interruptDriver() {
        interrupt.signal();
    }

    /** A part of the ring in RAM. */
    final MemorySegment part(String what, long address, int length, int alignment) {
        if ((address & alignment - 1) != 0 || !memory.contains(address, length)) {
            throw new DescriptorException(
                    "queue %d: %s at 0x%x is not in RAM or not aligned".formatted(index, what, address));
        }
        return memory.slice(address, length);
    }

    /** Checks what a descriptor says of an indirect table (virtio 1.3, 2.7.5.3 and 2.8.7); its number of entries. */
    final int indirectEntries(long start, int length) {
        if (length == 0 || (length & DESCRIPTOR - 1) != 0 || !memory.contains(start, length & 0xffffffffL)) {
            throw broken("bad indirect table at 0x%x of %d bytes".formatted(start, length & 0xffffffffL));
        }
        return length >>> 4;
    }

    final DescriptorException broken(String problem) {
        return new DescriptorException("queue " + index + ": " + problem);
    }

    final DescriptorChain borrow() {
        if (inFlight == size) {
            throw broken("more requests at a time than the ring has entries");
        }
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
