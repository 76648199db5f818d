package jcrosvm.hypervisor.kvm;

/** Request numbers, capabilities and exit reasons of linux/kvm.h on x86-64, spelled as there. */
final class KvmSpec {
    static final int KVM_API_VERSION = 12;

    static final long KVM_GET_API_VERSION = 0xAE00;
    static final long KVM_CREATE_VM = 0xAE01;
    static final long KVM_GET_MSR_INDEX_LIST = 0xC004AE02L;
    static final long KVM_CHECK_EXTENSION = 0xAE03;
    static final long KVM_GET_VCPU_MMAP_SIZE = 0xAE04;
    static final long KVM_GET_SUPPORTED_CPUID = 0xC008AE05L;

    static final long KVM_CREATE_VCPU = 0xAE41;
    static final long KVM_GET_DIRTY_LOG = 0x4010AE42;
    static final long KVM_SET_USER_MEMORY_REGION = 0x4020AE46;
    static final long KVM_SET_TSS_ADDR = 0xAE47;
    static final long KVM_SET_IDENTITY_MAP_ADDR = 0x4008AE48;
    static final long KVM_CREATE_IRQCHIP = 0xAE60;
    static final long KVM_IRQ_LINE = 0x4008AE61;
    static final long KVM_GET_IRQCHIP = 0xC208AE62L;
    static final long KVM_SET_IRQCHIP = 0x8208AE63L;
    static final long KVM_SET_GSI_ROUTING = 0x4008AE6A;
    static final long KVM_IRQFD = 0x4020AE76;
    static final long KVM_CREATE_PIT2 = 0x4040AE77;
    static final long KVM_IOEVENTFD = 0x4040AE79;
    static final long KVM_SET_CLOCK = 0x4030AE7B;
    static final long KVM_GET_CLOCK = 0x8030AE7CL;
    static final long KVM_GET_PIT2 = 0x8070AE9FL;
    static final long KVM_SET_PIT2 = 0x4070AEA0;
    static final long KVM_ENABLE_CAP = 0x4068AEA3;
    static final long KVM_SIGNAL_MSI = 0x4020AEA5;

    static final long KVM_RUN = 0xAE80;
    static final long KVM_GET_REGS = 0x8090AE81L;
    static final long KVM_SET_REGS = 0x4090AE82;
    static final long KVM_GET_SREGS = 0x8138AE83L;
    static final long KVM_SET_SREGS = 0x4138AE84;
    static final long KVM_TRANSLATE = 0xC018AE85L;
    static final long KVM_INTERRUPT = 0x4004AE86;
    static final long KVM_GET_MSRS = 0xC008AE88L;
    static final long KVM_SET_MSRS = 0x4008AE89;
    static final long KVM_GET_LAPIC = 0x8400AE8EL;
    static final long KVM_SET_LAPIC = 0x4400AE8F;
    static final long KVM_SET_CPUID2 = 0x4008AE90;
    static final long KVM_GET_MP_STATE = 0x8004AE98L;
    static final long KVM_SET_MP_STATE = 0x4004AE99;
    static final long KVM_GET_VCPU_EVENTS = 0x8040AE9FL;
    static final long KVM_SET_VCPU_EVENTS = 0x4040AEA0;
    static final long KVM_SET_GUEST_DEBUG = 0x4048AE9B;
    static final long KVM_GET_DEBUGREGS = 0x8080AEA1L;
    static final long KVM_SET_DEBUGREGS = 0x4080AEA2;
    static final long KVM_GET_XSAVE = 0x9000AEA4L;
    static final long KVM_SET_XSAVE = 0x5000AEA5;
    static final long KVM_GET_XCRS = 0x8188AEA6L;
    static final long KVM_SET_XCRS = 0x4188AEA7;
    static final long KVM_KVMCLOCK_CTRL = 0xAEAD;
    static final long KVM_GET_TSC_KHZ = 0xAEA3;
    static final long KVM_SET_DEVICE_ATTR = 0x4018AEE1L;
    static final long KVM_GET_DEVICE_ATTR = 0x4018AEE2L;
    static final int KVM_VCPU_TSC_CTRL = 0;
    static final int KVM_VCPU_TSC_OFFSET = 0;

