package jcrosvm.disk.qcow2;

import java.util.List;
import java.util.Set;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.ImageOpener;
import jcrosvm.disk.NamedImage;
import jcrosvm.disk.raw.ImageFile;
import org.jspecify.annotations.Nullable;

/** The disk inside a qcow2 image. */
public final class Qcow2Disk implements DiskFile {
    private final Qcow2Image image;
    private final boolean sparse;
    private final ClusterReader reader;
    private final ClusterWriter writer;
    private final ClusterEraser eraser;
    private final ThreadLocal<Transfer> transfers = ThreadLocal.withInitial(Transfer::new);
    private boolean closed;

    Qcow2Disk(Qcow2Image image, boolean sparse) {
        this.image = image;
        this.sparse = sparse;
        reader = new ClusterReader(image);
        writer = new ClusterWriter(image, reader);
        eraser = new ClusterEraser(image);
    }

    /**
     * Opens an image, read-only if the file's options say so.
     *
     * @param file owned by the disk from here on, but not when this throws
     * @param opener opens the backing file, with the format that the image says it has
     * @throws DiskException when it is damaged or asks for what is not supported
     */
    public static Qcow2Disk open(ImageFile file, ImageOpener opener) {
        DiskOptions options = file.options();
        Qcow2File own = new Qcow2File(file);
        Qcow2Header header = Qcow2Header.read(own);
        if (!options.readOnly()) {
            header = Repair.beforeWriting(own, header);
        }
        NamedImage named = backing(own, header, options);
        DiskFile backing = named == null ? null : opener.open(named.path(), named.options());
        try {
            Qcow2Image image = new Qcow2Image(own, header, backing, !options.readOnly());
            if (!options.readOnly() && header.autoclear() != 0) {
                image.fields.clearAutoclear();
            }
            return new Qcow2Disk(image, options.sparse());
        } catch (RuntimeException | Error e) {
            if (backing != null) {
                backing.close();
            }
            throw e;
        }
    }

    /**
     * The backing file that an image names, if it names one.
     *
     * @param file stays the caller's
     * @throws DiskException when the image is damaged, or does not say the format of its backing file
     */
    public static List<NamedImage> named(ImageFile file) {
        Qcow2File own = new Qcow2File(file);
        NamedImage backing = backing(own, Qcow2Header.read(own), file.options());
        return backing == null ? List.of() : List.of(backing);
    }

    private static @Nullable NamedImage backing(Qcow2File file, Qcow2Header header, DiskOptions options) {
        String name = header.backing();
        if (name == null) {
            return null;
        }
        String text = header.backingFormat();
        if (text == null) {
            throw file.unusable("does not say the format of its backing file " + name + ", and guessing it is not safe;"
                    + " write it down with qemu-img rebase -u -b " + name + " -F FORMAT " + file.path());
        }
        DiskFormat format = DiskFormat.named(text)
                .orElseThrow(() -> file.unusable("says that its backing file " + name + " has the format \"" + text
                        + "\", which is not known; only " + DiskFormat.names() + " are"));
        return new NamedImage(file.resolve(name), options.withReadOnly(true).withFormat(format));
    }

    @Override
    public Set<Feature> features() {
        if (!image.writable) {
            return Set.of();
        }
        return sparse ? Set.of(Feature.WRITE, Feature.DISCARD, Feature.RESIZE) : Set.of(Feature.WRITE, Feature.RESIZE);
    }

    @Override
    public long length() {
        return image.size;
    }

    @Override
    public int alignment() {
        return image.file.alignment();
    }

    private void checkRange(long offset, long length) {
        long size = image.size;
        if (offset < 0 || length < 0 || length > size || offset > size - length) {
            throw new IllegalArgumentException(length + " bytes at " + offset + " of a disk of " + size);
        }
    }

    @Override
    public void read(long offset, IoVec into) {
        long stamp = image.gate.readLock();
        try {
            checkRange(offset, into.length());
            reader.read(offset, into, transfers.get());
        } catch (InconsistentException e) {
            throw image.inconsistent(e, false);
        } finally {
            image.gate.unlockRead(stamp);
        }
        into.consume(into.length());
    }

    @Override
    public void write(long offset, IoVec from) {
        checkRange(offset, from.length());
        image.requireWritable();
        write(offset, from, transfers.get());
        from.consume(from.length());
    }

