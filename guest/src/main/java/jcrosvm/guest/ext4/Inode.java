package jcrosvm.guest.ext4;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A file, directory, symbolic link or device node while the file system is being made. */
final class Inode {
    static final int S_IFDIR = 0040000;
    static final int S_IFREG = 0100000;
    static final int S_IFLNK = 0120000;
    static final int S_IFMT = 0170000;

    /** Bytes of a link's target that fit in the inode itself. */
    static final int MAX_INLINE_LINK = 59;

    private static final int EXTENTS_FLAG = 0x80000;
    private static final int MAP_OFFSET = 0x28;
    private static final int EXTRA_SIZE = 32;

    final int number;
    final int type;
    Attributes attributes;
    int links = 1;
    long size;
    /** Blocks of content and of the extent tree. */
    int blocks;
    /** Bytes of i_block: the root of the extent tree, or the target of a short link. */
    byte[] map = new byte[60];

    boolean isInline;
    List<Extent> extents = List.of();

    /** Target of a symbolic link, else empty. */
    String target = "";
    /** Members of a directory, without "." and "..". */
    final Map<String, Inode> children = new LinkedHashMap<>();

    Inode(int number, int type, Attributes attributes) {
        this.number = number;
        this.type = type;
        this.attributes = attributes;
    }

    boolean isDirectory() {
        return type == S_IFDIR;
    }

    boolean isSymlink() {
        return type == S_IFLNK;
    }

    /** As directory entries tell it. */
    byte entryType() {
        return switch (type) {
            case S_IFREG -> 1;
            case S_IFDIR -> 2;
            case S_IFLNK -> 7;
            default -> 0;
        };
    }

    byte[] encode() {
        ByteBuffer inode = ByteBuffer.allocate(Geometry.INODE_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        long time = attributes.modified();
        inode.putShort((short) (type | attributes.permissions()));
        inode.putShort((short) attributes.uid());
        inode.putInt((int) size);
        inode.putInt((int) time).putInt((int) time).putInt((int) time); // access, change, modification
        inode.putInt(0); // deletion
        inode.putShort((short) attributes.gid());
        inode.putShort((short) links);
        inode.putInt(blocks * (Geometry.BLOCK_SIZE / 512));
        inode.putInt(isInline ? 0 : EXTENTS_FLAG);
        inode.put(MAP_OFFSET, map);
        inode.putInt(0x6c, (int) (size >>> 32));
        inode.putShort(0x78, (short) (attributes.uid() >>> 16));
        inode.putShort(0x7a, (short) (attributes.gid() >>> 16));
        inode.putShort(0x80, (short) EXTRA_SIZE);
        // Bits 32 and 33 of the times; the lower ones count as signed.
        int epoch = (int) ((time - (int) time) >> 32) & 3;
        inode.putInt(0x84, epoch).putInt(0x88, epoch).putInt(0x8c, epoch);
        inode.putInt(0x90, (int) time).putInt(0x94, epoch); // creation
        return inode.array();
    }
}
