package jcrosvm.hypervisor.soft;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Notices that no processor of a VM will ever execute anything again: each has halted with interrupts off, or waits for
 * a start-up message that no processor is left to send. No device of the machine sends NMIs.
 */
final class FinalHalt {
    private final List<RunLoop> loops = new CopyOnWriteArrayList<>();

    void join(RunLoop loop) {
        loops.add(loop);
    }

    /** Asked by each processor after it became hopeless itself: the last one gets true. */
    boolean isReached() {
        for (RunLoop loop : loops) {
            if (!loop.isHopeless()) {
                return false;
            }
        }
        return true;
    }
}
