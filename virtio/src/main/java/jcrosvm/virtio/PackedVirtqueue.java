package jcrosvm.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.List;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * A packed ring (virtio 1.3, 2.8): one ring that the driver fills with descriptors and the device overwrites with used
 * ones, each telling by two flags and a wrap counter whose turn it is.
 *
 * <p>Positions are kept as slot plus, in the laps whose wrap counter is zero, the size of the ring: so two laps are a
 * circle, and distances on it are plain.
 */
final class PackedVirtqueue extends Virtqueue {
    private static final int AVAILABLE = 1 << 7;
    private static final int USED = 1 << 15;

    private static final int ENABLE = 0;
    private static final int DISABLE = 1;
    private static final int AT_DESCRIPTOR = 2;

    private static final VarHandle SHORT = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final MemorySegment ring;
    private final MemorySegment driverEvent;
    private final MemorySegment deviceEvent;
    private final long ringAddress;
    private final long deviceEventAddress;
    private int nextAvailable;
    private int nextUsed;
    /** First completion that is not shown; all from here to {@link #nextUsed} hang on its flags. */
    private int shownUsed;

    private short heldFlags;
    /** Slots of requests that the driver has not been shown as used: none of them can be available again. */
    private int busySlots;

    private int stagedSlots;
    private final @Nullable PackedInflight notes;
    /** Requests that a device before this one had taken; they come before what is available. */
    private final List<PackedInflight.Request> left;

    private int leftTaken;
    private boolean lastWasLeft; // the request popped last

    private boolean notifications = true;
    /** A host that had the queue before may have shown completions and not interrupted for them. */
    private boolean interruptAnyway = true;

    PackedVirtqueue(
            GuestMemory memory,
            int index,
            QueueLayout layout,
            long features,
            QueueState state,
            Interrupt interrupt,
            @Nullable InflightRegion inflight) {
        super(memory, index, layout, features, interrupt);
        if (size < 1 || size > 32768) {
            throw broken("size " + size + " is not 1 to 32768");
        }
        ring = part("descriptor ring", layout.descriptors(), DESCRIPTOR * size, 16);
        driverEvent = part("driver event suppression", layout.driver(), 4, 4);
        deviceEvent = part("device event suppression", layout.device(), 4, 4);
        ringAddress = layout.descriptors();
        deviceEventAddress = layout.device();
        notes = inflight == null ? null : new PackedInflight(inflight, size);
        if (notes != null && notes.isUsed()) {
            left = notes.recover(this::flagsAt);
            nextUsed = notes.usedWrap() ? notes.usedSlot() : notes.usedSlot() + size;
            busySlots = left.stream()
                    .mapToInt(request -> request.descriptors().size())
                    .sum();
            nextAvailable = advanced(nextUsed, busySlots);
            takeBackCompletions();
            interruptDriver(); // for what the device before has shown
        } else {
            left = List.of();
            nextAvailable = position(state.available());
            nextUsed = position(state.used());
            if (notes != null) {
                notes.begin(slot(nextUsed), nextUsed < size);
            }
        }
        shownUsed = nextUsed;
    }

    /** A device before may have written completions that it did not show: the driver would find them behind the next one. */
    private void takeBackCompletions() {
        for (int position = nextUsed; position != nextAvailable; position = advanced(position, 1)) {
            int slot = slot(position);
            int turn = position < size ? AVAILABLE : USED;
            int flags = flagsAt(slot) & ~(AVAILABLE | USED) | turn;
            SHORT.setRelease(ring, (long) DESCRIPTOR * slot + 14, (short) flags);
            memory.written(ringAddress + (long) DESCRIPTOR * slot + 14, 2);
        }
    }

    private int position(int slotAndWrap) {
        int slot = slotAndWrap & 0x7fff;
        if (slot >= size) {
            throw broken("cannot go on at slot " + slot + " of " + size);
        }
        return (slotAndWrap & 0x8000) != 0 ? slot : slot + size;
    }

