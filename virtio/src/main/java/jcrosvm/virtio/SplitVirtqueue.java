package jcrosvm.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** A split ring (virtio 1.3, 2.7): a descriptor table, the driver's available ring, the device's used ring. */
final class SplitVirtqueue extends Virtqueue {
    private static final int[] NONE = {};
    private static final short NO_INTERRUPT = 1;
    private static final short NO_NOTIFY = 1;

    private static final VarHandle SHORT = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final MemorySegment table;
    private final MemorySegment available;
    private final MemorySegment used;
    private final long usedAddress;
    private int nextAvailable;
    private int nextUsed;
    private int shownUsed;
    private boolean notifications = true;
    private final @Nullable SplitInflight notes;
    /** Heads of requests that a device before this one had taken; they come before what is available. */
    private final int[] left;

    private int leftTaken;
    private boolean lastWasLeft; // the request popped last

    /** A host that had the queue before may have shown completions and not interrupted for them. */
    private boolean interruptAnyway = true;

    SplitVirtqueue(
            GuestMemory memory,
            int index,
            QueueLayout layout,
            long features,
            QueueState state,
            Interrupt interrupt,
            @Nullable InflightRegion inflight) {
        super(memory, index, layout, features, interrupt);
        if (Integer.bitCount(size) != 1 || size > 32768) {
            throw broken("size " + size + " is not a power of two up to 32768");
        }
        table = part("descriptor table", layout.descriptors(), DESCRIPTOR * size, 16);
        available = part("available ring", layout.driver(), 6 + 2 * size, 2);
        used = part("used ring", layout.device(), 6 + 8 * size, 4);
        usedAddress = layout.device();
        notes = inflight == null ? null : new SplitInflight(inflight, size);
        if (notes == null) {
            left = NONE;
            nextAvailable = state.available() & 0xffff;
            nextUsed = state.used() & 0xffff;
        } else {
            boolean isAnother = notes.isUsed();
            nextUsed = (short) SHORT.getAcquire(used, 2L) & 0xffff;
            left = notes.recover(nextUsed);
            // What was taken is either used or in flight; without notes the host knows better where to begin.
            nextAvailable = isAnother ? nextUsed + left.length & 0xffff : state.available() & 0xffff;
            if (isAnother) {
                interruptDriver(); // for what the device before has shown
            }
        }
        shownUsed = nextUsed;
    }

    @Override
    public @Nullable DescriptorChain pop() {
        lastWasLeft = leftTaken < left.length;
        if (lastWasLeft) {
            DescriptorChain chain = take(left[leftTaken]);
            leftTaken++;
            return chain;
        }
        int waiting = availableIndex() - nextAvailable & 0xffff;
        if (waiting == 0) {
            return null;
        }
        if (waiting > size) {
            throw broken(waiting + " requests in a ring of " + size);
        }
        int head = (short) SHORT.get(available, 4 + 2L * (nextAvailable & size - 1)) & 0xffff;
        DescriptorChain chain = take(head);
        if (notes != null) {
            notes.taken(head);
        }
        nextAvailable = nextAvailable + 1 & 0xffff;
        return chain;
    }

    private DescriptorChain take(int head) {
        DescriptorChain chain = borrow();
        try {
            chain.id = head;
            walk(chain, head);
        } catch (RuntimeException e) {
            giveBack(chain);
            throw e;
        }
        chain.ready();
        return chain;
    }

    private int availableIndex() {
        return (short) SHORT.getAcquire(available, 2L) & 0xffff;
    }

    private void walk(DescriptorChain chain, int head) {
        int at = head;
        for (int seen = 0; ; ) {
            if (at >= size) {
                throw broken("no descriptor " + at);
            }
            long address = (long) LONG.get(table, (long) DESCRIPTOR * at);
            long rest = (long) LONG.get(table, (long) DESCRIPTOR * at + 8);
            int flags = (int) (rest >>> 32);
            if ((flags & INDIRECT) != 0) {
                if (!indirect || (flags & NEXT) != 0) {
                    throw broken("an indirect descriptor where none may be");
                }
                walkIndirect(chain, address, (int) rest);
                return;
            }
            chain.add(address, (int) rest, (flags & WRITE) != 0);
            if ((flags & NEXT) == 0) {
                return;
            }
            if (++seen == size) {
                throw broken("a chain without end");
            }
            at = (int) (rest >>> 48);
        }
    }

