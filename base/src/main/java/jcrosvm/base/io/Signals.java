package jcrosvm.base.io;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import jcrosvm.base.Libc;

/** Signals of this process that are events, not its end. */
public final class Signals {
    private static final int SIGSTOP = 19;
    private static final List<Runnable> WINDOW_ACTIONS = new CopyOnWriteArrayList<>();

    /** Ends with close; an action that has begun goes on. */
    public interface Subscription extends AutoCloseable {
        @Override
        void close();
    }

    private Signals() {}

    /** Runs {@code action} (on a JVM thread) at each SIGWINCH: the terminal has another size. */
    public static Subscription onWindowChange(Runnable action) {
        synchronized (WINDOW_ACTIONS) {
            if (WINDOW_ACTIONS.isEmpty()) {
                sun.misc.Signal.handle(new sun.misc.Signal("WINCH"), signal -> WINDOW_ACTIONS.forEach(Runnable::run));
            }
            WINDOW_ACTIONS.add(action);
        }
        return () -> WINDOW_ACTIONS.remove(action);
    }

    /**
     * Runs {@code before} (on a JVM thread) when the process is asked to stop (SIGTSTP), which it then does, and {@code
     * after} whenever it goes on (SIGCONT). One subscription at a time.
     */
    public static Subscription onStop(Runnable before, Runnable after) {
        sun.misc.Signal stop = new sun.misc.Signal("TSTP");
        sun.misc.Signal go = new sun.misc.Signal("CONT");
        sun.misc.SignalHandler earlier = sun.misc.Signal.handle(stop, signal -> {
            before.run();
            int process = (int) ProcessHandle.current().pid();
            Libc.TGKILL.callInt(process, Libc.GETTID.callInt(0), SIGSTOP);
        });
        if (earlier == sun.misc.SignalHandler.SIG_IGN) {
            sun.misc.Signal.handle(stop, earlier); // the parent wants it so
        }
        sun.misc.Signal.handle(go, signal -> after.run());
        return () -> {
            sun.misc.Signal.handle(stop, earlier);
            sun.misc.Signal.handle(go, sun.misc.SignalHandler.SIG_DFL);
        };
    }

    /** Runs {@code action} (on a JVM thread) at each SIGINT, SIGTERM and SIGHUP, instead of ending the process. */
    public static void onTermination(Runnable action) {
        for (String name : new String[] {"INT", "TERM", "HUP"}) {
            sun.misc.Signal.handle(new sun.misc.Signal(name), signal -> action.run());
        }
    }
}
