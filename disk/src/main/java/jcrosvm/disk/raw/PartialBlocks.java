package jcrosvm.disk.raw;

import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;

/**
 * Transfers that are not as O_DIRECT wants them, in place, length or memory: whole blocks by way of a buffer. Thread-safe;
 * a block that is written in part is read, changed and written by one thread at a time.
 */
final class PartialBlocks {
    private final Path path;
    private final Fd fd;
    private final int alignment;
    private volatile long limit = Long.MAX_VALUE;

    PartialBlocks(Path path, Fd fd, int alignment) {
        this.path = path;
        this.fd = fd;
        this.alignment = alignment;
    }

    /** No block that is written in part may make the file longer than this. */
    void limit(long bytes) {
        limit = bytes;
    }

    static long roundUp(long value, long multiple) {
        return (value + multiple - 1) / multiple * multiple;
    }

    private long check(String what, long offset, long result) {
        return TransferError.check(what, path, offset, result);
    }

    /** As {@link ImageFile#read}. */
    long read(long offset, IoVec into) {
        BounceBuffer bounce = BounceBuffer.ofThread();
        long at = offset;
        while (into.length() > 0) {
            long start = at & -alignment;
            long skip = at - start;
            long wanted = Math.min(into.length(), BounceBuffer.SIZE - skip);
            long have = readBlocks(bounce, start, 0, roundUp(skip + wanted, alignment)) - skip;
            if (have <= 0) {
                break;
            }
            long n = Math.min(have, wanted);
            into.copyIn(0, bounce.memory, skip, n);
            into.consume(n);
            at += n;
        }
        return at - offset;
    }

    /** As {@link ImageFile#write}. */
    void write(long offset, IoVec from) {
        if ((offset & alignment - 1) == 0 && (from.length() & alignment - 1) == 0) {
            writeThroughBuffer(offset, from); // only the memory is not aligned
            return;
        }
        synchronized (this) {
            writeThroughBuffer(offset, from);
        }
    }

    private void writeThroughBuffer(long offset, IoVec from) {
        BounceBuffer bounce = BounceBuffer.ofThread();
        long at = offset;
        while (from.length() > 0) {
            long start = at & -alignment;
            long skip = at - start;
            long n = Math.min(from.length(), BounceBuffer.SIZE - skip);
            long length = roundUp(skip + n, alignment);
            long last = length - alignment;
            if (skip != 0) {
                completeBlock(bounce, start, 0);
            }
            if (skip + n < length && (last != 0 || skip == 0)) {
                completeBlock(bounce, start, last);
            }
            from.copyOut(0, bounce.memory, skip, n);
            for (long done = 0; done < length; ) {
                long written = check("write", start, fd.tryPwritev(bounce.part(done, length - done), start + done));
                // Less than a block: the next would be refused, and what is wrong with the file is not known.
                if (written < alignment) {
                    throw TransferError.of("write", path, start + done, Errno.EIO);
                }
                done += written & -alignment;
            }
            if (start + length > limit) {
                fd.truncate(limit);
            }
            from.consume(n);
            at += n;
        }
    }

    private void completeBlock(BounceBuffer bounce, long start, long block) {
        long have = readBlocks(bounce, start + block, block, alignment);
        bounce.memory.asSlice(block + have, alignment - have).fill((byte) 0);
    }

    private long readBlocks(BounceBuffer bounce, long offset, long at, long length) {
        long done = 0;
        while (done < length) {
            long n = check("read", offset, fd.tryPreadv(bounce.part(at + done, length - done), offset + done));
            done += n;
            if ((n & alignment - 1) != 0 || n == 0) {
                break; // the end of the file
            }
        }
        return done;
    }
}
