package jcrosvm.hypervisor.soft.apic;

/**
 * The command word of an interrupt message: the low half of the interrupt command register (SDM volume 3, 11.6.1), whose
 * fields MSI data has at the same places.
 */
final class Message {
    static final int FIXED = 0;
    static final int LOWEST_PRIORITY = 1;
    static final int SMI = 2;
    static final int NMI = 4;
    static final int INIT = 5;
    static final int STARTUP = 6;
    static final int EXT_INT = 7;

    static final int LOGICAL = 1 << 11;
    static final int ASSERT = 1 << 14;
    static final int LEVEL = 1 << 15;

    static final int NO_SHORTHAND = 0;
    static final int SELF = 1;
    static final int ALL = 2;
    static final int OTHERS = 3;

    private static final int MODE = 7 << 8;

    private Message() {}

    static int vector(int command) {
        return command & 0xff;
    }

    static int mode(int command) {
        return (command >> 8) & 7;
    }

    static int withMode(int command, int mode) {
        return (command & ~MODE) | (mode << 8);
    }

    static boolean isLogical(int command) {
        return (command & LOGICAL) != 0;
    }

    static boolean isLevel(int command) {
        return (command & LEVEL) != 0;
    }

    static int shorthand(int command) {
        return (command >> 18) & 3;
    }

    /** The end of an INIT on the old serial bus: no processor has looked at it since. */
    static boolean isInitDeassert(int command) {
        return mode(command) == INIT && isLevel(command) && (command & ASSERT) == 0;
    }
}
