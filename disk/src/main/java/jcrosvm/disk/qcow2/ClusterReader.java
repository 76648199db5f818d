package jcrosvm.disk.qcow2;

import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskFile;

/** Reads ranges of the disk, run by run. The caller holds the gate. */
final class ClusterReader {
    private final Qcow2Image image;

    ClusterReader(Qcow2Image image) {
        this.image = image;
    }

    void read(long offset, IoVec into, Transfer transfer) {
        Mapping m = transfer.mapping;
        long length = into.length();
        for (long done = 0; done < length; ) {
            image.lock.lock();
            try {
                image.map.find(offset + done, length - done, m);
            } finally {
                image.lock.unlock();
            }
            long n = m.length;
            readRun(m, offset + done, into, done, n, transfer.part);
            done += n;
        }
    }

    /** Reads a part of what was found: guest bytes from {@code offset} on, into the list from {@code at} on. */
    void readRun(Mapping m, long offset, IoVec into, long at, long length, IoVec part) {
        switch (m.kind) {
            case ZERO -> into.fill(at, length, (byte) 0);
            case UNALLOCATED -> readBacking(offset, into, at, length, part);
            case COMPRESSED -> image.compressed.read(m.entry, image.geometry.offsetInCluster(offset), into, at, length);
            case DATA -> {
                part.clear();
                part.add(into, at, length);
                image.file.readData(m.host, part, image.geometry.clusterSize());
            }
        }
    }

    private void readBacking(long offset, IoVec into, long at, long length, IoVec part) {
        DiskFile backing = image.backing;
        long there = Math.clamp(image.backingLength() - offset, 0, length);
        if (backing != null && there > 0) {
            part.clear();
            part.add(into, at, there);
            backing.read(offset, part);
        }
        if (there < length) {
            into.fill(at + there, length - there, (byte) 0);
        }
    }
}
