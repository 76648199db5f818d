package jcrosvm.disk.composite;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32;

/** Writes a partition table (UEFI 2.10, chapter 5) of 128 entries for a disk of 512-byte sectors. */
final class GuidPartitionTable {
    /** Partitions that fit. */
    static final int MAX_PARTITIONS = 128;
    /** UTF-16 units of a label. */
    static final int MAX_LABEL = 36;

    static final int SECTOR = 512;
    /** Sectors before the first partition: the table needs 34, partitions begin at multiples of 4 KiB. */
    static final int FIRST_SECTORS = 40;
    /** Sectors that the backup at the disk's end needs. */
    static final int LAST_SECTORS = 33;

    private static final UUID LINUX_FILESYSTEM = UUID.fromString("0fc63daf-8483-4772-8e79-3d69d8477de4");
    private static final long SIGNATURE = 0x5452415020494645L; // "EFI PART"
    private static final int REVISION = 0x10000;
    private static final int SIZE_OF_HEADER = 92;
    private static final int HEADER_CRC = 16;
    private static final int SIZE_OF_ENTRY = 128;
    private static final int PROTECTIVE = 0xee;

    /** @param end first byte behind it */
    record Partition(String label, UUID guid, long start, long end) {}

    private final long sectors;
    private final UUID disk;
    private final byte[] entries;

    GuidPartitionTable(long diskLength, UUID disk, List<Partition> partitions) {
        sectors = diskLength / SECTOR;
        this.disk = disk;
        entries = new byte[MAX_PARTITIONS * SIZE_OF_ENTRY];
        ByteBuffer out = little(entries);
        for (int i = 0; i < partitions.size(); i++) {
            Partition partition = partitions.get(i);
            out.position(i * SIZE_OF_ENTRY);
            guid(out, LINUX_FILESYSTEM);
            guid(out, partition.guid());
            out.putLong(partition.start() / SECTOR);
            out.putLong(partition.end() / SECTOR - 1);
            out.putLong(0);
            out.put(partition.label().getBytes(StandardCharsets.UTF_16LE));
        }
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    // The first three fields are little-endian, the rest is a string of bytes.
    private static void guid(ByteBuffer out, UUID guid) {
        long high = guid.getMostSignificantBits();
        out.putInt((int) (high >>> 32)).putShort((short) (high >>> 16)).putShort((short) high);
        out.putLong(Long.reverseBytes(guid.getLeastSignificantBits()));
    }

    /** The disk's first sectors: protective MBR, table, and what is free before the first partition. */
    byte[] first() {
        byte[] bytes = new byte[FIRST_SECTORS * SECTOR];
        ByteBuffer out = little(bytes);
        out.position(446);
        out.putInt(0x0002_0000); // not bootable; begins at head 0, sector 2
        out.putInt(0xffff_ff00 | PROTECTIVE);
        out.putInt(1);
        out.putInt((int) Math.min(sectors - 1, 0xffff_ffffL));
        out.position(SECTOR - 2).putShort((short) 0xaa55);
        header(out, bytes, 1, sectors - 1, 2);
        out.put(2 * SECTOR, entries);
        return bytes;
    }

    /** The disk's last sectors: the backup of the table. */
    byte[] last() {
        byte[] bytes = new byte[LAST_SECTORS * SECTOR];
        ByteBuffer out = little(bytes);
        out.put(0, entries);
        out.position((LAST_SECTORS - 1) * SECTOR);
        header(out, bytes, sectors - 1, 1, sectors - LAST_SECTORS);
        return bytes;
    }

    private void header(ByteBuffer out, byte[] bytes, long self, long other, long entriesAt) {
        int start = out.position();
        out.putLong(SIGNATURE).putInt(REVISION).putInt(SIZE_OF_HEADER).putInt(0).putInt(0);
        out.putLong(self).putLong(other);
        out.putLong(FIRST_SECTORS).putLong(sectors - LAST_SECTORS - 1);
        guid(out, disk);
        out.putLong(entriesAt);
        out.putInt(MAX_PARTITIONS).putInt(SIZE_OF_ENTRY).putInt(crc(entries, 0, entries.length));
        out.putInt(start + HEADER_CRC, crc(bytes, start, SIZE_OF_HEADER));
    }

    private static int crc(byte[] bytes, int from, int length) {
        CRC32 crc = new CRC32();
        crc.update(bytes, from, length);
        return (int) crc.getValue();
    }
}
