package jcrosvm.app;

import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.JsonReader;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.vmm.VmRequest;

/** {@code balloon}: takes memory from a guest, or gives it back. */
final class BalloonCommand extends SocketCommand {
    /** Longer than the VM waits for its guest: the VM knows better what has become of the request. */
    private static final int WAIT_SECONDS = 90;

    private static final Option<Boolean> WAIT =
            Option.flag("wait", "Wait until the guest's balloon has the size; the VM gives up after 60 seconds.");
    private static final Syntax.Positional SIZE =
            new Syntax.Positional("SIZE", null, true, "Bytes that the guest shall do without.");

    @Override
    Syntax syntax() {
        return syntax("balloon", "Sets the size of a VM's balloon.", List.of(SIZE), WAIT);
    }

    @Override
    int defaultTimeout(Arguments arguments) {
        return arguments.has(WAIT) ? WAIT_SECONDS : super.defaultTimeout(arguments);
    }

    @Override
    VmRequest request(Arguments arguments) {
        return new VmRequest(
                "BalloonCommand",
                JsonReader.parse("{\"Adjust\":{\"num_bytes\":%d,\"wait_for_success\":%b}}"
                        .formatted(number(arguments, 0, "SIZE"), arguments.has(WAIT))));
    }
}
