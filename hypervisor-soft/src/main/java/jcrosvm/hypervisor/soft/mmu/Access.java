package jcrosvm.hypervisor.soft.mmu;

/** Reads and writes of one processor, of 1, 2, 4 or 8 bytes: from the TLB's RAM, or what is behind a miss. */
final class Access {
    private final PhysicalMemory memory;
    private final Tlb tlb;
    private final Translation translation;
    private final Coherence.Processor processor;
    private final Outside outside;

    Access(PhysicalMemory memory, Tlb tlb, Translation translation, Coherence.Processor processor, Outside outside) {
        this.memory = memory;
        this.tlb = tlb;
        this.translation = translation;
        this.processor = processor;
        this.outside = outside;
    }

    /** Reads for one of {@link Tlb}'s contexts. */
    long read(int who, long linear, int size) {
        int index = Tlb.index(who, linear);
        if (tlb.hits(index, Tlb.READ, linear, size)) {
            Slot s = tlb.slot(index);
            return s.load(tlb.slotOffset(index, s, linear), size);
        }
        return readSlowly(who, linear, size);
    }

    void write(int who, long linear, int size, long value) {
        int index = Tlb.index(who, linear);
        if (tlb.hits(index, Tlb.WRITE, linear, size)) {
            Slot s = tlb.slot(index);
            s.store(tlb.slotOffset(index, s, linear), size, value);
        } else {
            writeSlowly(who, linear, size, value);
        }
    }

    private long readSlowly(int who, long linear, int size) {
        if (Translation.crosses(linear, size)) {
            int first = Translation.PAGE - ((int) linear & Translation.PAGE - 1);
            long low = readPiece(who, linear, first);
            return low | readPiece(who, translation.plus(linear, first), size - first) << (first << 3);
        }
        long physical = translation.translate(who, linear, 0);
        Slot s = translation.slot();
        return s == null ? deviceRead(physical, size) : s.load(physical - s.address, size);
    }

    /** Up to 7 bytes of a page, as naturally aligned accesses. */
    private long readPiece(int who, long linear, int length) {
        long value = 0;
        for (int done = 0; done < length; ) {
            int size = pieceSize(linear + done, length - done);
            value |= read(who, linear + done, size) << (done << 3);
            done += size;
        }
        return value;
    }

    private void writePiece(int who, long linear, int length, long value) {
        for (int done = 0; done < length; ) {
            int size = pieceSize(linear + done, length - done);
            write(who, linear + done, size, value >>> (done << 3));
            done += size;
        }
    }

    static int pieceSize(long linear, int left) {
        return Math.min(Integer.highestOneBit(left), 1 << Math.min(3, Long.numberOfTrailingZeros(linear)));
    }

    private void writeSlowly(int who, long linear, int size, long value) {
        if (Translation.crosses(linear, size)) {
            int first = Translation.PAGE - ((int) linear & Translation.PAGE - 1);
            long second = translation.plus(linear, first);
            translation.translate(who, linear, PageWalker.WRITE | PageWalker.PEEK);
            translation.translate(who, second, PageWalker.WRITE | PageWalker.PEEK);
            writePiece(who, linear, first, value);
            writePiece(who, second, size - first, value >>> (first << 3));
            return;
        }
        long physical = translation.translate(who, linear, PageWalker.WRITE);
        Slot s = translation.slot();
        if (s == null || s.readOnly) {
            deviceWrite(physical, size, value);
        } else {
            s.store(physical - s.address, size, value);
            memory.written(s, physical - s.address, size);
        }
    }

    long deviceRead(long physical, int size) {
        boolean inside = processor.leave();
        try {
            return outside.mmioRead(physical, size);
        } finally {
            if (inside) {
                processor.enter();
            }
        }
    }

    void deviceWrite(long physical, int size, long value) {
        long masked = size == 8 ? value : value & (1L << (size << 3)) - 1;
        boolean inside = processor.leave();
        try {
            outside.mmioWrite(physical, size, masked);
        } finally {
            if (inside) {
                processor.enter();
            }
        }
    }
}
