package jcrosvm.hypervisor.soft.interp;

/** Addresses of 48 bits, sign-extended (SDM volume 1, 3.3.7.1). */
final class Canonical {
    private static final int UNUSED_BITS = 16;

    private Canonical() {}

    static boolean is(long address) {
        return address << UNUSED_BITS >> UNUSED_BITS == address;
    }
}
