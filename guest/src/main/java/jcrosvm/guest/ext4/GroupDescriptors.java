package jcrosvm.guest.ext4;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;

/** The table that says where each group's bitmaps and inodes are, and how much of it is free. */
final class GroupDescriptors {
    private GroupDescriptors() {}

    /**
     * Makes the table.
     *
     * @param inodes numbers that are taken, with 0
     * @param directories how many of each group's inodes are directories
     */
    static byte[] encode(Geometry geometry, BlockMap blocks, BitSet inodes, int[] directories) {
        ByteBuffer table = ByteBuffer.allocate(geometry.descriptorBlocks() * Geometry.BLOCK_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int group = 0; group < geometry.groups(); group++) {
            table.position(group * Geometry.DESCRIPTOR_SIZE);
            table.putInt(geometry.blockBitmap(group));
            table.putInt(geometry.inodeBitmap(group));
            table.putInt(geometry.inodeTable(group));
            table.putShort((short) blocks.freeBlocks(group));
            table.putShort(
                    (short) (Geometry.INODES_PER_GROUP - taken(inodes, group).cardinality()));
            table.putShort((short) directories[group]);
        }
        return table.array();
    }

    /** The bitmap block of a group, whose end belongs to no inode and counts as taken. */
    static byte[] inodeBitmap(BitSet inodes, int group) {
        byte[] bitmap = Arrays.copyOf(taken(inodes, group).toByteArray(), Geometry.BLOCK_SIZE);
        Arrays.fill(bitmap, Geometry.INODES_PER_GROUP / 8, Geometry.BLOCK_SIZE, (byte) 0xff);
        return bitmap;
    }

    // Inode 1 is bit 0 of group 0.
    private static BitSet taken(BitSet inodes, int group) {
        int first = group * Geometry.INODES_PER_GROUP + 1;
        return inodes.get(first, first + Geometry.INODES_PER_GROUP);
    }
}
