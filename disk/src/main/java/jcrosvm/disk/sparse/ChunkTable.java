package jcrosvm.disk.sparse;

import static jcrosvm.disk.sparse.SparseSpec.*;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.raw.ImageFile;

/** Which chunk of the file holds which bytes of the disk. Chunks without blocks are left out. */
final class ChunkTable {
    /** Most chunks: an image of the smallest chunks would be 16 GiB long. */
    private static final int MAX_CHUNKS = 4 << 20;

    private static final int MAX_BLOCK = 64 << 20;
    private static final int SECTOR = 512;

    /** First byte on the disk. */
    private long[] starts = new long[64];
    /** Where in the file, or, below 0, the complement of the word it is filled with. */
    private long[] sources = new long[64];

    private int count;
    private long length;

    private ChunkTable() {}

    static ChunkTable read(ImageFile file) {
        ByteBuffer header = bytes(file, 0, SIZE_OF_FILE_HEADER);
        int headerSize = header.getShort(FILE_HEADER_SIZE) & 0xffff;
        int chunkHeaderSize = header.getShort(FILE_CHUNK_HEADER_SIZE) & 0xffff;
        long blockSize = header.getInt(FILE_BLOCK_SIZE) & 0xffff_ffffL;
        long blocks = header.getInt(FILE_BLOCKS) & 0xffff_ffffL;
        long chunks = header.getInt(FILE_CHUNKS) & 0xffff_ffffL;
        int major = header.getShort(FILE_MAJOR) & 0xffff;
        if (header.getInt(0) != MAGIC) {
            throw new DiskException(file + " is no Android sparse image");
        }
        if (major != MAJOR) {
            throw damaged(file, "version " + major + " is unknown; simg2img may read it");
        }
        if (headerSize < SIZE_OF_FILE_HEADER || chunkHeaderSize < SIZE_OF_CHUNK_HEADER) {
            throw damaged(file, "its headers are too small");
        }
        if (blockSize == 0 || blockSize % SECTOR != 0 || blockSize > MAX_BLOCK) {
            throw damaged(file, "blocks of " + blockSize + " bytes; they must be whole sectors, at most " + MAX_BLOCK);
        }
        if (chunks > MAX_CHUNKS) {
            throw damaged(file, chunks + " chunks; at most " + MAX_CHUNKS + " are supported");
        }
        ChunkTable table = new ChunkTable();
        long size = file.size();
        long at = headerSize;
        for (long i = 0; i < chunks; i++) {
            ByteBuffer chunk = bytes(file, at, SIZE_OF_CHUNK_HEADER);
            int type = chunk.getShort(CHUNK_TYPE) & 0xffff;
            long chunkLength = (chunk.getInt(CHUNK_BLOCKS) & 0xffff_ffffL) * blockSize;
            long data = (chunk.getInt(CHUNK_TOTAL_SIZE) & 0xffff_ffffL) - chunkHeaderSize;
            long expected = switch (type) {
                case RAW -> chunkLength;
                case FILL, CRC32 -> Integer.BYTES;
                case DONT_CARE -> 0;
                default -> throw damaged(file, "chunk " + i + " has the unknown type 0x" + Integer.toHexString(type));
            };
            if (data != expected) {
                throw damaged(file, "chunk " + i + " holds " + data + " bytes where " + expected + " belong");
            }
            at += chunkHeaderSize;
            if (data > size - at) {
                throw damaged(file, "it ends within chunk " + i);
            }
            if (type != CRC32) {
                long word = type == FILL ? bytes(file, at, Integer.BYTES).getInt(0) & 0xffff_ffffL : 0;
                table.add(chunkLength, type == RAW ? at : ~word);
            }
            at += data;
        }
        if (table.length != blocks * blockSize) {
            throw damaged(file, "its chunks make " + table.length + " bytes, its header says " + blocks * blockSize);
        }
        return table;
    }

    private static ByteBuffer bytes(ImageFile file, long at, int length) {
        return ByteBuffer.wrap(file.bytes(at, length)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static DiskException damaged(ImageFile file, String what) {
        return new DiskException("cannot open the Android sparse image " + file + ": " + what);
    }

    private void add(long chunkLength, long source) {
        if (chunkLength == 0) {
            return;
        }
        if (count == starts.length) {
            starts = Arrays.copyOf(starts, 2 * count);
            sources = Arrays.copyOf(sources, 2 * count);
        }
        starts[count] = length;
        sources[count] = source;
        count++;
        length += chunkLength;
    }

    /** Bytes on the disk. */
    long length() {
        return length;
    }

    /** The chunk that holds a byte of the disk. */
    int chunkAt(long offset) {
        int found = Arrays.binarySearch(starts, 0, count, offset);
        return found >= 0 ? found : -found - 2;
    }

    long start(int chunk) {
        return starts[chunk];
    }

    /** First byte of the disk behind a chunk. */
    long end(int chunk) {
        return chunk + 1 < count ? starts[chunk + 1] : length;
    }

    /** Whether its bytes are stored at {@link #position}, rather than one {@link #word} again and again. */
    boolean isStored(int chunk) {
        return sources[chunk] >= 0;
    }

    long position(int chunk) {
        return sources[chunk];
    }

    int word(int chunk) {
        return (int) ~sources[chunk];
    }
}
