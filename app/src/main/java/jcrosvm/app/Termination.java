package jcrosvm.app;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.app.log.Log;
import jcrosvm.base.VmmException;
import jcrosvm.vmm.VmControl;

/** What a termination signal does: the first presses the power button, a second one or a time limit ends the VM. */
final class Termination implements Runnable {
    private final VmControl vm;
    private final Duration grace;
    private final AtomicInteger signals = new AtomicInteger();

    private final CountDownLatch ended = new CountDownLatch(1);

    /** @param grace between the power button and the end; zero ends the VM at once */
    Termination(VmControl vm, Duration grace) {
        this.vm = vm;
        this.grace = grace;
    }

    @Override
    public void run() {
        if (signals.getAndIncrement() > 0 || grace.isZero()) {
            vm.stop();
            return;
        }
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
