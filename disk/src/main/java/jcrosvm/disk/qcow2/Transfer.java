package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcrosvm.base.io.IoVec;

/** What a thread needs to move data, made once per thread and image. */
final class Transfer {
    /** Bytes that are copied at a time. */
    static final int BUFFER = 64 << 10;

    final Mapping mapping = new Mapping();
    /** The part of a request that one call of the file moves. */
    final IoVec part = new IoVec(1024);
    /** The part of the buffer that is moved. */
    final IoVec copy = new IoVec(1);

    /** A request of our own. */
    final IoVec request = new IoVec(1);

    final MemorySegment buffer = Arena.ofAuto().allocate(BUFFER, 4096);

    private static final MemorySegment ZEROS =
            Arena.ofAuto().allocate(BUFFER, 4096).asReadOnly();

    /** A request to write at most {@link #BUFFER} zeros. */
    IoVec zeros(long length) {
        request.clear();
        request.add(ZEROS, 0, length);
        return request;
    }

    IoVec copy(long length) {
        copy.clear();
        copy.add(buffer, 0, length);
        return copy;
    }
}
