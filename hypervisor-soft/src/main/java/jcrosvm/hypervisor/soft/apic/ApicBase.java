package jcrosvm.hypervisor.soft.apic;

/** IA32_APIC_BASE: where an APIC's page is and how its registers are reached (SDM volume 3, 11.4.3, 11.12.1). */
final class ApicBase {
    private static final long ADDRESS = -LocalApic.PAGE;

    private ApicBase() {}

    static boolean isEnabled(long base) {
        return (base & LocalApic.BASE_ENABLED) != 0;
    }

    static boolean isX2Apic(long base) {
        long both = LocalApic.BASE_ENABLED | LocalApic.BASE_X2APIC;
        return (base & both) == both;
    }

    static boolean changesMode(long from, long to) {
        return ((from ^ to) & (LocalApic.BASE_ENABLED | LocalApic.BASE_X2APIC)) != 0;
    }

    /** Whether a physical address is in the page, and there is one. */
    static boolean isAt(long base, long address) {
        return (address & ADDRESS) == (base & ADDRESS) && isEnabled(base) && !isX2Apic(base);
    }

    /** Whether the register goes from one value to the other (SDM volume 3, 11.12.5). */
    static boolean isValid(long from, long to, int physicalBits) {
        long allowed = (((1L << physicalBits) - 1) & ADDRESS)
                | LocalApic.BASE_ENABLED
                | LocalApic.BASE_X2APIC
                | LocalApic.BASE_BOOT_PROCESSOR;
        boolean x2apicWithoutEnable = (to & LocalApic.BASE_X2APIC) != 0 && !isEnabled(to);
        if ((to & ~allowed) != 0 || x2apicWithoutEnable) {
            return false;
        }
        boolean backToXapic = isX2Apic(from) && isEnabled(to) && !isX2Apic(to);
        boolean skipsXapic = !isEnabled(from) && isX2Apic(to);
        return !backToXapic && !skipsXapic;
    }
}
