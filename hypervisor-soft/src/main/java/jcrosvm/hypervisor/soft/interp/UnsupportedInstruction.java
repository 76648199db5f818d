package jcrosvm.hypervisor.soft.interp;

/** An instruction that exists, but that this processor cannot execute: the guest cannot go on. */
@SuppressWarnings("serial")
public final class UnsupportedInstruction extends RuntimeException {
    public UnsupportedInstruction(String what) {
        super(what);
    }
}
