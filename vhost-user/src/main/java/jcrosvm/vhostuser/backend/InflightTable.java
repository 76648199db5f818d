package jcrosvm.vhostuser.backend;

import java.lang.foreign.MemorySegment;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.FileStatus;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.SharedMemory;
import jcrosvm.vhostuser.Payload.Inflight;
import jcrosvm.virtio.InflightRegion;
import org.jspecify.annotations.Nullable;

/**
 * Where rings note which requests they have taken ("Inflight I/O tracking"). The front end keeps this memory when the
 * backend is lost, and gives it to the next.
 */
final class InflightTable implements AutoCloseable {
    private static final long ALIGNMENT = 64;
    /** Entries of the largest ring (virtio 1.3, 2.7). */
    private static final int MAX_QUEUE_SIZE = 32768;
    /** Entries that each ring has room for, whatever the front end asks: QEMU asks for fewer than its rings may have later. */
    private static final int ROOM = 1024;

    private final int queues;
    private @Nullable SharedMemory made; // until it has been sent
    private @Nullable Mapping mapping;
    private @Nullable Inflight shape;
    private long stride; // bytes from one ring's notes to the next one's
    private boolean isPacked;
    private MemorySegment regions = MemorySegment.NULL;

    /** @param queues of the device */
    InflightTable(int queues) {
        this.queues = queues;
    }

    /**
     * Makes such memory, and uses it.
     *
     * @return what to answer
     * @throws VmmException when the device has no such queues
     */
    Inflight make(Inflight asked, boolean isPacked) {
        requireQueues(asked);
        close();
        long each = stride(Math.max(ROOM, asked.queueSize()), isPacked);
        long size = each * asked.queues() + Mapping.PAGE - 1 & -Mapping.PAGE;
        SharedMemory memory = SharedMemory.create("jcrosvm-inflight", size);
        made = memory;
        Inflight answer = new Inflight(size, 0, asked.queues(), asked.queueSize());
        map(answer, memory.fd(), isPacked);
        return answer;
    }

    /** The file of what was made. */
    Fd[] file() {
        SharedMemory memory = made;
        return memory == null ? new Fd[0] : new Fd[] {memory.fd()};
    }

    /**
     * Uses memory that the front end has kept.
     *
     * @param file which stays the caller's
     * @throws VmmException when it is too small, or the device has no such queues
     */
    void use(Inflight kept, Fd file, boolean isPacked) {
        requireQueues(kept);
        long length = FileStatus.of(file).size();
        long needed = stride(kept.queueSize(), isPacked) * kept.queues();
        if (kept.offset() < 0
                || kept.offset() % Mapping.PAGE != 0
                || kept.size() < needed
                || kept.size() > stride(MAX_QUEUE_SIZE, isPacked) * kept.queues() + Mapping.PAGE
                || length < kept.size()
                || kept.offset() > length - kept.size()) {
            throw new VmmException(
                    ("notes of %d queues of %d requests need 0x%x bytes at the begin of a page; 0x%x bytes"
                                    + " at 0x%x of a file of 0x%x came")
                            .formatted(kept.queues(), kept.queueSize(), needed, kept.size(), kept.offset(), length));
        }
        close();
        map(kept, file, isPacked);
    }

    private void requireQueues(Inflight asked) {
        if (asked.queues() < 1 || asked.queues() > queues) {
            throw new VmmException("the device has no " + asked.queues() + " queues, but " + queues);
        }
        if (asked.queueSize() < 1 || asked.queueSize() > MAX_QUEUE_SIZE) {
            throw new VmmException("a queue of " + asked.queueSize() + " entries is not one of 1 to " + MAX_QUEUE_SIZE);
        }
    }

    private static long stride(int queueSize, boolean isPacked) {
        return InflightRegion.bytes(queueSize, isPacked) + ALIGNMENT - 1 & -ALIGNMENT;
    }

    private void map(Inflight at, Fd file, boolean packed) {
        Mapping mapped = Mapping.shared(file, at.offset(), at.size());
        mapping = mapped;
        regions = mapped.segment();
        shape = at;
        stride = at.size() / at.queues() & -ALIGNMENT;
        isPacked = packed;
    }

    /**
     * Where a ring of this many entries notes its requests; null when it does not.
     *
     * @throws VmmException when there is not so much room
     */
    @Nullable
    InflightRegion region(int index, int size) {
        Inflight at = shape;
        if (at == null || index >= at.queues()) {
            return null;
        }
        if (InflightRegion.bytes(size, isPacked) > stride) {
            throw new VmmException(
                    "ring %d has %d entries; there is room for the notes of %d".formatted(index, size, at.queueSize()));
        }
        return new InflightRegion(regions.asSlice(stride * index, stride));
    }

    /** Lets the memory go, which no ring uses. */
    @Override
    public void close() {
        if (made != null) {
            made.close();
            made = null;
        }
        if (mapping != null) {
            mapping.replaceByZeros(0, mapping.segment().byteSize());
            mapping = null;
        }
        shape = null;
        regions = MemorySegment.NULL;
    }
}
