package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.vmm.MachineVerb;
import jcrosvm.vmm.VmRequest;

/** {@code resume}: counterpart of suspend. */
final class ResumeCommand extends SocketCommand {
    private static final Option<Boolean> FULL = Option.flag("full", "Resume devices as well as vCPUs.");

    @Override
    Syntax syntax() {
        return syntax("resume", "Resumes a suspended VM; one that runs is left alone.", FULL);
    }

    @Override
    VmRequest request(Arguments arguments) {
        return arguments.has(FULL) ? MachineVerb.RESUME_VM.request() : MachineVerb.RESUME_VCPUS.request();
    }
}
