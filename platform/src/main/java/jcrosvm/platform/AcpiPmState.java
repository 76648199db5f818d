package jcrosvm.platform;

import jcrosvm.base.Limits;

/**
 * Registers of {@link AcpiPm}.
 *
 * @param registers the block of ports, as a guest reads it
 */
public record AcpiPmState(byte[] registers) {
    public AcpiPmState {
        registers = registers.clone();
        Limits.size("the block of ACPI registers", registers.length, AcpiPm.SIZE);
        if ((registers[AcpiPm.PM1_CONTROL] & AcpiPm.SCI_EN) == 0) {
            throw new IllegalArgumentException("SCI_EN is clear in the PM1 control register");
        }
    }
}