    private void write(long offset, IoVec from, Transfer transfer) {
        long length = from.length();
        for (long done = 0; done < length; ) {
            long stamp = image.gate.readLock();
            try {
                checkRange(offset, length);
                long n = 1;
                while (n > 0 && done < length) {
                    n = writer.write(offset + done, from, done, length - done, transfer);
                    done += n;
                }
            } catch (InconsistentException e) {
                throw image.inconsistent(e, true);
            } finally {
                image.gate.unlockRead(stamp);
            }
            if (done < length || image.commit.due()) {
                commit();
            }
        }
    }

    private void commit() {
        try {
            image.commit.run();
        } catch (InconsistentException e) {
            throw image.inconsistent(e, true);
        }
    }

    @Override
    public void flush() {
        if (image.commit.pending()) {
            commit();
        }
        if (image.writable) {
            image.file.sync();
        }
    }

    @Override
    public void discard(long offset, long length) {
        checkRange(offset, length);
        image.requireWritable();
        if (sparse) {
            erase(offset, length, ClusterEraser.Mode.DISCARD);
        }
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        checkRange(offset, length);
        image.requireWritable();
        boolean unmap = mayUnmap && sparse;
        erase(offset, length, unmap ? ClusterEraser.Mode.ZERO_AND_UNMAP : ClusterEraser.Mode.ZERO);
    }

    private void erase(long offset, long length, ClusterEraser.Mode mode) {
        long cluster = image.geometry.clusterSize();
        long span = image.map.sliceSpan();
        long end = offset + length;
        for (long at = offset; at < end; ) {
            long n = Math.min(end - at, span - at % span);
            long tail = at + n == image.size ? 0 : (at + n) % cluster;
            long head = Math.min(n, (cluster - at % cluster) % cluster);
            long body = Math.max(0, n - head - tail);
            if (body > 0) {
                // The last cluster may reach beyond the end of the disk.
                long whole = image.geometry.roundUp(body);
                if (!eraseClusters(at + head, whole, mode)) {
                    zero(at + head, body);
                }
            }
            if (mode != ClusterEraser.Mode.DISCARD) {
                zero(at, head);
                zero(at + head + body, n - head - body);
            }
            at += n;
        }
    }

    private boolean eraseClusters(long offset, long length, ClusterEraser.Mode mode) {
        long stamp = image.gate.writeLock();
        try {
            if (offset >= image.size) {
                return true;
            }
            return eraser.erase(offset, length, mode);
        } catch (InconsistentException e) {
            throw image.inconsistent(e, true);
        } finally {
            image.gate.unlockWrite(stamp);
        }
    }

    /** Writes zeros where the disk does not read as zeros by its entries. */
    private void zero(long offset, long length) {
        Transfer transfer = transfers.get();
        for (long done = 0; done < length; ) {
            long at = offset + done;
            long n;
            long stamp = image.gate.readLock();
            image.lock.lock();
            try {
                checkRange(at, length - done);
                image.map.find(at, length - done, transfer.mapping);
            } catch (InconsistentException e) {
                throw image.inconsistent(e, true);
            } finally {
                image.lock.unlock();
                image.gate.unlockRead(stamp);
            }
            Mapping m = transfer.mapping;
            n = m.length;
            boolean zeros =
                    m.kind == Mapping.Kind.ZERO || m.kind == Mapping.Kind.UNALLOCATED && at >= image.backingLength();
            if (!zeros) {
                n = Math.min(n, Transfer.BUFFER);
                write(at, transfer.zeros(n), transfer);
            }
            done += n;
        }
    }

    @Override
    public void resize(long length) {
        image.requireWritable();
        long stamp = image.gate.writeLock();
        try {
            Resize.run(image, eraser, length);
        } catch (InconsistentException e) {
            throw image.inconsistent(e, true);
        } finally {
            image.gate.unlockWrite(stamp);
        }
    }

    /** What the image says about itself. */
    public Qcow2Summary info() {
        return Qcow2Summary.of(image.file, Qcow2Header.read(image.file));
    }

    @Override
    public void close() {
        long stamp = image.gate.writeLock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            if (image.writable && image.fields.dirty() && !image.fields.corrupt()) {
                image.commit.runAlone();
                image.file.sync();
                image.fields.markClean();
            } else if (image.commit.pending()) {
                image.commit.runAlone();
            }
        } catch (InconsistentException e) {
            throw image.inconsistent(e, true);
        } finally {
            image.gate.unlockWrite(stamp);
            image.file.close();
            if (image.backing != null) {
                image.backing.close();
            }
        }
    }
}
