package jcrosvm.guest;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.ReentrantLock;
import jcrosvm.base.VmmException;

/** Exclusive use of a cache directory, among the threads of this process and among processes. */
final class CacheLock implements AutoCloseable {
    // A file lock belongs to the whole JVM, so threads need one more. A thread may hold the locks of two directories
    // (filling a guest asks for packages), never that of one directory twice.
    private static final ReentrantLock THREADS = new ReentrantLock();

    private final FileChannel channel;

    private CacheLock(FileChannel channel) {
        this.channel = channel;
    }

    /** Waits until no one else holds the directory; it is made if it is missing. */
    static CacheLock of(Path directory) {
        return of(directory, () -> {});
    }

    /**
     * As {@link #of(Path)}.
     *
     * @param onWait runs before another process is waited for
     */
    static CacheLock of(Path directory, Runnable onWait) {
        THREADS.lock();
        try {
            Files.createDirectories(directory);
            FileChannel channel =
                    FileChannel.open(directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (channel.tryLock() == null) {
                onWait.run();
                channel.lock();
            }
            return new CacheLock(channel);
        } catch (IOException e) {
            THREADS.unlock();
            throw new VmmException("cannot use the cache " + directory + ": " + AtomicFiles.reason(e), e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new VmmException("cannot leave the cache: " + e.getMessage(), e);
        } finally {
            THREADS.unlock();
        }
    }
}
