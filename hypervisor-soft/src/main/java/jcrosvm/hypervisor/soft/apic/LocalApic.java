package jcrosvm.hypervisor.soft.apic;

import java.util.function.IntConsumer;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.interp.Apic;

/**
 * A local APIC (SDM volume 3, chapter 11), in xAPIC or x2APIC mode. Messages, timers and errors reach it from any
 * thread; the registers are its processor's. No lock of another part is taken while its own is held, but the timers'.
 *
 * <p>A spurious interrupt never happens: whether there is one to deliver and which it is are asked under one lock.
 */
public final class LocalApic implements Apic {
    public static final long DEFAULT_BASE = 0xfee0_0000L;
    public static final long BASE_BOOT_PROCESSOR = 1 << 8;
    public static final long BASE_X2APIC = 1 << 10;
    public static final long BASE_ENABLED = 1 << 11;
    public static final int PAGE = 4096;
    /** Bytes of the page that have registers. */
    public static final int REGISTERS = ApicRegister.PAGE_USED;

    /** The processor that it belongs to. */
    @FunctionalInterface
    public interface Processor {
        /** Sets {@link Pending} bits and wakes it if it sleeps; from any thread. */
        void signal(int bits);
    }

    private final int id;
    private final ApicBus bus;
    private final Processor processor;
    private final IntConsumer endOfInterrupt;

    // All guarded by this.
    private final RegisterPage page = new RegisterPage();
    private final InterruptQueue queue = new InterruptQueue(page);
    private final ApicTimer timer;
    private int errors; // since the last write of the ESR
    private int startupVector;
    private volatile long base;

    /**
     * @param id APIC id; 0 is the boot processor
     * @param endOfInterrupt told the vectors of level-triggered interrupts that end; on the processor's thread
     */
    public LocalApic(
            int id,
            ApicBus bus,
            VmClock clock,
            TimeStampCounter tsc,
            Timers timers,
            Processor processor,
            IntConsumer endOfInterrupt) {
        this.id = id;
        this.bus = bus;
        this.processor = processor;
        this.endOfInterrupt = endOfInterrupt;
        timer = new ApicTimer(clock, tsc, timers, this::timerDue);
        base = DEFAULT_BASE | BASE_ENABLED | (id == 0 ? BASE_BOOT_PROCESSOR : 0);
        init();
        bus.add(this);
    }

    public int id() {
        return id;
    }

    /** The state after INIT: all but the base register (SDM volume 3, 11.4.7.3). */
    public synchronized void init() {
        page.clear();
        page.set(ApicRegister.VERSION, ApicRegister.VERSION_VALUE);
        page.set(ApicRegister.DFR, -1);
        page.set(ApicRegister.SVR, 0xff);
        for (int lvt = ApicRegister.LVT_TIMER; lvt <= ApicRegister.LVT_ERROR; lvt += 0x10) {
            page.set(lvt, ApicRegister.LVT_MASKED);
        }
        errors = 0;
        timer.reset();
        identify();
    }

    private void identify() {
        page.set(ApicRegister.ID, isX2Apic() ? id : id << 24);
        if (isX2Apic()) {
            page.set(ApicRegister.LDR, LogicalAddress.ofX2Apic(id));
        }
    }

    // The base register

    /** IA32_APIC_BASE. */
    public long base() {
        return base;
    }

    /** Whether WRMSR can set the base register to this value. */
    public boolean isValidBase(long value, int physicalBits) {
        return ApicBase.isValid(base, value, physicalBits);
    }

    /** Changes mode and place; disabling forgets all state. */
    public synchronized void base(long value) {
        long old = base;
        base = value;
        if (!ApicBase.changesMode(old, value)) {
            return;
        }
        if (ApicBase.isEnabled(value)) {
            identify();
        } else {
            init();
        }
    }

    public boolean isEnabled() {
        return ApicBase.isEnabled(base);
    }

    public boolean isX2Apic() {
        return ApicBase.isX2Apic(base);
    }

    /** Whether its registers answer at this physical address. */
    public boolean isAt(long address) {
        return ApicBase.isAt(base, address);
    }

    // The register page, in xAPIC mode

    /** @param offset in the page */
    public long read(int offset, int size) {
        int shift = (offset & 0xf) * 8;
        if (shift >= 32) {
            return 0;
        }
        long value = Integer.toUnsignedLong(read(offset & ~0xf)) >>> shift;
        return size >= 4 ? value : value & ((1L << (size * 8)) - 1);
    }

    /** Registers are written whole; anything else is ignored. */
    public void write(int offset, int size, long value) {
        if (size == 4 && (offset & 0xf) == 0) {
            write(offset, (int) value);
        }
    }

    /** One register by its offset in the page. */
    synchronized int read(int offset) {
        return switch (offset) {
            case ApicRegister.PPR -> processorPriority();
            case ApicRegister.CURRENT_COUNT -> {
                pollTimer();
                yield timer.currentCount();
            }
            case ApicRegister.INITIAL_COUNT -> timer.initialCount();
            case ApicRegister.DIVIDE -> timer.divide();
            case ApicRegister.EOI, ApicRegister.APR -> 0;
            default -> {
                if (offset >= ApicRegister.PAGE_USED) {
                    error(ApicRegister.ERROR_REGISTER);
                    yield 0;
                }
                yield page.get(offset);
            }
        };
    }

