package jcrosvm.app;

import java.util.concurrent.CompletionStage;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.Value;
import jcrosvm.devices.DeviceModules;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.vmm.VmControl;
import jcrosvm.vmm.VmRequest;

/** What can be asked of served devices by a control socket: what devices answer, and to end. */
final class ServedControl implements VmControl {
    private final ServedDevices devices;

    ServedControl(ServedDevices devices) {
        this.devices = devices;
    }

    @Override
    public void stop() {
        devices.stop();
    }

    @Override
    public void powerButton() {
        throw noMachine();
    }

    @Override
    public void sleepButton() {
        throw noMachine();
    }

    @Override
    public void suspend(boolean full) {
        throw noMachine();
    }

    @Override
    public void resume(boolean full) {
        throw noMachine();
    }

    private static OsException noMachine() {
        return new OsException("there is no machine, only devices", Errno.ENOTSUP);
    }

    @Override
    public CompletionStage<Value> performOnDevices(VmRequest request) {
        for (DeviceModule<?> module : DeviceModules.all()) {
            for (ControlVerb verb : module.verbs()) {
                if (verb.name().equals(request.verb())) {
                    return verb.perform(request.body(), devices.ofKind(module.name()));
                }
            }
        }
        throw new OsException("no device knows " + request.verb(), Errno.ENOTSUP);
    }
}
