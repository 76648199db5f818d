package jcrosvm.base.io;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Signals of this process that are events, not its end. */
public final class Signals {
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

    /** Runs {@code action} (on a JVM thread) at each SIGINT, SIGTERM and SIGHUP, instead of ending the process. */
    public static void onTermination(Runnable action) {
        for (String name : new String[] {"INT", "TERM", "HUP"}) {
            sun.misc.Signal.handle(new sun.misc.Signal(name), signal -> action.run());
        }
    }
}
