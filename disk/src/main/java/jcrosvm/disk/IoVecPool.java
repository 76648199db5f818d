package jcrosvm.disk;

import java.util.ArrayDeque;
import jcrosvm.base.io.IoVec;

/**
 * Lists for disks that split a request into parts: as many as there are requests at one time. (Not by thread: a disk in a
 * disk would take the list that the outer one is using.)
 */
public final class IoVecPool {
    private static final int IOV_MAX = 1024;

    private final ArrayDeque<IoVec> free = new ArrayDeque<>();

    /** An empty list with room for any part of another list. */
    public IoVec take() {
        synchronized (free) {
            IoVec vec = free.poll();
            if (vec != null) {
                return vec;
            }
        }
        return new IoVec(IOV_MAX);
    }

    public void give(IoVec vec) {
        vec.clear();
        synchronized (free) {
            free.push(vec);
        }
    }
}
