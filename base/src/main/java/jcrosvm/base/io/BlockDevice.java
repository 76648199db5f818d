package jcrosvm.base.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Requests to an open block device of the host (linux/fs.h). */
public final class BlockDevice {
    private static final long BLKDISCARD = 0x1277;
    private static final long BLKSSZGET = 0x1268;

    private BlockDevice() {}

    /** Bytes in the smallest unit that it can be asked for. */
    public static int logicalBlockSize(Fd device) {
        MemorySegment value = Scratch.get();
        device.ioctl("BLKSSZGET", BLKSSZGET, value);
        return value.get(ValueLayout.JAVA_INT, 0);
    }

    /** Forgets a range, whole logical blocks: 0, or the negated errno. Allocates nothing. */
    public static int tryDiscard(Fd device, long offset, long length) {
        MemorySegment range = Scratch.get();
        range.set(ValueLayout.JAVA_LONG, 0, offset);
        range.set(ValueLayout.JAVA_LONG, 8, length);
        return Math.min(0, device.tryIoctl(BLKDISCARD, range));
    }
}
