package jcrosvm.hypervisor.soft.apic;

/** 256 bits in eight registers of a register page: IRR, ISR or TMR. Guarded by its APIC's lock. */
final class VectorSet {
    private static final int WORDS = 8;

    private final int[] page;
    private final int first;

    /** @param offset of the first register */
    VectorSet(int[] page, int offset) {
        this.page = page;
        first = offset >> 4;
    }

    boolean contains(int vector) {
        return (page[first + (vector >> 5)] & 1 << vector) != 0;
    }

    void add(int vector) {
        page[first + (vector >> 5)] |= 1 << vector;
    }

    void remove(int vector) {
        page[first + (vector >> 5)] &= ~(1 << vector);
    }

    /** The highest, which has the highest priority; -1 when empty. */
    int highest() {
        for (int word = WORDS - 1; word >= 0; word--) {
            int bits = page[first + word];
            if (bits != 0) {
                return word << 5 | 31 - Integer.numberOfLeadingZeros(bits);
            }
        }
        return -1;
    }

    void clear() {
        java.util.Arrays.fill(page, first, first + WORDS, 0);
    }
}
