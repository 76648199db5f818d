package jcrosvm.disk;

import java.util.Set;
import jcrosvm.base.io.IoVec;
import org.jspecify.annotations.Nullable;

/**
 * The content of a disk. Thread-safe: calls on ranges that do not overlap may run at the same time. Ranges lie within
 * {@link #length()}, else it is an {@link IllegalArgumentException}.
 *
 * <p>What the operating system refuses is a {@link jcrosvm.base.OsException} with its errno, among them ENOSPC; the disk
 * goes on working. An image that contradicts itself is a {@link DiskException}.
 */
public interface DiskFile extends AutoCloseable {
    /** What a disk can do beside reading. */
    enum Feature {
        WRITE,
        DISCARD,
        RESIZE
    }

    Set<Feature> features();

    /** Bytes. */
    long length();

    /** Fills the whole list from here on; the list is used up. */
    void read(long offset, IoVec into);

    /** Writes the whole list from here on; durable after {@link #flush}. The list is used up. */
    void write(long offset, IoVec from);

    /** Returns when everything written so far survives a power failure. */
    void flush();

    /** Gives the space of a range back if that is easy; it reads as zeros, or as before, then. */
    void discard(long offset, long length);

    /**
     * Makes a range read as zeros.
     *
     * @param mayUnmap whether its space may be given back
     */
    void writeZeroes(long offset, long length, boolean mayUnmap);

    /** Makes the disk longer or shorter; new space reads as zeros. */
    void resize(long length);

    /** The file that {@link #read} and {@link #write} do nothing but pass on to; or null. */
    default @Nullable PlainFile plainFile() {
        return null;
    }

    /** What buffers, offsets and lengths must be multiples of: 1, or more where the page cache is bypassed. */
    default int alignment() {
        return 1;
    }

    /** Gives back the files, and their locks. Nothing is flushed that the guest did not ask for. */
    @Override
    void close();
}
