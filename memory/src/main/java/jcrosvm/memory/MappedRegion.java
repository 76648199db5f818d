package jcrosvm.memory;

import java.lang.foreign.MemorySegment;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.FileStatus;
import jcrosvm.base.io.Mapping;

/** A region in the address space of this process. */
record MappedRegion(MemoryRegion region, Mapping mapping) {
    /**
     * Maps a region.
     *
     * @throws VmmException when the region is not one of whole pages within its file, or cannot be mapped
     */
    static MappedRegion of(MemoryRegion region, GuestMemory.Options options) {
        check(region);
        Mapping mapping;
        try {
            mapping = Mapping.shared(region.fd(), region.offset(), region.size());
        } catch (OsException e) {
            throw new OsException("cannot map " + region, e.errno());
        }
        if (options.hugePages()) {
            mapping.adviseHugePages(0, region.size());
        }
        mapping.excludeFromDump(0, region.size());
        if (options.locked()) {
            mapping.lock(0, region.size());
        }
        return new MappedRegion(region, mapping);
    }

    private static void check(MemoryRegion region) {
        long offset = region.offset();
        if (region.size() <= 0 || region.address() < 0 || region.address() > Long.MAX_VALUE - region.size()) {
            throw new VmmException(region + " is not a range of addresses");
        }
        if (((region.address() | region.size() | offset) & Mapping.PAGE - 1) != 0) {
            throw new VmmException("%s at offset 0x%x of its file is not of whole pages of %d bytes"
                    .formatted(region, offset, Mapping.PAGE));
        }
        FileStatus file = FileStatus.of(region.fd());
        if (file.type() != FileStatus.Type.REGULAR) {
            throw new VmmException(region + " is not in a memfd or regular file");
        }
        if (offset < 0 || offset > file.size() - region.size()) {
            throw new VmmException(
                    "%s at offset 0x%x is not within its file of 0x%x bytes".formatted(region, offset, file.size()));
        }
    }

    /** The pages; these addresses stay in use while a slice of it is reachable. */
    MemorySegment segment() {
        return mapping.segment();
    }

    /** Ends all access to the region and closes its file. Late accesses find zeros. */
    void retire() {
        try {
            mapping.replaceByZeros(0, region.size());
        } finally {
            region.fd().close();
        }
    }
}
