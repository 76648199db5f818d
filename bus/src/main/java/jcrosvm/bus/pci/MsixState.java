package jcrosvm.bus.pci;

import java.util.List;
import jcrosvm.base.Limits;

/**
 * The vectors of an {@link Msix} capability, whose control word is in configuration space.
 *
 * @param table as the guest reads it, 16 bytes for each vector
 * @param pending vectors that were signalled while masked, ascending
 */
public record MsixState(byte[] table, List<Integer> pending) {
    public MsixState {
        table = table.clone();
        pending = List.copyOf(pending);
        if (table.length == 0 || table.length % Msix.ENTRY != 0) {
            throw new IllegalArgumentException("an MSI-X table of " + table.length + " bytes has no whole entries");
        }
        int count = table.length / Msix.ENTRY;
        for (int i = 0; i < count; i++) {
            Limits.bits("the MSI-X address of vector " + i, table[i * Msix.ENTRY] & 3, 0);
            Limits.bits("the MSI-X control word of vector " + i, Msix.word(table, i * Msix.ENTRY + 12), Msix.MASKED);
        }
        int least = 0;
        for (int vector : pending) {
            Limits.range("a pending MSI-X vector", vector, least, count - 1);
            least = vector + 1;
        }
    }
}
