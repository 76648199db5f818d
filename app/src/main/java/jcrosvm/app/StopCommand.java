package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.control.Request;

/** {@code stop}: ends a VM. */
final class StopCommand extends SocketCommand {
    @Override
    Syntax syntax() {
        return syntax("stop", "Ends a VM at once. Its guest is not told; use powerbtn to let it shut down.");
    }

    @Override
    Request.Command request(Arguments arguments) {
        return Request.Command.EXIT;
    }
}
