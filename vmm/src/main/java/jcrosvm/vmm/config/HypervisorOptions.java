package jcrosvm.vmm.config;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.hypervisor.IrqChipMode;
import org.jspecify.annotations.Nullable;

/** The options of {@code run} that fill a {@link HypervisorConfig}. */
public final class HypervisorOptions {
    /** {@code --hypervisor}. */
    public sealed interface Kind {
        /** The best that works here. */
        record Auto() implements Kind {}

        /** The Linux kernel's. */
        record Kvm(@Nullable Path device) implements Kind {}

        /** The software processor. */
        record Soft() implements Kind {}
    }

    /** {@code --irqchip}; crosvm too refuses the last one on KVM. */
    public enum Chip {
        KERNEL,
        SPLIT,
        USERSPACE
    }

    private static final Option<Kind> HYPERVISOR = Option.structured(
            "hypervisor",
            Kind.class,
            "KIND",
            "What runs the guest: kvm, kvm[device=/dev/kvm], soft for a processor in software, or auto (default): kvm where"
                    + " it runs guests on the processor, otherwise soft.");
    private static final Option<Path> KVM_DEVICE =
            Option.word("kvm-device", Path.class, "FILE", "Device of KVM.").deprecated("--hypervisor kvm[device=FILE]");
    private static final Option<Chip> IRQCHIP = Option.structured(
            "irqchip",
            Chip.class,
            "kernel|split",
            "Where PIC, PIT and IOAPIC are emulated: in the hypervisor's kernel part, which soft does not have, or in this"
                    + " process.");
    private static final Option<Boolean> SPLIT_IRQCHIP = Option.flag(
                    "split-irqchip", "Emulate PIC, PIT and IOAPIC in this process.")
            .deprecated("--irqchip split");

    public static final Option.Group GROUP =
            new Option.Group("Hypervisor", List.of(HYPERVISOR, KVM_DEVICE, IRQCHIP, SPLIT_IRQCHIP));

    private HypervisorOptions() {}

    static HypervisorConfig read(Arguments arguments) {
        Kind kind = arguments.value(HYPERVISOR);
        Path device = arguments.value(KVM_DEVICE);
        if (kind != null && device != null) {
            throw new VmmException(
                    "--kvm-device cannot be combined with --hypervisor: use --hypervisor kvm[device=" + device + "]");
        }
        if (device != null) {
            kind = new Kind.Kvm(device);
        }
        IrqChipMode chip = chip(arguments);
        // No switch over patterns: it is linked at run time, which every start would wait for.
        if (kind instanceof Kind.Kvm kvm) {
            return new HypervisorConfig("kvm", kvm.device(), chip);
        }
        return new HypervisorConfig(
                kind instanceof Kind.Soft ? HypervisorConfig.SOFT : HypervisorConfig.AUTO, null, chip);
    }

    private static @Nullable IrqChipMode chip(Arguments arguments) {
        Chip chip = arguments.value(IRQCHIP);
        if (arguments.has(SPLIT_IRQCHIP)) {
            if (chip != null) {
                throw new VmmException("--split-irqchip cannot be combined with --irqchip: use --irqchip split alone");
            }
            return IrqChipMode.SPLIT;
        }
        if (chip == null) {
            return null;
        }
        return switch (chip) {
            case KERNEL -> IrqChipMode.KERNEL;
            case SPLIT -> IrqChipMode.SPLIT;
            case USERSPACE -> throw new VmmException("--irqchip userspace is not supported: use kernel or split");
        };
    }
}
