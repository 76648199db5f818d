package jcrosvm.hypervisor.soft.translate;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.interp.Debugging;
import jcrosvm.hypervisor.soft.interp.Engine;
import jcrosvm.hypervisor.soft.interp.Interpreter;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** The translator with all flags right at the end of each block, for comparisons. */
public final class StrictTranslation {
    private StrictTranslation() {}

    public static Engine engine(Cpu cpu, Mmu mmu, Interpreter interpreter, Debugging debugging) {
        throw new UnsupportedOperationException();
    }
}