    void write(int offset, int value) {
        switch (offset) {
            case ApicRegister.EOI -> endInterrupt();
            case ApicRegister.ICR -> {
                int destination;
                synchronized (this) {
                    page.set(offset, value & ~(1 << 12));
                    destination = page.get(ApicRegister.ICR_HIGH) >>> 24;
                }
                send(value, destination);
            }
            default -> writePlain(offset, value);
        }
    }

    private synchronized void writePlain(int offset, int value) {
        switch (offset) {
            case ApicRegister.TPR -> {
                page.set(offset, value & 0xff);
                announce();
            }
            case ApicRegister.LDR -> page.set(offset, value & 0xff00_0000);
            case ApicRegister.DFR -> page.set(offset, value | ApicRegister.DFR_RESERVED);
            case ApicRegister.SVR -> {
                page.set(offset, value & ApicRegister.SVR_WRITABLE);
                if (!isSoftwareEnabled()) {
                    maskAll();
                }
            }
            case ApicRegister.ESR -> {
                page.set(offset, errors);
                errors = 0;
            }
            case ApicRegister.ICR_HIGH -> page.set(offset, value);
            case ApicRegister.INITIAL_COUNT -> timer.initialCount(value);
            case ApicRegister.DIVIDE -> timer.divide(value);
            case ApicRegister.ID -> {
                // Read-only here, as on all but the first processors.
            }
            default -> {
                if (ApicRegister.isLvt(offset)) {
                    writeLvt(offset, value);
                } else if (offset >= ApicRegister.PAGE_USED) {
                    error(ApicRegister.ERROR_REGISTER);
                }
            }
        }
    }

    private void writeLvt(int offset, int value) {
        pollTimer(); // what has expired has done so in the old mode
        int kept = value & ApicRegister.lvtWritable(offset);
        if (!isSoftwareEnabled()) {
            kept |= ApicRegister.LVT_MASKED;
        }
        page.set(offset, kept);
        if (offset == ApicRegister.LVT_TIMER) {
            timer.mode((kept >> 17) & 3);
        }
    }

    private void maskAll() {
        for (int lvt = ApicRegister.LVT_TIMER; lvt <= ApicRegister.LVT_ERROR; lvt += 0x10) {
            page.set(lvt, page.get(lvt) | ApicRegister.LVT_MASKED);
        }
    }

    private boolean isSoftwareEnabled() {
        return (page.get(ApicRegister.SVR) & ApicRegister.SVR_ENABLED) != 0;
    }

    // Priorities and delivery

    @Override
    public int taskPriority() {
        return page.get(ApicRegister.TPR) >> 4;
    }

    @Override
    public synchronized void taskPriority(int priority) {
        page.set(ApicRegister.TPR, (priority & 0xf) << 4);
        announce();
    }

    synchronized int processorPriority() {
        return queue.processorPriority();
    }

    private void announce() {
        if (queue.deliverable() >= 0) {
            processor.signal(Pending.INTERRUPT);
        }
    }

    /** Whether {@link #acknowledge} would find an interrupt. */
    public synchronized boolean hasInterrupt() {
        return queue.deliverable() >= 0;
    }

    /** Takes the interrupt that is to be delivered into service: its vector, or -1 when there is none. */
    public synchronized int acknowledge() {
        return queue.acknowledge();
    }

    private void endInterrupt() {
        int ended;
        synchronized (this) {
            ended = queue.end();
            announce();
        }
        if (ended >= 0) {
            endOfInterrupt.accept(ended);
        }
    }

    /** Whether the PIC's requests come through: wired to LINT0, or the APIC is off and LINT0 is the INTR pin. */
    public synchronized boolean acceptsExternalInterrupts() {
        if (!isEnabled()) {
            return true;
        }
        int lint0 = page.get(ApicRegister.LVT_LINT0);
        return (lint0 & ApicRegister.LVT_MASKED) == 0 && Message.mode(lint0) == Message.EXT_INT;
    }

    // Messages

    /** @return whether a message to this destination is for it (SDM volume 3, 11.6.2, 11.12.10) */
    synchronized boolean matches(int destination, boolean logical) {
        return logical
                ? LogicalAddress.matches(
                        page.get(ApicRegister.LDR), page.get(ApicRegister.DFR), isX2Apic(), destination)
                : destination == id;
    }

    /** Whether lowest-priority delivery may choose it. */
    synchronized boolean canArbitrate() {
        return isEnabled() && isSoftwareEnabled();
    }

