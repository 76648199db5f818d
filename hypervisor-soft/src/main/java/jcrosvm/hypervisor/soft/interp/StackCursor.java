package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/**
 * A stack that values are pushed to or popped from before it is known whether the transfer succeeds: rSP changes only
 * by {@link #commit}. It may be the current stack or one that is about to be.
 */
final class StackCursor {
    private static final long MASK_32 = 0xffff_ffffL;

    private final Cpu cpu;
    private final Mmu mmu;
    private long pointer;
    private long base;
    private long limit;
    private int attributes;
    private int width;
    private boolean supervisor;
    private int errorCode;

    StackCursor(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
    }

    /** SS:rSP as they are, with the rights of the current CPL; #SS(0) beyond the limit. */
    StackCursor current() {
        width = cpu.stackSize();
        pointer = cpu.gpr(Cpu.RSP);
        base = cpu.segmentBase(Cpu.SS);
        limit = cpu.limit[Cpu.SS];
        attributes = cpu.attributes[Cpu.SS];
        supervisor = false;
        errorCode = 0;
        return this;
    }

    /** A stack of an inner level in a segment; beyond its limit #SS with this error code. */
    StackCursor inner(Descriptor segment, long newPointer, int newErrorCode) {
        width = segment.big() ? 4 : 2;
        pointer = newPointer;
        base = segment.base();
        limit = segment.limit();
        attributes = segment.attributes();
        supervisor = true;
        errorCode = newErrorCode;
        return this;
    }

    /** A stack of 64-bit mode. */
    StackCursor flat(long newPointer, boolean asSupervisor, int newErrorCode) {
        width = 8;
        pointer = newPointer;
        supervisor = asSupervisor;
        errorCode = newErrorCode;
        return this;
    }

    void push(int size, long value) {
        long to = pointer - size;
        long linear = linear(to, size);
        if (supervisor) {
            mmu.writeSystem(linear, size, value);
        } else {
            mmu.write(linear, size, value);
        }
        pointer = to;
    }

    long pop(int size) {
        long value = peek(0, size);
        pointer += size;
        return value;
    }

    /** The value this many bytes above the top. */
    long peek(long above, int size) {
        long linear = linear(pointer + above, size);
        return supervisor ? mmu.readSystem(linear, size) : mmu.read(linear, size);
    }

    void skip(long bytes) {
        pointer += bytes;
    }

    /** Sets rSP, of which the width of the stack segment changes. */
    void commit() {
        set(cpu, width, pointer);
    }

    static void set(Cpu cpu, int width, long pointer) {
        cpu.gpr(
                Cpu.RSP,
                switch (width) {
                    case 8 -> pointer;
                    case 4 -> pointer & MASK_32;
                    default -> cpu.gpr(Cpu.RSP) & ~0xffffL | pointer & 0xffff;
                });
    }

    private long linear(long offset, int size) {
        if (width == 8) {
            if (!Canonical.is(offset) || !Canonical.is(offset + size - 1)) {
                throw cpu.fault(GuestException.SS, errorCode);
            }
            return offset;
        }
        long from = offset & (width == 4 ? MASK_32 : 0xffff);
        long last = from + size - 1;
        boolean inside = (attributes & (Descriptor.CODE | Descriptor.EXPAND_DOWN)) == Descriptor.EXPAND_DOWN
                ? from > limit && last <= ((attributes & Cpu.ATTR_DB) != 0 ? MASK_32 : 0xffff)
                : last <= limit;
        if (!inside || (attributes & Cpu.ATTR_UNUSABLE) != 0) {
            throw cpu.fault(GuestException.SS, errorCode);
        }
        return base + from & MASK_32;
    }
}
