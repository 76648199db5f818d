package jcrosvm.app;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import jcrosvm.app.log.Log;
import jcrosvm.base.VmmException;
import jcrosvm.vmm.VmControl;

/**
 * What a termination signal does: the first presses the power button, a second one or a time limit ends the VM. One event
 * may cause several signals, as where a terminal closes under {@code timeout}, which passes its SIGHUP on: what comes
 * within a second is one signal.
 */
final class Termination implements Runnable {
    private static final Duration ONE_EVENT = Duration.ofSeconds(1);

    private final VmControl vm;
    private final Duration grace;
    private final LongSupplier nanoTime;
    private final CountDownLatch ended = new CountDownLatch(1);

    // All guarded by this.
    private boolean isSignalled;
    private boolean isSignalledAgain;
    private long first;

    private enum Signal {
        FIRST,
        SAME,
        SECOND
    }

    /** @param grace between the power button and the end; zero ends the VM at once */
    Termination(VmControl vm, Duration grace) {
        this(vm, grace, System::nanoTime);
    }

    Termination(VmControl vm, Duration grace, LongSupplier nanoTime) {
        this.vm = vm;
        this.grace = grace;
        this.nanoTime = nanoTime;
    }

    @Override
    public void run() {
        if (grace.isZero()) {
            vm.stop();
            return;
        }
        switch (next()) {
            case FIRST -> shutDown();
            case SAME -> {}
            case SECOND -> {
                Log.warn("stopping the VM at once: a second signal came while the guest shuts down");
                vm.stop();
            }
        }
    }

    private synchronized Signal next() {
        long now = nanoTime.getAsLong();
        if (!isSignalled) {
            isSignalled = true;
            first = now;
            return Signal.FIRST;
        }
        if (isSignalledAgain || now - first < ONE_EVENT.toNanos()) {
            return Signal.SAME;
        }
        isSignalledAgain = true;
        return Signal.SECOND;
    }

    private void shutDown() {
        // First, because pressing the button may have to wait for a suspend to end.
        vm.threads().start("grace-period", this::stopLater);
        try {
            vm.powerButton();
        } catch (VmmException e) {
            Log.warn("stopping the VM: it has no power button: " + e.getMessage());
            vm.stop();
        } catch (RuntimeException e) {
            Log.warn("the power button failed, the VM is stopped in " + grace.toSeconds() + " s: " + e);
        }
    }

    /** The VM has ended: nothing is left to stop. */
    void ended() {
        ended.countDown();
    }

    private void stopLater() {
        try {
            if (!ended.await(grace.toNanos(), TimeUnit.NANOSECONDS)) {
                Log.warn("stopping the VM: it did not shut down within " + grace.toSeconds() + " s");
                vm.stop();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
