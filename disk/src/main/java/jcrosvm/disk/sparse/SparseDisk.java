package jcrosvm.disk.sparse;

import java.lang.foreign.MemorySegment;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskRange;
import jcrosvm.disk.IoVecPool;
import jcrosvm.disk.ReadOnlyDisk;
import jcrosvm.disk.raw.ImageFile;

/** An Android sparse image. What was never written reads as zeros; checksums are not looked at. */
public final class SparseDisk extends ReadOnlyDisk {
    private final ImageFile file;
    private final ChunkTable chunks;
    private final IoVecPool lists = new IoVecPool();

    /**
     * Takes ownership of the file, unless it throws.
     *
     * @throws jcrosvm.disk.DiskException when it contradicts itself
     */
    public SparseDisk(ImageFile file) {
        this.file = file;
        chunks = ChunkTable.read(file);
    }

    @Override
    public long length() {
        return chunks.length();
    }

    @Override
    public void read(long offset, IoVec into) {
        DiskRange.require(this, offset, into.length());
        long at = offset;
        IoVec part = lists.take();
        try {
            for (int chunk = chunks.chunkAt(at); into.length() > 0; chunk++) {
                long n = Math.min(into.length(), chunks.end(chunk) - at);
                long skip = at - chunks.start(chunk);
                if (chunks.isStored(chunk)) {
                    part.clear();
                    part.add(into, 0, n);
                    file.read(chunks.position(chunk) + skip, part);
                    if (part.length() > 0) {
                        throw new OsException(file + " became shorter while it was in use", Errno.EIO);
                    }
                } else {
                    fill(into, n, chunks.word(chunk), skip);
                }
                into.consume(n);
                at += n;
            }
        } finally {
            lists.give(part);
        }
    }

    private static void fill(IoVec into, long n, int word, long skip) {
        byte first = (byte) word;
        if (word == (first & 0xff) * 0x0101_0101) {
            into.fill(0, n, first);
            return;
        }
        // Little-endian, from the byte of the word that the range begins with. Such chunks are rare.
        byte[] pattern = new byte[(int) Math.min(n, 4096)];
        for (int i = 0; i < pattern.length; i++) {
            pattern[i] = (byte) (word >>> 8 * (int) (skip + i & 3));
        }
        MemorySegment from = MemorySegment.ofArray(pattern);
        for (long done = 0; done < n; done += pattern.length) {
            into.copyIn(done, from, 0, Math.min(pattern.length, n - done));
        }
    }

    @Override
    public void close() {
        file.close();
    }

    @Override
    public String toString() {
        return "Android sparse image " + file;
    }
}
