package jcrosvm.hypervisor.kvm;

import java.util.BitSet;
import jcrosvm.base.VmmException;

/** Numbers of memory slots that are in use. Not thread-safe. */
final class SlotNumbers {
    private final BitSet used = new BitSet();
    private final int most;

    SlotNumbers(int most) {
        this.most = most;
    }

    /** Takes the lowest free number. */
    int take() {
        int number = used.nextClearBit(0);
        if (number >= most) {
            throw new VmmException("this KVM has " + most + " memory slots for a VM, and all are in use");
        }
        used.set(number);
        return number;
    }

    void free(int number) {
        used.clear(number);
    }
}
