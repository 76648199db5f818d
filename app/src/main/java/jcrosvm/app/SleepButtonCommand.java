package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.vmm.MachineVerb;
import jcrosvm.vmm.VmRequest;

/** {@code sleepbtn}: asks the guest to sleep. */
final class SleepButtonCommand extends SocketCommand {
    @Override
    Syntax syntax() {
        return syntax("sleepbtn", "Presses a VM's ACPI sleep button.");
    }

    @Override
    VmRequest request(Arguments arguments) {
        return MachineVerb.SLEEP_BUTTON.request();
    }
}
