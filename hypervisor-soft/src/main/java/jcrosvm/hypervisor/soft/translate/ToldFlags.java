package jcrosvm.hypervisor.soft.translate;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.interp.Recalculation;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Finds flags that code neither kept nor saved: by the instruction that made them, and the registers. */
final class ToldFlags {
    final Recalculation recalculation;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Insn insn = new Insn();
    private final byte[] code = new byte[Decoder.MAX_LENGTH];

    ToldFlags(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
        recalculation = new Recalculation(cpu);
    }

    /** Makes RFLAGS what the instruction at an address left; false when other processors have taken it away. */
    boolean by(long linear) {
        long cr2 = cpu.cr2;
        int length;
        try {
            length = mmu.fetch(linear, code, 0, code.length);
        } catch (GuestException e) {
            cpu.cr2 = cr2;
            return false;
        }
        return Decoder.decode(code, 0, length, 8, insn) > 0 && FlagRecord.recover(insn, cpu, recalculation);
    }
}
