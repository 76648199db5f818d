package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.vmm.MachineVerb;
import jcrosvm.vmm.VmRequest;

/** {@code powerbtn}: asks the guest to shut down. */
final class PowerButtonCommand extends SocketCommand {
    @Override
    Syntax syntax() {
        return syntax("powerbtn", "Presses a VM's ACPI power button.");
    }

    @Override
    VmRequest request(Arguments arguments) {
        return MachineVerb.POWER_BUTTON.request();
    }
}