    private int slotAndWrap(int position) {
        return position < size ? position | 0x8000 : position - size;
    }

    private int slot(int position) {
        return position < size ? position : position - size;
    }

    private int advanced(int position, int slots) {
        int to = position + slots;
        return to < 2 * size ? to : to - 2 * size;
    }

    private int distance(int from, int to) {
        return to >= from ? to - from : to - from + 2 * size;
    }

    private int flagsAt(int slot) {
        return (short) SHORT.getAcquire(ring, (long) DESCRIPTOR * slot + 14);
    }

    private boolean isAvailable(int flags) {
        return isAvailable(flags, nextAvailable < size);
    }

    static boolean isAvailable(int flags, boolean wrap) {
        return (flags & AVAILABLE) != 0 == wrap && (flags & USED) != 0 != wrap;
    }

    @Override
    public @Nullable DescriptorChain pop() {
        lastWasLeft = leftTaken < left.size();
        if (lastWasLeft) {
            return again(left.get(leftTaken++));
        }
        int flags = flagsAt(slot(nextAvailable));
        if (!isAvailable(flags)) {
            return null;
        }
        DescriptorChain chain = borrow();
        try {
            walk(chain, flags);
        } catch (RuntimeException e) {
            giveBack(chain);
            throw e;
        }
        if (notes != null) {
            chain.entry = notes.taken();
        }
        busySlots += chain.slots;
        nextAvailable = advanced(nextAvailable, chain.slots);
        chain.ready();
        return chain;
    }

    private DescriptorChain again(PackedInflight.Request request) {
        DescriptorChain chain = borrow();
        try {
            for (PackedInflight.Copy descriptor : request.descriptors()) {
                add(chain, descriptor.address(), descriptor.length(), descriptor.flags());
            }
        } catch (RuntimeException e) {
            giveBack(chain);
            throw e;
        }
        chain.id = request.descriptors().getLast().id();
        chain.slots = request.descriptors().size();
        chain.entry = request.head();
        chain.ready();
        return chain;
    }

    private void walk(DescriptorChain chain, int headFlags) {
        int slot = slot(nextAvailable);
        int flags = headFlags;
        for (int slots = 1; ; slots++) {
            if (busySlots + slots > size) {
                throw broken("a chain through " + (busySlots + slots) + " descriptors in a ring of " + size);
            }
            long address = (long) LONG.get(ring, (long) DESCRIPTOR * slot);
            long rest = (long) LONG.get(ring, (long) DESCRIPTOR * slot + 8);
            if (notes != null) {
                notes.read(slots == 1, address, (int) rest, flags, (int) (rest >>> 32) & 0xffff);
            }
            add(chain, address, (int) rest, flags);
            if ((flags & NEXT) == 0) {
                chain.id = (int) (rest >>> 32) & 0xffff; // of the last one counts
                chain.slots = slots;
                return;
            }
            slot = slot + 1 == size ? 0 : slot + 1;
            flags = (short) SHORT.get(ring, (long) DESCRIPTOR * slot + 14);
        }
    }

    private void add(DescriptorChain chain, long address, int length, int flags) {
        if ((flags & INDIRECT) == 0) {
            chain.add(address, length, (flags & WRITE) != 0);
        } else if (indirect && (flags & NEXT) == 0) {
            walkIndirect(chain, address, length);
        } else {
            throw broken("an indirect descriptor where none may be");
        }
    }

    /** All entries in order; ids, and flags other than WRITE, mean nothing there (virtio 1.3, 2.8.7). */
    private void walkIndirect(DescriptorChain chain, long start, int length) {
        int entries = indirectEntries(start, length);
        if (entries > DescriptorChain.MAX_BUFFERS) {
            throw broken("an indirect table of " + entries + " descriptors");
        }
        for (int i = 0; i < entries; i++) {
            long address = memory.getLong(start + (long) DESCRIPTOR * i);
            long rest = memory.getLong(start + (long) DESCRIPTOR * i + 8);
            int flags = (int) (rest >>> 48);
            if ((flags & INDIRECT) != 0) {
                throw broken("an indirect descriptor in an indirect table");
            }
            chain.add(address, (int) rest, (flags & WRITE) != 0);
        }
    }

