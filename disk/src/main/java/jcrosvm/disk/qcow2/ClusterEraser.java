package jcrosvm.disk.qcow2;

/** Makes whole clusters read as zeros, or as the backing file, by changing entries only. The gate is held alone. */
final class ClusterEraser {
    /** What is asked for. */
    enum Mode {
        /** Space should be given back; what is read afterwards matters little. */
        DISCARD,
        /** Zeros; space may be given back. */
        ZERO_AND_UNMAP,
        /** Zeros; space is kept. */
        ZERO,
        /** The disk ends before: nothing is left. */
        REMOVE
    }

    private final Qcow2Image image;
    private long[] freed = new long[512];

    ClusterEraser(Qcow2Image image) {
        this.image = image;
    }

    /**
     * Erases the clusters of a range that lies within one slice.
     *
     * @return false when this image cannot say it by entries, and zeros have to be written
     */
    boolean erase(long offset, long length, Mode mode) {
        ClusterMap map = image.map;
        image.lock.lock();
        try {
            boolean shown = image.backing != null && offset < image.backingLength() && mode != Mode.REMOVE;
            boolean zero = mode != Mode.DISCARD && mode != Mode.REMOVE;
            if (map.l2Table(offset) == 0 && !(shown && zero)) {
                return true;
            }
            if (!map.zeroFlag() && (shown || mode == Mode.ZERO)) {
                // A discard may leave things as they are.
                return !zero;
            }
            int count = (int) (length >>> image.geometry.clusterBits());
            int first = -1;
            int last = -1;
            for (int i = 0; i < count; i++) {
                long at = at(offset, i);
                long old = map.entry(at);
                if (target(old, at, mode) != old) {
                    first = first < 0 ? i : first;
                    last = i;
                }
            }
            if (first >= 0) {
                change(offset, first, last, mode);
            }
            return true;
        } finally {
            image.lock.unlock();
        }
    }

    private long at(long offset, int index) {
        return offset + ((long) index << image.geometry.clusterBits());
    }

    private void change(long offset, int first, int last, Mode mode) {
        ClusterMap map = image.map;
        image.fields.markDirty();
        map.own(at(offset, first));
        int count = 0;
        for (int i = first; i <= last; i++) {
            long at = at(offset, i);
            long old = map.entry(at);
            long now = target(old, at, mode);
            map.set(at, now);
            boolean refers = (old & (Qcow2Spec.COMPRESSED | Qcow2Spec.OFFSET)) != 0;
            if (refers && (now & Qcow2Spec.OFFSET) == 0) {
                freed[count++] = old;
            }
        }
        map.update(at(offset, first), last - first + 1, false);
        if (count > 0) {
            image.commit.barrier();
        }
        for (int i = 0; i < count; i++) {
            image.commit.release(freed[i]);
        }
    }

    private long target(long old, long at, Mode mode) {
        if (mode == Mode.REMOVE) {
            return 0;
        }
        Mapping.Kind kind = image.map.kind(old);
        boolean shown = image.backing != null && at < image.backingLength();
        if (mode == Mode.DISCARD && kind == Mapping.Kind.UNALLOCATED) {
            return old;
        }
        boolean hasCluster = kind == Mapping.Kind.DATA || kind == Mapping.Kind.ZERO && (old & Qcow2Spec.OFFSET) != 0;
        if (mode == Mode.ZERO && hasCluster && (old & Qcow2Spec.COPIED) != 0) {
            return old | Qcow2Spec.ZERO;
        }
        if (kind == Mapping.Kind.ZERO && (old & Qcow2Spec.OFFSET) == 0) {
            return old;
        }
        return shown ? Qcow2Spec.ZERO : 0;
    }
}
