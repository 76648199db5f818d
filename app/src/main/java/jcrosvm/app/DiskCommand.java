package jcrosvm.app;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/** {@code disk}: looks after disk images, and the disks of running VMs. */
final class DiskCommand extends CommandGroup {
    DiskCommand() {
        super("disk", "Looks after disk images and the disks of running VMs.", members());
    }

    private static Map<String, Supplier<Command>> members() {
        Map<String, Supplier<Command>> members = new LinkedHashMap<>();
        members.put("info", DiskInfoCommand::new);
        members.put("check", DiskCheckCommand::new);
        members.put("resize", DiskResizeCommand::new);
        return members;
    }
}
