package jcrosvm.testkit;

import jcrosvm.sandbox.ProgramCommand;
import jcrosvm.vhostuser.frontend.DeviceProcess;
import jcrosvm.vhostuser.frontend.SplitDevice;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.VmFacts;

/** Devices in processes of their own. */
public final class ProcessHost {
    private ProcessHost() {}

    /** Starts the process of a device, whose front end is the device for its driver. */
    public static <C extends DeviceConfig> DeviceProcess start(
            DeviceModule<C> module, C config, int index, VmFacts facts) {
        String name = module.name() + index;
        return start(new SplitDevice(module.name(), name, module.label(index)), module, config, index, facts);
    }

    /** The same for a device that is cut in two already. */
    public static <C extends DeviceConfig> DeviceProcess start(
            SplitDevice split, DeviceModule<C> module, C config, int index, VmFacts facts) {
        HostResources resources = module.open(config, index, facts);
        return DeviceProcess.start(
                split,
                ProgramCommand.ofClass(DeviceChildMain.class),
                new DeviceProcess.Task((Record) config, index, resources, facts));
    }
}
