package jcrosvm.hypervisor.soft.apic;

/** Offsets in the register page and bits of the registers (SDM volume 3, table 11-1). */
final class ApicRegister {
    static final int ID = 0x20;
    static final int VERSION = 0x30;
    static final int TPR = 0x80;
    static final int APR = 0x90;
    static final int PPR = 0xa0;
    static final int EOI = 0xb0;
    static final int LDR = 0xd0;
    static final int DFR = 0xe0;
    static final int SVR = 0xf0;
    /** Eight registers each, 32 vectors a register. */
    static final int ISR = 0x100;

    static final int TMR = 0x180;
    static final int IRR = 0x200;
    static final int ESR = 0x280;
    static final int ICR = 0x300;
    static final int ICR_HIGH = 0x310;
    static final int LVT_TIMER = 0x320;
    static final int LVT_THERMAL = 0x330;
    static final int LVT_PERFORMANCE = 0x340;
    static final int LVT_LINT0 = 0x350;
    static final int LVT_LINT1 = 0x360;
    static final int LVT_ERROR = 0x370;
    static final int INITIAL_COUNT = 0x380;
    static final int CURRENT_COUNT = 0x390;
    static final int DIVIDE = 0x3e0;
    static final int SELF_IPI = 0x3f0;
    static final int PAGE_USED = 0x400;

    /** Six LVT entries; an integrated APIC. */
    static final int VERSION_VALUE = 5 << 16 | 0x14;

    static final int SVR_ENABLED = 1 << 8;
    static final int SVR_WRITABLE = 0x3ff;
    static final int DFR_FLAT = 0xf;
    static final int DFR_RESERVED = 0x0fff_ffff;

    static final int LVT_MASKED = 1 << 16;
    static final int LVT_TIMER_WRITABLE = 0xff | LVT_MASKED | 3 << 17;
    static final int LVT_WRITABLE = 0x7ff | LVT_MASKED;
    static final int LVT_LINT_WRITABLE = LVT_WRITABLE | 1 << 13 | 1 << 15;
    static final int LVT_ERROR_WRITABLE = 0xff | LVT_MASKED;

    static final int ERROR_SEND_VECTOR = 1 << 5;
    static final int ERROR_RECEIVE_VECTOR = 1 << 6;
    static final int ERROR_REGISTER = 1 << 7;

    /** Below are exceptions; a message must not carry these. */
    static final int FIRST_VECTOR = 16;

    private ApicRegister() {}

    static boolean isLvt(int register) {
        return register >= LVT_TIMER && register <= LVT_ERROR && (register & 0xf) == 0;
    }

    static int lvtWritable(int register) {
        return switch (register) {
            case LVT_TIMER -> LVT_TIMER_WRITABLE;
            case LVT_LINT0, LVT_LINT1 -> LVT_LINT_WRITABLE;
            case LVT_ERROR -> LVT_ERROR_WRITABLE;
            default -> LVT_WRITABLE;
        };
    }
}
