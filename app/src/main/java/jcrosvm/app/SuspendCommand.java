package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.vmm.MachineVerb;
import jcrosvm.vmm.VmRequest;

/** {@code suspend}: stops the guest until resume. */
final class SuspendCommand extends SocketCommand {
    private static final Option<Boolean> FULL = Option.flag("full", "Suspend devices as well as vCPUs.");

    @Override
    Syntax syntax() {
        return syntax("suspend", "Suspends a VM.", FULL);
    }

    @Override
    VmRequest request(Arguments arguments) {
        return arguments.has(FULL) ? MachineVerb.SUSPEND_VM.request() : MachineVerb.SUSPEND_VCPUS.request();
    }
}
