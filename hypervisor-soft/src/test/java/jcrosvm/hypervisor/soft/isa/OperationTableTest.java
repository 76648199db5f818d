package jcrosvm.hypervisor.soft.isa;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class OperationTableTest {
    @Test
    void everyOperationHasAnEncoding() {
        EnumSet<Op> missing = EnumSet.allOf(Op.class);
        Decoder.forms().forEach(form -> missing.remove(form.operation()));
        assertThat(missing).isEmpty();
    }

    @Test
    void everyFormIsReached() {
        OperationTable table = OperationTable.TABLE;
        BitSet reached = new BitSet();
        reached.set(0);
        for (short cell : table.cells) {
            if (cell > 0) {
                reached.set(cell);
                if (table.twinKind[cell] != Row.TWIN_NONE) {
                    reached.set(table.twin[cell]);
                }
            }
        }
        for (int i = 0; i < table.forms.length; i++) {
            assertThat(reached.get(i)).as("%s", table.forms[i]).isTrue();
        }
    }

    @Test
    void undefinedFlagsAreAmongThoseWritten() {
        for (Form form : Decoder.forms()) {
            assertThat(form.flagsUndefined() & ~form.flagsWritten())
                    .as("%s", form)
                    .isZero();
        }
    }

    @Test
    void lockNeedsADestinationInMemory() {
        for (Form form : Decoder.forms()) {
            if (form.has(Form.LOCKABLE)) {
                assertThat(form.operands()[0].charAt(0)).as("%s", form).isIn('E', 'M');
                assertThat(form.accesses()[0]).as("%s", form).isEqualTo(Form.READ | Form.WRITE);
            }
        }
    }

    @Test
    void memoryOfSixteenBytesIsAligned() {
        Set<String> unaligned = new HashSet<>();
        for (Form form : Decoder.forms()) {
            boolean wide = Arrays.stream(form.operands())
                    .filter(letters -> letters.startsWith("W") || letters.startsWith("M"))
                    .anyMatch(letters -> Letters.memorySize(Letters.parse(letters)) == 16);
            if (wide && !form.has(Form.ALIGNED_16)) {
                unaligned.add(form.mnemonic());
            }
        }
        assertThat(unaligned)
                .containsExactlyInAnyOrder(
                        "movups",
                        "movupd",
                        "movdqu",
                        "lddqu",
                        "pcmpestri",
                        "pcmpestrm",
                        "pcmpistri",
                        "pcmpistrm",
                        "invpcid");
    }
}
