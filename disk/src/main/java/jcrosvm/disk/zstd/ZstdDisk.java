package jcrosvm.disk.zstd;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskRange;
import jcrosvm.disk.ReadOnlyDisk;
import jcrosvm.disk.raw.ImageFile;
import jcrosvm.unpack.Compression;
import org.jspecify.annotations.Nullable;

/**
 * A seekable zstd image. The frame that was read last is kept in memory, so reading onwards decompresses each once. The
 * last sector is padded with zeros.
 */
public final class ZstdDisk extends ReadOnlyDisk {
    private static final int SECTOR = 512;

    private final ImageFile file;
    private final SeekTable frames;
    private final long length;
    private int cached = -1;
    private byte[] content = new byte[0];

    /**
     * Takes ownership of the file, unless it throws.
     *
     * @throws DiskException when it has no seek table, or one that cannot be
     */
    public ZstdDisk(ImageFile file) {
        this.file = file;
        frames = SeekTable.read(file);
        length = (frames.length() + SECTOR - 1) / SECTOR * SECTOR;
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public synchronized void read(long offset, IoVec into) {
        DiskRange.require(this, offset, into.length());
        long at = offset;
        while (into.length() > 0 && at < frames.length()) {
            int frame = frames.frameAt(at);
            int skip = (int) (at - frames.start(frame));
            long n = Math.min(into.length(), frames.size(frame) - skip);
            load(frame);
            into.copyIn(0, MemorySegment.ofArray(content), skip, n);
            into.consume(n);
            at += n;
        }
        into.fill(0, into.length(), (byte) 0);
        into.consume(into.length());
    }

    private void load(int frame) {
        if (frame == cached) {
            return;
        }
        cached = -1;
        int size = frames.size(frame);
        if (content.length < size) {
            content = new byte[size];
        }
        byte[] packed = file.bytes(frames.position(frame), frames.packedSize(frame));
        try (InputStream in = Compression.ZSTD.open(new ByteArrayInputStream(packed), size)) {
            if (in.readNBytes(content, 0, size) < size || in.read() >= 0) {
                throw damaged(frame, "its size is not what the seek table says");
            }
        } catch (IOException e) {
            throw damaged(frame, e.getMessage());
        }
        cached = frame;
    }

    private DiskException damaged(int frame, @Nullable String what) {
        return new DiskException("cannot read " + file + ": frame " + frame + " is damaged: " + what);
    }

    @Override
    public void close() {
        file.close();
    }

    @Override
    public String toString() {
        return "zstd image " + file;
    }
}
