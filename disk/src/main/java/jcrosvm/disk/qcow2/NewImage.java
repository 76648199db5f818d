package jcrosvm.disk.qcow2;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import jcrosvm.disk.DiskException;

/** Lays out an empty image: header, refcount table, refcount blocks, L1 table, in this order. */
final class NewImage {
    private final Qcow2Options options;
    private final Geometry geometry;

    NewImage(Qcow2Options options) {
        this.options = options;
        geometry = new Geometry(
                Integer.numberOfTrailingZeros(options.clusterSize()),
                Integer.numberOfTrailingZeros(options.refcountBits()));
    }

    /** Writes it into an empty file and makes it durable. The header comes last: until then it is no image. */
    void write(Qcow2File file) {
        int l1Entries = (int) Math.min(Integer.MAX_VALUE, geometry.l1Entries(options.size()));
        if (8L * l1Entries > Qcow2Spec.MAX_L1_BYTES) {
            throw new DiskException("a disk of " + options.size() + " bytes is too long for clusters of "
                    + options.clusterSize() + " bytes; choose larger ones");
        }
        long l1Clusters = Math.max(1, geometry.clusters(8L * l1Entries));
        long perBlock = 1L << geometry.refcountBlockBits();
        long blocks = 1;
        long table = 1;
        long total;
        while (true) {
            total = 1 + table + blocks + l1Clusters;
            long needed = (total + perBlock - 1) / perBlock;
            long wanted = geometry.clusters(8 * needed);
            if (needed <= blocks && wanted <= table) {
                break;
            }
            blocks = Math.max(blocks, needed);
            table = Math.max(table, wanted);
        }
        long cluster = geometry.clusterSize();
        put(file, (int) (table * cluster), cluster, refcountTable(table, blocks));
        for (long b = 0; b < blocks; b++) {
            put(file, (int) cluster, (1 + table + b) * cluster, counts(Math.clamp(total - b * perBlock, 0, (int)
                    perBlock)));
        }
        long l1Offset = (1 + table + blocks) * cluster;
        put(file, (int) (l1Clusters * cluster), l1Offset, ByteBuffer.allocate(1));
        file.sync();
        put(file, (int) cluster, 0, header(table, l1Entries, l1Offset));
        file.sync();
    }

    private ByteBuffer refcountTable(long table, long blocks) {
        ByteBuffer b = ByteBuffer.allocate((int) (8 * blocks));
        for (long i = 0; i < blocks; i++) {
            b.putLong((1 + table + i) << geometry.clusterBits());
        }
        return b;
    }

    /** A refcount block that counts its first clusters once. */
    private ByteBuffer counts(int used) {
        ByteBuffer b = ByteBuffer.allocate((int) geometry.clusterSize());
        int bits = options.refcountBits();
        for (int i = 0; i < used; i++) {
            if (bits < 8) {
                int at = i * bits / 8;
                b.put(at, (byte) (b.get(at) | 1 << i * bits % 8));
            } else {
                b.put((i + 1) * bits / 8 - 1, (byte) 1);
            }
        }
        return b;
    }

    private ByteBuffer header(long table, int l1Entries, long l1Offset) {
        boolean old = options.version() == 2;
        int length = old ? Qcow2Spec.V2_HEADER : Qcow2Spec.V3_HEADER + 8;
        ByteBuffer b = ByteBuffer.allocate(options.clusterSize());
        b.putInt(0, Qcow2Spec.MAGIC);
        b.putInt(4, options.version());
        b.putInt(20, geometry.clusterBits());
        b.putLong(Qcow2Spec.SIZE, options.size());
        b.putInt(Qcow2Spec.L1_SIZE_AND_OFFSET, l1Entries);
        b.putLong(Qcow2Spec.L1_SIZE_AND_OFFSET + 4, l1Offset);
        b.putLong(Qcow2Spec.REFCOUNT_TABLE_OFFSET, geometry.clusterSize());
        b.putInt(Qcow2Spec.REFCOUNT_TABLE_OFFSET + 8, (int) table);
        if (!old) {
            b.putLong(Qcow2Spec.COMPATIBLE, options.lazyRefcounts() ? Qcow2Spec.COMPATIBLE_LAZY_REFCOUNTS : 0);
            b.putInt(Qcow2Spec.REFCOUNT_ORDER, geometry.refcountOrder());
            b.putInt(Qcow2Spec.HEADER_LENGTH, length);
        }
        b.position(length);
        String format = options.backingFormat();
        if (options.backing() != null && format != null) {
            extension(b, Qcow2Spec.EXTENSION_BACKING_FORMAT, format.getBytes(StandardCharsets.UTF_8));
        }
        b.putLong(Qcow2Spec.EXTENSION_END);
        String backing = options.backing();
        if (backing != null) {
            byte[] name = backing.getBytes(StandardCharsets.UTF_8);
            if (name.length > b.remaining()) {
                throw new DiskException("the path of backing file " + backing + " does not fit in a cluster of "
                        + options.clusterSize() + " bytes; choose larger ones");
            }
            b.putLong(8, b.position());
            b.putInt(16, name.length);
            b.put(name);
        }
        return b;
    }

    private static void extension(ByteBuffer b, int type, byte[] content) {
        b.putInt(type).putInt(content.length).put(content);
        b.position(b.position() + 7 & -8);
    }

    private static void put(Qcow2File file, int length, long position, ByteBuffer content) {
        byte[] bytes = new byte[length];
        content.get(0, bytes, 0, Math.min(length, content.capacity()));
        file.write(bytes, position);
    }
}
