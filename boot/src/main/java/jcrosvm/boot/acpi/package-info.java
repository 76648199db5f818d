/**
 * ACPI tables (ACPI 6.3): one class per table that gives its bytes, and {@link jcrosvm.boot.acpi.AcpiTables}, which
 * links them and puts them into guest memory.
 *
 * <p>The machine has fixed-function power management without a PM timer, which hypervisors do badly, a reset register,
 * and sleep states S1 and S5. ISA interrupts reach the I/O APIC input of the same number, interrupt 0 included, so
 * the only source overrides are those that make the SCI and the PCI interrupts level-triggered and active low.
 */
@NullMarked
package jcrosvm.boot.acpi;

import org.jspecify.annotations.NullMarked;
