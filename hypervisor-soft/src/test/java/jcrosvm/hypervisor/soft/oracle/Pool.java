package jcrosvm.hypervisor.soft.oracle;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Op;

/** The rows of the operation table that can be compared with the host, and which of them were. */
final class Pool {
    /** What the host's answer does not tell, or what it would not survive. */
    private static final Set<Op> EXCLUDED = EnumSet.of(
            Op.UNDEFINED,
            Op.UD,
            Op.IN,
            Op.OUT,
            Op.INS,
            Op.OUTS,
            Op.INT,
            Op.INT1,
            Op.INT3,
            Op.INTO,
            Op.SYSCALL,
            Op.SYSENTER,
            Op.IRET,
            Op.RET_FAR,
            Op.JMP_FAR,
            Op.JMP_FAR_INDIRECT,
            Op.CALL_FAR,
            Op.CALL_FAR_INDIRECT,
            Op.RDTSC,
            Op.RDTSCP,
            Op.RDPMC,
            Op.CPUID,
            Op.RDRAND,
            Op.RDSEED,
            Op.RDPID,
            Op.XGETBV,
            Op.XSAVE,
            Op.XSAVEOPT,
            Op.XRSTOR,
            Op.FXSAVE,
            Op.FXRSTOR,
            Op.RSM,
            Op.VMCALL,
            Op.VMMCALL,
            Op.CLI,
            Op.STI,
            Op.LAR,
            Op.LSL,
            Op.VERR,
            Op.VERW,
            Op.SGDT,
            Op.SIDT,
            Op.SLDT,
            Op.STR,
            Op.SMSW,
            Op.MOV_TO_SREG,
            Op.LOAD_FAR,
            Op.POP_SREG,
            Op.RDFSBASE,
            Op.RDGSBASE,
            Op.WRFSBASE,
            Op.WRGSBASE);

    private static final Set<String> EXCLUDED_X87 = Set.of("fldenv", "frstor", "fnstenv", "fnsave", "fldcw");
    private static final Map<String, String> CPUINFO =
            Map.of("sse3", "pni", "sse4.1", "sse4_1", "sse4.2", "sse4_2", "clfsh", "clflush", "cet", "fpu");

    /** Numbers of forms. */
    final List<Integer> numbers = new ArrayList<>();

    final BitSet covered = new BitSet();
    private final Map<String, BitSet> byName = new HashMap<>();

    Pool() {
        List<Form> forms = Decoder.forms();
        for (int i = 0; i < forms.size(); i++) {
            Form form = forms.get(i);
            String feature = CPUINFO.getOrDefault(form.feature(), form.feature());
            if (!EXCLUDED.contains(form.operation())
                    && !form.has(Form.PRIVILEGED)
                    && !form.has(Form.NOT_IN_64)
                    && !EXCLUDED_X87.contains(form.mnemonic())
                    && (feature.isEmpty() || HostProcessor.has(feature))) {
                numbers.add(i);
                byName.computeIfAbsent(form.mnemonic(), name -> new BitSet()).set(i);
            }
        }
    }

    /** All rows of this name were generated. */
    void note(String mnemonic) {
        BitSet rows = byName.get(mnemonic);
        if (rows != null) {
            covered.or(rows);
        }
    }

    @Override
    public String toString() {
        StringBuilder missing = new StringBuilder();
        int count = 0;
        for (int number : numbers) {
            Form form = Decoder.forms().get(number);
            if (covered.get(number)) {
                count++;
            } else {
                missing.append(' ').append(form.mnemonic()).append(" %x".formatted(form.opcode()));
            }
        }
        return "%d of %d rows covered%s%s".formatted(count, numbers.size(), missing.isEmpty() ? "" : "; not:", missing);
    }
}
