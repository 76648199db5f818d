package jcrosvm.hypervisor.soft.apic;

/** 256 bits in eight registers of a register page: IRR, ISR or TMR. Guarded by its APIC's lock. */
final class VectorSet {
    private static final int WORDS = 8;

    private final RegisterPage page;
    private final int first;

    /** @param first offset of the first register */
    VectorSet(RegisterPage page, int first) {
        this.page = page;
        this.first = first;
    }

    private int offset(int vector) {
        return first + ((vector >> 5) << 4);
    }

    boolean contains(int vector) {
        return (page.get(offset(vector)) & (1 << vector)) != 0;
    }

    void add(int vector) {
        page.set(offset(vector), page.get(offset(vector)) | (1 << vector));
    }

    void remove(int vector) {
        page.set(offset(vector), page.get(offset(vector)) & ~(1 << vector));
    }

    /** The highest, which has the highest priority; -1 when empty. */
    int highest() {
        for (int word = WORDS - 1; word >= 0; word--) {
            int bits = page.get(first + (word << 4));
            if (bits != 0) {
                return (word << 5) | (31 - Integer.numberOfLeadingZeros(bits));
            }
        }
        return -1;
    }
}
