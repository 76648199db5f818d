package jcrosvm.guest.ext4;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** The content of a directory: entries that never cross a block, the last of each block reaching to its end. */
final class DirectoryBlocks {
    static final int MAX_NAME = 255;
    private static final int HEADER = 8;

    private ByteBuffer out = ByteBuffer.allocate(Geometry.BLOCK_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    private int last = -1;

    private DirectoryBlocks() {}

    static byte[] of(Inode directory, Inode parent, int minimumBlocks) throws IOException {
        DirectoryBlocks blocks = new DirectoryBlocks();
        blocks.add(".", directory);
        blocks.add("..", parent);
        for (Map.Entry<String, Inode> child : directory.children.entrySet()) {
            blocks.add(child.getKey(), child.getValue());
        }
        blocks.endBlock();
        while (blocks.out.position() < minimumBlocks * Geometry.BLOCK_SIZE) {
            blocks.emptyBlock();
        }
        byte[] content = new byte[blocks.out.position()];
        blocks.out.get(0, content);
        return content;
    }

    private void add(String name, Inode inode) throws IOException {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > MAX_NAME) {
            throw new IOException("the name '" + name + "' has more than " + MAX_NAME + " bytes");
        }
        int length = HEADER + (bytes.length + 3 & ~3);
        if (Geometry.BLOCK_SIZE - (out.position() & (Geometry.BLOCK_SIZE - 1)) < length
                || last >= 0 && (out.position() & (Geometry.BLOCK_SIZE - 1)) == 0) {
            endBlock();
        }
        reserve(Geometry.BLOCK_SIZE);
        last = out.position();
        out.putInt(inode.number)
                .putShort((short) length)
                .put((byte) bytes.length)
                .put(inode.entryType());
        out.put(bytes);
        out.position(last + length);
    }

    /** Lengthens the last entry to the end of its block. */
    private void endBlock() {
        if (last >= 0) {
            int end = (last / Geometry.BLOCK_SIZE + 1) * Geometry.BLOCK_SIZE;
            out.putShort(last + 4, (short) (end - last));
            out.position(end);
            last = -1;
        }
    }

    private void emptyBlock() {
        reserve(Geometry.BLOCK_SIZE);
        int start = out.position();
        out.putShort(start + 4, (short) Geometry.BLOCK_SIZE);
        out.position(start + Geometry.BLOCK_SIZE);
    }

    private void reserve(int bytes) {
        if (out.remaining() < bytes) {
            ByteBuffer larger = ByteBuffer.allocate(out.capacity() * 2 + bytes).order(ByteOrder.LITTLE_ENDIAN);
            larger.put(0, out, 0, out.position());
            larger.position(out.position());
            out = larger;
        }
    }
}
