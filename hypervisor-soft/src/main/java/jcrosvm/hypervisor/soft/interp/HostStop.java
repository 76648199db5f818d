package jcrosvm.hypervisor.soft.interp;

/**
 * Ends the execution of an instruction that a debugger outside the guest wants to see first: nothing of it has happened.
 * What the stop is for is in {@link Debugging}, which throws its one again and again.
 */
@SuppressWarnings("serial")
public final class HostStop extends RuntimeException {
    HostStop() {
        super(null, null, false, false);
    }
}
