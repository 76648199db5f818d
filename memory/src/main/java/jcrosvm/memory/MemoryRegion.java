package jcrosvm.memory;

import java.util.Objects;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;

/**
 * A contiguous piece of guest memory and the file that holds it.
 *
 * <p>The file should be one that cannot shrink: a memfd with the seal F_SEAL_SHRINK, as all RAM that this program makes.
 * vhost-user front ends also send files without seals (QEMU's memory-backend-file), so such a file is accepted. When its
 * owner shrinks it nevertheless, an access of Java code behind its new end is an {@link InternalError}, a system call
 * fails with EFAULT, KVM_RUN fails with EFAULT, and translated code of the software processor ends the process by SIGBUS.
 *
 * @param address guest physical address of the first byte, page-aligned
 * @param size bytes, page-aligned
 * @param fd a memfd or another regular file, readable and writable; the {@link GuestMemory} that the region is added to
 *     owns it
 * @param offset where the region begins in the file, in bytes, page-aligned
 */
public record MemoryRegion(long address, long size, Fd fd, long offset) {
    /** First address behind the region. */
    public long end() {
        return address + size;
    }

    /**
     * Gives the pages of a range back to the host; the range reads as zero from then on, for all that map the file. Write
     * listeners are not told.
     *
     * @param at guest physical address within the region, page-aligned
     * @param length bytes within the region, page-aligned
     * @throws OsException when the file system cannot free a part of a file
     */
    public void discard(long at, long length) {
        Objects.checkFromIndexSize(at - address, length, size);
        fd.allocate(Fd.FALLOC_FL_PUNCH_HOLE | Fd.FALLOC_FL_KEEP_SIZE, offset + (at - address), length);
    }

    @Override
    public String toString() {
        return "guest memory 0x%x+0x%x".formatted(address, size);
    }
}
