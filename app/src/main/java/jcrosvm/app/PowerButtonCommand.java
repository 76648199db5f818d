package jcrosvm.app;

import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.control.Request;

/** {@code powerbtn}: asks the guest to shut down. */
final class PowerButtonCommand extends SocketCommand {
    @Override
    Syntax syntax() {
        return syntax("powerbtn", "Presses a VM's ACPI power button.");
    }

    @Override
    Request.Command request(Arguments arguments) {
        return Request.Command.POWER_BUTTON;
    }
}