    private void walkIndirect(DescriptorChain chain, long start, int length) {
        int entries = indirectEntries(start, length);
        int at = 0;
        for (int seen = 0; ; ) {
            if (at >= entries) {
                throw broken("no indirect descriptor " + at);
            }
            long address = memory.getLong(start + (long) DESCRIPTOR * at);
            long rest = memory.getLong(start + (long) DESCRIPTOR * at + 8);
            int flags = (int) (rest >>> 32);
            if ((flags & INDIRECT) != 0) {
                throw broken("an indirect descriptor in an indirect table");
            }
            chain.add(address, (int) rest, (flags & WRITE) != 0);
            if ((flags & NEXT) == 0) {
                return;
            }
            if (++seen == Math.min(entries, DescriptorChain.MAX_BUFFERS)) {
                throw broken("a chain without end");
            }
            at = (int) (rest >>> 48);
        }
    }

    @Override
    public void unpop(DescriptorChain chain) {
        giveBack(chain);
        if (lastWasLeft) {
            leftTaken--; // and stays noted
            return;
        }
        nextAvailable = nextAvailable - 1 & 0xffff;
        if (notes != null) {
            notes.untaken(chain.id);
        }
    }

    @Override
    public void complete(DescriptorChain chain, int written) {
        chain.markWritten(written);
        long entry = 4 + 8L * (nextUsed & size - 1);
        INT.set(used, entry, chain.id);
        INT.set(used, entry + 4, written);
        memory.written(usedAddress + entry, 8);
        nextUsed = nextUsed + 1 & 0xffff;
        if (notes != null) {
            notes.completed(chain.id);
        }
        giveBack(chain);
    }

    @Override
    public void flush() {
        if (nextUsed == shownUsed) {
            return;
        }
        int before = shownUsed;
        SHORT.setRelease(used, 2L, (short) nextUsed);
        memory.written(usedAddress + 2, 2);
        shownUsed = nextUsed;
        if (notes != null) {
            notes.shown(nextUsed);
        }
        VarHandle.fullFence(); // the index must be seen before we look whether an interrupt is wanted
        boolean wanted;
        if (eventIdx) {
            int event = (short) SHORT.get(available, 4 + 2L * size) & 0xffff;
            wanted = interruptAnyway || (nextUsed - event - 1 & 0xffff) < (nextUsed - before & 0xffff);
            interruptAnyway = false;
        } else {
            wanted = ((short) SHORT.get(available, 0L) & NO_INTERRUPT) == 0;
        }
        if (wanted) {
            interruptDriver();
        }
    }

    @Override
    public boolean enableNotifications() {
        notifications = true;
        if (eventIdx) {
            SHORT.set(used, 4 + 8L * size, (short) nextAvailable);
            memory.written(usedAddress + 4 + 8L * size, 2);
        } else {
            SHORT.set(used, 0L, (short) 0);
            memory.written(usedAddress, 2);
        }
        VarHandle.fullFence(); // the driver must see this before we look for what came meanwhile
        return leftTaken < left.length || availableIndex() != nextAvailable;
    }

    @Override
    public void disableNotifications() {
        if (!eventIdx && notifications) {
            SHORT.set(used, 0L, NO_NOTIFY);
            memory.written(usedAddress, 2);
        }
        notifications = false;
    }

    @Override
    void eraseNotes() {
        if (notes != null && leftTaken == left.length) {
            notes.erase();
        }
    }

    @Override
    public QueueState state() {
        return new QueueState(nextAvailable - (left.length - leftTaken) & 0xffff, nextUsed);
    }
}
