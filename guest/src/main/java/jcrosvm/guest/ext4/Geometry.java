package jcrosvm.guest.ext4;

/**
 * Where things lie in a file system: groups of 32768 blocks of 4 KiB, each with its bitmaps and its part of the inodes,
 * some with a copy of the superblock and the group descriptors.
 */
record Geometry(int groups) {
    static final int BLOCK_SIZE = 4096;
    static final int BLOCKS_PER_GROUP = 8 * BLOCK_SIZE;
    static final long GROUP_BYTES = (long) BLOCKS_PER_GROUP * BLOCK_SIZE;
    static final int INODE_SIZE = 256;
    // One for 16 KiB, as mke2fs has it.
    static final int INODES_PER_GROUP = BLOCKS_PER_GROUP / 4;
    static final int INODE_TABLE_BLOCKS = INODES_PER_GROUP * INODE_SIZE / BLOCK_SIZE;
    static final int DESCRIPTOR_SIZE = 32;

    /** Block numbers are ints here: 4 TiB would be the end, and far less is asked for. */
    static final int MAX_GROUPS = 1 << 12;

    static Geometry ofSize(long bytes) {
        if (bytes <= 0 || bytes % GROUP_BYTES != 0 || bytes / GROUP_BYTES > MAX_GROUPS) {
            throw new IllegalArgumentException("size " + bytes + " is not 1 to " + MAX_GROUPS + " times 128 MiB");
        }
        return new Geometry((int) (bytes / GROUP_BYTES));
    }

    int blocks() {
        return groups * BLOCKS_PER_GROUP;
    }

    int inodes() {
        return groups * INODES_PER_GROUP;
    }

    int descriptorBlocks() {
        return blocksOf((long) groups * DESCRIPTOR_SIZE);
    }

    /** Whether a group starts with a superblock: 0, 1, and the powers of 3, 5 and 7. */
    static boolean hasSuperblock(int group) {
        return group <= 1 || isPower(group, 3) || isPower(group, 5) || isPower(group, 7);
    }

    int firstBlock(int group) {
        return group * BLOCKS_PER_GROUP;
    }

    int blockBitmap(int group) {
        return firstBlock(group) + (hasSuperblock(group) ? 1 + descriptorBlocks() : 0);
    }

    int inodeBitmap(int group) {
        return blockBitmap(group) + 1;
    }

    int inodeTable(int group) {
        return blockBitmap(group) + 2;
    }

    /** The first block of a group that is free for content. */
    int firstDataBlock(int group) {
        return inodeTable(group) + INODE_TABLE_BLOCKS;
    }

    /** Offset in the image of an inode; they count from 1. */
    long inodeOffset(int number) {
        int index = number - 1;
        return (long) inodeTable(index / INODES_PER_GROUP) * BLOCK_SIZE
                + (long) (index % INODES_PER_GROUP) * INODE_SIZE;
    }

    static int blocksOf(long bytes) {
        return Math.toIntExact((bytes + BLOCK_SIZE - 1) / BLOCK_SIZE);
    }

    private static boolean isPower(int value, int base) {
        int rest = value;
        while (rest % base == 0) {
            rest /= base;
        }
        return rest == 1;
    }
}
