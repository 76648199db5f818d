package jcrosvm.hypervisor.soft.apic;

/**
 * The vectors that a local APIC was asked for and those its processor serves, by priority (SDM volume 3, 11.8). Kept in
 * the register page; guarded by its APIC's lock.
 */
final class InterruptQueue {
    private static final int CLASS = 0xf0;

    private final RegisterPage page;
    private final VectorSet inService;
    private final VectorSet levels;
    private final VectorSet requests;

    InterruptQueue(RegisterPage page) {
        this.page = page;
        inService = new VectorSet(page, ApicRegister.ISR);
        levels = new VectorSet(page, ApicRegister.TMR);
        requests = new VectorSet(page, ApicRegister.IRR);
    }

    void request(int vector, boolean level) {
        if (level) {
            levels.add(vector);
        } else {
            levels.remove(vector);
        }
        requests.add(vector);
    }

    /** The processor priority register. */
    int processorPriority() {
        int task = page.get(ApicRegister.TPR);
        int served = Math.max(0, inService.highest());
        return (task & CLASS) >= (served & CLASS) ? task : served & CLASS;
    }

    /** The vector that is to be delivered now, or -1. */
    int deliverable() {
        int vector = requests.highest();
        return vector >= 0 && (vector & CLASS) > (processorPriority() & CLASS) ? vector : -1;
    }

    /** Takes {@link #deliverable} into service. */
    int acknowledge() {
        int vector = deliverable();
        if (vector >= 0) {
            requests.remove(vector);
            inService.add(vector);
        }
        return vector;
    }

    /** Ends the service of the highest vector: which it was if it came by level, otherwise -1. */
    int end() {
        int vector = inService.highest();
        if (vector < 0) {
            return -1;
        }
        inService.remove(vector);
        return levels.contains(vector) ? vector : -1;
    }
}
