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
 * backend is lost, and gives it to the next. Split rings only: of packed ones nothing is noted.
 */
final class InflightTable implements AutoCloseable {
    private static final long ALIGNMENT = 64;
    /** Entries of the largest ring (virtio 1.3, 2.7). */
    private static final int MAX_QUEUE_SIZE = 32768;

    private final int queues;
    private @Nullable SharedMemory made; // until it has been sent
    private @Nullable Mapping mapping;
    private @Nullable Inflight shape;
    private MemorySegment regions = MemorySegment.NULL;

    /** @param queues of the device */
    InflightTable(int queues) {
        this.queues = queues;
    }

    /**
     * Makes such memory, and uses it.
     *
     * @return what to answer; of size 0 when nothing is noted
     * @throws VmmException when the device has no such queues
     */
    Inflight make(Inflight asked, boolean isPacked) {
        requireQueues(asked);
        close();
        if (isPacked) {
            return new Inflight(0, 0, asked.queues(), asked.queueSize());
        }
        long size = bytes(asked) + Mapping.PAGE - 1 & -Mapping.PAGE;
        SharedMemory memory = SharedMemory.create("jcrosvm-inflight", size);
        made = memory;
        Inflight answer = new Inflight(size, 0, asked.queues(), asked.queueSize());
        map(answer, memory.fd());
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
    void use(Inflight kept, Fd file) {
        requireQueues(kept);
        long length = FileStatus.of(file).size();
        if (kept.offset() < 0
                || kept.offset() % Mapping.PAGE != 0
                || kept.size() < bytes(kept)
                || length < kept.size()
                || kept.offset() > length - kept.size()) {
            throw new VmmException(
                    ("notes of %d queues of %d requests need 0x%x bytes at the begin of a page; 0x%x bytes at"
                                    + " 0x%x of a file of 0x%x came")
                            .formatted(
                                    kept.queues(), kept.queueSize(), bytes(kept), kept.size(), kept.offset(), length));
        }
        close();
        map(kept, file);
    }

    private void requireQueues(Inflight asked) {
        if (asked.queues() < 1 || asked.queues() > queues) {
            throw new VmmException("the device has no " + asked.queues() + " queues, but " + queues);
        }
        if (asked.queueSize() < 1 || asked.queueSize() > MAX_QUEUE_SIZE) {
            throw new VmmException("a queue of " + asked.queueSize() + " entries is not one of 1 to " + MAX_QUEUE_SIZE);
        }
    }

    private static long stride(Inflight shape) {
        return InflightRegion.bytes(shape.queueSize()) + ALIGNMENT - 1 & -ALIGNMENT;
    }

    private static long bytes(Inflight shape) {
        return stride(shape) * shape.queues();
    }

    private void map(Inflight at, Fd file) {
        Mapping mapped = Mapping.shared(file, at.offset(), bytes(at));
        mapping = mapped;
        regions = mapped.segment();
        shape = at;
    }

    /**
     * Where a ring of this many entries notes its requests; null when it does not.
     *
     * @throws VmmException when the ring is larger than the front end has said
     */
    @Nullable
    InflightRegion region(int index, int size) {
        Inflight at = shape;
        if (at == null || index >= at.queues()) {
            return null;
        }
        if (size > at.queueSize()) {
            throw new VmmException(
                    "ring %d has %d entries; requests of %d are noted".formatted(index, size, at.queueSize()));
        }
        return new InflightRegion(regions.asSlice(stride(at) * index, stride(at)), size);
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
