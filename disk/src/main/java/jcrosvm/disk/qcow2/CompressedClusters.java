package jcrosvm.disk.qcow2;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import jcrosvm.base.io.IoVec;
import jcrosvm.unpack.Compression;

/** Reads compressed clusters; the last few stay unpacked, since guests read them in pieces. */
final class CompressedClusters {
    private static final int UNPACKED = 4;

    private final Qcow2File file;
    private final Geometry geometry;
    private final boolean zstd;
    private final Slot[] slots = new Slot[UNPACKED];
    private final AtomicInteger turn = new AtomicInteger();

    CompressedClusters(Qcow2File file, Qcow2Header header) {
        this.file = file;
        geometry = header.geometry();
        zstd = header.compressionType() == Qcow2Spec.COMPRESSION_ZSTD;
        for (int i = 0; i < UNPACKED; i++) {
            slots[i] = new Slot();
        }
    }

    /** One cluster, unpacked. */
    private static final class Slot {
        final ReentrantLock lock = new ReentrantLock();
        volatile long entry;
        byte[] packed = {};
        byte[] content = {};
        MemorySegment memory = MemorySegment.NULL;
    }

    /**
     * Copies a part of a compressed cluster.
     *
     * @param entry the cluster's L2 entry
     * @param from first byte of the part within the cluster
     * @param at where it goes in {@code into}
     */
    void read(long entry, long from, IoVec into, long at, long length) {
        Slot slot = slotOf(entry);
        slot.lock.lock();
        try {
            if (slot.entry != entry) {
                slot.entry = 0;
                unpack(slot, entry);
                slot.entry = entry;
            }
            into.copyIn(at, slot.memory, from, length);
        } finally {
            slot.lock.unlock();
        }
    }

    private Slot slotOf(long entry) {
        for (Slot slot : slots) {
            if (slot.entry == entry) {
                return slot;
            }
        }
        return slots[turn.getAndIncrement() & UNPACKED - 1];
    }

    /** The clusters behind entries may belong to others now. */
    void forget() {
        for (Slot slot : slots) {
            slot.entry = 0;
        }
    }

    private void unpack(Slot slot, long entry) {
        int size = (int) geometry.clusterSize();
        int packed = geometry.compressedLength(entry);
        if (slot.content.length == 0) {
            file.reserve(size);
            slot.memory = Arena.ofAuto().allocate(size, 8);
            slot.content = new byte[size];
        }
        if (slot.packed.length < packed) {
            file.reserve(packed - slot.packed.length);
            slot.packed = new byte[packed];
        }
        long position = geometry.compressedOffset(entry);
        if (position >= file.length()) {
            throw file.damaged("is cut off: there is no compressed data at " + position);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment input = arena.allocate(packed, 8);
            file.read(input, position);
            MemorySegment.copy(input, ValueLayout.JAVA_BYTE, 0, slot.packed, 0, packed);
        }
        boolean whole = zstd ? zstd(slot, packed) : inflate(slot, packed);
        if (!whole) {
            throw file.damaged("has damaged compressed data at " + position);
        }
        MemorySegment.copy(slot.content, 0, slot.memory, ValueLayout.JAVA_BYTE, 0, size);
    }

    private static boolean inflate(Slot slot, int packed) {
        Inflater inflater = new Inflater(true);
        try {
            inflater.setInput(slot.packed, 0, packed);
            int done = 0;
            while (done < slot.content.length) {
                int n = inflater.inflate(slot.content, done, slot.content.length - done);
                if (n == 0) {
                    return false;
                }
                done += n;
            }
            return true;
        } catch (DataFormatException e) {
            return false;
        } finally {
            inflater.end();
        }
    }

    private static boolean zstd(Slot slot, int packed) {
        ByteArrayInputStream input = new ByteArrayInputStream(slot.packed, 0, packed);
        try (InputStream frame = Compression.ZSTD.open(input, slot.content.length)) {
            return frame.readNBytes(slot.content, 0, slot.content.length) == slot.content.length;
        } catch (IOException e) {
            return false;
        }
    }
}
