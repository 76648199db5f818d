package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.Libc;

/**
 * What statx(2) says about an open file.
 *
 * @param type what it is
 * @param size bytes; 0 for what is not a regular file
 * @param allocated bytes that it takes on its file system, holes not counted
 * @param directMemory alignment of buffers for O_DIRECT; 0: it cannot, or the kernel (before 6.1) does not say
 * @param directOffset alignment of offsets and lengths for O_DIRECT; 0 likewise
 * @param directKnown whether the kernel said something about O_DIRECT
 */
public record FileStatus(
        Type type, long size, long allocated, int directMemory, int directOffset, boolean directKnown) {
    /** Kinds of files. */
    public enum Type {
        REGULAR,
        DIRECTORY,
        BLOCK_DEVICE,
        OTHER
    }

    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int STATX_DIOALIGN = 0x2000;
    private static final int S_IFMT = 0170000;
    private static final int S_IFDIR = 0040000;
    private static final int S_IFBLK = 0060000;
    private static final int S_IFREG = 0100000;

    // struct statx, as in linux/stat.h
    private static final int SIZE_OF_STATX = 256;
    private static final int MASK = 0;
    private static final int MODE = 28;
    private static final int SIZE = 40;
    private static final int BLOCKS = 48;
    private static final int DIO_MEM_ALIGN = 152;
    private static final int DIO_OFFSET_ALIGN = 156;

    public static FileStatus of(Fd fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment empty = arena.allocateFrom("");
            MemorySegment statx = arena.allocate(SIZE_OF_STATX, 8);
            long mask = STATX_BASIC_STATS | STATX_DIOALIGN;
            long result = Libc.STATX.call(fd.number(), empty.address(), AT_EMPTY_PATH, mask, statx.address(), 0, 0);
            Libc.check("statx", (int) result);
            int mode = statx.get(ValueLayout.JAVA_SHORT, MODE) & S_IFMT;
            return new FileStatus(
                    switch (mode) {
                        case S_IFREG -> Type.REGULAR;
                        case S_IFDIR -> Type.DIRECTORY;
                        case S_IFBLK -> Type.BLOCK_DEVICE;
                        default -> Type.OTHER;
                    },
                    mode == S_IFREG ? statx.get(ValueLayout.JAVA_LONG, SIZE) : 0,
                    statx.get(ValueLayout.JAVA_LONG, BLOCKS) * 512,
                    statx.get(ValueLayout.JAVA_INT, DIO_MEM_ALIGN),
                    statx.get(ValueLayout.JAVA_INT, DIO_OFFSET_ALIGN),
                    (statx.get(ValueLayout.JAVA_INT, MASK) & STATX_DIOALIGN) != 0);
        }
    }
}
