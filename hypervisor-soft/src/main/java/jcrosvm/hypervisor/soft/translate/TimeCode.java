package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.RAX;
import static jcrosvm.hypervisor.soft.translate.Assembler.RCX;
import static jcrosvm.hypervisor.soft.translate.Assembler.RDX;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;

import jcrosvm.hypervisor.soft.isa.Op;

/** RDTSC and RDTSCP: the host's monotonic clock, as Java reads it, plus {@link Frame#TIME_OFFSET}. */
final class TimeCode {
    private static final int JE = 0x84;

    private final Emitter emit;
    private final Assembler out;

    TimeCode(Emitter emit) {
        this.emit = emit;
        out = emit.out;
    }

    void emit(Op op, boolean live) {
        emit.flags.clobber(live);
        out.rm(0xf6, 0, STATE, Frame.ALLOWED); // test
        out.emit(Frame.MAY_READ_TIME);
        emit.interpretIf(JE);
        emit.readTime();
        out.rr(0x8b, RAX, TEMP0);
        out.move64(RDX, TEMP0);
        out.rr(0xc1 | W, 5, RDX); // shr
        out.emit(32);
        if (op == Op.RDTSCP) {
            out.rm(0x8b, RCX, STATE, Frame.TSC_AUX);
        }
    }
}
