package jcrosvm.hypervisor.soft;

/**
 * Memory type range registers (SDM volume 3, 12.11): kept and checked, without effect, since memory has one type here.
 */
final class Mtrrs {
    static final int CAPABILITY = 0xfe;
    private static final int VARIABLE = 8;
    private static final int FIXED_SUPPORTED = 1 << 8;
    private static final int WRITE_COMBINING = 1 << 10;
    private static final int PHYSICAL_BASE = 0x200;
    private static final int DEFAULT_TYPE = 0x2ff;
    private static final long DEFAULT_WRITABLE = 0xc00;
    private static final long VALID = 1 << 11;
    private static final int[] FIXED = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

    /** The writable registers, for saving them. */
    static final int[] INDICES = indices();

    private final long[] variable = new long[2 * VARIABLE];
    private final long[] fixed = new long[FIXED.length];
    private long defaultType;

    private static int[] indices() {
        int[] all = new int[2 * VARIABLE + FIXED.length + 1];
        for (int n = 0; n < 2 * VARIABLE; n++) {
            all[n] = PHYSICAL_BASE + n;
        }
        System.arraycopy(FIXED, 0, all, 2 * VARIABLE, FIXED.length);
        all[all.length - 1] = DEFAULT_TYPE;
        return all;
    }

    private static int fixed(int index) {
        for (int n = 0; n < FIXED.length; n++) {
            if (FIXED[n] == index) {
                return n;
            }
        }
        return -1;
    }

    private static boolean isVariable(int index) {
        return index >= PHYSICAL_BASE && index < PHYSICAL_BASE + 2 * VARIABLE;
    }

    static boolean has(int index) {
        return index == CAPABILITY || index == DEFAULT_TYPE || isVariable(index) || fixed(index) >= 0;
    }

    /** One that there is. */
    long read(int index) {
        if (isVariable(index)) {
            return variable[index - PHYSICAL_BASE];
        }
        return switch (index) {
            case CAPABILITY -> VARIABLE | FIXED_SUPPORTED | WRITE_COMBINING;
            case DEFAULT_TYPE -> defaultType;
            default -> fixed[fixed(index)];
        };
    }

    /** @return false for #GP */
    boolean write(int index, long value) {
        if (isVariable(index)) {
            boolean mask = (index & 1) != 0;
            long address = (1L << SoftCpuid.PHYSICAL_BITS) - 4096;
            if ((value & ~(address | (mask ? VALID : 0xff))) != 0 || (!mask && !isType(value & 0xff))) {
                return false;
            }
            variable[index - PHYSICAL_BASE] = value;
            return true;
        }
        if (index == DEFAULT_TYPE) {
            if ((value & ~(DEFAULT_WRITABLE | 0xff)) != 0 || !isType(value & 0xff)) {
                return false;
            }
            defaultType = value;
            return true;
        }
        int n = fixed(index);
        if (n < 0) {
            return false;
        }
        for (int shift = 0; shift < Long.SIZE; shift += 8) {
            if (!isType((value >>> shift) & 0xff)) {
                return false;
            }
        }
        fixed[n] = value;
        return true;
    }

    private static boolean isType(long type) {
        return type == 0 || type == 1 || (type >= 4 && type <= 6);
    }
}
