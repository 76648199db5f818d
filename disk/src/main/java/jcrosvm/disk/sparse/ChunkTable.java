package jcrosvm.disk.sparse;

import static jcrosvm.disk.sparse.SparseSpec.*;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.raw.ImageFile;

/**
 * Which chunk of the file holds which bytes of the disk. Chunks without blocks are left out, and neighbours that are
 * filled alike are one.
 */
final class ChunkTable {
    /** Most chunks: an image of the smallest chunks would be 16 GiB long. */
    private static final int MAX_CHUNKS = 4 << 20;

    private static final int MAX_BLOCK = 64 << 20;
    private static final int SECTOR = 512;

    /** Chunks that get memory together; nothing is copied as a table grows. */
    private static final int PAGE_BITS = 10;

    private static final int PAGE = 1 << PAGE_BITS;
    private static final long MOST_BLOCKS = 0xffff_ffffL;

    private final ImageFile file;
    private final long blockSize;
    /** First block on the disk, unsigned. */
    private int[][] starts = new int[16][];
    /** Where in the file, or, below 0, the complement of the word it is filled with. */
    private long[][] sources = new long[16][];

    private int count;
    private long blocks;

    private ChunkTable(ImageFile file, long blockSize) {
        this.file = file;
        this.blockSize = blockSize;
    }

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
        ChunkTable table = new ChunkTable(file, blockSize);
        try (HeaderWindow window = new HeaderWindow(file)) {
            table.read(window, headerSize, chunkHeaderSize, chunks);
        }
        if (table.blocks != blocks) {
            throw damaged(file, "its chunks make " + table.blocks + " blocks, its header says " + blocks);
        }
        return table;
    }

    private void read(HeaderWindow window, int first, int chunkHeaderSize, long chunks) {
        long size = file.size();
        long at = first;
        for (long i = 0; i < chunks; i++) {
            int header = window.seek(at, SIZE_OF_CHUNK_HEADER);
            int type = window.bytes().getShort(header + CHUNK_TYPE) & 0xffff;
            long chunkBlocks = window.bytes().getInt(header + CHUNK_BLOCKS) & 0xffff_ffffL;
            long data = (window.bytes().getInt(header + CHUNK_TOTAL_SIZE) & 0xffff_ffffL) - chunkHeaderSize;
            long expected = switch (type) {
                case RAW -> chunkBlocks * blockSize;
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
                long word = type == FILL ? window.bytes().getInt(window.seek(at, Integer.BYTES)) & 0xffff_ffffL : 0;
                add(chunkBlocks, type == RAW ? at : ~word);
            }
            at += data;
        }
    }

    private static ByteBuffer bytes(ImageFile file, long at, int length) {
        return ByteBuffer.wrap(file.bytes(at, length)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static DiskException damaged(ImageFile file, String what) {
        return new DiskException("cannot open the Android sparse image " + file + ": " + what);
    }

    private void add(long chunkBlocks, long source) {
        if (chunkBlocks == 0) {
            return;
        }
        if (blocks + chunkBlocks > MOST_BLOCKS) {
            throw damaged(file, "it has more blocks than its header can say");
        }
        // Neighbours with the same content are one.
        if (source >= 0 || count == 0 || source != source(count - 1)) {
            int page = count >> PAGE_BITS;
            if (page == starts.length) {
                starts = Arrays.copyOf(starts, 2 * page);
                sources = Arrays.copyOf(sources, 2 * page);
            }
            if ((count & PAGE - 1) == 0) {
                file.reserve(PAGE * (Integer.BYTES + Long.BYTES));
                starts[page] = new int[PAGE];
                sources[page] = new long[PAGE];
            }
            starts[page][count & PAGE - 1] = (int) blocks;
            sources[page][count & PAGE - 1] = source;
            count++;
        }
        blocks += chunkBlocks;
    }

    private long source(int chunk) {
        return sources[chunk >> PAGE_BITS][chunk & PAGE - 1];
    }

    /** Bytes on the disk. */
    long length() {
        return blocks * blockSize;
    }

    /** The chunk that holds a byte of the disk. */
    int chunkAt(long offset) {
        int low = 0;
        int high = count - 1;
        while (low < high) {
            int middle = low + high + 1 >>> 1;
            if (start(middle) <= offset) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    long start(int chunk) {
        return (starts[chunk >> PAGE_BITS][chunk & PAGE - 1] & 0xffff_ffffL) * blockSize;
    }

    /** First byte of the disk behind a chunk. */
    long end(int chunk) {
        return chunk + 1 < count ? start(chunk + 1) : length();
    }

    /** Whether its bytes are stored at {@link #position}, rather than one {@link #word} again and again. */
    boolean isStored(int chunk) {
        return source(chunk) >= 0;
    }

    long position(int chunk) {
        return source(chunk);
    }

    int word(int chunk) {
        return (int) ~source(chunk);
    }
}
