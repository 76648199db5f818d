package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.control.Request;

/** {@code sleepbtn}: asks the guest to sleep. */
final class SleepButtonCommand extends SocketCommand {
    @Override
    Syntax syntax() {
        return syntax("sleepbtn", "Presses a VM's ACPI sleep button.");
    }

    @Override
    Request.Command request(Arguments arguments) {
        return Request.Command.SLEEP_BUTTON;
    }
}
