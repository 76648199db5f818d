package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.vmm.MachineVerb;
import jcrosvm.vmm.VmRequest;

/** {@code stop}: ends a VM. */
final class StopCommand extends SocketCommand {
    @Override
    Syntax syntax() {
        return syntax("stop", "Ends a VM at once. Its guest is not told; use powerbtn to let it shut down.");
    }

    @Override
    VmRequest request(Arguments arguments) {
        return MachineVerb.EXIT.request();
    }
}
