package jcrosvm.disk.composite;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import jcrosvm.disk.Backing;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.ImagePaths;
import org.jspecify.annotations.Nullable;

/** Makes composite disks of partitions. */
public final class CompositeImages {
    private static final int PARTITION_ALIGNMENT = 4096;
    private static final int DISK_ALIGNMENT = 64 << 10;

    private CompositeImages() {}

    /**
     * A partition to be.
     *
     * @param label its name in the partition table, at most 36 UTF-16 units
     * @param image its content
     * @param guid its unique identity
     * @param format of the image, which is written down; null to tell it from its first bytes, now and whenever the disk
     *     is opened
     */
    public record Partition(
            String label,
            Path image,
            boolean writable,
            UUID guid,
            @Nullable DiskFormat format) {}

    /**
     * Writes {@code path} and the files that it needs beside it: {@code path.header} and {@code path.footer}, the
     * partition table and its backup, and {@code path.filler}, zeros. Files that are there are replaced.
     *
     * @param backing which files the images of partitions may name whose format is not given
     * @throws jcrosvm.base.VmmException when a partition cannot be opened or used
     */
    public static void create(Path path, UUID disk, List<Partition> partitions, Backing backing) {
        check(partitions);
        try {
            create(path.toAbsolutePath(), disk, partitions, lengths(partitions, backing));
        } catch (IOException | UncheckedIOException e) {
            throw new DiskException("cannot create " + path + ": " + e.getMessage());
        }
    }

    private static void check(List<Partition> partitions) {
        if (partitions.isEmpty() || partitions.size() > GuidPartitionTable.MAX_PARTITIONS) {
            throw new DiskException(
                    "a disk needs 1 to " + GuidPartitionTable.MAX_PARTITIONS + " partitions, not " + partitions.size());
        }
        Set<String> labels = new HashSet<>();
        Set<UUID> guids = new HashSet<>();
        for (Partition partition : partitions) {
            String label = partition.label();
            if (label.isEmpty() || label.length() > GuidPartitionTable.MAX_LABEL) {
                throw new DiskException("partition label '" + label + "' must have 1 to " + GuidPartitionTable.MAX_LABEL
                        + " characters");
            }
            if (!labels.add(label)) {
                throw new DiskException("two partitions have the label '" + label + "'");
            }
            if (!guids.add(partition.guid())) {
                throw new DiskException("two partitions have the GUID " + partition.guid());
            }
        }
    }

    private static long[] lengths(List<Partition> partitions, Backing backing) {
        DiskOptions options = DiskOptions.READ_ONLY.withLock(false).withBacking(backing);
        long[] lengths = new long[partitions.size()];
        for (int i = 0; i < lengths.length; i++) {
            Partition partition = partitions.get(i);
            try (DiskFile image = DiskImages.open(partition.image(), options.withFormat(partition.format()))) {
                lengths[i] = image.length();
            }
            if (lengths[i] == 0) {
                throw new DiskException("partition image " + partition.image() + " is empty");
            }
            if (partition.writable() && lengths[i] % PARTITION_ALIGNMENT != 0) {
                throw new DiskException("partition image " + partition.image() + " has " + lengths[i]
                        + " bytes; a writable one must have a multiple of " + PARTITION_ALIGNMENT);
            }
        }
        return lengths;
    }

    private static void create(Path path, UUID disk, List<Partition> partitions, long[] lengths) throws IOException {
        Path header = suffixed(path, ".header");
        Path footer = suffixed(path, ".footer");
        Path filler = suffixed(path, ".filler");
        List<CompositeSpec.Part> parts = new ArrayList<>();
        List<GuidPartitionTable.Partition> table = new ArrayList<>();
        parts.add(new CompositeSpec.Part(name(header), 0, false, 0, DiskFormat.RAW));
        long at = (long) GuidPartitionTable.FIRST_SECTORS * GuidPartitionTable.SECTOR;
        for (int i = 0; i < lengths.length; i++) {
            Partition partition = partitions.get(i);
            parts.add(new CompositeSpec.Part(
                    ImagePaths.relative(path, partition.image()), at, partition.writable(), 0, partition.format()));
            long end = roundUp(at + lengths[i], PARTITION_ALIGNMENT);
            if (end > at + lengths[i]) {
                parts.add(new CompositeSpec.Part(name(filler), at + lengths[i], false, 0, DiskFormat.RAW));
            }
            table.add(new GuidPartitionTable.Partition(partition.label(), partition.guid(), at, end));
            at = end;
        }
        parts.add(new CompositeSpec.Part(name(footer), at, false, 0, DiskFormat.RAW));
        long backup = (long) GuidPartitionTable.LAST_SECTORS * GuidPartitionTable.SECTOR;
        long length = roundUp(at + backup, DISK_ALIGNMENT);
        GuidPartitionTable gpt = new GuidPartitionTable(length, disk, table);
        byte[] last = new byte[(int) (length - at)];
        System.arraycopy(gpt.last(), 0, last, (int) (last.length - backup), (int) backup);
        Files.write(header, gpt.first());
        Files.write(footer, last);
        Files.write(filler, new byte[PARTITION_ALIGNMENT]);
        Files.write(path, new CompositeSpec(CompositeSpec.VERSION, parts, length).toBytes());
    }

    private static long roundUp(long value, int multiple) {
        return (value + multiple - 1) / multiple * multiple;
    }

    private static Path suffixed(Path path, String suffix) {
        return path.resolveSibling(name(path) + suffix);
    }

    private static String name(Path path) {
        return String.valueOf(path.getFileName());
    }
}
