package jcrosvm.disk.sparse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.raw.ImageFile;

/** The stretch of the file around the chunk header that is read: headers may lie close together, or far apart. */
final class HeaderWindow implements AutoCloseable {
    private static final int NEAR = 64 << 10;
    private static final int FAR = 512;

    private final ImageFile file;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment memory = arena.allocate(NEAR, 8);
    private final ByteBuffer bytes = memory.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    private final IoVec list = new IoVec(1);
    private long start;
    private long end;

    HeaderWindow(ImageFile file) {
        this.file = file;
    }

    /**
     * Makes bytes of the file available.
     *
     * @param at not before where it was last
     * @return their index in {@link #bytes}
     * @throws DiskException when the file ends before them
     */
    int seek(long at, int length) {
        if (at < start || at + length > end) {
            list.clear();
            list.add(memory, 0, at > end ? FAR : NEAR);
            start = at;
            end = at + file.read(at, list);
            if (at + length > end) {
                throw new DiskException(file + " ends before byte " + (at + length) + ": the image is cut off");
            }
        }
        return (int) (at - start);
    }

    ByteBuffer bytes() {
        return bytes;
    }

    @Override
    public void close() {
        arena.close();
    }
}
