package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;

/** posix_spawn(3): starts a program that gets the descriptors it is told of and no others. */
final class Spawn {
    /** Above all that a child is given, so that no copy is overwritten before it was copied itself. */
    private static final int COPIES_FROM = 64;

    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int SIZE = 1024; // of either of the C library's structures, with room
    private static final int SET_SIZE = 128; // sigset_t
    private static final short SETPGROUP = 2;
    private static final short SETSIGDEF = 4;
    private static final short SETSIGMASK = 8;

    private Spawn() {}

    /**
     * Starts the program in a process group of its own, with no signal blocked or ignored.
     *
     * @param descriptors which the child has as 0, 1, 2 and so on; they stay the caller's
     * @return the process id
     */
    static int start(Path program, List<String> arguments, List<String> environment, List<Fd> descriptors) {
        if (!Libc.SPAWN_CLOSE_FROM.isThere()) {
            throw new VmmException("a process of its own needs glibc 2.34 or newer");
        }
        if (descriptors.size() > COPIES_FROM) {
            throw new IllegalArgumentException(descriptors.size() + " descriptors");
        }
        List<Fd> copies = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment files = arena.allocate(SIZE, 16);
            MemorySegment attributes = arena.allocate(SIZE, 16);
            check("posix_spawn_file_actions_init", Libc.SPAWN_FILES_INIT.callInt(files.address(), 0));
            check("posix_spawnattr_init", Libc.SPAWN_ATTR_INIT.callInt(attributes.address(), 0));
            try {
                for (Fd descriptor : descriptors) {
                    copies.add(copy(descriptor));
                }
                describe(arena, files, attributes, copies);
                MemorySegment pid = arena.allocate(4, 4);
                check("cannot start " + program, (int) Libc.POSIX_SPAWN.call(
                        pid.address(),
                        arena.allocateFrom(program.toString()).address(),
                        files.address(),
                        attributes.address(),
                        strings(arena, arguments),
                        strings(arena, environment),
                        0));
                return pid.get(ValueLayout.JAVA_INT, 0);
            } finally {
                Libc.SPAWN_FILES_DESTROY.callInt(files.address(), 0);
                Libc.SPAWN_ATTR_DESTROY.callInt(attributes.address(), 0);
            }
        } finally {
            copies.forEach(Fd::close);
        }
    }

    private static Fd copy(Fd descriptor) {
        return Fd.adopt(Libc.check("dup", Libc.FCNTL.callInt(descriptor.number(), F_DUPFD_CLOEXEC, COPIES_FROM)));
    }

    private static void describe(Arena arena, MemorySegment files, MemorySegment attributes, List<Fd> copies) {
        for (int i = 0; i < copies.size(); i++) {
            int from = copies.get(i).number();
            check("posix_spawn_file_actions_adddup2", Libc.SPAWN_DUP2.callInt(files.address(), from, i));
        }
        check("posix_spawn closefrom", Libc.SPAWN_CLOSE_FROM.callInt(files.address(), copies.size()));
        MemorySegment none = arena.allocate(SET_SIZE, 8);
        MemorySegment all = arena.allocate(SET_SIZE, 8).fill((byte) -1);
        check("posix_spawnattr_setsigmask", Libc.SPAWN_ATTR_SIGMASK.callInt(attributes.address(), none.address()));
        check("posix_spawnattr_setsigdefault", Libc.SPAWN_ATTR_SIGDEFAULT.callInt(attributes.address(), all.address()));
        check(
                "posix_spawnattr_setflags",
                Libc.SPAWN_ATTR_FLAGS.callInt(attributes.address(), SETPGROUP | SETSIGDEF | SETSIGMASK));
    }

    /** An array of strings that ends with a null pointer. */
    private static long strings(Arena arena, List<String> strings) {
        MemorySegment array = arena.allocate(8L * (strings.size() + 1), 8);
        for (int i = 0; i < strings.size(); i++) {
            array.setAtIndex(
                    ValueLayout.JAVA_LONG, i, arena.allocateFrom(strings.get(i)).address());
        }
        return array.address();
    }

    /** These functions return an errno. */
    private static void check(String call, int errno) {
        if (errno != 0) {
            throw new OsException(call, errno);
        }
    }
}