    /** Takes a message that is for it; from any thread. */
    void accept(int command) {
        switch (Message.mode(command)) {
            case Message.FIXED, Message.LOWEST_PRIORITY -> interrupt(Message.vector(command), Message.isLevel(command));
            case Message.NMI -> processor.signal(Pending.NMI);
            case Message.INIT -> {
                if (!Message.isInitDeassert(command)) {
                    processor.signal(Pending.INIT);
                }
            }
            case Message.STARTUP -> {
                synchronized (this) {
                    startupVector = Message.vector(command);
                }
                processor.signal(Pending.STARTUP);
            }
            case Message.EXT_INT -> processor.signal(Pending.INTERRUPT); // a look at the PIC
            default -> {
                // SMI: there is no system management mode; 3 is reserved.
            }
        }
    }

    /** Of the last start-up message: the page where the processor begins. */
    public synchronized int startupVector() {
        return startupVector;
    }

    private synchronized void interrupt(int vector, boolean level) {
        if (!isEnabled() || !isSoftwareEnabled()) {
            return;
        }
        if (vector < ApicRegister.FIRST_VECTOR) {
            error(ApicRegister.ERROR_RECEIVE_VECTOR);
            return;
        }
        queue.request(vector, level);
        announce();
    }

    private void send(int command, int destination) {
        int mode = Message.mode(command);
        boolean hasVector = mode == Message.FIXED || mode == Message.LOWEST_PRIORITY;
        if (hasVector && Message.vector(command) < ApicRegister.FIRST_VECTOR) {
            synchronized (this) {
                error(ApicRegister.ERROR_SEND_VECTOR);
            }
            return;
        }
        // Only INIT is ever level-triggered between processors.
        bus.send(this, mode == Message.INIT ? command : command & ~Message.LEVEL, destination, isX2Apic());
    }

    private void error(int bit) {
        boolean isNew = (errors & bit) == 0;
        errors |= bit;
        if (isNew) {
            local(ApicRegister.LVT_ERROR);
        }
    }

    /** An interrupt of a local source. */
    private void local(int lvt) {
        int entry = page.get(lvt);
        if ((entry & ApicRegister.LVT_MASKED) == 0 && Message.vector(entry) >= ApicRegister.FIRST_VECTOR) {
            interrupt(Message.vector(entry), false);
        }
    }

    // The timer

    private synchronized void timerDue() {
        pollTimer();
    }

    /** Its thread may be late: a look at the timer shows it as it should be. */
    private void pollTimer() {
        if (timer.expire()) {
            local(ApicRegister.LVT_TIMER);
        }
    }

    /** IA32_TSC_DEADLINE. */
    public synchronized long tscDeadline() {
        pollTimer();
        return timer.tscDeadline();
    }

    /** A deadline that has passed interrupts before this returns. */
    public synchronized void tscDeadline(long value) {
        timer.tscDeadline(value);
        pollTimer();
    }

    /** After the guest wrote its time stamp counter. */
    public synchronized void tscChanged() {
        timer.tscChanged();
        pollTimer();
    }

    // x2APIC

    /** The interrupt command register as one of 64 bits. */
    synchronized long command() {
        return Integer.toUnsignedLong(page.get(ApicRegister.ICR)) | (long) page.get(ApicRegister.ICR_HIGH) << 32;
    }

    void command(long value) {
        synchronized (this) {
            page.set(ApicRegister.ICR, (int) value & ~(1 << 12));
            page.set(ApicRegister.ICR_HIGH, (int) (value >> 32));
        }
        send((int) value, (int) (value >>> 32));
    }

    void sendToSelf(int vector) {
        send(Message.SELF << 18 | vector, 0);
    }

    // State

    /** The first 1 KiB of the register page. */
    public synchronized byte[] registers() {
        pollTimer(); // an interrupt that is due is a request by now
        page.set(ApicRegister.INITIAL_COUNT, timer.initialCount());
        page.set(ApicRegister.CURRENT_COUNT, timer.currentCount());
        page.set(ApicRegister.DIVIDE, timer.divide());
        page.set(ApicRegister.PPR, processorPriority());
        return page.toBytes();
    }

    /** Everything that {@link #registers} gave, but for id and version. */
    public synchronized void registers(byte[] bytes) {
        page.fromBytes(bytes);
        page.set(ApicRegister.VERSION, ApicRegister.VERSION_VALUE);
        identify();
        timer.reset();
        timer.mode((page.get(ApicRegister.LVT_TIMER) >> 17) & 3);
        timer.divide(page.get(ApicRegister.DIVIDE));
        timer.restore(page.get(ApicRegister.INITIAL_COUNT), page.get(ApicRegister.CURRENT_COUNT));
        announce();
    }

    /** What no register shows: the errors since the last write of the ESR, above the last start-up vector. */
    public synchronized int unseen() {
        return errors << 8 | startupVector;
    }

    /** Takes over {@link #unseen} of another; bits that it never has are dropped. */
    public synchronized void unseen(int value) {
        errors = value >> 8 & 0xff;
        startupVector = value & 0xff;
    }

    /** Leaves the bus: no message and no timer reaches the processor any more. */
    public void close() {
        bus.remove(this);
        synchronized (this) {
            timer.reset();
        }
    }
}
