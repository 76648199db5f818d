package jcrosvm.devices.block;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The configuration space of a disk (virtio 1.3, 5.2.4). Immutable but for capacity and cache mode. */
final class ConfigSpace {
    /** What disks of our time are made of, and host file systems too. */
    private static final int PHYSICAL_BLOCK = 4096;

    private final byte[] bytes = new byte[BlockSpec.CONFIG_LENGTH];
    private final ByteBuffer fields = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);

    /**
     * @param discardAlignment bytes that are given back together
     */
    ConfigSpace(int blockSize, int queues, int discardAlignment) {
        fields.putInt(BlockSpec.CONFIG_SEG_MAX, BlockSpec.SEG_MAX);
        fields.putInt(BlockSpec.CONFIG_BLK_SIZE, blockSize);
        int exponent = Integer.numberOfTrailingZeros(Math.max(PHYSICAL_BLOCK, blockSize) / blockSize);
        fields.put(BlockSpec.CONFIG_PHYSICAL_BLOCK_EXP, (byte) exponent);
        fields.putShort(BlockSpec.CONFIG_MIN_IO_SIZE, (short) (1 << exponent));
        fields.putShort(BlockSpec.CONFIG_NUM_QUEUES, (short) queues);
        fields.putInt(BlockSpec.CONFIG_MAX_DISCARD_SECTORS, BlockSpec.MAX_DISCARD_SECTORS);
        fields.putInt(BlockSpec.CONFIG_MAX_DISCARD_SEG, BlockSpec.MAX_DISCARD_SEG);
        fields.putInt(BlockSpec.CONFIG_DISCARD_SECTOR_ALIGNMENT, discardAlignment / BlockSpec.SECTOR);
        fields.putInt(BlockSpec.CONFIG_MAX_WRITE_ZEROES_SECTORS, BlockSpec.MAX_WRITE_ZEROES_SECTORS);
        fields.putInt(BlockSpec.CONFIG_MAX_WRITE_ZEROES_SEG, BlockSpec.MAX_WRITE_ZEROES_SEG);
        fields.put(BlockSpec.CONFIG_WRITE_ZEROES_MAY_UNMAP, (byte) 1);
    }

    synchronized void capacity(long sectors) {
        fields.putLong(BlockSpec.CONFIG_CAPACITY, sectors);
    }

    synchronized void writeback(boolean on) {
        fields.put(BlockSpec.CONFIG_WRITEBACK, (byte) (on ? 1 : 0));
    }

    synchronized void read(int offset, byte[] into) {
        if (offset < bytes.length) {
            System.arraycopy(bytes, offset, into, 0, Math.min(into.length, bytes.length - offset));
        }
    }
}
