package jcrosvm.disk.qcow2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import jcrosvm.base.OsException;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.raw.ImageFile;

/** The file that holds the image: its transfers, and the errors that name it. */
final class Qcow2File implements AutoCloseable {
    private final ImageFile file;
    private volatile long seenLength;

    Qcow2File(ImageFile file) {
        this.file = file;
    }

    Path path() {
        return file.path();
    }

    int alignment() {
        return file.alignment();
    }

    /** Counts heap that tables take, before it is allocated; see {@link ImageFile#reserve}. */
    void reserve(long bytes) {
        file.reserve(bytes);
    }

    long reserved() {
        return file.reserved();
    }

    boolean sparse() {
        return file.options().sparse();
    }

    long length() {
        return file.size();
    }

    /** Whether the file goes beyond a position. Cheap, since files mostly grow. */
    boolean holds(long position) {
        return position < seenLength || position < (seenLength = length());
    }

    /** An image that contradicts itself. */
    DiskException damaged(String what) {
        return new DiskException("qcow2 image " + file + " " + what + "; qemu-img check says more");
    }

    /** An image that is right but cannot be used here. */
    DiskException unusable(String what) {
        return new DiskException("qcow2 image " + file + " " + what);
    }

    /** Fills the list and uses it up; what lies behind the end of the file reads as zeros. */
    void read(long position, IoVec into) {
        file.read(position, into);
        if (into.length() > 0) {
            into.fill(0, into.length(), (byte) 0);
            into.consume(into.length());
        }
    }

    /** Fills a native segment, for what is not done often. */
    void read(MemorySegment into, long position) {
        read(position, list(into));
    }

    /** Writes the list and uses it up. */
    void write(long position, IoVec from) {
        file.write(position, from);
    }

    void write(MemorySegment from, long position) {
        file.write(position, list(from));
    }

    private static IoVec list(MemorySegment segment) {
        IoVec list = new IoVec(1);
        list.add(segment, 0, segment.byteSize());
        return list;
    }

    /** Writes bytes from the heap, for what is not done often. */
    void write(byte[] bytes, long position) {
        try (Arena arena = Arena.ofConfined()) {
            write(arena.allocateFrom(java.lang.foreign.ValueLayout.JAVA_BYTE, bytes), position);
        }
    }

    /**
     * Fills the list with guest data and uses it up. The file may end within a cluster, the rest of which is zeros then.
     *
     * @param clusterSize bytes, for telling a file that ends there from one that was cut off
     */
    void readData(long position, IoVec into, long clusterSize) {
        long at = position + file.read(position, into);
        if (into.length() > 0) {
            if ((at & -clusterSize) >= length()) {
                throw damaged("is cut off: there is no data at " + at);
            }
            into.fill(0, into.length(), (byte) 0);
            into.consume(into.length());
        }
    }

    /** Returns when everything written is durable. */
    void sync() {
        file.flush();
    }

    /** Gives space back to the file system if that is easy. */
    void punch(long position, long length) {
        try {
            file.discard(position, length);
        } catch (OsException e) {
            // The cluster is free either way; only space of the host is not.
            System.getLogger(Qcow2File.class.getName()).log(System.Logger.Level.DEBUG, e.getMessage());
        }
    }

    /** Where a backing file is: its name in the image is relative to the image. */
    Path resolve(String name) {
        String plain = name.startsWith("file:") ? name.substring(5) : name;
        int colon = plain.indexOf(':');
        if (colon > 0 && plain.lastIndexOf('/', colon) < 0) {
            throw unusable(
                    "has the backing file \"" + name + "\", which is not a path; only files can be backing files");
        }
        try {
            Path path = Path.of(plain);
            return path().resolveSibling(path);
        } catch (InvalidPathException e) {
            throw unusable("has the backing file \"" + name + "\", which is not a path");
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