    @Override
    public void unpop(DescriptorChain chain) {
        giveBack(chain);
        if (lastWasLeft) {
            leftTaken--; // and stays noted
            return;
        }
        if (notes != null) {
            notes.untaken(chain.entry);
        }
        busySlots -= chain.slots;
        nextAvailable = advanced(nextAvailable, 2 * size - chain.slots);
    }

    @Override
    public void complete(DescriptorChain chain, int written) {
        chain.markWritten(written);
        long entry = (long) DESCRIPTOR * slot(nextUsed);
        int flags = (nextUsed < size ? AVAILABLE | USED : 0) | (written != 0 ? WRITE : 0);
        INT.set(ring, entry + 8, written);
        SHORT.set(ring, entry + 12, (short) chain.id);
        if (nextUsed == shownUsed) {
            heldFlags = (short) flags;
        } else {
            SHORT.setRelease(ring, entry + 14, (short) flags);
        }
        memory.written(ringAddress + entry, DESCRIPTOR);
        nextUsed = advanced(nextUsed, chain.slots);
        stagedSlots += chain.slots;
        if (notes != null) {
            notes.completed(chain.entry);
        }
        giveBack(chain);
    }

    @Override
    public void flush() {
        if (nextUsed == shownUsed) {
            return;
        }
        int before = shownUsed;
        long entry = (long) DESCRIPTOR * slot(before);
        if (notes != null) {
            notes.showing(slot(before), before < size, slot(nextUsed), nextUsed < size);
        }
        SHORT.setRelease(ring, entry + 14, heldFlags);
        memory.written(ringAddress + entry + 14, 2);
        shownUsed = nextUsed;
        if (notes != null) {
            notes.shown(slot(nextUsed), nextUsed < size);
        }
        busySlots -= stagedSlots;
        stagedSlots = 0;
        VarHandle.fullFence(); // the flags must be seen before we look whether an interrupt is wanted
        if (interruptWanted(before)) {
            interruptDriver();
        }
    }

    private boolean interruptWanted(int before) {
        int event = (int) INT.getAcquire(driverEvent, 0L);
        int flags = event >>> 16 & 3;
        if (flags == AT_DESCRIPTOR && eventIdx) {
            if (interruptAnyway) {
                interruptAnyway = false;
                return true;
            }
            int slot = event & 0x7fff;
            int position = (event & 0x8000) != 0 ? slot : slot + size;
            return slot < size && distance(before, position) < distance(before, nextUsed);
        }
        return flags != DISABLE;
    }

    @Override
    public boolean enableNotifications() {
        notifications = true;
        deviceEvent(eventIdx ? AT_DESCRIPTOR << 16 | slotAndWrap(nextAvailable) : ENABLE << 16);
        VarHandle.fullFence(); // the driver must see this before we look for what came meanwhile
        return leftTaken < left.size() || isAvailable(flagsAt(slot(nextAvailable)));
    }

    @Override
    public void disableNotifications() {
        if (notifications) {
            notifications = false;
            deviceEvent(DISABLE << 16);
        }
    }

    private void deviceEvent(int value) {
        INT.setRelease(deviceEvent, 0L, value);
        memory.written(deviceEventAddress, 4);
    }

    @Override
    void eraseNotes() {
        if (notes != null && leftTaken == left.size()) {
            notes.erase();
        }
    }

    @Override
    public QueueState state() {
        return new QueueState(slotAndWrap(nextAvailable), slotAndWrap(nextUsed));
    }
}
