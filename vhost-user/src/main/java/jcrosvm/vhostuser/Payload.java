package jcrosvm.vhostuser;

import java.util.List;

/** What stands behind the header of a message ("Message Specification"). */
public sealed interface Payload {
    Payload EMPTY = new Empty();

    record Empty() implements Payload {}

    /** A number, a set of bits, an acknowledgement, or a ring and how its descriptor comes. */
    record U64(long value) implements Payload {
        /** Of a ring's descriptor: the message brings none. */
        public static final long NO_DESCRIPTOR = 1L << 8;

        public static final U64 ZERO = new U64(0);
    }

    /** @param number of entries, a position, or whether the ring is enabled */
    record VringState(int index, int number) implements Payload {}

    /**
     * Where a ring is, in addresses of the front end's process.
     *
     * @param flags bit 0: writes to the used ring are to be logged
     * @param log guest address of the used ring, for the log
     */
    record VringAddress(int index, int flags, long descriptors, long used, long available, long log)
            implements Payload {}

    /** A memory region; its file comes with the message. Addresses and lengths in bytes. */
    record Region(long guestAddress, long size, long userAddress, long offset) {
        /** Whether an address of the front end's process is in the region. */
        public boolean hasUser(long address) {
            return Long.compareUnsigned(address - userAddress, size) < 0;
        }
    }

    record MemoryTable(List<Region> regions) implements Payload {
        public MemoryTable {
            regions = List.copyOf(regions);
        }
    }

    record MemoryRegionMessage(Region region) implements Payload {}

    /** A part of the configuration space. An answer without bytes is a failure. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Config(int offset, int flags, byte[] bytes) implements Payload {}

    /** The region in which the backend keeps which requests it has taken. */
    record Inflight(long size, long offset, int queues, int queueSize) implements Payload {}

    /** The bitmap of pages that were written. */
    record Log(long size, long offset) implements Payload {}

    /** @param direction {@link #SAVE} or {@link #LOAD} */
    record StateTransfer(int direction, int phase) implements Payload {
        public static final int SAVE = 0;
        public static final int LOAD = 1;
    }
}
