package jcrosvm.hypervisor.x86;

/** General-purpose registers, instruction pointer and flags. */
public record Registers(
        long rax,
        long rbx,
        long rcx,
        long rdx,
        long rsi,
        long rdi,
        long rsp,
        long rbp,
        long r8,
        long r9,
        long r10,
        long r11,
        long r12,
        long r13,
        long r14,
        long r15,
        long rip,
        long rflags) {
    /** Bit 1 of RFLAGS is always set. */
    public static final long RFLAGS_FIXED = 2;

    /** All zero but the entry point, stack and the one argument that boot protocols pass in RSI. */
    public static Registers entry(long rip, long rsp, long rsi) {
        return new Registers(0, 0, 0, 0, rsi, 0, rsp, 0, 0, 0, 0, 0, 0, 0, 0, 0, rip, RFLAGS_FIXED);
    }
}
