package jcrosvm.vmm;

import java.util.concurrent.CompletionStage;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.config.Value;

/**
 * What can be asked of a running VM from outside: by the control socket, by signals, by an embedding program. Any
 * thread may call; calls return when the effect has begun, except where said. While the guest is being reset they wait
 * and apply to what comes after; once the VM has ended they do nothing.
 */
public interface VmControl {
    /** For threads that serve the VM from outside: it ends when one of them fails. */
    default ThreadScope threads() {
        return ThreadScope.current();
    }

    /** Ends the VM without telling the guest. */
    void stop();

    /**
     * Presses the ACPI power button.
     *
     * @throws jcrosvm.base.OsException ENOTSUP when the machine has none
     */
    void powerButton();

    /**
     * Presses the ACPI sleep button.
     *
     * @throws jcrosvm.base.OsException ENOTSUP when the machine has none
     */
    void sleepButton();

    /**
     * Suspends the vCPUs, and with {@code full} the devices. Returns when they stand still; suspending twice is harmless.
     */
    void suspend(boolean full);

    /**
     * Lets suspended parts run again; harmless when they do already.
     *
     * @throws jcrosvm.base.OsException EINVAL when only vCPUs are asked for while devices are suspended
     */
    void resume(boolean full);

    /**
     * Asks something by name, of the machine ({@link MachineVerb}) or of its virtio devices ({@link
     * jcrosvm.virtio.ControlVerb}).
     *
     * @return the reply, now or later
     * @throws jcrosvm.base.OsException ENOTSUP when nothing knows the request, or what the device says
     * @throws jcrosvm.config.ConfigException when the request is malformed
     */
    default CompletionStage<Value> perform(VmRequest request) {
        return MachineVerb.perform(this, request);
    }

    /** Asks something by name, without descriptors. */
    default CompletionStage<Value> perform(String verb, Value body) {
        return perform(new VmRequest(verb, body));
    }

    /** Asks the devices, as {@link #perform} says. */
    CompletionStage<Value> performOnDevices(VmRequest request);
}
