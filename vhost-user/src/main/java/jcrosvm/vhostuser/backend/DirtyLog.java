package jcrosvm.vhostuser.backend;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.FileStatus;
import jcrosvm.base.io.Mapping;
import jcrosvm.memory.WriteListener;
import jcrosvm.vhostuser.Payload;

/**
 * The front end's bitmap of pages that were written ("Migration"): one bit for each 4096 bytes of guest physical
 * addresses, the lowest of a byte first. Pages behind its end are not noted.
 */
final class DirtyLog implements WriteListener, AutoCloseable {
    private static final int PAGE_SHIFT = 12;
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final Mapping mapping;
    private final MemorySegment bits;
    private final long pages;
    private final PeerEvent changed;

    /**
     * @param file which stays the caller's
     * @param changed signalled when a page is noted
     * @throws VmmException when the bitmap is not in the file, or cannot be mapped
     */
    DirtyLog(Payload.Log log, Fd file, PeerEvent changed) {
        this.changed = changed;
        FileStatus status = FileStatus.of(file);
        boolean isWithin = log.offset() >= 0
                && log.size() >= Long.BYTES
                && status.size() >= log.size()
                && log.offset() <= status.size() - log.size();
        if (!isWithin || log.offset() % Long.BYTES != 0) {
            throw new VmmException("a log of 0x%x bytes at 0x%x is not within its file of 0x%x bytes, or not aligned"
                    .formatted(log.size(), log.offset(), status.size()));
        }
        long lead = log.offset() % Mapping.PAGE;
        mapping = Mapping.shared(file, log.offset() - lead, lead + log.size());
        bits = mapping.segment().asSlice(lead, log.size() & -Long.BYTES);
        pages = bits.byteSize() << 3;
    }

    @Override
    public void written(long address, long length) {
        if (length <= 0) {
            return;
        }
        long first = address >>> PAGE_SHIFT;
        long last = Math.min(pages - 1, address + length - 1 >>> PAGE_SHIFT);
        boolean isNew = false;
        for (long page = first; page <= last; page++) {
            long bit = 1L << (page & 63);
            long at = page >>> 6 << 3;
            isNew |= ((long) LONG.getVolatile(bits, at) & bit) == 0
                    && ((long) LONG.getAndBitwiseOr(bits, at, bit) & bit) == 0;
        }
        if (isNew) {
            changed.signal();
        }
    }

    /** Lets the file go; late writes note nothing. */
    @Override
    public void close() {
        mapping.replaceByZeros(0, mapping.segment().byteSize());
    }
}
