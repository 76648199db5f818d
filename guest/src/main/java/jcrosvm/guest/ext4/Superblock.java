package jcrosvm.guest.ext4;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;

/**
 * What a file system says about itself.
 *
 * @param label at most 16 bytes
 * @param uuid of the file system; also the seed of directory hashes
 * @param created seconds since 1970
 * @param journal the inode of the journal, complete
 */
record Superblock(
        Geometry geometry, String label, UUID uuid, long created, int freeBlocks, int freeInodes, Inode journal) {
    static final int SIZE = 1024;

    private static final int HAS_JOURNAL = 0x4;
    private static final int EXT_ATTR = 0x8;
    private static final int DIR_INDEX = 0x20;
    private static final int FILETYPE = 0x2;
    private static final int EXTENTS = 0x40;
    private static final int SPARSE_SUPER = 0x1;
    private static final int LARGE_FILE = 0x2;
    private static final int HUGE_FILE = 0x8;
    private static final int DIR_NLINK = 0x20;
    private static final int EXTRA_ISIZE = 0x40;
    private static final short MAGIC = (short) 0xef53;
    private static final int USER_XATTR_AND_ACL = 0xc;

    /** The copy in a group. */
    byte[] encode(int group) {
        ByteBuffer block = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
        int time = (int) created;
        block.putInt(geometry.inodes()).putInt(geometry.blocks());
        block.putInt(geometry.blocks() / 20); // for root alone
        block.putInt(freeBlocks).putInt(freeInodes);
        block.putInt(0); // first data block
        block.putInt(2).putInt(2); // blocks and clusters of 1024 << 2 bytes
        block.putInt(Geometry.BLOCKS_PER_GROUP).putInt(Geometry.BLOCKS_PER_GROUP);
        block.putInt(Geometry.INODES_PER_GROUP);
        block.putInt(0).putInt(time); // mounted, written
        block.putShort((short) 0).putShort((short) -1); // mounts, and after how many to check: never
        block.putShort(MAGIC).putShort((short) 1).putShort((short) 1); // clean; errors: continue
        block.putShort((short) 0);
        block.putInt(time).putInt(0); // checked; no interval
        block.putInt(0).putInt(1); // Linux; revision with features
        block.putShort((short) 0).putShort((short) 0); // owner of the reserved blocks: root
        block.putInt(Ext4Image.FIRST_INODE)
                .putShort((short) Geometry.INODE_SIZE)
                .putShort((short) group);
        block.putInt(HAS_JOURNAL | EXT_ATTR | DIR_INDEX);
        block.putInt(FILETYPE | EXTENTS);
        block.putInt(SPARSE_SUPER | LARGE_FILE | HUGE_FILE | DIR_NLINK | EXTRA_ISIZE);
        id(block, 0x68);
        block.put(0x78, Arrays.copyOf(label.getBytes(StandardCharsets.UTF_8), 16));
        block.putInt(0xe0, journal.number);
        id(block, 0xec);
        block.put(0xfc, (byte) 1); // half MD4
        block.put(0xfd, (byte) 1); // a copy of the journal's map follows below
        block.putInt(0x100, USER_XATTR_AND_ACL);
        block.putInt(0x108, time);
        block.put(0x10c, journal.map);
        block.putInt(0x148, (int) (journal.size >>> 32)).putInt(0x14c, (int) journal.size);
        block.putShort(0x15c, (short) 32).putShort(0x15e, (short) 32); // of extra fields in inodes
        block.putInt(0x160, 1); // directory hashes take chars as signed
        return block.array();
    }

    private void id(ByteBuffer block, int at) {
        ByteBuffer bytes =
                ByteBuffer.allocate(16).putLong(uuid.getMostSignificantBits()).putLong(uuid.getLeastSignificantBits());
        block.put(at, bytes.array());
    }
}
