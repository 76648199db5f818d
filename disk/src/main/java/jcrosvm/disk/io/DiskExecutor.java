package jcrosvm.disk.io;

import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.PlainFile;
import jcrosvm.disk.RefusedWriteException;
import org.jspecify.annotations.Nullable;

/**
 * Carries a guest's requests out on a disk, and says in the log why one failed. Thread-safe, as far as the guest keeps
 * ranges apart: the queues of a device share one.
 */
public final class DiskExecutor implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(DiskExecutor.class);
    private static final LimitedLog REFUSALS = LimitedLog.of(DiskExecutor.class);

    /** How a request ended. */
    public enum Outcome {
        DONE,
        /** An I/O error. */
        FAILED,
        /** This disk knows no such requests. */
        UNSUPPORTED
    }

    private final String name;
    private final DiskFile disk;
    private final boolean readOnly;
    private final boolean discards;
    private final Runnable flush;
    private final AtomicBoolean refusalTold = new AtomicBoolean();
    private volatile long sectors;
    private volatile boolean writeThrough;

    /**
     * @param name of the device, for messages
     * @param disk closed with the executor
     * @param readOnly whether the guest may not write, whatever the disk can
     * @param discards whether the guest may discard, if the disk can
     */
    public DiskExecutor(String name, DiskFile disk, boolean readOnly, boolean discards) {
        this.name = name;
        this.disk = disk;
        this.readOnly = readOnly || !disk.features().contains(DiskFile.Feature.WRITE);
        this.discards = discards && !this.readOnly && disk.features().contains(DiskFile.Feature.DISCARD);
        flush = disk::flush;
        sectors = disk.length() >> DiskRequest.SECTOR_SHIFT;
    }

    public boolean isReadOnly() {
        return readOnly;
    }

    /** Whether discards are carried out. */
    public boolean discards() {
        return discards;
    }

    /** Whole sectors of the disk. */
    public long sectors() {
        return sectors;
    }

    /** Whether a write is over only when it is durable. */
    public boolean isWriteThrough() {
        return writeThrough;
    }

    /** For the writes that begin from now on. */
    public void writeThrough(boolean on) {
        writeThrough = on && !readOnly;
    }

    /**
     * Gives the disk another size. From any thread.
     *
     * @param length bytes
     * @throws OsException EROFS, ENOTSUP, EINVAL, or what the host says
     */
    public void resize(long length) {
        if (readOnly) {
            throw new OsException(name + ": cannot resize a read-only disk", Errno.EROFS);
        }
        if (!disk.features().contains(DiskFile.Feature.RESIZE)) {
            throw new OsException(name + ": images of this format cannot be resized", Errno.ENOTSUP);
        }
        if (length <= 0 || length % DiskRequest.SECTOR != 0) {
            throw new OsException(
                    name + ": a disk is a multiple of " + DiskRequest.SECTOR + " bytes long, not " + length,
                    Errno.EINVAL);
        }
        disk.resize(length);
        sectors = length >> DiskRequest.SECTOR_SHIFT;
    }

    /** The file at whose {@link DiskRequest#offset} the kernel can carry out a request; null if it cannot. */
    public @Nullable Fd fileFor(DiskRequest request) {
        DiskRequest.Kind kind = request.kind();
        boolean can = switch (kind) {
            case READ -> isPlain(request);
            case WRITE -> !readOnly && !writeThrough && isPlain(request);
            case FLUSH -> !readOnly;
            default -> false;
        };
        PlainFile file = can ? disk.plainFile() : null;
        boolean early = file != null && kind == DiskRequest.Kind.WRITE && request.offset() < file.writableFrom();
        return file == null || early ? null : file.fd();
    }

    private boolean isPlain(DiskRequest request) {
        int alignment = disk.alignment();
        return request.length() > 0
                && isWithin(request)
                && (alignment == 1
                        || (request.offset() | request.length()) % alignment == 0
                                && request.data().isAligned(alignment));
    }

    private boolean isWithin(DiskRequest request) {
        return isWithin(request.sector(), request.length() >> DiskRequest.SECTOR_SHIFT);
    }

    private boolean isWithin(long first, long count) {
        long all = sectors;
        return first >= 0 && first <= all && count <= all - first;
    }

    /**
     * Takes a request over that the kernel was given.
     *
     * @param result of the system call that the kernel carried out, errors negated
     */
    public Outcome finish(DiskRequest request, int result) {
        if (request.kind() == DiskRequest.Kind.FLUSH) {
            // Not asked again: an error is told once, the next flush would know nothing of it.
            return result == 0 ? Outcome.DONE : failed("flush", new OsException("fdatasync", -result));
        }
        return result == request.length() ? Outcome.DONE : perform(request);
    }

    /** Carries a request out. */
    public Outcome perform(DiskRequest request) {
        return switch (request.kind()) {
            case READ -> read(request);
            case WRITE -> write(request);
            case FLUSH -> flush();
            case DISCARD -> discard(request);
            case WRITE_ZEROES -> writeZeroes(request);
            case OTHER -> Outcome.UNSUPPORTED;
        };
    }

    private Outcome read(DiskRequest request) {
        if (!isWithin(request)) {
            return Outcome.FAILED;
        }
        try {
            if (request.length() > 0) {
                disk.read(request.offset(), request.data());
            }
            return Outcome.DONE;
        } catch (VmmException | IllegalArgumentException e) {
            return failed("read", e);
        }
    }

    private Outcome write(DiskRequest request) {
        if (readOnly || !isWithin(request)) {
            return Outcome.FAILED;
        }
        try {
            if (request.length() > 0) {
                disk.write(request.offset(), request.data());
                writeThrough();
            }
            return Outcome.DONE;
        } catch (RefusedWriteException e) {
            return refused(e);
        } catch (VmmException | IllegalArgumentException e) {
            return failed("write", e);
        }
    }

    private void writeThrough() {
        if (writeThrough) {
            disk.flush();
        }
    }

    /** Makes all writes durable that are over. */
    public Outcome flush() {
        return readOnly ? Outcome.DONE : attempt("flush", flush);
    }

    private Outcome discard(DiskRequest request) {
        if (!discards) {
            return readOnly ? Outcome.FAILED : Outcome.UNSUPPORTED;
        }
        if (!areRangesWithin(request)) {
            return Outcome.FAILED;
        }
        try {
            for (int i = 0; i < request.ranges(); i++) {
                if (request.rangeSectors(i) > 0) {
                    disk.discard(rangeOffset(request, i), rangeLength(request, i));
                }
            }
            return Outcome.DONE;
        } catch (VmmException | IllegalArgumentException e) {
            return failed("discard", e);
        }
    }

    private Outcome writeZeroes(DiskRequest request) {
        if (readOnly || !areRangesWithin(request)) {
            return Outcome.FAILED;
        }
        try {
            for (int i = 0; i < request.ranges(); i++) {
                if (request.rangeSectors(i) > 0) {
                    disk.writeZeroes(rangeOffset(request, i), rangeLength(request, i), request.rangeMayUnmap(i));
                }
            }
            writeThrough();
            return Outcome.DONE;
        } catch (VmmException | IllegalArgumentException e) {
            return failed("write-zeroes", e);
        }
    }

    /** Checks all ranges before anything is done with any. */
    private boolean areRangesWithin(DiskRequest request) {
        for (int i = 0; i < request.ranges(); i++) {
            if (!isWithin(request.rangeSector(i), request.rangeSectors(i))) {
                return false;
            }
        }
        return true;
    }

    private static long rangeOffset(DiskRequest request, int range) {
        return request.rangeSector(range) << DiskRequest.SECTOR_SHIFT;
    }

    private static long rangeLength(DiskRequest request, int range) {
        return request.rangeSectors(range) << DiskRequest.SECTOR_SHIFT;
    }

    private Outcome attempt(String what, Runnable action) {
        try {
            action.run();
            return Outcome.DONE;
        } catch (VmmException | IllegalArgumentException e) {
            return failed(what, e);
        }
    }

    /** Says so once, whatever else went wrong before: the user can do something about it. */
    private Outcome refused(RefusedWriteException error) {
        if (!refusalTold.getAndSet(true)) {
            REFUSALS.log(
                    System.Logger.Level.WARNING, name + ": " + error.getMessage() + "; the guest gets an I/O error");
        }
        return Outcome.FAILED;
    }

    private Outcome failed(String what, RuntimeException error) {
        LOG.log(
                System.Logger.Level.WARNING,
                name + ": " + what + " failed, the guest gets an I/O error: " + error.getMessage());
        return Outcome.FAILED;
    }

    @Override
    public void close() {
        disk.close();
    }
}
