package jcrosvm.hypervisor.soft.translate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Which instructions the translator leaves to the interpreter, and why code is left otherwise. */
final class Statistics {
    private static final System.Logger LOG = System.getLogger(Statistics.class.getName());

    private final Map<String, long[]> counts = new HashMap<>();
    private final byte[] code = new byte[Decoder.MAX_LENGTH];
    private final Insn insn = new Insn();

    /** Before the interpreter executes an instruction. */
    void count(Cpu cpu, Mmu mmu) {
        int length = mmu.fetch(cpu.rip(), code, 0, code.length);
        boolean whole = Decoder.decode(code, 0, length, cpu.codeSize(), insn) > 0;
        count(
                !whole
                        ? "over the end of a page"
                        : insn.form.mnemonic() + " " + insn.op + (insn.memory ? " memory" : ""));
    }

    void count(String what) {
        counts.computeIfAbsent(what, w -> new long[1])[0]++;
    }

    void log() {
        List<Map.Entry<String, long[]>> all = new ArrayList<>(counts.entrySet());
        all.sort(Comparator.comparingLong(e -> -e.getValue()[0]));
        for (Map.Entry<String, long[]> entry : all) {
            LOG.log(System.Logger.Level.DEBUG, "{0} {1}", Long.toString(entry.getValue()[0]), entry.getKey());
        }
    }
}