    static final int KVM_GUESTDBG_ENABLE = 1;
    static final int KVM_GUESTDBG_SINGLESTEP = 2;
    static final int KVM_GUESTDBG_USE_SW_BP = 0x1_0000;
    static final int KVM_GUESTDBG_USE_HW_BP = 0x2_0000;

    static final int KVM_MEM_LOG_DIRTY_PAGES = 1;
    static final int KVM_MEM_READONLY = 2;
    static final int KVM_IRQFD_FLAG_DEASSIGN = 1;
    static final int KVM_IRQFD_FLAG_RESAMPLE = 2;
    static final int KVM_IOEVENTFD_FLAG_DATAMATCH = 1;
    static final int KVM_IOEVENTFD_FLAG_PIO = 2;
    static final int KVM_IOEVENTFD_FLAG_DEASSIGN = 4;
    static final int KVM_PIT_SPEAKER_DUMMY = 1;
    static final int KVM_IRQ_ROUTING_IRQCHIP = 1;
    static final int KVM_IRQ_ROUTING_MSI = 2;
    static final int KVM_CPUID_FLAG_SIGNIFICANT_INDEX = 1;

    static final int KVM_EXIT_UNKNOWN = 0;
    static final int KVM_EXIT_EXCEPTION = 1;
    static final int KVM_EXIT_IO = 2;
    static final int KVM_EXIT_DEBUG = 4;
    static final int KVM_EXIT_HLT = 5;
    static final int KVM_EXIT_MMIO = 6;
    static final int KVM_EXIT_IRQ_WINDOW_OPEN = 7;
    static final int KVM_EXIT_SHUTDOWN = 8;
    static final int KVM_EXIT_FAIL_ENTRY = 9;
    static final int KVM_EXIT_INTR = 10;
    static final int KVM_EXIT_INTERNAL_ERROR = 17;
    static final int KVM_EXIT_SYSTEM_EVENT = 24;
    static final int KVM_EXIT_IOAPIC_EOI = 26;

    /** Capabilities; the name is what an error shows. */
    enum Cap {
        KVM_CAP_IRQCHIP(0),
        KVM_CAP_USER_MEMORY(3),
        KVM_CAP_SET_TSS_ADDR(4),
        KVM_CAP_EXT_CPUID(7),
        KVM_CAP_NR_VCPUS(9),
        KVM_CAP_NR_MEMSLOTS(10),
        KVM_CAP_IRQ_ROUTING(25),
        KVM_CAP_IRQFD(32),
        KVM_CAP_PIT2(33),
        KVM_CAP_IOEVENTFD(36),
        KVM_CAP_SET_IDENTITY_MAP_ADDR(37),
        KVM_CAP_ADJUST_CLOCK(39),
        KVM_CAP_VCPU_EVENTS(41),
        KVM_CAP_DEBUGREGS(50),
        KVM_CAP_XSAVE(55),
        KVM_CAP_XCRS(56),
        KVM_CAP_MAX_VCPUS(66),
        KVM_CAP_TSC_DEADLINE_TIMER(72),
        KVM_CAP_KVMCLOCK_CTRL(76),
        KVM_CAP_SIGNAL_MSI(77),
        KVM_CAP_READONLY_MEM(81),
        KVM_CAP_IRQFD_RESAMPLE(82),
        KVM_CAP_SPLIT_IRQCHIP(121),
        KVM_CAP_IOEVENTFD_ANY_LENGTH(122),
        KVM_CAP_IMMEDIATE_EXIT(136);

        final int number;

        Cap(int number) {
            this.number = number;
        }
    }

    private KvmSpec() {}
}
