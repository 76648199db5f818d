package jcrosvm.vmm;

import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Value;
import jcrosvm.virtio.ControlVerb;

/**
 * A request that the machine itself answers. All others are for devices.
 *
 * @param name key of the request in JSON: {@code Powerbtn}
 */
public record MachineVerb(String name, Action action) {
    /** Ends the VM; the guest is not told. */
    public static final MachineVerb EXIT = plain("Exit", VmControl::stop);

    /** Presses the ACPI power button. */
    public static final MachineVerb POWER_BUTTON = plain("Powerbtn", VmControl::powerButton);

    /** Presses the ACPI sleep button. */
    public static final MachineVerb SLEEP_BUTTON = plain("Sleepbtn", VmControl::sleepButton);

    /** Suspends the vCPUs. */
    public static final MachineVerb SUSPEND_VCPUS = plain("SuspendVcpus", vm -> vm.suspend(false));

    /** Lets the vCPUs run. */
    public static final MachineVerb RESUME_VCPUS = plain("ResumeVcpus", vm -> vm.resume(false));

    /** Suspends vCPUs and devices. */
    public static final MachineVerb SUSPEND_VM = plain("SuspendVm", vm -> vm.suspend(true));

    /** Lets devices and vCPUs run. */
    public static final MachineVerb RESUME_VM = plain("ResumeVm", vm -> vm.resume(true));

    public static final List<MachineVerb> ALL =
            List.of(EXIT, POWER_BUTTON, SLEEP_BUTTON, SUSPEND_VCPUS, RESUME_VCPUS, SUSPEND_VM, RESUME_VM);

    /** Requests of crosvm without fields that need parts which this VM does not have. */
    private static final Set<String> UNSUPPORTED = Set.of("MakeRT", "VcpuPidTid", "GetVmDescriptor", "Unregister");

    /** Carries a request out. */
    @FunctionalInterface
    public interface Action {
        /**
         * @return the reply, now or later: {@link ControlVerb#OK} where there is nothing to say
         * @throws OsException whose errno is the reply
         * @throws ConfigException when the body is malformed
         */
        CompletionStage<Value> perform(VmControl vm, VmRequest request);
    }

    /** A request without fields, done when the action returns. */
    private static MachineVerb plain(String name, Consumer<VmControl> action) {
        return new MachineVerb(name, (vm, request) -> {
            if (!request.isUnit()) {
                throw new ConfigException("'" + name + "' has no fields");
            }
            action.accept(vm);
            return CompletableFuture.completedFuture(ControlVerb.OK);
        });
    }

    /** This request, for a verb without fields. */
    public VmRequest request() {
        return new VmRequest(name);
    }

    /** Has a request carried out by the machine or, if it is none of these, by a device. */
    static CompletionStage<Value> perform(VmControl vm, VmRequest request) {
        for (MachineVerb verb : ALL) {
            if (verb.name.equals(request.verb())) {
                return verb.action.perform(vm, request);
            }
        }
        if (UNSUPPORTED.contains(request.verb())) {
            throw new OsException(request.verb(), Errno.ENOTSUP);
        }
        if (request.isUnit()) {
            throw new ConfigException("unknown request '" + request.verb() + "'"); // devices' requests have fields
        }
        return vm.performOnDevices(request);
    }
}
