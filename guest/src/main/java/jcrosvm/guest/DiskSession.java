package jcrosvm.guest;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;

/**
 * One run of a machine on a copy of {@link DebianDisk}; the copy is removed at the end. If this process is killed, the
 * next session removes it.
 */
public final class DiskSession implements AutoCloseable {
    static final String DISK = "disk.raw";
    static final String KEY = "key";
    static final String KNOWN_HOSTS = "known_hosts";

    private static final String PREFIX = "session-";
    private static final String LOCK = "lock";

    private final DiskGuest guest;
    private final Path base;
    private final Path directory;
    private final FileChannel lock;
    private final Path disk;

    private DiskSession(DiskGuest guest, Path base, Path directory, FileChannel lock, Path disk) {
        this.guest = guest;
        this.base = base;
        this.directory = directory;
        this.lock = lock;
        this.disk = disk;
    }

    /**
     * Starts a session.
     *
     * @param guest boots the copy
     * @param disks directory of all sessions
     * @param base directory of the disk that is copied
     */
    static DiskSession open(DiskGuest guest, Path disks, Path base, DiskCopy copy) {
        removeAbandoned(disks);
        Path directory = null;
        FileChannel lock = null;
        try {
            directory = Files.createTempDirectory(disks, PREFIX);
            lock = FileChannel.open(directory.resolve(LOCK), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            lock.lock();
            Path disk = copy.make(base.resolve(DISK), directory);
            DiskSession session = new DiskSession(guest, base, directory, lock, disk);
            lock = null;
            return session;
        } catch (IOException e) {
            throw new VmmException("cannot make a copy of the disk in " + disks + ": " + AtomicFiles.reason(e), e);
        } finally {
            if (lock != null && directory != null) {
                end(directory, lock);
            }
        }
    }

    /** The disk that the machine may write to. */
    public Path disk() {
        return disk;
    }

    /** A file for what the guest's console prints when no terminal shows it; it stays until the next session. */
    public Path console() {
        Path log = directory.resolveSibling("console.log");
        try {
            Files.deleteIfExists(log);
        } catch (IOException e) {
            throw new VmmException("cannot remove " + log + ": " + AtomicFiles.reason(e), e);
        }
        return log;
    }

    /**
     * A guest that boots without a word, to be reached by ssh. Its console on COM1 has a shell of root all the same.
     */
    public GuestImage quiet() {
        return guest.boot("systemd.show_status=false");
    }

    /**
     * A guest for a user at its console, COM1, which shows what is started and ends with a shell of root.
     *
     * @param terminal what the user's terminal is, as in {@code TERM}; empty if it is not known
     * @param rows of the terminal; 0 if they are not known
     * @param columns of the terminal; 0 if they are not known
     */
    public GuestImage interactive(String terminal, int rows, int columns) {
        List<String> words = new ArrayList<>(List.of("systemd.show_status=true"));
        if (terminal.matches("[A-Za-z0-9][A-Za-z0-9+._-]*")) {
            words.add("systemd.tty.term.ttyS0=" + terminal);
        }
        if (rows > 0 && columns > 0) {
            words.add("systemd.tty.rows.ttyS0=" + rows + " systemd.tty.columns.ttyS0=" + columns);
        }
        return guest.boot(String.join(" ", words));
    }

    /**
     * A guest that runs a script as root on COM1 once every service is up, and switches itself off. The script has the
     * functions {@code mark} and {@code serve} of {@link TestGuest}, and the markers are the same; before READY, UP
     * tells what systemd thinks of the system.
     *
     * @param script for sh
     * @param files that it finds in /run/jcrosvm, by their names
     */
    public GuestImage running(String script, Map<String, byte[]> files) {
        return guest.running(script, files, directory.resolve("initramfs"));
    }

    /**
     * The command that logs in as root.
     *
     * @param port of 127.0.0.1 that leads to the guest's port 22
     * @param more options for ssh
     */
    public List<String> sshCommand(int port, String... more) {
        List<String> words =
                new ArrayList<>(List.of("ssh", "-i", base.resolve(KEY).toString()));
        words.add("-o");
        words.add("UserKnownHostsFile=" + base.resolve(KNOWN_HOSTS));
        words.addAll(List.of(more));
        words.addAll(List.of("-p", Integer.toString(port), "root@127.0.0.1"));
        return words;
    }

    /** Removes the copy. */
    @Override
    public void close() {
        end(directory, lock);
    }

    private static void end(Path directory, FileChannel lock) {
        AtomicFiles.deleteTree(directory);
        try {
            lock.close();
        } catch (IOException e) {
            throw new VmmException("cannot close the lock of " + directory + ": " + e.getMessage(), e);
        }
    }

    private static void removeAbandoned(Path disks) {
        try (Stream<Path> files = Files.list(disks)) {
            for (Path each : files.filter(file -> file.getFileName().toString().startsWith(PREFIX))
                    .toList()) {
                removeIfAbandoned(each);
            }
        } catch (IOException e) {
            throw new VmmException("cannot read " + disks + ": " + AtomicFiles.reason(e), e);
        }
    }

    private static void removeIfAbandoned(Path session) throws IOException {
        Path file = session.resolve(LOCK);
        if (!Files.exists(file)) {
            return; // another process is just making it
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            if (channel.tryLock() != null) {
                AtomicFiles.deleteTree(session);
            }
        } catch (java.nio.channels.OverlappingFileLockException _) {
            // It is this process's own.
        } catch (java.nio.file.NoSuchFileException _) {
            // Its process has just removed it.
        }
    }
}
