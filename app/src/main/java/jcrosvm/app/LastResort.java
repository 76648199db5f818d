package jcrosvm.app;

import java.lang.System.Logger.Level;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jcrosvm.app.log.Log;
import jcrosvm.base.io.ThreadScope;

/** The end of a process that cannot end in order: a thread has failed, and there may be no memory left. */
final class LastResort implements Runnable, Thread.UncaughtExceptionHandler {
    private static final int PATIENCE_MILLIS = 1000;

    private final int exitCode;

    /** @param exitCode of a process that does not end on its own */
    LastResort(int exitCode) {
        this.exitCode = exitCode;
    }

    /** Threads of no VM count too: their failure ends the process. */
    static void install() {
        Thread.setDefaultUncaughtExceptionHandler(new LastResort(ExitCode.FAILURE));
    }

    @Override
    public void uncaughtException(Thread thread, Throwable error) {
        try {
            Log.write(Level.ERROR, "internal error: thread " + thread.getName() + ": " + error);
            System.getLogger(LastResort.class.getName()).log(Level.DEBUG, "internal error", error);
        } catch (VirtualMachineError e) {
            Log.writeNoMemory();
        }
        run();
        System.exit(exitCode);
    }

    /** A thread of a VM has failed: gives the rest a second to take it apart. */
    @Override
    public void run() {
        try {
            ThreadScope.current().start("last-resort", this::halt);
        } catch (Throwable e) {
            Runtime.getRuntime().halt(exitCode);
        }
    }

    private void halt() {
        try {
            boolean _ = new CountDownLatch(1).await(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            // nothing to wait for, then
        }
        Runtime.getRuntime().halt(exitCode);
    }
}
