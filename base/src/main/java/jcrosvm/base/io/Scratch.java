package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A few bytes of native memory per thread, for calls on hot paths that return a small value through a pointer. */
final class Scratch {
    private static final ThreadLocal<MemorySegment> BYTES =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(64, 16));

    private Scratch() {}

    /** 64 bytes, aligned to 16; the next caller on this thread gets the same ones. */
    static MemorySegment get() {
        return BYTES.get();
    }
}
