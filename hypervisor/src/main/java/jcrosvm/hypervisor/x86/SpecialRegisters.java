package jcrosvm.hypervisor.x86;

/**
 * Segments, tables and control registers.
 *
 * @param apicBase IA32_APIC_BASE
 */
public record SpecialRegisters(
        Segment cs,
        Segment ds,
        Segment es,
        Segment fs,
        Segment gs,
        Segment ss,
        Segment tr,
        Segment ldt,
        DescriptorTable gdt,
        DescriptorTable idt,
        long cr0,
        long cr2,
        long cr3,
        long cr4,
        long cr8,
        long efer,
        long apicBase) {
    public static final long CR0_PE = 1;
    public static final long CR0_ET = 0x10;
    public static final long CR0_PG = 1L << 31;
    public static final long CR4_PAE = 0x20;
    public static final long EFER_LME = 0x100;
    public static final long EFER_LMA = 0x400;

    public SpecialRegisters withCs(Segment newCs) {
        return new SpecialRegisters(
                newCs, ds, es, fs, gs, ss, tr, ldt, gdt, idt, cr0, cr2, cr3, cr4, cr8, efer, apicBase);
    }
}
