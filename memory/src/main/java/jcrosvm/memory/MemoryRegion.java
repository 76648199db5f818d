package jcrosvm.memory;

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

    boolean contains(long at, long length) {
        return at >= address && length >= 0 && length <= size && at - address <= size - length;
    }

    @Override
    public String toString() {
        return "guest memory 0x%x+0x%x".formatted(address, size);
    }
}
