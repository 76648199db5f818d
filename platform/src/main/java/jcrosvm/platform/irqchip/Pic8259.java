package jcrosvm.platform.irqchip;

/**
 * One Intel 8259A. Eight inputs, of which those in {@code elcrMask} can be level-triggered. Guarded by {@link Pic}.
 */
final class Pic8259 {
    private static final int ICW1 = 0x10;
    private static final int ICW1_ICW4 = 0x01;
    private static final int ICW1_SINGLE = 0x02;
    private static final int ICW4_AUTO_EOI = 0x02;
    private static final int ICW4_SPECIAL_FULLY_NESTED = 0x10;
    private static final int OCW3 = 0x08;
    private static final int OCW3_READ = 0x02;
    private static final int OCW3_READ_ISR = 0x01;
    private static final int OCW3_POLL = 0x04;
    private static final int OCW3_MASK = 0x40;
    private static final int OCW3_SPECIAL_MASK = 0x20;
    private static final int LOWEST = 8;

    private final int elcrMask;
    private final int cascadeInput; // -1 on the slave

    private int lines;
    private int irr;
    private int isr;
    private int imr;
    private int elcr;
    private int levels; // level-triggered inputs: those of the ELCR, and the cascade
    private int top; // the input of highest priority
    private int vectorBase;
    private int initStep; // the ICW expected next, 0 when initialized
    private boolean needsIcw4;
    private boolean single;
    private boolean autoEoi;
    private boolean rotateOnAutoEoi;
    private boolean specialMask;
    private boolean specialFullyNested;
    private boolean readIsr;
    private boolean poll;

    Pic8259(int elcrMask, int cascadeInput) {
        this.elcrMask = elcrMask;
        this.cascadeInput = cascadeInput;
        elcr(0);
    }

    Pic8259State state() {
        return new Pic8259State(
                lines,
                irr,
                isr,
                imr,
                elcr,
                top,
                vectorBase,
                initStep,
                needsIcw4,
                single,
                autoEoi,
                rotateOnAutoEoi,
                specialMask,
                specialFullyNested,
                readIsr,
                poll);
    }

    void restore(Pic8259State state) {
        lines = state.lines();
        elcr(state.elcr());
        irr = state.irr();
        isr = state.isr();
        imr = state.imr();
        top = state.top();
        vectorBase = state.vectorBase();
        initStep = state.initStep();
        needsIcw4 = state.needsIcw4();
        single = state.single();
        autoEoi = state.autoEoi();
        rotateOnAutoEoi = state.rotateOnAutoEoi();
        specialMask = state.specialMask();
        specialFullyNested = state.specialFullyNested();
        readIsr = state.readIsr();
        poll = state.poll();
    }

    void line(int input, boolean level) {
        int bit = 1 << input;
        if (level) {
            if ((levels & bit) != 0 || (lines & bit) == 0) {
                irr |= bit;
            }
            lines |= bit;
        } else {
            if ((levels & bit) != 0) {
                irr &= ~bit;
            }
            lines &= ~bit;
        }
    }

    // Steps from the input of highest priority to the first of these; LOWEST for none.
    private int priority(int inputs) {
        return inputs == 0 ? LOWEST : Integer.numberOfTrailingZeros((inputs | (inputs << 8)) >> top);
    }

    /** The input to serve now, or -1. */
    int pending() {
        int requested = priority(irr & ~imr);
        if (requested == LOWEST) {
            return -1;
        }
        int serving = isr;
        if (specialMask) {
            serving &= ~imr;
        }
        if (specialFullyNested && cascadeInput >= 0) {
            serving &= ~(1 << cascadeInput); // the slave may be asking for something more urgent
        }
        return requested < priority(serving) ? (top + requested) & 7 : -1;
    }

    /** Takes {@link #pending} into service; without any, input 7 without a trace: a spurious interrupt. */
    int acknowledge() {
        int input = pending();
        if (input < 0) {
            return 7;
        }
        int bit = 1 << input;
        if (autoEoi) {
            if (rotateOnAutoEoi) {
                top = (input + 1) & 7;
            }
        } else {
            isr |= bit;
        }
        if ((levels & bit) == 0) {
            irr &= ~bit;
        }
        return input;
    }

    int vector(int input) {
        return vectorBase | input;
    }

    void writeCommand(int value) {
        if ((value & ICW1) != 0) {
            initialize(value);
        } else if ((value & OCW3) != 0) {
            poll = (value & OCW3_POLL) != 0;
            if ((value & OCW3_READ) != 0) {
                readIsr = (value & OCW3_READ_ISR) != 0;
            }
            if ((value & OCW3_MASK) != 0) {
                specialMask = (value & OCW3_SPECIAL_MASK) != 0;
            }
        } else {
            endOfInterrupt(value >> 5, value & 7);
        }
    }

    private void initialize(int icw1) {
        needsIcw4 = (icw1 & ICW1_ICW4) != 0;
        single = (icw1 & ICW1_SINGLE) != 0;
        initStep = 2;
        irr = lines & levels; // edges must come anew
        isr = 0;
        imr = 0;
        top = 0;
        autoEoi = false;
        rotateOnAutoEoi = false;
        specialMask = false;
        specialFullyNested = false;
        readIsr = false;
        poll = false;
    }

    // OCW2: bit 2 rotates, bit 1 names the level, bit 0 ends an interrupt.
    private void endOfInterrupt(int command, int level) {
        switch (command) {
            case 0, 4 -> rotateOnAutoEoi = command == 4;
            case 1, 5 -> {
                int serving = specialMask ? isr & ~imr : isr;
                int steps = priority(serving);
                if (steps != LOWEST) {
                    int input = (top + steps) & 7;
                    isr &= ~(1 << input);
                    if (command == 5) {
                        top = (input + 1) & 7;
                    }
                }
            }
            case 3, 7 -> {
                isr &= ~(1 << level);
                if (command == 7) {
                    top = (level + 1) & 7;
                }
            }
            case 6 -> top = (level + 1) & 7;
            default -> {
                // 2: no operation
            }
        }
    }

    void writeData(int value) {
        switch (initStep) {
            case 2 -> {
                vectorBase = value & 0xf8;
                initStep = single ? (needsIcw4 ? 4 : 0) : 3;
            }
            case 3 -> initStep = needsIcw4 ? 4 : 0; // the wiring is fixed
            case 4 -> {
                autoEoi = (value & ICW4_AUTO_EOI) != 0;
                specialFullyNested = (value & ICW4_SPECIAL_FULLY_NESTED) != 0;
                initStep = 0;
            }
            default -> imr = value;
        }
    }

    /** After a poll command any read is an acknowledge: -1 asks the caller to do it, since it concerns both chips. */
    int readCommand() {
        if (poll) {
            return -1;
        }
        return readIsr ? isr : irr;
    }

    int readData() {
        return poll ? -1 : imr;
    }

    /** The poll word: bit 7 when there was a request, which now is in service. */
    int poll() {
        poll = false;
        int input = pending();
        return input < 0 ? 0 : 0x80 | acknowledge();
    }

    int elcr() {
        return elcr;
    }

    void elcr(int value) {
        elcr = value & elcrMask;
        levels = elcr | (cascadeInput >= 0 ? 1 << cascadeInput : 0);
        irr = (irr & ~levels) | (lines & levels);
    }
}
