package jcrosvm.devices.block;

import jcrosvm.virtio.ConfigBytes;

/** The configuration space of a disk (virtio 1.3, 5.2.4). Immutable but for capacity and cache mode. */
final class BlockConfigSpace {
    /** What disks of our time are made of, and host file systems too. */
    private static final int PHYSICAL_BLOCK = 4096;

    private final ConfigBytes fields = new ConfigBytes(BlockSpec.CONFIG_LENGTH);

    /**
     * @param discardAlignment bytes that are given back together
     */
    BlockConfigSpace(int blockSize, int queues, int discardAlignment) {
        fields.putInt(BlockSpec.CONFIG_SEG_MAX, BlockSpec.SEG_MAX);
        fields.putInt(BlockSpec.CONFIG_BLK_SIZE, blockSize);
        int exponent = Integer.numberOfTrailingZeros(Math.max(PHYSICAL_BLOCK, blockSize) / blockSize);
        fields.putByte(BlockSpec.CONFIG_PHYSICAL_BLOCK_EXP, exponent);
        fields.putShort(BlockSpec.CONFIG_MIN_IO_SIZE, 1 << exponent);
        fields.putShort(BlockSpec.CONFIG_NUM_QUEUES, queues);
        fields.putInt(BlockSpec.CONFIG_MAX_DISCARD_SECTORS, BlockSpec.MAX_DISCARD_SECTORS);
        fields.putInt(BlockSpec.CONFIG_MAX_DISCARD_SEG, BlockSpec.MAX_DISCARD_SEG);
        fields.putInt(BlockSpec.CONFIG_DISCARD_SECTOR_ALIGNMENT, discardAlignment / BlockSpec.SECTOR);
        fields.putInt(BlockSpec.CONFIG_MAX_WRITE_ZEROES_SECTORS, BlockSpec.MAX_WRITE_ZEROES_SECTORS);
        fields.putInt(BlockSpec.CONFIG_MAX_WRITE_ZEROES_SEG, BlockSpec.MAX_WRITE_ZEROES_SEG);
        fields.putByte(BlockSpec.CONFIG_WRITE_ZEROES_MAY_UNMAP, 1);
    }

    void capacity(long sectors) {
        fields.putLong(BlockSpec.CONFIG_CAPACITY, sectors);
    }

    void writeback(boolean on) {
        fields.putByte(BlockSpec.CONFIG_WRITEBACK, on ? 1 : 0);
    }

    void read(int offset, byte[] into) {
        fields.read(offset, into);
    }
}
