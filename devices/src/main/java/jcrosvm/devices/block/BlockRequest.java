package jcrosvm.devices.block;

import java.util.Objects;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.io.DiskRequest;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.Writer;
import org.jspecify.annotations.Nullable;

/**
 * A request of the driver (virtio 1.3, 5.2.6), read once. Descriptors may be cut in any way: the header is the first 16
 * bytes that the device may read, the status the last byte that it may write, what lies between is data. An object is
 * used for one request after the other.
 */
final class BlockRequest implements DiskRequest {
    private static final byte[] ZEROS = new byte[4096];

    private final IoVec data;
    private final long[] starts = new long[BlockSpec.MAX_DISCARD_SEG];
    private final int[] counts = new int[BlockSpec.MAX_DISCARD_SEG];
    private final int[] flags = new int[BlockSpec.MAX_DISCARD_SEG];
    private int ranges;

    private @Nullable DescriptorChain chain;
    private int type;
    private long sector;
    private long length;
    private long filled;

    /** @param pieces of memory that the data may lie in */
    BlockRequest(int pieces) {
        data = new IoVec(pieces);
    }

    /**
     * Begins a request.
     *
     * @return whether header and data are such that it can go on; if not, it is an I/O error
     * @throws DescriptorException when there is no room to say how it went
     */
    boolean begin(DescriptorChain from) {
        Reader in = from.readable();
        Writer out = from.writable();
        if (out.remaining() == 0) {
            throw new DescriptorException("a block request has no room for its status");
        }
        chain = from;
        ranges = 0;
        length = 0;
        filled = 0;
        data.clear();
        if (in.remaining() < BlockSpec.REQUEST_HEADER) {
            type = -1;
            return false;
        }
        type = in.getInt();
        in.skip(4); // once a priority
        sector = in.getLong();
        return switch (type) {
            case BlockSpec.VIRTIO_BLK_T_IN -> isTransfer(out.remaining() - 1, out.pieces());
            case BlockSpec.VIRTIO_BLK_T_OUT -> isTransfer(in.remaining(), in.pieces());
            case BlockSpec.VIRTIO_BLK_T_DISCARD -> readRanges(in, BlockSpec.MAX_DISCARD_SEG);
            case BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES -> readRanges(in, BlockSpec.MAX_WRITE_ZEROES_SEG);
            default -> true;
        };
    }

    private boolean isTransfer(long bytes, int pieces) {
        length = bytes;
        return bytes % BlockSpec.SECTOR == 0 && bytes <= BlockSpec.MAX_DATA && pieces <= data.capacity();
    }

    private boolean readRanges(Reader in, int most) {
        long bytes = in.remaining();
        if (bytes == 0 || bytes % BlockSpec.RANGE != 0 || bytes / BlockSpec.RANGE > most) {
            return false;
        }
        ranges = (int) (bytes / BlockSpec.RANGE);
        for (int i = 0; i < ranges; i++) {
            starts[i] = in.getLong();
            counts[i] = in.getInt();
            flags[i] = in.getInt();
        }
        return true;
    }

    DescriptorChain chain() {
        return Objects.requireNonNull(chain);
    }

    /** One of VIRTIO_BLK_T_*, or any other number. */
    int type() {
        return type;
    }

    @Override
    public Kind kind() {
        return switch (type) {
            case BlockSpec.VIRTIO_BLK_T_IN -> Kind.READ;
            case BlockSpec.VIRTIO_BLK_T_OUT -> Kind.WRITE;
            case BlockSpec.VIRTIO_BLK_T_FLUSH -> Kind.FLUSH;
            case BlockSpec.VIRTIO_BLK_T_DISCARD -> Kind.DISCARD;
            case BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES -> Kind.WRITE_ZEROES;
            default -> Kind.OTHER;
        };
    }

    @Override
    public long length() {
        return length;
    }

    @Override
    public long sector() {
        return sector;
    }

    @Override
    public IoVec data() {
        if (data.count() == 0 && length > 0) {
            if (type == BlockSpec.VIRTIO_BLK_T_IN) {
                chain().writable().collect(data, length);
            } else {
                chain().readable().collect(data, length);
            }
        }
        return data;
    }

    @Override
    public int ranges() {
        return ranges;
    }

    @Override
    public long rangeSector(int range) {
        return starts[range];
    }

    @Override
    public long rangeSectors(int range) {
        return counts[range] & 0xffffffffL;
    }

    @Override
    public boolean rangeMayUnmap(int range) {
        return (flags[range] & BlockSpec.RANGE_FLAG_UNMAP) != 0;
    }

    int rangeFlags(int range) {
        return flags[range];
    }

    /** Answers GET_ID: no terminating zero where it fills all of its room. */
    void putId(byte[] id) {
        Writer out = chain().writable();
        filled = Math.min(id.length, out.remaining() - 1);
        out.put(id, 0, (int) filled);
    }

    /**
     * Writes the status.
     *
     * @return bytes written to the front of the writable part
     */
    int end(int status) {
        Writer out = chain().writable();
        if (type == BlockSpec.VIRTIO_BLK_T_IN) {
            if (status == BlockSpec.VIRTIO_BLK_S_OK) {
                filled = length;
            } else if (length <= BlockSpec.MAX_DATA) {
                out.rewind();
                clear(out); // what the disk gave before it failed is nothing to rely on
                filled = length;
            }
        }
        long before = out.remaining() - 1;
        out.skip(before);
        out.putByte(status);
        // The status may lie behind a part that was not written, and then does not count.
        boolean together = before == 0 || type == BlockSpec.VIRTIO_BLK_T_IN && filled == length;
        chain = null;
        return (int) (together ? filled + 1 : filled);
    }

    private static void clear(Writer out) {
        while (out.remaining() > 1) {
            out.put(ZEROS, 0, (int) Math.min(ZEROS.length, out.remaining() - 1));
        }
    }
}
