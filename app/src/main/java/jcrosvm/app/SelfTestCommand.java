package jcrosvm.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.PcDevices;
import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.guest.TinyGuest;
import jcrosvm.vmm.HypervisorChoice;
import jcrosvm.vmm.config.HypervisorConfig;

/**
 * {@code selftest}: runs a guest of a few bytes the way {@code run} does, on every hypervisor there is. The program is also trained on it when its
 * start-up cache is made.
 */
final class SelfTestCommand extends Command {
    private static final int DISK_BYTES = 64 << 10;
    private static final int PM1_CONTROL = (int) PcDevices.ACPI_PM.base() + PcDevices.PmBlock.PM1_CONTROL;

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm selftest",
                "Runs a guest of a few bytes, which prints a line and powers off, on every hypervisor there is.",
                List.of(),
                List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        try {
            Path image = Files.createTempFile("jcrosvm-selftest", ".elf");
            Path disk = Files.createTempFile("jcrosvm-selftest", ".raw");
            try {
                Files.write(image, TinyGuest.greeting("the guest runs\r\n", PM1_CONTROL));
                Files.write(disk, new byte[DISK_BYTES]);
                int status = ExitCode.FAILURE;
                for (String name : HypervisorChoice.names()) {
                    HypervisorConfig config = new HypervisorConfig(name, null, null);
                    if (HypervisorChoice.candidates(config).getFirst().isUsable()) {
                        status = new RunCommand().run(words(name, image, disk), isExtended);
                        if (status != ExitCode.SUCCESS) {
                            return status;
                        }
                    }
                }
                for (HypervisorChoice choice : HypervisorChoice.candidates(HypervisorConfig.defaults())) {
                    System.out.println(choice.description());
                }
                return status;
            } finally {
                Files.delete(image);
                Files.delete(disk);
            }
        } catch (IOException e) {
            throw new VmmException("cannot write the guest's image: " + e.getMessage(), e);
        }
    }

    // Also what could be left to defaults: the cache shall hold the reading of options. And a disk and a sound card:
    // what
    // opens files and serves devices over vhost-user is in the cache too.
    private static List<String> words(String hypervisor, Path image, Path disk) {
        return List.of(
                "--hypervisor",
                hypervisor,
                "--cpus",
                "1",
                "--mem",
                "32",
                "--serial",
                "type=stdout,hardware=serial,num=1,stdin=false",
                "--block",
                disk.toString(),
                "--socket",
                disk + ".sock",
                "--virtio-snd",
                "placement=thread",
                "--debug-exit",
                "port=0xf4",
                image.toString());
    }
}
