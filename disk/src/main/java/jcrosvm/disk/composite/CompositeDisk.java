package jcrosvm.disk.composite;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.DiskRange;
import jcrosvm.disk.ImageOpener;
import jcrosvm.disk.IoVecPool;
import jcrosvm.disk.NamedImage;
import jcrosvm.disk.raw.ImageFile;

/**
 * A disk made of other images, each holding the range up to where the next begins. Writing to a part that its list calls
 * read-only is refused (EROFS). A flush reaches the parts that were written.
 */
public final class CompositeDisk implements DiskFile {
    private static final int MAX_LIST = 1 << 20;

    private final ImageFile list;
    private final List<DiskFile> images;
    private final Part[] parts;
    private final long[] starts;
    private final Set<Feature> features;
    private final IoVecPool lists = new IoVecPool();

    private CompositeDisk(ImageFile list, Collection<DiskFile> images, Part[] parts) {
        this.list = list;
        this.images = List.copyOf(images);
        this.parts = parts;
        starts = Arrays.stream(parts).mapToLong(part -> part.start).toArray();
        EnumSet<Feature> set = EnumSet.noneOf(Feature.class);
        for (Part part : parts) {
            if (part.isWritable()) {
                set.add(Feature.WRITE);
            }
            if (part.canDiscard()) {
                set.add(Feature.DISCARD);
            }
        }
        features = Collections.unmodifiableSet(set);
    }

    /**
     * Opens the list and its parts. Takes ownership of the list, unless it throws.
     *
     * @param opener for the parts
     * @throws jcrosvm.base.VmmException when the list contradicts itself or a part cannot be opened
     */
    public static CompositeDisk open(ImageFile list, ImageOpener opener) {
        CompositeSpec spec = read(list);
        Map<Path, DiskFile> images = new LinkedHashMap<>();
        try {
            for (NamedImage image : named(list, spec)) {
                images.put(image.path(), opener.open(image.path(), image.options()));
            }
            return new CompositeDisk(list, images.values(), parts(list, spec, images));
        } catch (RuntimeException | Error e) {
            images.values().forEach(DiskFile::close);
            throw e;
        }
    }

    /**
     * The images of the parts, each once, in the order of the disk: an image of several parts is opened once, since a
     * second opener would be locked out.
     *
     * @param list stays the caller's
     * @throws jcrosvm.base.VmmException when the list contradicts itself
     */
    public static List<NamedImage> named(ImageFile list) {
        return named(list, read(list));
    }

    private static CompositeSpec read(ImageFile list) {
        long size = list.size();
        if (size > MAX_LIST) {
            throw damaged(list, "its list of parts has " + size + " bytes; at most " + MAX_LIST + " are supported");
        }
        list.reserve(4 * size); // paths as they are and resolved
        try {
            return CompositeSpec.parse(list.bytes(0, (int) size));
        } catch (DiskException e) {
            throw damaged(list, String.valueOf(e.getMessage()));
        }
    }

    private static DiskException damaged(ImageFile list, String what) {
        return new DiskException("cannot open the composite disk " + list + ": " + what);
    }

    private static List<NamedImage> named(ImageFile list, CompositeSpec spec) {
        Map<Path, DiskOptions> named = new LinkedHashMap<>();
        for (CompositeSpec.Part part : spec.parts()) {
            Path path = resolve(list, part);
            DiskOptions options = list.options().withFormat(part.format());
            DiskOptions before = named.get(path);
            if (before != null && before.format() != options.format()) {
                throw damaged(list, "it gives its part " + path + " two formats");
            }
            boolean written = part.writable() || before != null && !before.readOnly();
            named.put(path, options.withReadOnly(!written || list.options().readOnly()));
        }
        return named.entrySet().stream()
                .map(entry -> new NamedImage(entry.getKey(), entry.getValue()))
                .toList();
    }

    private static Part[] parts(ImageFile list, CompositeSpec spec, Map<Path, DiskFile> images) {
        Part[] parts = new Part[spec.parts().size()];
        for (int i = 0; i < parts.length; i++) {
            CompositeSpec.Part part = spec.parts().get(i);
            Path path = resolve(list, part);
            DiskFile image = Objects.requireNonNull(images.get(path));
            boolean writable = part.writable() && image.features().contains(Feature.WRITE);
            long needed = spec.end(i) - part.offset();
            if (part.fileOffset() > image.length() || needed > image.length() - part.fileOffset()) {
                throw damaged(
                        list,
                        "its part " + path + " has " + image.length() + " bytes, but " + needed + " from byte "
                                + part.fileOffset() + " on are needed");
            }
            parts[i] = new Part(part.offset(), spec.end(i), image, part.fileOffset(), writable);
        }
        return parts;
    }

    private static Path resolve(ImageFile list, CompositeSpec.Part part) {
        try {
            return list.path().resolveSibling(part.path()).normalize();
        } catch (InvalidPathException e) {
            throw damaged(list, "a part's path is none: " + e.getReason());
        }
    }

    @Override
    public Set<Feature> features() {
        return features;
    }

    @Override
    public long length() {
        return parts[parts.length - 1].end;
    }

    private int partAt(long offset) {
        int found = Arrays.binarySearch(starts, offset);
        return found >= 0 ? found : -found - 2;
    }

    @Override
    public void read(long offset, IoVec into) {
        transfer(offset, into, false);
    }

    @Override
    public void write(long offset, IoVec from) {
        requireWritable(offset, from.length());
        transfer(offset, from, true);
    }

    private void transfer(long offset, IoVec vec, boolean write) {
        DiskRange.require(this, offset, vec.length());
        long at = offset;
        IoVec piece = lists.take();
        try {
            for (int i = partAt(at); vec.length() > 0; i++) {
                long n = Math.min(vec.length(), parts[i].end - at);
                piece.clear();
                piece.add(vec, 0, n);
                if (write) {
                    parts[i].write(at, piece);
                } else {
                    parts[i].read(at, piece);
                }
                vec.consume(n);
                at += n;
            }
        } finally {
            lists.give(piece);
        }
    }

    // Before anything is written: half of a refused request would be worse.
    private void requireWritable(long offset, long length) {
        DiskRange.require(this, offset, length);
        for (int i = partAt(offset); i < parts.length && parts[i].start < offset + length; i++) {
            if (!parts[i].isWritable()) {
                throw new OsException(
                        "cannot write byte " + Math.max(offset, parts[i].start) + " of " + this
                                + ", which lies in a read-only part",
                        Errno.EROFS);
            }
        }
    }

    @Override
    public void flush() {
        for (Part part : parts) {
            part.flush();
        }
    }

    @Override
    public void discard(long offset, long length) {
        DiskRange.require(this, offset, length);
        for (int i = partAt(offset); i < parts.length && parts[i].start < offset + length; i++) {
            long from = Math.max(offset, parts[i].start);
            parts[i].discard(from, Math.min(offset + length, parts[i].end) - from);
        }
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        requireWritable(offset, length);
        for (int i = partAt(offset); i < parts.length && parts[i].start < offset + length; i++) {
            long from = Math.max(offset, parts[i].start);
            parts[i].writeZeroes(from, Math.min(offset + length, parts[i].end) - from, mayUnmap);
        }
    }

    @Override
    public void resize(long length) {
        throw new DiskException("cannot resize " + this + ": its parts have fixed places");
    }

    @Override
    public int alignment() {
        return list.alignment();
    }

    @Override
    public void close() {
        images.forEach(DiskFile::close);
        list.close();
    }

    @Override
    public String toString() {
        return "composite disk " + list;
    }
}
