package jcrosvm.guest.ext4;

import java.nio.ByteBuffer;
import java.util.UUID;

/** The first block of an empty journal (jbd2), which is big-endian. */
final class Journal {
    private static final int MAGIC = 0xc03b3998;
    private static final int SUPERBLOCK_V2 = 4;

    private Journal() {}

    static byte[] superblock(int blocks, UUID fileSystem) {
        ByteBuffer block = ByteBuffer.allocate(Geometry.BLOCK_SIZE);
        block.putInt(MAGIC).putInt(SUPERBLOCK_V2).putInt(0);
        block.putInt(Geometry.BLOCK_SIZE).putInt(blocks).putInt(1); // the log starts at block 1
        block.putInt(1).putInt(0); // first transaction; nothing to replay
        block.putLong(0x30, fileSystem.getMostSignificantBits());
        block.putLong(0x38, fileSystem.getLeastSignificantBits());
        block.putInt(0x40, 1); // users
        return block.array();
    }
}
