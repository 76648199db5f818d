package jcrosvm.disk.io;

import jcrosvm.base.io.IoVec;

/**
 * A request as a device has read it from its guest. Where it begins and how long it is are the guest's choice: the
 * executor checks them. An object may be used for one request after the other.
 */
public interface DiskRequest {
    /** Unit of addresses, whatever the block size: bytes. */
    int SECTOR = 512;

    int SECTOR_SHIFT = 9;

    /** What is asked. */
    enum Kind {
        READ,
        WRITE,
        FLUSH,
        DISCARD,
        WRITE_ZEROES,
        /** Answered by the device alone. */
        OTHER
    }

    Kind kind();

    /** First sector of a read or write. */
    long sector();

    /** Bytes to read or write, whole sectors; 0 for other requests. */
    long length();

    /** Byte of the disk where a read or write begins; only if it lies within the disk. */
    default long offset() {
        return sector() << SECTOR_SHIFT;
    }

    /** The guest's memory that a read fills, or a write is from. */
    IoVec data();

    /** Number of ranges of a discard or write-zeroes. */
    int ranges();

    long rangeSector(int range);

    /** Sectors, from 0. */
    long rangeSectors(int range);

    /** Whether a write-zeroes may give the range's space back. */
    boolean rangeMayUnmap(int range);
}
