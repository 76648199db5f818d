package jcrosvm.disk.sparse;

/** Numbers of the format (libsparse, sparse_format.h); all little-endian. */
interface SparseSpec {
    int MAGIC = 0xed26ff3a;
    int MAJOR = 1;

    // File header
    int FILE_MAJOR = 4;
    int FILE_HEADER_SIZE = 8;
    int FILE_CHUNK_HEADER_SIZE = 10;
    int FILE_BLOCK_SIZE = 12;
    int FILE_BLOCKS = 16;
    int FILE_CHUNKS = 20;
    int SIZE_OF_FILE_HEADER = 28;

    // Chunk header
    int CHUNK_TYPE = 0;
    int CHUNK_BLOCKS = 4;
    int CHUNK_TOTAL_SIZE = 8;
    int SIZE_OF_CHUNK_HEADER = 12;

    int RAW = 0xcac1;
    int FILL = 0xcac2;
    int DONT_CARE = 0xcac3;
    int CRC32 = 0xcac4;
}
