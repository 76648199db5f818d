package jcrosvm.base.io;

/** Termination signals of this process. */
public final class Signals {
    private Signals() {}

    /** Runs {@code action} (on a JVM thread) at each SIGINT, SIGTERM and SIGHUP, instead of ending the process. */
    public static void onTermination(Runnable action) {
        for (String name : new String[] {"INT", "TERM", "HUP"}) {
            sun.misc.Signal.handle(new sun.misc.Signal(name), signal -> action.run());
        }
    }
}
