package jcrosvm.hypervisor.soft.translate;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.interp.Debugging;
import jcrosvm.hypervisor.soft.interp.Engine;
import jcrosvm.hypervisor.soft.interp.Interpreter;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Makes translators for comparisons. */
public final class Translation {
    private Translation() {}

    /** With {@code strict}, flags that no instruction looks at are right at the end of each block, too. */
    public static Engine engine(
            Cpu cpu, Mmu mmu, Interpreter interpreter, Debugging debugging, CodeCache cache, boolean strict) {
        return new TranslatingEngine(cpu, mmu, interpreter, debugging, cache, strict);
    }
}
